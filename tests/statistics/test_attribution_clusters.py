"""Attributions at clusters with planted effects: of amplitude alone, of height alone, and beyond both."""

import numpy as np
import pandas as pd
import pytest

from microslip import Box, find_clusters
from microslip.statistics.attribution_clusters import (
    CONTROLS,
    WHICH,
    cluster_claims,
    compare_at_clusters,
    node_strata,
    nodes_in_clusters,
    standardised_means,
)

GRID = (20, 10, 12)


@pytest.fixture
def stage(rng):
    """D²min on nodes, and nodes in clusters: the more often, the larger D²min."""
    d2min = 10 ** rng.normal(-6, 0.5, GRID)
    chance = np.argsort(np.argsort(d2min.ravel())) / d2min.size
    inside = rng.random(d2min.size) < chance**6
    return d2min, {"all": inside, "wrapping": np.zeros_like(inside), "bounded": inside}


def ratios(stage, attribution):
    d2min, inside = stage
    table = pd.DataFrame(compare_at_clusters(inside, node_strata(d2min), attribution))
    assert set(table["clusters"]) == set(WHICH)
    assert set(table["control"]) == set(CONTROLS)
    assert table.loc[table["clusters"] == "wrapping", ["ratio", "excess", "share_size"]].isna().all(axis=None)
    return table[table["clusters"] == "all"].set_index("control")


def test_what_follows_amplitude_alone_is_gone_at_equal_amplitude(stage):
    rows = ratios(stage, np.sqrt(stage[0]))
    assert rows["ratio"]["number"] > 1.5
    assert rows["ratio"]["height"] > 1.5
    assert rows["ratio"]["amplitude"] == pytest.approx(1, abs=0.01)
    assert rows["share_matched"]["amplitude"] > 0.9


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_what_is_planted_beyond_amplitude_is_returned(stage, factor):
    d2min, inside = stage
    attribution = -np.sqrt(d2min) * np.where(inside["all"], factor, 1.0).reshape(GRID)
    rows = ratios(stage, attribution)
    assert rows["ratio"]["amplitude"] == pytest.approx(factor, rel=0.01)
    # of one sign throughout: the shares of sizes and of signed values agree
    assert rows["share_signed"]["number"] == pytest.approx(rows["share_size"]["number"])
    assert (
        np.sign(rows["excess"]["amplitude"]) == np.sign(np.round(factor - 1, 2))
        or abs(rows["excess"]["amplitude"]) < 0.02
    )


def test_what_follows_height_alone_is_gone_at_equal_height(rng):
    height = np.broadcast_to(np.linspace(0.1, 1, GRID[2]), GRID)
    inside = rng.random(height.size) < height.ravel() ** 3
    stage = rng.random(GRID), {"all": inside, "wrapping": inside & False, "bounded": inside}
    rows = ratios(stage, height.copy())
    assert rows["ratio"]["number"] > 1.3
    assert rows["ratio"]["height"] == pytest.approx(1)


def test_means_over_the_same_mixture_by_hand():
    values = np.array([1.0, 3.0, 10.0, 20.0, 7.0, 99.0])
    inside = np.array([True, False, True, False, True, False])
    stratum = np.array([0, 0, 1, 1, 2, 3])
    # the third stratum has no node outside: it is left out on both sides
    assert standardised_means(values, inside, ~inside, stratum) == (5.5, 11.5, 2 / 3)
    nothing = standardised_means(values, inside & False, ~inside, stratum)
    assert np.isnan(nothing[:2]).all()


def test_nodes_belong_to_the_cluster_of_their_nearest_grain_wrapping_or_not():
    box = Box((6.0, 6.0, 6.0))
    chain = np.stack([np.arange(6.0), np.full(6, 1.0), np.full(6, 1.0)], axis=1)
    positions = np.concatenate([chain, [[1, 4, 4], [2, 4, 4], [3, 4, 4]], [[5, 5, 1]], [[0, 3, 3]]])
    active = np.arange(11) < 10
    clusters = find_clusters(positions, active, box, link_distance=1.05)
    inside = nodes_in_clusters(np.array([0, 6, 9, 10, -1]), clusters, 3)
    assert inside["all"].tolist() == [True, True, False, False, False]
    assert inside["wrapping"].tolist() == [True, False, False, False, False]
    assert inside["bounded"].tolist() == [False, True, False, False, False]


def test_a_network_is_held_against_its_nulls_stage_by_stage(stage, rng):
    d2min, inside = stage
    events = []
    for number in range(8):
        scale = rng.uniform(1, 5)
        for network, factor in (("trained", 2.0), ("shuffled", 1.0)):
            attribution = scale * np.sqrt(d2min) * np.where(inside["all"], factor, 1.0).reshape(GRID)
            rows = compare_at_clusters(inside, node_strata(d2min), attribution)
            events += [{"network": network, "stage": number} | row for row in rows]
    claims = cluster_claims(pd.DataFrame(events), seed=1).set_index(["network", "clusters", "control"]).sort_index()
    over = claims.loc[("shuffled", "all", "amplitude")]
    assert over["n"] == 8
    assert over["trained_over"] == pytest.approx(2, rel=0.01)
    assert over["trained_over_low"] <= over["trained_over"] <= over["trained_over_high"]
    assert (claims.loc["trained"]["trained_over"].dropna() == 1).all()
    assert claims.loc[("trained", "wrapping", "number"), "n"] == 0
