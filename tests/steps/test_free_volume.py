"""From the cells of a whole run to the growth of free volume before its slips."""

import numpy as np
import pytest
import zarr

from microslip import artificial
from microslip.core.volume import grain_volume
from microslip.data.run import Run
from microslip.data.store import array, create_store
from microslip.statistics.bins import bin_stages
from microslip.statistics.free_volume import COMPARISONS, LAGS
from microslip.steps.free_volume import (
    create_free_volume,
    describe_growth,
    fill_free_volume,
    free_volume_table,
    growth_of_stages,
    knows_cells,
)

N_STAGES, GROWTH, NOISE = 40, 0.02, 0.005
BEFORE = LAGS.index(-1.0)


@pytest.fixture
def run(tmp_path):
    """A run in which cells are small at the start of a stick where grains will be active in the slip after it."""
    made = artificial.run(tmp_path / "small", seed=3, n_stages=N_STAGES)
    rng, n = np.random.default_rng(5), made.grains.sizes["grain"]
    bulk = made.grains["kind"].to_numpy() == 0
    active = (rng.random((N_STAGES, n)) < 0.1) & bulk
    own = grain_volume(made.grains["diameter"].to_numpy())
    volume = 1.7 * own + rng.normal(0, NOISE, (N_STAGES + 1, n))
    slip = (made.stages["kind"] == "slip").to_numpy()
    for stage in np.flatnonzero(slip[1:]) + 1:
        volume[stage - 1] -= GROWTH * active[stage]
    store = zarr.open_group(made.folder / "trajectory.zarr", mode="r+")
    array(store, "frames/cell_volume")[:] = volume
    (made.folder / "statistics").mkdir()
    clusters = create_store(made.folder / "statistics" / "clusters.zarr", {})
    label = clusters.create_array("label", shape=active.shape, dtype="i4", dimension_names=["stage", "grain"])
    label[:] = active
    return made


def fill(run, size):
    path = run.folder / "statistics" / "free_volume.zarr"
    create_free_volume(N_STAGES, size, path)
    for start in range(0, N_STAGES, size):
        fill_free_volume(run, path, slice(start, min(start + size, N_STAGES)))
    return zarr.open_group(path, mode="r")


def test_planted_growth_stands_in_the_table_and_in_words(run):
    assert knows_cells(run)
    store = fill(run, 16)
    slip = (run.stages["kind"] == "slip").to_numpy()
    growth = np.asarray(store["layered"])[:, BEFORE]
    assert np.isnan(growth[0])
    known = slip & np.isfinite(growth)
    np.testing.assert_allclose(np.mean(growth[known]), GROWTH, rtol=0.1)
    assert abs(np.mean(np.asarray(store["matched"])[slip, LAGS.index(1.0)])) < 0.1 * GROWTH
    table = free_volume_table(run, bin_stages(run.stages, 2), np.arange(len(run.stages)) // 4, 0.95)
    whole = table[(table["by"] == "kind") & (table["lag"] == -1)].set_index(["kind", "comparison"])
    for name in ("plain", "layered", "matched"):
        assert whole.loc[("slip", name), "value_low"] < GROWTH < whole.loc[("slip", name), "value_high"]
        assert abs(whole.loc[("stick", name), "value"]) < 0.2 * GROWTH
    assert abs(whole.loc[("slip", "shuffled"), "value"]) < 0.2 * GROWTH
    assert (whole["strain"] < 0).all()
    stick, slip_ = sorted(describe_growth(table), key=lambda line: "before a slip" in line)
    assert "in the stage before a stick" in stick
    assert "grows by +0.02 d̄³ [+0.0" in slip_
    np.testing.assert_array_equal(growth_of_stages(run)["cell_growth"], growth)


def test_batches_of_any_size_give_the_same(run):
    whole = {name: np.asarray(fill(run, N_STAGES)[name]) for name in COMPARISONS}
    for name, values in whole.items():
        np.testing.assert_array_equal(np.asarray(fill(run, 7)[name]), values)


def test_a_run_without_cells_has_no_growth(run):
    store = zarr.open_group(run.folder / "trajectory.zarr", mode="r+")
    array(store, "frames/cell_volume")[:] = np.nan
    assert not knows_cells(Run(run.folder))
    assert np.isnan(growth_of_stages(run)["cell_growth_matched"]).all()
