import warnings

import numpy as np
import pytest
from scipy.special import zeta
from scipy.stats import zipf

from microslip import MicroslipError, fit_power_law
from microslip.statistics.power_law import exponent_at

# The package's search for the exponent is coarser than ours, and so are its fits of the rivals.
EXPONENT = 1e-3
LIKELIHOOD_RATIO = 0.05


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
        fit = fit_power_law(*np.unique(zeta_sample(2.2, 500, rng), return_counts=True), smallest=1)
        inside += abs(fit.exponent - 2.2) < 1.96 * fit.standard_error
    # 95 of 100, by three standard deviations of a binomial
    assert 88 <= inside <= 100


def test_one_sample_or_many_the_same_exponent(rng):
    sizes = zeta_sample(2.6, 3000, rng, smallest=3)
    assert exponent_at(np.log(sizes).mean(), 3) == pytest.approx(fit_power_law(sizes, smallest=3).exponent, abs=1e-4)
    assert np.isnan(exponent_at(np.log(3.0), 3))


def test_counts_and_plain_sizes_are_the_same(rng):
    sizes = zeta_sample(2.5, 500, rng)
    assert fit_power_law(sizes) == fit_power_law(*np.unique(sizes, return_counts=True))


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
        ([], None, "0 clusters are too few"),
        (np.append(np.arange(1.0, 30), np.nan), None, "the sizes is nan at cluster 29: give whole numbers"),
        (
            np.append(np.arange(1.0, 30), 2.5),
            None,
            "the sizes is 2.5 at cluster 29: give whole numbers.*discrete=False",
        ),
        (np.array([2] * 20 + [-3]), None, "a cluster of -3 grains"),
        (np.array([2, 3] * 20), 2.5, "smallest = 2.5 is no whole number"),
        (np.array([2, 3] * 20), np.nan, "smallest = nan is no whole number"),
        (np.array([2, 3] * 20) > 2, None, "sizes = .* holds marks"),
    ],
)
def test_no_exponent_but_a_reason(sizes, smallest, message):
    with pytest.raises(MicroslipError, match=message):
        fit_power_law(sizes, smallest=smallest)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.array([5.0, 6.0, 7.0]), "counts = .* holds numbers with a decimal point"),
        (np.array([5, -6, 70]), "the counts is -6 at cluster 1"),
        (np.array([5, 60]), "counts has 2 values for 3 clusters"),
        (np.array([5, 60, 10**17]), "the counts is 1e.17 at cluster 2"),
    ],
)
def test_counts_that_are_none_are_refused(counts, message):
    with pytest.raises(MicroslipError, match=message):
        fit_power_law(np.array([1, 2, 3]), counts)


def test_sizes_of_any_type_of_whole_number_are_the_same(rng):
    sizes = zeta_sample(2.5, 500, rng)
    for other in (sizes.tolist(), sizes.astype(np.uint16), sizes.astype(">i4"), sizes.astype(float)):
        assert fit_power_law(other, smallest=1) == fit_power_law(sizes, smallest=1)
    found, counts = np.unique(sizes, return_counts=True)
    # a size that is listed twice counts twice
    assert fit_power_law(np.tile(found, 2), np.tile(counts, 2)).n_tail == 2 * fit_power_law(found, counts).n_tail


def test_error_and_rivals_agree_with_the_powerlaw_package(rng):
    powerlaw = pytest.importorskip("powerlaw")
    sizes = zeta_sample(2.4, 20_000, rng, smallest=3)
    ours = fit_power_law(sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = powerlaw.Fit(sizes, discrete=True, verbose=False)
        lognormal = theirs.distribution_compare("power_law", "lognormal")
        truncated = theirs.distribution_compare("power_law", "truncated_power_law", nested=True)
    assert ours.smallest == int(theirs.xmin)
    assert ours.exponent == pytest.approx(float(theirs.alpha), abs=EXPONENT)
    # theirs is that of a continuous law, near ours where x_min is not small
    assert ours.standard_error == pytest.approx(float(theirs.sigma), abs=1e-3)
    for found, (ratio, p_value) in ((ours.against_lognormal, lognormal), (ours.against_truncated, truncated)):
        assert found.ratio == pytest.approx(float(ratio), rel=LIKELIHOOD_RATIO)
        assert found.p_value == pytest.approx(float(p_value), rel=LIKELIHOOD_RATIO)


def test_clear_verdicts_agree_with_the_powerlaw_package(rng):
    powerlaw = pytest.importorskip("powerlaw")
    x = np.arange(1, 2000)
    weight = x**-1.8 * np.exp(-x / 30)
    sizes = rng.choice(x, 20_000, p=weight / weight.sum())
    ours = fit_power_law(sizes, smallest=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = powerlaw.Fit(sizes, discrete=True, xmin=1, verbose=False)
        lognormal, _ = theirs.distribution_compare("power_law", "lognormal")
        truncated, _ = theirs.distribution_compare("power_law", "truncated_power_law", nested=True)
    assert ours.against_lognormal.ratio == pytest.approx(float(lognormal), rel=1e-3)
    assert ours.against_truncated.ratio == pytest.approx(float(truncated), rel=1e-3)


@pytest.mark.parametrize("exponent", [1.7, 2.0, 2.5, 3.5])
@pytest.mark.parametrize("smallest", [1, 4])
def test_a_known_exponent_is_found(exponent, smallest, rng):
    fit = fit_power_law(zeta_sample(exponent, 2000, rng, smallest), smallest=smallest)
    assert abs(fit.exponent - exponent) < 3 * fit.standard_error


@pytest.mark.parametrize("smallest", [1, 2, 5, 10])
def test_many_samples_at_once_have_the_exponents_of_each(smallest, rng):
    samples = [zeta_sample(exponent, 2000, rng, smallest) for exponent in (1.8, 2.3, 2.9)]
    singly = [fit_power_law(sample, smallest=smallest).exponent for sample in samples]
    at_once = exponent_at(np.array([np.log(sample).mean() for sample in samples]), smallest)
    np.testing.assert_allclose(at_once, singly, atol=1e-4)


def test_a_smallest_size_that_no_cluster_has_is_still_the_smallest(rng):
    sizes = zeta_sample(2.5, 500, rng, smallest=3)
    sizes = sizes[sizes != 3]
    fit = fit_power_law(sizes, smallest=3)
    assert fit.smallest == 3
    assert fit.exponent == pytest.approx(float(exponent_at(np.log(sizes).mean(), 3)), abs=1e-4)


def test_the_order_of_the_clusters_drops_out(rng):
    sizes = zeta_sample(2.5, 1000, rng)
    assert fit_power_law(rng.permutation(sizes)) == fit_power_law(sizes)
    found, counts = np.unique(sizes, return_counts=True)
    assert fit_power_law(found[::-1], counts[::-1]) == fit_power_law(sizes)


def test_the_distance_is_the_largest_gap_at_any_size(rng):
    sizes = zeta_sample(2.5, 300, rng, smallest=2)
    fit = fit_power_law(sizes, smallest=2)
    everywhere = np.arange(2, sizes.max() + 1)
    below = np.searchsorted(np.sort(sizes), everywhere, side="right") / len(sizes)
    expected = np.abs(below - 1 + zeta(fit.exponent, everywhere + 1) / zeta(fit.exponent, 2)).max()
    assert fit.distance == pytest.approx(expected)


def test_the_search_for_x_min_agrees_with_the_powerlaw_package(rng):
    """Left alone, the package looks for exponents up to 3, and estimates those of x_min ≥ 10 by a formula."""
    powerlaw = pytest.importorskip("powerlaw")
    same = 0
    for exponent in np.linspace(1.8, 3.4, 10):
        sizes = np.concatenate([zeta_sample(exponent, 800, rng) + 2, rng.integers(1, 4, 200)])
        ours = fit_power_law(sizes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ranges = {"alpha": (1.0, 20.0)}
            theirs = powerlaw.Fit(sizes, discrete=True, estimate_discrete=False, parameter_ranges=ranges, verbose=False)
        searched = {key: np.asarray(theirs.xmin_fitting_results[key]) for key in ("xmins", "distances", "alphas")}
        here = searched["xmins"] == ours.smallest
        assert ours.exponent == pytest.approx(float(searched["alphas"][here][0]), abs=EXPONENT)
        # theirs looks just before every size that occurs, ours at the sizes too
        assert ours.distance > float(searched["distances"][here][0]) - 1e-4
        same += ours.smallest == int(theirs.xmin)
    # where the two ways to measure a distance choose another x_min, they choose it far out, among few clusters
    assert same >= 8


def test_x_min_is_where_the_law_fits_best(rng):
    sizes = np.concatenate([zeta_sample(2.5, 400, rng) + 2, rng.integers(1, 4, 100)])
    present, counts = np.unique(sizes, return_counts=True)
    candidates = [int(at) for at in present[:-1] if counts[present >= at].sum() >= 10]
    distances = [fit_power_law(sizes, smallest=at).distance for at in candidates]
    assert fit_power_law(sizes).smallest == candidates[int(np.argmin(distances))]


@pytest.mark.parametrize("sizes", [[30] * 10 + [31] * 10, [100] * 60 + [101] * 60 + [102] * 60])
def test_an_exponent_beyond_all_that_are_searched_is_refused(sizes):
    """`exponent_at` has no value for these: the end of the search is no maximum of the likelihood."""
    sizes = np.array(sizes)
    assert np.isnan(exponent_at(np.log(sizes).mean(), int(sizes.min())))
    with pytest.raises(MicroslipError, match="exponent"):
        fit_power_law(sizes, smallest=int(sizes.min()))


def test_the_best_lognormal_is_no_worse_than_the_power_law_that_it_becomes(rng):
    """Small and giant clusters: ever wider lognormals approach ∫x^−a dx over [N − 1/2, N + 1/2], and do best there."""
    sizes = np.concatenate([zeta_sample(3.7, 2000, rng, smallest=3), rng.integers(20, 200, 200)])
    fit = fit_power_law(sizes, smallest=3)

    def log_probability(exponent):
        return np.log((sizes - 0.5) ** (1 - exponent) - (sizes + 0.5) ** (1 - exponent)) - (1 - exponent) * np.log(2.5)

    limit = max(log_probability(exponent).sum() for exponent in np.linspace(1.5, 4, 2501))
    power_law = -(fit.exponent * np.log(sizes) + np.log(zeta(fit.exponent, 3))).sum()
    assert fit.against_lognormal.ratio < power_law - limit + LIKELIHOOD_RATIO
