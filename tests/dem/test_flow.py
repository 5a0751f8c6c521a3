"""The flow of whole runs: from their frames to the verdict, and where it is shown."""

import numpy as np
import pytest

from microslip import artificial
from microslip.data.files import read_json, write_json, write_table
from microslip.data.run import Run
from microslip.dem.flow import LAYERS, NUMBERS, WINDOWS, drift_in_words, flow_in_words, flow_of, flow_warning, read_flow
from microslip.info import describe_run
from microslip.views.figures.registry import FIGURES
from microslip.views.report.checks import check_run
from microslip.views.report.parts import read_parts
from microslip.views.report.run_report import gather

LENGTHS, N_FRAMES, LAST = (10.0, 6.0, 12.0), 61, 0.6
CONFIG = {"loading": {"warm_up": 0.0}}


def write_run(folder, *, lowest=1.0, drift=0.0, walls=True, last=LAST):
    """All shear in a lowest part of the height, grains shaken where there is shear; the solid fraction drifts."""
    rng = np.random.default_rng(3)
    grains = artificial.packing(LENGTHS, seed=2, walls=walls, jitter=0.3)
    strain = np.linspace(0, last, 1001)
    sample = np.linspace(0, 1000, N_FRAMES).round().astype(int)
    level = grains.positions[:, 2] / LENGTHS[2]
    speed = np.select([grains.kind == 1, grains.kind == 2], [1, 0], np.clip(1 - level / lowest, 0, 1))
    positions = np.repeat(grains.positions[None], N_FRAMES, axis=0)
    shaken = rng.normal(0, 0.01, positions.shape) * (level < lowest)[:, None]
    positions += np.cumsum(np.where(grains.kind[:, None] == 0, shaken, 0), axis=0) / 4
    cells = None
    if walls:
        positions[..., 0] += strain[sample][:, None] * LENGTHS[2] * speed
    else:
        tilt = -strain[sample] * LENGTHS[2]
        positions[..., 0] += tilt[:, None] * level
        cells = np.column_stack([np.tile(LENGTHS, (N_FRAMES, 1)), tilt])
    series = {
        "strain": strain,
        "stress": 0.3 + 0.01 * np.abs((np.arange(1001) / 20) % 2 - 1),
        "solid_fraction": 0.59 + drift * strain + rng.normal(0, 1e-4, 1001),
        "height": np.full(1001, LENGTHS[2]),
    }
    attributes = {"seed": 1, "config": CONFIG, "inertial_number": 1e-4}
    folder.mkdir(exist_ok=True)
    artificial.write_trajectory(folder, grains, series, sample, positions, cells=cells, attributes=attributes)
    (folder / "config.toml").write_text("[loading]\nwarm_up = 0.0\n")
    return Run(folder)


@pytest.fixture(scope="module")
def even(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("flow") / "even")


@pytest.fixture(scope="module")
def banded(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("flow") / "banded", lowest=0.3)


def test_a_homogeneous_run_is_one(even):
    flow = flow_of(even, CONFIG)
    assert flow.numbers["homogeneous"] == flow.numbers["steady"] == "yes"
    assert flow.numbers["n_windows"] == 2
    assert flow.numbers["window"] == 0.3
    assert flow.numbers["departure"] < 0.06
    assert 0.2 < flow.numbers["least_quarter"] <= 0.25 <= flow.numbers["most_quarter"] < 0.3
    assert flow.windows["n_frames"].tolist() == [31, 31]
    assert not flow_warning(flow.numbers)
    assert "u/U departs" in flow_in_words(flow.numbers)


def test_a_cell_without_walls_is_held_against_its_tilt(tmp_path):
    flow = flow_of(write_run(tmp_path / "run", walls=False), CONFIG)
    assert flow.numbers["homogeneous"] == "yes"
    assert flow.numbers["departure"] < 0.06


def test_a_band_is_flagged_with_its_numbers(banded):
    flow = flow_of(banded, CONFIG)
    assert flow.numbers["homogeneous"] == "no"
    # of u/U = 1 − z/0.3 H the line is farthest at z = 0.3 H, by 0.7; seen from the middles of the layers
    assert flow.numbers["departure"] == pytest.approx(0.65, abs=0.06)
    assert flow.numbers["most_quarter"] > 0.7
    assert flow_warning(flow.numbers).startswith("This run bands and carries no claim")


def test_a_band_stands_at_the_top_of_the_page_and_of_info(banded, even):
    lines = describe_run(banded, "utf-8")
    assert lines[1].startswith("warning: This run bands")
    assert describe_run(even, "utf-8")[1].startswith("flow: homogeneous: yes")
    assert describe_run(even, "ascii")[1].isascii()
    for run, verdict, warned in ((banded, "failed", True), (even, "passed", False)):
        parts = read_parts(run)
        checks = {check.name: check for check in check_run(parts)}
        assert checks["Homogeneous flow"].verdict == verdict
        assert checks["Drift of the solid fraction"].verdict == "passed"
        assert bool(gather(parts, [])["warning"]) == warned


def test_a_drift_is_no_steady_flow(tmp_path):
    numbers = flow_of(write_run(tmp_path / "run", drift=0.02), CONFIG).numbers
    assert numbers["steady"] == "no"
    assert numbers["drift"] == pytest.approx(2e-3, rel=0.1)
    assert flow_warning(numbers).startswith("This run is not steady")
    assert "2.0e−03" in drift_in_words(numbers)


def test_a_short_run_is_not_decided(tmp_path):
    numbers = flow_of(write_run(tmp_path / "run", lowest=0.3, last=0.05), CONFIG).numbers
    assert numbers["homogeneous"] == "not decided"
    assert not flow_warning(numbers)
    assert "0.3 are asked for" in flow_in_words(numbers)


def test_the_fields_of_the_stages_are_read_where_they_are(tmp_path):
    """D²min of the fields goes before that of the frames: here it lies where the frames do not move."""
    run = write_run(tmp_path / "run", lowest=0.3)
    sample, series = run.frames["sample"].to_numpy(), run.series
    strain, stress = (series[name].to_numpy()[sample] for name in ("strain", "stress"))
    write_table(run.folder / "stages.csv", artificial.stage_table(sample, strain, stress))
    level = run.frames["position"][0].to_numpy()[:, 2] / LENGTHS[2]
    values = np.where(run.grains["kind"].to_numpy() == 0, 1e-6 * (1 + level), np.nan)
    artificial.write_fields(run.folder, {"d2min": np.tile(values, (N_FRAMES - 1, 1))})
    flow = flow_of(run, CONFIG)
    assert flow.windows["quarter_4"].tolist() == pytest.approx([1, 1])
    assert flow.layers["log_d2min"].between(-6.001, -5.69).all()


def test_what_the_statistics_left_is_read_while_it_is_of_the_whole_run(even, tmp_path):
    run = write_run(tmp_path / "run")
    flow = flow_of(run, CONFIG)
    write_table(run.folder / LAYERS, flow.layers)
    write_table(run.folder / WINDOWS, flow.windows)
    write_json(run.folder / NUMBERS, flow.numbers | {"departure": 0.0123})
    assert read_flow(run, 0).numbers["departure"] == 0.0123
    write_json(run.folder / NUMBERS, read_json(run.folder / NUMBERS) | {"last_strain": 0.4})
    assert read_flow(run, 0).numbers["departure"] == pytest.approx(flow.numbers["departure"])


def test_runs_without_a_profile_have_none(tmp_path):
    run = write_run(tmp_path / "run")
    assert read_flow(run, 1000) is None
    grains = artificial.packing(LENGTHS, seed=2, walls=False)
    still = np.repeat(grains.positions[None], 3, axis=0)
    series = {"strain": np.linspace(0, 0.3, 31)}
    artificial.write_trajectory(tmp_path, grains, series, np.array([0, 15, 30]), still, attributes={"seed": 1})
    assert flow_of(Run(tmp_path), CONFIG) is None
    figure = FIGURES["profiles"].draw(Run(tmp_path)).figure
    assert all("Not" in axes.texts[0].get_text() for axes in figure.axes)


def test_the_figure_has_a_curve_for_each_window_and_the_numbers(banded):
    drawing = FIGURES["profiles"].draw(banded)
    assert [axes.get_title(loc="left")[3:] for axes in drawing.figure.axes] == [
        "Velocity",
        "Solid fraction",
        "Non-affine motion",
        "Activity",
    ]
    assert all(sum(len(line.get_xdata()) == 10 for line in axes.lines) == 2 for axes in drawing.figure.axes)
    assert set(drawing.tables) == {"layers", "windows"}
