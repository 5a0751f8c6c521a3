"""Drift of a series and coverage of intervals: known answers, and scipy's regression."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from microslip.statistics.intervals import coverage_of_largest, intervals_apart
from microslip.statistics.steadiness import BLOCKS, SIGNIFICANT_T, drift, half_means, relative_difference
from microslip.statistics.wholeness import missing_share, n_beyond_walls


def test_the_trend_is_that_of_a_regression_and_the_first_block_that_of_a_prediction():
    rng = np.random.default_rng(5)
    values = 2 + np.repeat(rng.normal(0, 0.1, BLOCKS), 10)
    means = values.reshape(BLOCKS, 10).mean(axis=1)
    line = stats.linregress(np.arange(BLOCKS), means)
    found = drift(values)
    assert found.trend_t == pytest.approx(line.slope / line.stderr)
    assert found.trend == pytest.approx(line.slope * (BLOCKS - 1) / means.mean())
    # the mean of the others and one more value of their spread
    error = means[1:].std(ddof=1) * np.sqrt(1 + 1 / (BLOCKS - 1))
    assert found.first_t == pytest.approx((means[0] - means[1:].mean()) / error)


def test_chance_alone_is_called_a_drift_as_often_as_stated():
    rng = np.random.default_rng(7)
    share = np.mean([drift(1 + 0.01 * rng.normal(size=70)).largest > 0 for _ in range(2000)])
    assert share == pytest.approx(2 * stats.t.sf(SIGNIFICANT_T, BLOCKS - 2) * 2, abs=0.015)


def test_a_constant_series_does_not_drift_and_a_short_one_is_not_judged():
    assert drift(np.full(100, 0.3)).largest == 0
    assert drift(np.arange(2 * BLOCKS - 1.0)) is None
    assert half_means(np.array([1.0, np.nan, 3.0])) == (1, 3)
    assert half_means(np.array([1.0, np.nan])) is None
    assert relative_difference(1.0, 3.0) == 1


@pytest.mark.parametrize(
    ("other", "apart"),
    [((2.0, 1.5, 2.5), True), ((1.0, 0.5, 2.5), False), ((1.3, 1.15, 1.5), None), ((1.0, np.nan, 2.0), None)],
)
def test_intervals_are_apart_overlap_or_decide_nothing(other, apart):
    assert intervals_apart((1.0, 0.8, 1.2), other) is apart


def test_the_largest_values_are_counted_alone():
    target = np.append(np.arange(1.0, 40), [np.nan])
    low, high = target - 1, target + 1
    high[35:39] = target[35:39] - 0.5
    found = coverage_of_largest(-target, -high, -low, fraction=0.1, fewest=10)
    assert (found.share, found.n, found.smallest) == (0.6, 10, 30)
    assert coverage_of_largest(target[:19], low[:19], high[:19], fraction=0.1, fewest=10) is None


def test_grains_beyond_the_walls_and_missing_ones_are_counted():
    kind = np.array([1, 1, 0, 0, 0, 2])
    position = np.zeros((6, 3))
    position[:, 2] = [-0.5, 0.2, -0.6, 5.0, np.nan, 9.0]
    assert n_beyond_walls(position, kind) == 1
    assert n_beyond_walls(position, np.where(kind == 2, 0, kind)) is None
    assert missing_share(position) == pytest.approx(1 / 6)
