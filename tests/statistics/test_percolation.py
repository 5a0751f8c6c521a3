"""Clusters that reach around the cell: a known threshold, known loops, and clusters found anew."""

from dataclasses import replace

import numpy as np
import pytest

from microslip import Box, find_clusters
from microslip.core.neighbours import find_pairs
from microslip.statistics.percolation import FRACTIONS, curve_crossing, percolation_curve, wrapping_fractions

# Site percolation on the simple cubic lattice (Wang et al., Phys. Rev. E 87 (2013) 052107).
CUBIC = 0.311608


def cubic(size):
    sites = np.indices((size, size, size)).reshape(3, -1).T + 0.5
    box = Box((float(size),) * 3, (True, True, True))
    return sites, box, *find_pairs(sites, box, 1.01)


def test_the_simple_cubic_lattice_percolates_where_it_is_known_to(rng):
    """Wrapping thresholds of two sizes lie near the known one, and nearer and closer together in the larger."""
    spread = []
    for size, tolerance in ((12, 0.03), (24, 0.012)):
        sites, box, pairs, vectors = cubic(size)
        found = np.array([wrapping_fractions(rng.random(len(sites)), pairs, vectors, box) for _ in range(30)])
        assert abs(found.mean() - CUBIC) < tolerance
        spread.append(found.std())
    assert spread[1] < 0.75 * spread[0]


def test_thresholds_are_those_of_clusters_found_anew(grains, box, rng):
    """At one grain fewer no cluster wraps the axis; so in an upright cell, a leaning one and one with walls."""
    around = replace(box, periodic=(True, True, True))
    for each in (around, replace(around, tilt=3.7), box):
        pairs, vectors = find_pairs(grains, each, 1.3)
        score = rng.random(len(grains))
        score[::9] = np.nan
        kept = np.isfinite(score)[pairs].all(axis=1)
        fractions = wrapping_fractions(score, pairs[kept], vectors[kept], each)
        assert np.isnan(fractions).tolist() == [False, False, not each.periodic[2]]
        order = np.argsort(-score)
        for axis in np.flatnonzero(np.isfinite(fractions)):
            number = round(fractions[axis] * np.isfinite(score).sum())
            for first, wraps in ((number - 1, False), (number, True)):
                active = np.isin(np.arange(len(grains)), order[:first])
                clusters = find_clusters(grains, active, each, link_distance=1.3)
                assert clusters.wraps_along[:, axis].any() == wraps


def test_grains_that_do_not_hang_together_never_wrap():
    sites, box, pairs, vectors = cubic(4)
    assert np.isnan(wrapping_fractions(np.arange(64.0), pairs[:0], vectors[:0], box)).all()
    rod = np.where((sites[:, 1] < 1) & (sites[:, 2] < 1), 1.0, np.nan)
    inside = np.isfinite(rod)[pairs].all(axis=1)
    fractions = wrapping_fractions(rod, pairs[inside], vectors[inside], box)
    np.testing.assert_array_equal(fractions, [1.0, np.nan, np.nan])


def test_the_curve_counts_the_stages_that_wrap():
    kinds = ["stick", "slip"] * 4
    thresholds = {
        ("d2min", "x"): np.array([0.1, 0.3, 0.1, np.nan, 0.2, 0.5, 0.2, 0.5]),
        ("d2min", "z"): np.full(8, np.nan),
    }
    table = percolation_curve(kinds, thresholds).set_index(["kind", "fraction"])
    assert set(table["axis"]) == {"x"}
    assert [table.at[("stick", at), "share"] for at in (0.08, 0.1, 0.18, 0.2)] == [0, 0.5, 0.5, 1]
    assert [table.at[("slip", at), "share"] for at in (0.28, 0.3, 0.5)] == pytest.approx([0, 1 / 3, 1])
    assert (table.loc["slip", "n_stages"] == 3).all()
    assert table["threshold"]["stick"].iloc[0] == pytest.approx(0.15)
    assert len(table) == 2 * len(FRACTIONS)


def test_curves_of_two_cells_cross_at_the_threshold_of_the_lattice(rng):
    """Nearer to it than the means of the thresholds are, and within its error."""
    found = []
    for size in (6, 14):
        sites, box, pairs, vectors = cubic(size)
        found.append(np.array([wrapping_fractions(rng.random(len(sites)), pairs, vectors, box)[0] for _ in range(400)]))
    crossing, error = curve_crossing(*found)
    assert error < 0.02
    assert abs(crossing - CUBIC) < 0.01 + 2 * error
    assert abs(crossing - CUBIC) < abs(found[0].mean() - CUBIC)


def test_a_crossing_is_where_the_steeper_curve_overtakes(rng):
    wide, narrow = rng.normal(0.33, 0.06, 4000), rng.normal(0.33, 0.02, 4000)
    crossing, error = curve_crossing(wide, narrow)
    assert crossing == pytest.approx(0.33, abs=max(4 * error, 0.002))
    assert np.isnan(curve_crossing(wide[:1], narrow)).all()
