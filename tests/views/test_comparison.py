from __future__ import annotations

import base64
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from matplotlib.figure import Figure

from microslip.cli import app
from microslip.core.errors import MicroslipError
from microslip.data.files import write_json
from microslip.data.run import Run
from microslip.study.side_by_side import compare_runs, comparison_target
from microslip.views.report.comparison_figure import draw_comparison
from microslip.views.report.comparison_numbers import Compared, compare
from microslip.views.report.parameters import differences
from microslip.views.report.parts import read_parts

from .page_reader import Page, check_page
from .test_report import PIXEL, add_claims


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"folder": tmp_path_factory.mktemp("made")}


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path, made: dict[str, Path]) -> tuple[Path, Path]:
    """Two runs that differ in a setting and in R², and share the rest; made once, and copied."""
    if "pair" not in made:
        both = differ(request.getfixturevalue("complete"))
        made["pair"] = made["folder"]
        for folder in both:
            shutil.copytree(folder, made["pair"] / folder.name)
        return both
    small, other = (Path(shutil.copytree(made["pair"] / name, tmp_path / name)) for name in ("small", "other"))
    return small, other


def differ(complete: Run) -> tuple[Path, Path]:
    add_claims(complete.folder)
    (complete.folder / "config.toml").write_text(
        (complete.folder / "config.toml").read_text() + "\n[grains]\nfriction = 0.5\n"
    )
    (complete.folder / "figures").mkdir()
    (complete.folder / "figures" / "correlation.png").write_bytes(PIXEL)
    other = complete.folder.with_name("other")
    shutil.copytree(complete.folder, other)
    (other / "config.toml").write_text((other / "config.toml").read_text().replace("friction = 0.5", "friction = 0.1"))
    metrics = Run(other).metrics
    metrics["blocked"]["network"]["test"] = {"r2": 0.742, "r2_low": 0.7, "r2_high": 0.784}
    write_json(other / "model" / "metrics.json", metrics)
    own = Run(complete.folder).metrics
    own["blocked"]["network"]["test"] = {"r2": 0.642, "r2_low": 0.6, "r2_high": 0.684}
    write_json(complete.folder / "model" / "metrics.json", own)
    return complete.folder, other


@pytest.fixture
def undrawn(monkeypatch):
    """A figure with nothing in it, where another test has looked at it."""
    monkeypatch.setattr("microslip.views.report.comparison.draw_comparison", lambda runs, names: Figure((1, 1)))


def read_comparison(folders: tuple[Path, ...], target: Path) -> tuple[Page, list[str]]:
    said: list[str] = []
    compare_runs(folders, target, said.append)
    page = Page(target.read_text(encoding="utf-8"))
    check_page(page)
    assert "None" not in page.text
    return page, said


def test_two_runs_stand_side_by_side(pair, tmp_path):
    page, said = read_comparison(pair, tmp_path / "page" / "index.html")
    assert said == []
    assert "small and other" in page.text
    settings = page.text.split("Settings that differ")[1]
    assert settings.index("grains.friction") < settings.index("settings are the same")
    assert "voxels.radius" in settings[settings.index("settings are the same") :]
    # 0.1 apart, each ± 0.084/(2 × 1.645)
    assert "0.642 [0.600, 0.684]" in page.text
    assert "+0.1 (+2.8 σ)" in page.text
    assert "equal" in page.text
    pictures = page.of("img")
    # the figure of both, and one picture of each
    assert len(pictures) == 3
    assert [picture["alt"][:2] for picture in pictures[1:]] == ["A:", "B:"]
    assert (tmp_path / "page" / "index.pdf").read_bytes().startswith(b"%PDF")
    link = next(each for each in page.of("a") if each.get("download") == "numbers.csv")
    assert base64.b64decode(link["href"].split(",")[1]).startswith(b"quantity,unit,A,B,A_said,B_said")


def test_runs_without_anything_to_draw_still_have_a_figure(simulated):
    parts = read_parts(simulated)
    figure = draw_comparison([Compared(parts, {}, None)] * 2, ["A  $one", "B  two"])
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert len([text for text in texts if "None of the runs" in text.replace("\n", " ")]) == 3
    figure.savefig(io.BytesIO())


def test_a_run_that_lacks_a_step_says_so_and_the_rest_is_compared(pair, undrawn, tmp_path):
    shutil.rmtree(pair[1] / "model")
    shutil.rmtree(pair[1] / "figures")
    (pair[1] / "stages.csv").unlink()
    page, _ = read_comparison(pair, tmp_path / "index.html")
    assert "B: not done:" in page.text
    assert "train" in page.text.split("B: not done:")[1].split(".")[0]
    assert "B other has no such figure" in page.text
    assert "1.50 [1.25, 1.75]" in page.text


def test_damaged_runs_are_said_in_place(pair, undrawn, tmp_path):
    zarr.open_group(pair[1] / "trajectory.zarr", mode="r+").attrs["format_version"] = 99
    (pair[0] / "config.toml").write_text("a = = 1")
    page, said = read_comparison(pair, tmp_path / "index.html")
    assert "format_version = 99" in page.text
    assert "config.toml cannot be read" in page.text
    assert len(said) == 2


def test_three_runs_and_stresses_in_other_units(pair, undrawn, tmp_path):
    third = pair[0].with_name("glass")
    shutil.copytree(pair[0], third)
    store = zarr.open_group(third / "trajectory.zarr", mode="r+")
    store.attrs.update({"imported": True, "pressure": 1.0, "source": {"files": []}})
    page, _ = read_comparison((*pair, third), tmp_path / "index.html")
    assert "small, other and glass" in page.text
    assert "C: no pressure is known, stresses are in source units" in page.text
    assert "A: p, B: p, C: source units" in page.text
    assert "Shear stress over its mean in the steady state, for the units of the runs differ," in page.text


def test_the_stress_of_a_run_without_walls_is_of_another_kind(pair, undrawn, tmp_path):
    zarr.open_group(pair[1] / "trajectory.zarr", mode="r+")["grains/kind"][:] = 0
    page, _ = read_comparison(pair, tmp_path / "index.html")
    assert "B: there are no walls: its stress is that of the volume" in page.text
    assert "there are no walls: the cell repeats on all sides" in page.text


def test_stresses_in_other_units_do_not_share_an_axis(simulated):
    parts = read_parts(simulated)
    other = replace(parts, attributes={**parts.attributes, "imported": True, "pressure": 1.0})
    slips = pd.DataFrame({"size": [0.1, 0.2], "fraction": [1.0, 0.5]})
    runs = [Compared(parts, {"stress": 0.5}, slips), Compared(other, {"stress": 2.0}, slips)]
    stress, sizes = draw_comparison(runs, ["A", "B"]).axes[:2]
    assert "units differ" in stress.get_ylabel()
    assert "$p$" not in sizes.get_xlabel()
    np.testing.assert_allclose([line.get_xdata() for line in sizes.lines], [[0.2, 0.4], [0.05, 0.1]])
    own = draw_comparison([runs[0]] * 2, ["A", "B"]).axes
    assert "$p$" in own[1].get_xlabel()
    np.testing.assert_allclose(own[1].lines[0].get_xdata(), [0.1, 0.2])


def test_counts_differ_by_whole_numbers(complete):
    parts = read_parts(complete)
    many = [replace(parts, stages=pd.DataFrame({"stage": range(n)}), below_floor=None) for n in (2621, 4000)]
    found = next(
        each for each in compare([Compared(one, {}, None) for one in many]) if each["name"].startswith("stages,")
    )
    assert found["cells"][1]["difference"] == "+1\u202f379"


def row(error: float, value: float) -> dict[str, float]:
    return {"stress": value, "stress_error": error}


def test_differences_are_counted_in_combined_standard_errors(complete):
    parts = read_parts(complete)
    runs = [Compared(parts, row(0.03, 0.30), None), Compared(parts, row(0.04, 0.45), None)]
    found = next(each for each in compare(runs) if each["name"].startswith("mean stress"))
    assert [cell["text"] for cell in found["cells"]] == ["0.300 ± 0.030", "0.450 ± 0.040"]
    assert found["cells"][1]["difference"] == "+0.15"
    assert found["cells"][1]["sigmas"] == "+3.0 σ"
    assert found["cells"][1]["far"]
    runs = [Compared(parts, row(np.nan, 0.30), None), Compared(parts, row(0.04, 0.45), None)]
    found = next(each for each in compare(runs) if each["name"].startswith("mean stress"))
    assert found["cells"][1]["sigmas"] == ""
    assert not found["cells"][1]["far"]


def test_settings_that_only_one_run_has_differ():
    one = {"seed": 1, "grains": {"friction": 0.5}, "parallel": {"ranks": 2}, "stages": {}}
    other = {"seed": 1, "grains": {"friction": 0.5, "width": 0.2}, "parallel": {"ranks": 1}}
    differing, same = differences([one, other])
    assert [(key, values) for key, values, _ in differing] == [("grains.width", ["–", "0.2"])]
    assert [key for key, _, _ in same] == ["seed", "grains.friction"]
    assert "Coulomb" in same[1][2]


def test_the_command_takes_one_run_or_several(pair, undrawn, capsys):
    with pytest.raises(SystemExit) as ended:
        app(["report", str(pair[0]), str(pair[1])])
    assert ended.value.code == 0
    target = pair[0] / "report" / "with-other.html"
    assert target.is_file()
    assert "with-other.html in a browser" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        app(["report", str(pair[0]), "--into", str(pair[0] / "elsewhere")])
    assert (pair[0] / "elsewhere" / "index.html").is_file()
    with pytest.raises(SystemExit):
        app(["report", str(pair[0])])
    assert (pair[0] / "report" / "index.html").is_file()
    # the page of both stays
    assert target.is_file()
    assert "checks passed" in capsys.readouterr().out


def test_a_report_is_written_of_a_run_whose_settings_are_damaged(pair, capsys):
    (pair[0] / "config.toml").write_text("a = = 1")
    with pytest.raises(SystemExit) as ended:
        app(["report", str(pair[0])])
    assert ended.value.code == 0
    assert "warning: " in capsys.readouterr().out
    assert "config.toml cannot be read" in (pair[0] / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("number", "text"), [(1, "give two to 4"), (5, "give two to 4"), (2, "named twice"), (0, "give two")]
)
def test_what_cannot_be_compared_is_refused(simulated, tmp_path, number, text):
    with pytest.raises(MicroslipError, match=text):
        compare_runs([simulated.folder] * number, tmp_path / "index.html", print)
    assert not (tmp_path / "index.html").exists()


def test_where_the_page_goes():
    runs = [Path("runs/a"), Path("runs/b"), Path("elsewhere/c")]
    assert comparison_target(runs, None) == Path("runs/a/report/with-b-c.html")
    assert comparison_target(runs, Path("page")) == Path("page/index.html")


def test_the_table_of_numbers_is_a_table(pair):
    numbers = compare([Compared(read_parts(Run(folder)), {}, None) for folder in pair])
    names = pd.Series([each["name"] for each in numbers])
    assert names.is_unique
    assert "R², test set, blocked split" in set(names)
