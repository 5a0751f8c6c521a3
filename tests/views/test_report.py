from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.views.captions import ALTERNATIVES, SHOWN, TITLES, caption
from microslip.views.gallery import FIGURES
from microslip.views.report import write_report
from microslip.views.wording import show

VOID = {"meta", "img", "br", "hr", "link", "input"}
# The smallest PNG: one transparent pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


class Page(HTMLParser):
    """Checks that tags close in order; gathers text, identifiers and what is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text += data


def read_page(run: Run, target: Path) -> Page:
    write_report(run, target)
    page = Page(target.read_text(encoding="utf-8"))
    assert page.open == []
    page.text = re.sub(r"\s+", " ", page.text)
    return page


@pytest.fixture
def illustrated(complete: Run) -> Run:
    """A complete run whose figures are one pixel each."""
    (complete.folder / "figures").mkdir()
    for name in FIGURES:
        (complete.folder / "figures" / f"{name}.png").write_bytes(PIXEL)
    return complete


def test_report_is_one_well_formed_file_with_the_runs_numbers(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "report" / "index.html")
    for number in (
        "0.873",
        "0.642",
        "−3.21",
        "60 grains",
        "3.4 × 10⁻⁴",
        "200 times",
        "4.5 × 10⁻⁴ p",
        "12.5 s",
        "numpy 9.8.7",
    ):
        assert number in page.text, number
    assert "1.5 d̄ [1.25, 1.75]" in page.text
    assert "2.5 d̄ [2.25, 2.75]" in page.text
    assert "microslip run" in page.text
    assert "config.toml" in page.text
    assert "0.956" in page.text
    assert "1.7 × 10⁻⁶" in page.text
    assert "leaks" in page.text


def test_report_loads_nothing_and_describes_every_picture(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "index.html")
    assert not re.search(r"https?://|<script|<link|@import|url\(", (tmp_path / "index.html").read_text())
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert len(pictures) == len(FIGURES)
    assert all(value.startswith("data:image/png;base64,") for value in pictures)
    assert base64.b64decode(pictures[0].split(",")[1]) == PIXEL
    texts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(texts) == len(pictures)
    assert all(len(text) > 20 for text in texts)


def test_links_inside_the_page_lead_somewhere(illustrated, tmp_path):
    page = read_page(illustrated, tmp_path / "index.html")
    identifiers = [value for _, name, value in page.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))
    for tag, name, value in page.attributes:
        if (tag, name) == ("a", "href"):
            assert value.startswith("#")
            assert value[1:] in identifiers


def test_report_of_a_run_that_has_only_been_simulated(simulated, tmp_path):
    page = read_page(simulated, tmp_path / "index.html")
    assert "microslip train" in page.text
    assert "microslip figures" in page.text
    assert "nan" not in page.text
    assert "None" not in page.text


def test_names_are_escaped(simulated, tmp_path):
    odd = simulated.folder.with_name("<b>&odd")
    simulated.folder.rename(odd)
    page = read_page(Run(odd), tmp_path / "index.html")
    assert "<b>&odd" in page.text
    assert "<b>&odd" not in (tmp_path / "index.html").read_text()


def test_a_broken_configuration_is_named(simulated, tmp_path):
    (simulated.folder / "config.toml").write_text("a = = 1")
    with pytest.raises(MicroslipError, match=r"config\.toml is not readable"):
        write_report(simulated, tmp_path / "index.html")
    assert not (tmp_path / "index.html").exists()


def test_every_figure_has_title_caption_and_alternative_text():
    assert set(TITLES) == set(SHOWN) == set(ALTERNATIVES) == set(FIGURES)


def test_captions_state_the_settings_that_are_known():
    config = {"stages": {"threshold": None}, "recording": {"threshold": 1e-5}, "nonaffine": {"cutoff": 2.5}}
    text = caption("correlation", config)
    assert "exceeds 1 × 10⁻⁵ p" in text
    assert "within 2.5 d̄" in text
    assert "Fits start" not in text
    assert "None" not in text


def test_numbers_for_a_reader():
    assert show(20215) == "20\u202f215"
    assert show(1.7e-6) == "1.7 × 10⁻⁶"
    assert show(-0.25) == "−0.25"
    assert show(None) == show(float("nan")) == "–"
    assert show(True) == "yes"
    assert show(204.3, 2) == "200"
    assert show(12.5) == "12.5"
    assert show([16, 32]) == "16, 32"
