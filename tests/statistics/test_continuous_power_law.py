"""Real sizes: the density from a smallest size up, against Clauset's package and against laws that are known."""

import warnings

import numpy as np
import pytest

from microslip import MicroslipError, fit_power_law

# Two searches for the same maximum, theirs with a coarser tolerance.
EXPONENT = 1e-3
LIKELIHOOD_RATIO = 1e-3


def pareto(exponent, n, rng, smallest=1.0):
    return smallest * (1 + rng.pareto(exponent - 1, n))


def theirs(sizes, **options):
    powerlaw = pytest.importorskip("powerlaw")
    with warnings.catch_warnings():
        # its search complains of the edges of its parameter ranges
        warnings.simplefilter("ignore")
        ranges = {"alpha": (1.0, 20.0)}
        fit = powerlaw.Fit(sizes, discrete=False, parameter_ranges=ranges, verbose=False, **options)
        lognormal = fit.distribution_compare("power_law", "lognormal")
        truncated = fit.distribution_compare("power_law", "truncated_power_law", nested=True)
    return fit, lognormal, truncated


def test_real_sizes_are_not_cut_to_whole_ones(rng):
    """Cut to whole numbers, these gave an exponent of 2.18."""
    sizes = pareto(2.5, 5000, rng)
    with pytest.raises(MicroslipError, match=r"^the sizes is .*real sizes take discrete=False"):
        fit_power_law(sizes)
    fit = fit_power_law(sizes, smallest=1.0, discrete=False)
    # by hand: 1 + n/Σ ln x
    assert fit.exponent == pytest.approx(1 + 5000 / np.log(sizes).sum(), rel=1e-12)
    assert abs(fit.exponent - 2.5) < 3 * fit.standard_error


@pytest.mark.parametrize("exponent", [1.6, 2.5, 3.2])
def test_exponent_error_and_distance_agree_with_the_powerlaw_package(exponent, rng):
    sizes = pareto(exponent, 3000, rng, 0.37)
    ours = fit_power_law(sizes, smallest=0.4, discrete=False)
    fit, _, _ = theirs(sizes, xmin=0.4)
    assert ours.exponent == pytest.approx(float(fit.power_law.alpha), abs=EXPONENT)
    assert ours.standard_error == pytest.approx(float(fit.power_law.standard_err), rel=EXPONENT)
    assert ours.distance == pytest.approx(float(fit.power_law.D), abs=EXPONENT)


def test_the_search_for_x_min_agrees_with_the_powerlaw_package(rng):
    sizes = np.concatenate([pareto(2.5, 800, rng, 2.0), rng.uniform(1, 2, 300)])
    ours, fit = fit_power_law(sizes, discrete=False), theirs(sizes)[0]
    # theirs measures its distances at fewer places
    assert ours.smallest == pytest.approx(float(fit.xmin), rel=0.02)
    assert ours.exponent == pytest.approx(float(fit.power_law.alpha), abs=0.02)


def test_a_lognormal_and_a_truncated_law_are_told_from_it_as_by_the_powerlaw_package(rng):
    lognormal = rng.lognormal(1.5, 0.6, 3000)
    sizes = pareto(1.8, 100_000, rng)
    truncated = sizes[rng.random(len(sizes)) < np.exp(-(sizes - 1) / 30)][:10_000]
    for sample, smallest in ((lognormal[lognormal > 2], 2.0), (truncated, 1.0)):
        ours = fit_power_law(sample, smallest=smallest, discrete=False)
        _, (to_lognormal, p_value), (to_truncated, _) = theirs(sample, xmin=smallest)
        assert ours.against_lognormal.ratio == pytest.approx(float(to_lognormal), rel=LIKELIHOOD_RATIO)
        # its logarithm, and a tenth more or less, is all that a tail of a normal law so far out tells
        assert np.log(ours.against_lognormal.p_value) == pytest.approx(np.log(float(p_value)), rel=0.01)
        assert ours.against_lognormal.p_value < 1e-6
        if smallest == 1:
            assert ours.against_truncated.ratio == pytest.approx(float(to_truncated), rel=LIKELIHOOD_RATIO)
    assert ours.truncated_exponent == pytest.approx(1.8, abs=0.05)
    assert ours.truncated_rate == pytest.approx(1 / 30, rel=0.1)


def test_a_power_law_is_not_rejected_for_its_rivals(rng):
    fit = fit_power_law(pareto(2.5, 5000, rng), smallest=1.0, discrete=False)
    assert fit.against_truncated.p_value > 0.01
    assert fit.against_lognormal.p_value > 0.01
    assert fit.log_log_exponent == pytest.approx(2.5, abs=0.3)


@pytest.mark.parametrize("unit", [1e-15, 1e12])
def test_the_unit_of_size_drops_out(unit, rng):
    sizes = pareto(2.2, 500, rng)
    one, other = fit_power_law(sizes, discrete=False), fit_power_law(unit * sizes, discrete=False)
    for name in ("exponent", "standard_error", "n_tail", "distance", "log_log_exponent", "truncated_exponent"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-3)
    assert other.smallest == pytest.approx(unit * one.smallest)
    assert other.truncated_rate * unit == pytest.approx(one.truncated_rate, rel=0.05)


def test_counts_count(rng):
    sizes = np.round(pareto(2.5, 400, rng), 2)
    found, counts = np.unique(sizes, return_counts=True)
    assert fit_power_law(found, counts, discrete=False) == fit_power_law(sizes, discrete=False)


def test_many_sizes_end_in_time(rng):
    """Not every size of many is tried as x_min."""
    fit = fit_power_law(pareto(2.5, 40_000, rng), discrete=False)
    assert abs(fit.exponent - 2.5) < 4 * fit.standard_error


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        (np.arange(1.0, 6), {}, "5 values are too few"),
        (np.full(50, 4.5), {}, "one size"),
        (np.full(50, 4.5), {"smallest": 4.5}, "too few"),
        (np.append(np.linspace(1, 9, 20), 0.0), {}, "the sizes is 0 at cluster 20"),
        (np.append(np.linspace(1, 9, 20), np.nan), {}, "the sizes is nan at cluster 20"),
        (np.linspace(100, 100.1, 40), {"smallest": 100.0}, "exponent"),
        (np.linspace(1, 9, 20), {"smallest": -1.0}, "smallest = -1 is not positive"),
        (np.linspace(1, 9, 20), {"counts": np.full(20, 1.0)}, "counts = .* with a decimal point: give whole numbers"),
        (np.linspace(1, 9, 20), {"counts": np.full(20, -1)}, "the counts is -1 at cluster 0"),
        (np.linspace(1, 9, 20), {"counts": np.ones(19, dtype=int)}, "counts has 19 values for 20 clusters"),
    ],
)
def test_no_exponent_but_a_reason(sizes, options, message):
    with pytest.raises(MicroslipError, match=message):
        fit_power_law(sizes, **options, discrete=False)


def between(exponent: float, upper: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Sizes of a power law between 1 and `upper`, by its inverse cumulative distribution."""
    slope = 1 - exponent
    return (1 + rng.random(size) * (upper**slope - 1)) ** (1 / slope)


@pytest.mark.parametrize("exponent", [0.6, 1.5, 2.4])
def test_a_law_between_two_ends_has_its_exponent_within_its_error(exponent: float, rng: np.random.Generator) -> None:
    fits = [
        fit_power_law(7 * between(exponent, 100, 2000, rng), smallest=7, discrete=False, upper=700) for _ in range(20)
    ]
    off = np.array([(fit.exponent - exponent) / fit.standard_error for fit in fits])
    assert abs(off.mean()) < 4 / np.sqrt(20)
    assert 0.5 < off.std() < 1.6
    assert np.median([fit.against_truncated.p_value for fit in fits]) > 0.05


def test_sizes_spread_evenly_over_their_logarithm_have_exponent_one() -> None:
    """The closed form where both ends matter most: P ∝ 1/x, and its ln x has a variance of L²/12."""
    logs = (np.arange(1000) + 0.5) / 1000 * np.log(50)
    fit = fit_power_law(np.exp(logs), smallest=1, discrete=False, upper=50)
    assert fit.exponent == pytest.approx(1, abs=1e-6)
    assert fit.standard_error == pytest.approx(np.sqrt(12 / 1000) / np.log(50), rel=1e-3)
    assert fit.distance == pytest.approx(1 / 2000, rel=1e-3)


def test_a_far_upper_end_is_none(rng: np.random.Generator) -> None:
    sizes = rng.pareto(1.5, 1000) + 1
    near, none = (fit_power_law(sizes, smallest=1, discrete=False, upper=end) for end in (1e9, None))
    assert near.exponent == pytest.approx(none.exponent, abs=1e-6)
    assert near.standard_error == pytest.approx(none.standard_error, rel=1e-4)
    assert near.against_lognormal.ratio == pytest.approx(none.against_lognormal.ratio, abs=1e-2)


def test_sizes_beyond_the_upper_end_are_left_out_and_whole_ones_have_none(rng: np.random.Generator) -> None:
    sizes = between(1.5, 1000, 3000, rng)
    fit = fit_power_law(sizes, smallest=1, discrete=False, upper=100)
    assert fit.n_tail == (sizes <= 100).sum()
    assert fit.exponent == pytest.approx(1.5, abs=4 * fit.standard_error)
    with pytest.raises(MicroslipError, match="discrete=False"):
        fit_power_law(np.arange(1, 30), upper=20)
