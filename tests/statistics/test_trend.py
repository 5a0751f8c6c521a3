import numpy as np
import pytest

from microslip.statistics.trend import trend

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


def test_the_slope_is_that_of_numpy(rng):
    value = rng.normal(size=5)
    samples = value + rng.normal(0, [0.1, 0.2, 0.05, 0.3, 0.1], (300, 5))
    expected = np.polyfit(np.log10(size), value, 1, w=1 / samples.std(axis=0))[0]
    assert trend(size, value, samples, "grows").slope == pytest.approx(expected)


@pytest.mark.parametrize(
    ("slope", "verdicts"),
    [
        (0.3, {"grows": "yes", "falls": "no", "unchanged": "no"}),
        (-0.3, {"grows": "no", "falls": "yes", "unchanged": "no"}),
        (0.0, {"grows": "not decided", "falls": "not decided", "unchanged": "not contradicted"}),
    ],
)
def test_every_verdict(slope, verdicts, rng):
    value = 2 + slope * np.log10(size / 1e-3)
    samples = value + rng.normal(0, 0.05, (400, 5))
    for expected, verdict in verdicts.items():
        found = trend(size, value, samples, expected)
        assert found.verdict == verdict
        assert (found.p_value < 0.05) == (slope != 0)


def test_a_planted_slope_lies_in_its_interval_as_often_as_it_says(rng):
    exact, inside = 2 + 0.1 * np.log10(size / 1e-5), 0
    for _ in range(300):
        value = exact + rng.normal(0, 0.05, 5)
        found = trend(size, value, value + rng.normal(0, 0.05, (200, 5)), "grows")
        inside += found.slope_low <= 0.1 <= found.slope_high
    # 95 of 100, by three standard deviations of a binomial
    assert inside / 300 == pytest.approx(0.95, abs=0.038)


def test_a_bin_without_a_value_is_left_out(rng):
    value = 2 + 0.3 * np.log10(size / 1e-5)
    samples = value + rng.normal(0, 0.05, (400, 5))
    without = trend(np.delete(size, 2), np.delete(value, 2), np.delete(samples, 2, axis=1), "grows")
    value[2] = np.nan
    assert trend(size, value, samples, "grows") == without
    assert without.n_bins == 4


def test_bins_that_do_not_vary_have_no_weight(rng):
    value = np.arange(1.0, 6.0)
    assert trend(size, value, np.tile(value, (100, 1)), "grows").verdict == "not measured"


def test_a_first_bin_that_is_zero_in_some_samples_still_has_a_slope(rng):
    value = np.arange(1.0, 6.0)
    samples = value + rng.normal(0, 0.05, (400, 5))
    samples[::25, 0] = 0
    found = trend(size, value, samples, "grows")
    assert found.verdict == "yes"
    assert np.isfinite([found.change_low, found.change_high]).all()
