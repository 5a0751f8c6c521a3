import warnings

import numpy as np
import pytest
from scipy.stats import zipf

from microslip import MicroslipError, fit_power_law
from microslip.statistics.power_law import count_sizes, exponent_at


def zeta_sample(exponent, n, rng, smallest=1):
    """Exact draws of a discrete power law from `smallest` up."""
    drawn = zipf.rvs(exponent, size=20 * n, random_state=rng)
    return drawn[drawn >= smallest][:n]


def test_agrees_with_the_powerlaw_package(rng):
    powerlaw = pytest.importorskip("powerlaw")
    sizes = zeta_sample(2.4, 4000, rng)
    ours = fit_power_law(sizes, smallest=3)
    with warnings.catch_warnings():
        # its search complains of the edges of its parameter ranges
        warnings.simplefilter("ignore")
        theirs = powerlaw.Fit(sizes, discrete=True, xmin=3, verbose=False).power_law
        searched = powerlaw.Fit(sizes, discrete=True, verbose=False)
    # both maximise the same likelihood, theirs with a coarser tolerance
    assert ours.exponent == pytest.approx(float(theirs.alpha), abs=2e-3)
    found = fit_power_law(sizes)
    assert found.smallest == int(searched.xmin)
    assert found.exponent == pytest.approx(float(searched.alpha), abs=2e-3)


def test_a_known_exponent_lies_in_its_interval_as_often_as_it_says(rng):
    inside = 0
    for _ in range(100):
        fit = fit_power_law(*count_sizes(zeta_sample(2.2, 500, rng)), smallest=1)
        inside += abs(fit.exponent - 2.2) < 1.96 * fit.standard_error
    # 95 of 100, by three standard deviations of a binomial
    assert 88 <= inside <= 100


def test_one_sample_or_many_the_same_exponent(rng):
    sizes = zeta_sample(2.6, 3000, rng, smallest=3)
    assert exponent_at(np.log(sizes).mean(), 3) == pytest.approx(fit_power_law(sizes, smallest=3).exponent, abs=1e-4)
    assert np.isnan(exponent_at(np.log(3.0), 3))


def test_counts_and_plain_sizes_are_the_same(rng):
    sizes = zeta_sample(2.5, 500, rng)
    assert fit_power_law(sizes) == fit_power_law(*count_sizes(sizes))


def test_a_power_law_is_not_rejected_for_its_rivals(rng):
    fit = fit_power_law(zeta_sample(2.5, 5000, rng), smallest=1)
    assert fit.against_truncated.p_value > 0.01
    assert fit.against_lognormal.ratio > 0 or fit.against_lognormal.p_value > 0.05
    assert fit.log_log_exponent == pytest.approx(2.5, abs=0.4)


def test_a_lognormal_and_a_truncated_law_are_told_from_it(rng):
    lognormal = np.maximum(np.rint(rng.lognormal(1.5, 0.6, 5000)), 1).astype(int)
    fit = fit_power_law(lognormal, smallest=1)
    assert fit.against_lognormal.ratio < 0
    assert fit.against_lognormal.p_value < 1e-6
    sizes = np.arange(1, 2000)
    weight = sizes**-1.8 * np.exp(-sizes / 30)
    truncated = rng.choice(sizes, 50_000, p=weight / weight.sum())
    fit = fit_power_law(truncated, smallest=1)
    assert fit.against_truncated.p_value < 1e-6
    assert fit.truncated_exponent == pytest.approx(1.8, abs=0.05)
    assert fit.truncated_rate == pytest.approx(1 / 30, rel=0.1)


@pytest.mark.parametrize(
    ("sizes", "smallest", "message"),
    [
        (np.array([1, 2, 3]), None, "3 clusters are too few for a power law"),
        (np.full(50, 4), None, "one size"),
        (np.full(50, 4), 4, "too few"),
        (np.array([0] + [2] * 20), None, "a cluster of 0 grains"),
        (np.empty(0, dtype=int), None, "0 clusters are too few"),
    ],
)
def test_no_exponent_but_a_reason(sizes, smallest, message):
    with pytest.raises(MicroslipError, match=message):
        fit_power_law(sizes, smallest=smallest)
