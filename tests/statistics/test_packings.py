import numpy as np
import pytest
from scipy.stats import t

from microslip.statistics.packings import combine


def test_packings_that_agree_by_their_errors_have_the_weighted_mean():
    values, errors = np.array([1.0, 1.2, 0.9]), np.array([0.2, 0.1, 0.4])
    together = combine(values, errors)
    assert together.value == pytest.approx(np.average(values, weights=errors**-2.0))
    assert together.spread == together.heterogeneity == 0
    # they agree better than their errors allow, which makes the interval no narrower
    assert together.error == pytest.approx((errors**-2.0).sum() ** -0.5)
    assert together.high - together.value == pytest.approx(t.ppf(0.975, 2) * together.error)


def test_packings_that_differ_count_alike():
    """Errors far below the scatter: the mean, with the interval of a sample of that many numbers."""
    values = np.array([1.0, 3.0, 2.0, 6.0])
    together = combine(values, np.full(4, 1e-3))
    error = values.std(ddof=1) / 2
    assert together.value == pytest.approx(3)
    assert together.error == pytest.approx(error, rel=1e-4)
    assert together.low == pytest.approx(3 - t.ppf(0.975, 3) * error, rel=1e-4)
    assert together.spread == pytest.approx(values.std(ddof=1), rel=1e-4)
    assert together.heterogeneity > 0.99


def test_one_packing_has_no_interval():
    together = combine(np.array([1.0, np.nan]), np.array([0.1, 0.1]))
    assert (together.value, together.n) == (1.0, 1)
    assert np.isnan([together.low, together.high, together.p_value]).all()


def test_intervals_of_three_packings_hold_the_truth_as_often_as_they_say(rng):
    inside = 0
    for _ in range(600):
        errors = rng.uniform(0.5, 2, 3)
        together = combine(rng.normal(0, 1, 3) + rng.normal(0, errors), errors)
        inside += together.low < 0 < together.high
    # 95 %, a standard deviation of 0.9 %; the bound of the interval makes it no worse than that
    assert inside / 600 > 0.92
