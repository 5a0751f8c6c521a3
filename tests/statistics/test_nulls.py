"""Other active grains than those of the paper: how many, where, and that a stage's draws are its own."""

import numpy as np
import pytest

from microslip import active_grains, find_clusters, moran_i, radius_of_gyration
from microslip.artificial import packing
from microslip.statistics.config import ActiveClusters
from microslip.statistics.layers import layer_numbers
from microslip.statistics.registry import STATISTICS, measure_stage
from microslip.statistics.statistic import ACTIVE, NULLS, null_name, stage_grains, with_active

GRAINS = packing((14.0, 10.0, 12.0), seed=4)
BULK = GRAINS.kind == 0
LAYER = layer_numbers(GRAINS.positions, BULK, GRAINS.box)


def banded(rng, settings=None, stage=3):
    """A stage that moves a hundred times as much at mid-height, each grain on its own."""
    d2min = np.where(BULK, rng.lognormal(0, 1, len(BULK)) * (1 + 99 * np.exp(-(((LAYER - 5) / 1.5) ** 2))), np.nan)
    fields = {"d2min": d2min}
    return stage_grains(
        GRAINS.positions, GRAINS.box, GRAINS.diameters, lambda name: fields.get(name, np.full(len(BULK), np.nan)),
        settings or ActiveClusters(), stage,
    )  # fmt: skip


def per_layer(grains):
    layer = layer_numbers(grains.position, grains.measured, grains.box)
    return np.bincount(layer[grains.active], minlength=layer.max() + 1)


def test_every_choice_has_as_many_active_grains_and_each_its_places(rng):
    grains = banded(rng)
    of = {name: with_active(grains, name) for name in ACTIVE}
    assert {each.active.sum() for each in of.values()} == {round(0.1 * BULK.sum())}
    assert not any((each.active & ~BULK).any() for each in of.values())
    own = per_layer(grains)
    np.testing.assert_array_equal(per_layer(of["layered"]), own)
    assert (of["layered"].active != grains.active).any()
    # a band is gone beside the mean at that height, and at random
    for name in ("height", "random"):
        assert per_layer(of[name]).max() < 0.6 * own.max()


def test_what_is_measured_of_a_choice_is_what_the_public_functions_give(rng):
    grains = banded(rng)
    values = measure_stage(grains)
    for name in ACTIVE:
        active = active_grains(with_active(grains, name).score, 0.1)
        clusters = find_clusters(GRAINS.positions, active, GRAINS.box, GRAINS.diameters)
        marked = np.where(BULK, active.astype(float), np.nan)
        moran = moran_i(GRAINS.positions, marked, GRAINS.box, 1.5)
        assert values[null_name("moran_i", name)] == pytest.approx(moran, abs=1e-12)
        assert values[null_name("largest_cluster", name)] == clusters.size[0]
        assert values[null_name("n_wrapping", name)] == clusters.wraps.sum()
        radius = radius_of_gyration(clusters, GRAINS.diameters)
        large = clusters.size >= 3
        assert values[null_name("log_moments", name)][2] == pytest.approx(np.log(radius[large]).sum(), abs=1e-9)
    assert set(values) >= {null_name(name, null) for name in ("moran_i", "efficiency") for null in NULLS}


def test_draws_belong_to_the_stage_and_the_seed(rng):
    """Whatever batch a stage is measured in, and in whatever order."""
    grains = banded(rng, stage=7)
    again = stage_grains(
        grains.position, grains.box, grains.diameter, grains.field, grains.settings, 7
    )  # fmt: skip
    other = stage_grains(grains.position, grains.box, grains.diameter, grains.field, grains.settings, 8)
    seeded = stage_grains(grains.position, grains.box, grains.diameter, grains.field, ActiveClusters(seed=2), 7)
    for name in NULLS:
        here = with_active(grains, name).active
        np.testing.assert_array_equal(with_active(again, name).active, here)
        assert (with_active(other, name).active != here).any()
        assert (with_active(seeded, name).active != here).any()
    points = STATISTICS["efficiency_points"].measure
    assert points(grains) == points(again) != points(other)


def test_morans_i_of_random_marks_is_that_of_nothing(rng):
    """−1/(N − 1) on average."""
    found = np.array([measure_stage(banded(rng, stage=stage))["moran_i_random"] for stage in range(40)])
    assert found.mean() == pytest.approx(-1 / (BULK.sum() - 1), abs=4 * found.std() / np.sqrt(40))


def test_permuting_within_layers_leaves_what_a_band_alone_gives(rng):
    """Grains of a band that know nothing of each other: the layered null has their Moran's I, the random one none."""
    values = [measure_stage(banded(rng, stage=stage)) for stage in range(20)]
    own, layered, random = (
        np.array([each[name] for each in values]) for name in ("moran_i", "moran_i_layered", "moran_i_random")
    )
    error = (own - layered).std() / np.sqrt(20)
    assert own.mean() == pytest.approx(layered.mean(), abs=4 * error)
    assert own.mean() > random.mean() + 10 * random.std() / np.sqrt(20)
