import numpy as np
import pytest

from microslip.statistics.evolution import trend

size = np.geomspace(1e-5, 1e-2, 5)


def test_a_planted_slope_is_found_and_judged(rng):
    value = 2 + 0.3 * np.log10(size / 1e-5)
    samples = value + rng.normal(0, 0.05, (400, 5))
    found = trend(size, value, samples, "grows")
    assert found.slope == pytest.approx(0.3)
    assert found.slope_low < 0.3 < found.slope_high
    assert found.change == pytest.approx(0.45)
    assert found.verdict == "yes"
    assert trend(size, value, samples, "falls").verdict == "no"
    assert trend(size, value, samples, "unchanged").verdict == "no"


def test_nothing_is_not_called_something(rng):
    value = np.full(5, 2.0)
    samples = value + rng.normal(0, 0.05, (400, 5))
    assert trend(size, value, samples, "grows").verdict == "not decided"
    assert trend(size, value, samples, "unchanged").verdict == "not contradicted"


def test_two_bins_make_no_trend(rng):
    value = np.array([1.0, np.nan, np.nan, 2.0, np.nan])
    found = trend(size, value, value + rng.normal(0, 0.1, (100, 5)), "grows")
    assert found.verdict == "not measured"
    assert found.n_bins == 2
