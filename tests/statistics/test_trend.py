import numpy as np
import pytest
from scipy.stats import nct, t

from microslip.statistics.trend import POWER, detectable, holm, verdict


@pytest.mark.parametrize(
    ("expected", "slope", "differs", "says"),
    [
        ("grows", 0.1, True, "yes"),
        ("grows", -0.1, True, "no"),
        ("falls", -0.1, True, "yes"),
        ("falls", 0.1, False, "not decided"),
        ("unchanged", 0.1, True, "no"),
        ("unchanged", 0.1, False, "not contradicted"),
    ],
)
def test_verdicts(expected, slope, differs, says):
    assert verdict(expected, slope, differs) == says


def test_holm_by_hand():
    """Of 0.01, 0.02, 0.03: 3 × 0.01, 2 × 0.02, and no less than that before."""
    np.testing.assert_allclose(holm(np.array([0.03, np.nan, 0.01, 0.02])), [0.04, np.nan, 0.03, 0.04])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])
    assert holm(np.empty(0)).shape == (0,)


def test_among_many_claims_of_nothing_one_is_rarely_called_something(rng):
    wrong = [(holm(rng.random(14)) < 0.05).any() for _ in range(2000)]
    # 5 %, a standard deviation of 0.5 %
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.02)


def test_a_detectable_slope_is_detected_as_often_as_it_says():
    """The noncentral t of a slope of that size lies beyond the limit in 80 %, nearly: Student's t stands in for it."""
    for n_blocks in (8, 20):
        limit = t.ppf(0.975, n_blocks - 1)
        assert nct.sf(limit, n_blocks - 1, detectable(1.0, n_blocks)) == pytest.approx(POWER, abs=0.03)
