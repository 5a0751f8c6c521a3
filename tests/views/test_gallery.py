from __future__ import annotations

import shutil
from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.figure import Figure

from microslip.data.files import read_json
from microslip.views import gallery
from microslip.views.figures.record import NOT_MADE, STAGE_ENDS, About, RunFigure
from microslip.views.figures.registry import FIGURES
from microslip.views.gallery import draw_figures
from microslip.views.panels import Drawing
from microslip.views.report.illustrations import figure_rows, illustrations
from microslip.views.report.parts import read_parts

LAYERS = pd.DataFrame(
    [
        ("input", "Input", "1 × 6 × 4 × 5", 0),
        ("convolutions.0", "Conv3d", "16 × 6 × 4 × 5", 448),
        ("convolutions.1", "MaxPool3d", "16 × 3 × 2 × 3", 0),
        ("convolutions.2", "ReLU", "16 × 3 × 2 × 3", 0),
        ("head.0", "Flatten", "288", 0),
        ("head.1", "Linear", "1", 289),
    ],
    columns=["layer", "kind", "shape", "parameters"],
)


def sentences(figure: Figure) -> str:
    """All texts of a figure, its subfigures included, on one line."""
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    return " ".join(" ".join(texts).split())


def test_figures_become_png_pdf_tables_and_captions(complete, tmp_path, monkeypatch):
    some = ("correlation", "network", "scores", "nulls")
    monkeypatch.setattr(gallery, "FIGURES", {name: FIGURES[name] for name in some})
    calls = []
    target = tmp_path / "figures"
    written = draw_figures(complete, target, lambda done, total: calls.append((done, total)), LAYERS)
    assert calls[0] == (0, len(some))
    assert calls[-1] == (len(some), len(some))
    for name in some:
        assert (target / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (target / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert set(written) == set(target.iterdir()), "nothing half-written stays behind"
    assert set(pd.read_csv(target / "correlation-lengths.csv")["xi"]) == {1.5, 2.5}
    assert pd.read_csv(target / "network-layers.csv")["shape"].tolist() == LAYERS["shape"].tolist()
    words = read_json(target / "captions.json")
    assert list(words) == list(some)
    assert "Counterpart of fig. 4" in words["network"]["caption"]
    assert plt.get_fignums() == []


def test_every_figure_has_words():
    assert all(figure.name == name for name, figure in FIGURES.items()), "its file is called as it is"
    assert all(figure.title and figure.words({}) and figure.alternative for figure in FIGURES.values())
    counterparts = {figure.counterpart[0] for figure in FIGURES.values() if figure.counterpart}
    assert counterparts == set("12345789"), "fig. 6 is that of a study"


def test_a_complete_run_has_no_sentences_and_every_figure_its_numbers(complete):
    for name, figure in FIGURES.items():
        drawing = figure.draw(complete, LAYERS) if figure.of_network else figure.draw(complete)
        assert "microslip" not in sentences(drawing.figure)
        assert drawing.tables, name
        assert all(0 < len(table) <= gallery.ROWS_AT_MOST for table in drawing.tables.values())


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
        ("assessment", "assess"),
        ("ablations", "ablate"),
        ("lengths", "explain"),
        ("nulls", "explain"),
        ("coarse_graining", "voxels"),
        ("coarse_graining", "statistics"),
        ("network", "train"),
        ("volumes", "explain"),
        ("clusters", "statistics"),
        ("mechanisms", "fields"),
        ("mechanisms", "statistics"),
    ],
)
def test_a_missing_store_gives_the_command_that_makes_it(simulated, name, verb):
    assert f"`microslip {verb}" in sentences(FIGURES[name].draw(simulated).figure)


def test_a_figure_without_data_leaves_no_file_and_says_so_in_the_captions(simulated, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "FIGURES", {name: FIGURES[name] for name in ("cell_and_stress", "ablations")})
    folder = tmp_path / "figures"
    folder.mkdir()
    for old in ("ablations.png", "ablations.pdf", "ablations-summary.csv"):
        (folder / old).write_text("of an older run")
    written = draw_figures(simulated, folder)
    assert set(written) == set(folder.iterdir())
    assert {path.name.split(".")[0].split("-")[0] for path in written} == {"cell_and_stress", "captions"}
    words = read_json(folder / "captions.json")
    assert words["ablations"]["caption"] == NOT_MADE
    assert words["cell_and_stress"]["caption"] != NOT_MADE


SOME = ("correlation", "scores", "ablations", "completeness")


def interrupted(complete, folder, monkeypatch, mark, before):
    """Draw quick figures until a Ctrl-C falls into one of them; the names of those that were begun."""
    begun = []

    def draw(name):
        def drawn(run):
            begun.append(name)
            if name == before:
                raise KeyboardInterrupt
            figure = Figure((1, 1))
            figure.subplots().plot([1, 2, len(name)])
            return Drawing(figure, {} if name == "ablations" else {"numbers": pd.DataFrame({"x": [1, len(name)]})})

        return drawn

    monkeypatch.setattr(gallery, "FIGURES", {name: replace(FIGURES[name], draw=draw(name)) for name in SOME})
    if before is None:
        draw_figures(complete, folder, mark=mark)
    else:
        with pytest.raises(KeyboardInterrupt):
            draw_figures(complete, folder, mark=mark)
    return begun


def test_a_drawing_that_is_stopped_again_and_again_ends_with_the_same_bytes(complete, tmp_path, monkeypatch):
    """`ablations` has no data here, and is no file."""
    folder = tmp_path / "figures"
    assert interrupted(complete, folder, monkeypatch, "m", "scores") == ["correlation", "scores"]
    assert interrupted(complete, folder, monkeypatch, "m", "completeness") == ["scores", "ablations", "completeness"]
    assert interrupted(complete, folder, monkeypatch, "m", None) == ["completeness"]
    interrupted(complete, tmp_path / "at once", monkeypatch, None, None)
    one, other = (
        {path.name: path.read_bytes() for path in place.iterdir()} for place in (folder, tmp_path / "at once")
    )
    assert one == other
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert interrupted(complete, folder, monkeypatch, "m", None) == [*SOME], "a finished drawing leaves no record"


@pytest.mark.parametrize("change", ["mark", "file", "gone", "settings", "note", "foreign note"])
def test_a_figure_that_is_no_longer_current_is_drawn_again(complete, tmp_path, monkeypatch, change):
    folder, mark = tmp_path / "figures", "m"
    interrupted(complete, folder, monkeypatch, mark, "ablations")
    expected = [*SOME]
    if change == "mark":
        mark = "n"
    elif change == "file":
        (folder / "scores.pdf").write_bytes((folder / "scores.pdf").read_bytes()[:-1])
        expected.remove("correlation")
    elif change == "gone":
        next(folder.glob("correlation-*.csv")).unlink()
        expected.remove("scores")
    elif change == "settings":
        (complete.folder / "config.toml").write_text("[voxels]\nspacing = 1.5\n")
    else:
        (tmp_path / ".figures.drawn.json").write_text("{" if change == "note" else '{"mark": 3, "figures": [1]}')
    assert interrupted(complete, folder, monkeypatch, mark, None) == expected


def test_scores_against_the_grid_are_drawn_where_there_are_any(complete):
    assert len(FIGURES["coarse_graining"].draw(complete).figure.axes) == 6
    assert "(d, e)" in FIGURES["coarse_graining"].words({}, About.of(complete))
    (complete.folder / "ablations" / "summary.csv").unlink()
    drawing = FIGURES["coarse_graining"].draw(complete)
    assert len(drawing.figure.axes) == 4, "three panels and a colour bar"
    assert "microslip" not in sentences(drawing.figure)
    said = FIGURES["coarse_graining"].words({}, About.of(complete))
    assert "(d, e)" not in said
    assert "`microslip ablate`" in said


def test_captions_of_attributions_name_the_split_of_their_network():
    about = About(rule="blocked", n_deleted=7)
    for name in ("attributions", "volumes", "completeness", "lengths", "nulls"):
        assert "network of the blocked split" in FIGURES[name].words({}, about)
    assert "7 stages" in FIGURES["nulls"].words({}, about)


def test_what_there_is_is_drawn_beside_what_is_missing(simulated):
    figure = FIGURES["overview"].draw(simulated).figure
    assert "`microslip train" in sentences(figure)
    assert "`microslip fields" in sentences(figure)
    assert any("shear stress" in axes.get_ylabel() for axes in figure.axes)


def test_a_run_without_stages_still_shows_its_stress(simulated):
    (simulated.folder / "stages.csv").unlink()
    drawing = FIGURES["cell_and_stress"].draw(simulated)
    assert "`microslip stages" in sentences(drawing.figure)
    assert list(drawing.tables) == ["cell", "curve"]


def test_too_few_stages_say_so(simulated):
    table = pd.read_csv(simulated.folder / "stages.csv")
    table.iloc[:1].to_csv(simulated.folder / "stages.csv", index=False)
    assert "Too few stages" in sentences(FIGURES["cell_and_stress"].draw(simulated).figure)


def test_an_empty_folder_draws_sentences_only(simulated):
    shutil.rmtree(simulated.folder / "trajectory.zarr")
    assert "`microslip simulate" in sentences(FIGURES["cell_and_stress"].draw(simulated).figure)


def test_the_same_run_gives_the_same_bytes(complete, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "FIGURES", {name: FIGURES[name] for name in ("scores", "completeness")})
    first, second = (draw_figures(complete, tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_new_figure_takes_its_record_and_a_line_of_the_list(complete, tmp_path, monkeypatch):
    def draw(run):
        figure = Figure((1, 1))
        figure.subplots().plot(run.series["strain"], run.series["height"])
        return Drawing(figure, {"heights": pd.DataFrame({"height": run.series["height"].to_numpy()})})

    record = RunFigure(
        "heights", "Height of the cell", draw, "Height against strain.", "A curve.", "trajectory.zarr", (STAGE_ENDS,)
    )
    monkeypatch.setattr(gallery, "FIGURES", {"heights": record})
    monkeypatch.setitem(FIGURES, "heights", record)
    folder = complete.folder / "figures"
    names = {path.name for path in draw_figures(complete, folder)}
    assert names == {"heights.png", "heights.pdf", "heights-heights.csv", "captions.json"}
    shown, _ = illustrations(read_parts(complete, {}))
    assert [(figure.title, figure.alternative) for figure in shown] == [("Height of the cell", "A curve.")]
    assert shown[0].caption.startswith("Height against strain. A stage ends where")
    assert [name for name, _ in figure_rows(shown)[0]["tables"]] == ["heights"]
