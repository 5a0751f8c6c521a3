"""Steps on what the native engine leaves: cells without walls that lean and change their height, uneven samples."""

import shutil
from itertools import product

import numpy as np
import pandas as pd
import pytest

from microslip import artificial
from microslip.config import Config
from microslip.core.box import Box
from microslip.core.grain_values import GrainValues
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.statistics.correlation import correlation_edges
from microslip.statistics.lengths import length_name
from microslip.statistics.registry import STATISTICS
from microslip.statistics.statistic import Statistic
from microslip.steps.explain import read_node_lengths
from microslip.steps.fields import fields_step
from microslip.steps.stages import stages_step
from microslip.steps.statistics import statistics_step
from microslip.steps.voxels import voxels_step

N, N_FRAMES, N_STAGES = 220, 5, 4
LX, LY, H0 = 7.0, 6.0, 5.2
# half of it has one bin of C(r) less than half of H₀
LOWEST = 4.7
# Sums of a few hundred numbers, in another order.
ROUNDING = 1e-9
# Stored in single precision.
SINGLE = 1e-6


def quiet(*anything):
    pass


def cells():
    """A cell that leans ever further back, beyond whole lengths of it, while it is pressed flat."""
    heights = np.linspace(H0 - 0.1, LOWEST, N_FRAMES)
    return [Box((LX, LY, height), (True, True, True), -0.4 - 2.3 * k) for k, height in enumerate(heights)]


def edges_of(box):
    edges = np.diag(box.lengths)
    edges[2, 0] = box.tilt
    return edges


def wall_free(folder, *, noise=1e-3, shift=0.0, copies=0):
    """Grains that go with the cell but for some noise; `shift` of all of them in parts of the height, wrapped.

    `copies`: up to how many cells away each grain is followed.
    """
    rng, other = np.random.default_rng(3), np.random.default_rng(copies)
    at_rest = rng.random((N, 3))
    at_rest[:, 2] = (at_rest[:, 2] + shift) % 1
    at_rest += other.integers(-copies, copies + 1, (N, 3))
    strays = noise * np.cumsum(rng.normal(size=(N_FRAMES, N, 3)), axis=0)
    position = np.stack([at_rest @ edges_of(box) + stray for box, stray in zip(cells(), strays, strict=True)])
    grains = artificial.Packing(
        position[0], rng.uniform(0.8, 1.2, N), np.zeros(N, dtype=int), Box((LX, LY, H0), (True, True, True))
    )
    values = GrainValues.of(rng.random((N_FRAMES, N, 9)))
    cell = np.array([[*box.lengths, box.tilt] for box in cells()])
    sample, strain, stress = np.arange(N_FRAMES), 0.4 * np.arange(N_FRAMES), np.array([0.0, 1.0, -1.0, 0.0, -2.0]) / 1e3
    artificial.write_trajectory(
        folder, grains, {"strain": strain, "stress": stress}, sample, position,
        values=values, cells=cell, cell_volume=np.repeat(LX * LY * cell[:, 2:3] / N, N, axis=1),
    )  # fmt: skip
    write_table(folder / "stages.csv", artificial.stage_table(sample, strain, stress))
    return Run(folder)


CONFIG = Config.model_validate({"correlation": {"n_bins": 1, "pair_frames": 2}, "bootstrap": {"block_strain": 0.01}})


def measure(run, *steps):
    for step in steps:
        step(run, CONFIG, "mark", quiet, quiet)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return measure(wall_free(tmp_path_factory.mktemp("free") / "run"), fields_step, voxels_step, statistics_step)


def test_a_cell_without_walls_looks_the_same_from_every_height_and_copy(run, tmp_path):
    other = measure(wall_free(tmp_path / "other", shift=0.37, copies=2), fields_step, statistics_step)
    for name in ("d2min", "shear_strain", "volumetric_strain", "displacement"):
        one, two = run.fields[name].to_numpy(), other.fields[name].to_numpy()
        assert np.isfinite(one).all()
        np.testing.assert_allclose(two, one, rtol=ROUNDING if name == "d2min" else SINGLE, atol=1e-9)
    np.testing.assert_array_equal(other.fields["n_neighbours"], run.fields["n_neighbours"])
    for store, names in (
        ("correlation", ("correlation",)),
        ("clusters", ("label", "size", "radius", "n_wrapping", "moran_i", "efficiency")),
    ):
        one, two = (open_dataset(each.folder / "statistics" / f"{store}.zarr") for each in (run, other))
        for name in names:
            np.testing.assert_allclose(two[name], one[name], rtol=SINGLE, atol=ROUNDING, err_msg=name)
    tables = [pd.read_csv(each.folder / "statistics" / "pair_correlation.csv") for each in (run, other)]
    pd.testing.assert_frame_equal(*tables)


def test_a_statistic_that_is_added_stands_in_every_table(run, tmp_path, monkeypatch):
    greatest = Statistic("greatest_d2min", "d**2", "greatest D²min", lambda grains: np.nanmax(grains.field("d2min")))
    monkeypatch.setitem(STATISTICS, greatest.name, greatest)
    other = Run(tmp_path / "other")
    shutil.copytree(run.folder, other.folder, ignore=shutil.ignore_patterns("statistics"))
    measure(other, statistics_step)
    expected = run.fields["d2min"].max(dim="grain").to_numpy()
    store = open_dataset(other.folder / "statistics" / "clusters.zarr")[greatest.name]
    np.testing.assert_array_equal(store, expected)
    assert store.attrs["units"] == "d**2"
    tables = {path.stem: pd.read_csv(path) for path in (other.folder / "statistics").glob("*.csv")}
    np.testing.assert_allclose(tables["stages"][greatest.name], expected)
    rows = tables["evolution"].query("quantity == @greatest.name and by == 'kind'").set_index("kind")
    np.testing.assert_allclose(rows.loc[["stick", "slip"], "value"], [expected[::2].mean(), expected[1::2].mean()])


def test_grains_that_go_with_the_cell_have_no_motion_of_their_own(tmp_path):
    """Shear by more than a whole length of the cell, and a height that falls, told by the cell alone."""
    still = measure(wall_free(tmp_path / "still", noise=0.0, copies=1), fields_step)
    assert still.fields["d2min"].to_numpy().max() < 1e-26
    assert np.abs(still.fields["displacement"]).max() < 1e-12
    boxes = cells()
    for stage in range(N_STAGES):
        gradient = boxes[stage].gradient_to(boxes[stage + 1])
        strain = 0.5 * (gradient + gradient.T + gradient.T @ gradient)
        np.testing.assert_allclose(still.fields["volumetric_strain"][stage], np.trace(strain) / 3, rtol=1e-5)


def test_voxels_see_the_copies_above_and_below_where_they_are(run):
    """Explicit copies of every grain, the cell of each stage stretched onto the run's own."""
    voxels, radius = run.voxels, CONFIG.voxels.radius
    nodes = np.stack(np.meshgrid(*(voxels[axis].to_numpy() for axis in "xyz"), indexing="ij"), axis=-1)
    for stage in range(N_STAGES):
        box, values = run.box_at(stage), run.fields["d2min"][stage].to_numpy()
        stretch = np.array([1.0, 1.0, H0 / box.lengths[2]])
        grains = box.wrap(run.frames["position"][stage].to_numpy()) * stretch
        sums, counts = np.zeros(nodes.shape[:3]), np.zeros(nodes.shape[:3], dtype=int)
        for turns in product((-2, -1, 0, 1, 2), (-1, 0, 1), (-1, 0, 1)):
            # the nearest of the copies in x: whole lengths of the tilt change none
            copies = grains + np.array(turns) @ edges_of(Box((LX, LY, H0), (True, True, True), box.nearest_tilt))
            near = (np.linalg.norm(nodes[..., None, :] - copies, axis=-1) <= radius).astype(int)
            sums, counts = sums + near @ values, counts + near.sum(axis=-1)
        expected = np.where(counts > 0, sums / np.maximum(counts, 1), 0)
        np.testing.assert_allclose(voxels["d2min"][stage], expected, rtol=SINGLE, atol=1e-30)


def test_distances_keep_within_the_lowest_cell(run):
    assert run.half_period == LOWEST / 2
    assert correlation_edges(CONFIG.correlation, run.half_period)[-1] == 2.25 < LOWEST / 2 < 2.5 < H0 / 2


def test_nodes_of_cells_that_lean_have_no_neighbours_across_the_slanting_faces(run):
    assert read_node_lengths(run, CONFIG).box == Box((LX, LY, H0), (True, True, False))


# --- samples that are not equally spaced ------------------------------------------------------------------------------

STEP, TOOTH = 1e-5, 20


def test_a_warm_up_of_the_stages_is_one_of_strain_and_not_of_samples(tmp_path):
    """While the rate changes, as many samples make less strain."""
    strain = np.concatenate([0.5 * STEP * np.arange(400), 0.002 + STEP * np.arange(800)])
    tooth = np.abs((np.arange(len(strain)) % (2 * TOOTH)) - TOOTH) / TOOTH
    turning = np.arange(0, len(strain), TOOTH)
    grains = artificial.Packing(np.zeros((4, 3)), np.ones(4), np.zeros(4, dtype=int), Box((4.0, 4.0, 4.0)))
    series = {"strain": strain, "stress": 0.3 + 0.01 * tooth}
    artificial.write_trajectory(tmp_path, grains, series, turning, np.zeros((len(turning), 4, 3)))
    config = Config.model_validate(
        {
            "loading": {"warm_up": 0.001, "strain": 0.01},
            "recording": {"strain_step": STEP, "threshold": 1e-3},
            "stages": {"warm_up": 0.002},
        }
    )
    run = Run(tmp_path)
    stages_step(run, config, "mark", quiet, quiet)
    assert run.stages["start_sample"].iloc[0] == 400
    assert run.stages["start_strain"].iloc[0] == pytest.approx(0.002)


def test_equal_names_have_equal_numbers_in_all_tables_of_the_statistics(run):
    """One number for a quantity of a group, whichever table it stands in and whichever way it was summed."""
    tables = {path.stem: pd.read_csv(path) for path in (run.folder / "statistics").glob("*.csv")}
    evolving = tables["evolution"].pivot(index="group", columns="quantity", values="value")
    for of, lengths in tables["correlation_length"].set_index("group").groupby("of"):
        if "xi" in lengths:
            np.testing.assert_array_equal(lengths["xi"], evolving.loc[lengths.index, length_name(of)])
    laws = tables["power_law"].query("x_min_rule == 'fixed'").set_index("group")
    if "eta" in laws:
        np.testing.assert_allclose(laws["eta"], evolving.loc[laws.index, "eta"], rtol=ROUNDING)
    # what the clusters of a group are counted from twice: their sizes, and the numbers of each stage
    sizes, stages = tables["cluster_sizes"], tables["stages"]
    for kind in ("stick", "slip"):
        n = stages.loc[stages["kind"] == kind, "n_clusters"].sum()
        assert sizes.query("group == @kind")["n_clusters"].sum() == n
        assert evolving.loc[kind, "n_clusters"] * (stages["kind"] == kind).sum() == pytest.approx(n)
    for row in tables["contrasts"].to_dict("records"):
        for kind in ("stick", "slip"):
            if kind in row and np.isfinite(row[kind]):
                assert row[kind] == evolving.loc[kind, row["quantity"]]
    known = tables["evolution"].set_index(["group", "quantity"])
    for name in ("moran_i", "efficiency", "d2min_all"):
        for kind in ("stick", "slip"):
            of_stages = stages.loc[stages["kind"] == kind, name].notna().sum()
            assert known.loc[(kind, name), "n_known"] == of_stages
