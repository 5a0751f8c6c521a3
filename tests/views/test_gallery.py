from __future__ import annotations

import shutil

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.figure import Figure

from microslip.views import figures_shear, gallery
from microslip.views.gallery import FIGURES, draw_figures


def sentences(figure: Figure) -> str:
    """All texts of a figure, its subfigures included, on one line."""
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    return " ".join(" ".join(texts).split())


def test_every_figure_becomes_png_pdf_and_tables(complete, tmp_path):
    calls = []
    written = draw_figures(complete, tmp_path / "figures", lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, len(FIGURES))
    assert calls[-1] == (len(FIGURES), len(FIGURES))
    for name in FIGURES:
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert set(written) == set((tmp_path / "figures").iterdir()), "nothing half-written stays behind"
    lengths = pd.read_csv(tmp_path / "figures" / "correlation-lengths.csv")
    assert set(lengths["xi"]) == {1.5, 2.5}
    assert plt.get_fignums() == []


def test_a_complete_run_has_no_sentences(complete):
    for draw in FIGURES.values():
        assert "microslip" not in sentences(draw(complete).figure)


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("d2min_snapshots", "fields"),
        ("correlation", "statistics"),
        ("training", "train"),
        ("scores", "train"),
        ("attributions", "explain"),
        ("completeness", "explain"),
        ("reliability", "train"),
        ("ablations", "ablate"),
        ("lengths", "explain"),
        ("nulls", "explain"),
    ],
)
def test_a_missing_store_gives_the_command_that_makes_it(simulated, name, verb):
    assert f"`microslip {verb}" in sentences(FIGURES[name](simulated).figure)


def test_what_there_is_is_drawn_beside_what_is_missing(simulated):
    figure = figures_shear.overview(simulated).figure
    assert "`microslip train" in sentences(figure)
    assert "`microslip fields" in sentences(figure)
    assert any("shear stress" in axes.get_ylabel() for axes in figure.axes)


def test_a_run_without_stages_still_shows_its_stress(simulated):
    (simulated.folder / "stages.csv").unlink()
    drawing = figures_shear.cell_and_stress(simulated)
    assert "`microslip stages" in sentences(drawing.figure)
    assert list(drawing.tables) == ["curve"]


def test_too_few_stages_say_so(simulated):
    table = pd.read_csv(simulated.folder / "stages.csv")
    table.iloc[:1].to_csv(simulated.folder / "stages.csv", index=False)
    assert "Too few stages" in sentences(figures_shear.cell_and_stress(simulated).figure)


def test_an_empty_folder_draws_sentences_only(simulated):
    shutil.rmtree(simulated.folder / "trajectory.zarr")
    assert "`microslip simulate" in sentences(figures_shear.cell_and_stress(simulated).figure)


def test_the_same_run_gives_the_same_bytes(complete, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "FIGURES", {name: FIGURES[name] for name in ("scores", "completeness")})
    first, second = (draw_figures(complete, tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
