import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import r2_score

from microslip.learn.evaluate import (
    all_scores,
    calibration,
    covered,
    error_histogram,
    paired_difference,
    r_squared,
    score_intervals,
    scores,
    sign_by_size,
    size_edges,
)
from microslip.statistics.intervals import NORMAL, wilson
from microslip.statistics.ranks import spearman

# The 95th percentile of a normal distribution to three digits.
Z = NORMAL


@pytest.fixture
def planted(rng):
    """Fluctuations and predictions that share half of their variance."""
    target = rng.normal(0, 1e-3, 400)
    return target, target + rng.normal(0, 1e-3, 400)


def test_scores_of_known_predictions():
    target = np.array([1.0, -1.0, 2.0, -2.0])
    assert scores(target, target)["r2"] == 1
    assert scores(target, np.zeros(4))["r2"] == 0
    found = scores(target, np.array([1.0, 1.0, 2.0, -2.0]))
    assert found["r2"] == pytest.approx(0.6)
    assert found["r2_slip"] == 1
    assert found["r2_stick"] == pytest.approx(1 - 4 / 0.5)
    assert (found["rmse"], found["bias"], found["sign_accuracy"], found["n"]) == (1, 0.5, 0.75, 4)
    assert found["log_error"] == 0


def test_scores_are_those_of_other_libraries(planted):
    target, prediction = planted
    found = scores(target, prediction)
    line = stats.linregress(prediction, target)
    assert found["r2"] == pytest.approx(r2_score(target, prediction))
    for kind, chosen in (("r2_stick", target < 0), ("r2_slip", target > 0)):
        assert found[kind] == pytest.approx(r2_score(target[chosen], prediction[chosen]))
    assert found["spearman"] == pytest.approx(stats.spearmanr(target, prediction).statistic)
    assert found["slope"] == pytest.approx(line.slope)
    assert found["intercept"] == pytest.approx(line.intercept)


def test_half_of_the_truth_has_a_slope_of_two_and_ten_times_it_an_error_of_a_decade(planted):
    target, _ = planted
    half = scores(target, target / 2)
    assert half["slope"] == pytest.approx(2)
    assert half["intercept"] == pytest.approx(0, abs=1e-15)
    assert half["log_error"] == pytest.approx(np.log10(2))
    assert half["sign_accuracy"] == 1
    assert half["spearman"] == pytest.approx(1)
    assert scores(target, 10 * target)["log_error"] == pytest.approx(1)
    assert scores(target, target + 1)["bias"] == pytest.approx(1)
    assert scores(target, -target)["sign_accuracy"] == 0
    assert np.isnan(scores(target, -target)["log_error"])


@given(unit=st.floats(1e-6, 1e6))
def test_scores_without_a_unit_do_not_change_with_it(unit):
    rng = np.random.default_rng(3)
    target = rng.normal(size=50)
    prediction = target + rng.normal(size=50)
    one, other = scores(target, prediction), scores(unit * target, unit * prediction)
    for name in ("r2", "r2_stick", "r2_slip", "sign_accuracy", "spearman", "log_error", "slope"):
        assert other[name] == pytest.approx(one[name], rel=1e-6)
    for name in ("rmse", "bias", "intercept"):
        assert other[name] == pytest.approx(unit * one[name], rel=1e-6)


def test_ranks_see_only_the_order_and_ties_are_scipys(rng):
    target, prediction = rng.integers(0, 5, 60).astype(float), rng.integers(0, 5, 60).astype(float)
    assert spearman(target, prediction) == pytest.approx(stats.spearmanr(target, prediction).statistic)
    assert spearman(target, np.exp(target)) == pytest.approx(1)
    assert spearman(target, -(target**3)) == pytest.approx(-1)


def test_what_does_not_vary_has_no_score():
    assert np.isnan(r_squared(np.ones(3), np.zeros(3)))
    assert np.isnan(r_squared(np.empty(0), np.empty(0)))
    assert np.isnan(spearman(np.arange(3.0), np.ones(3)))
    assert np.isnan(spearman(np.ones(1), np.ones(1)))
    found = scores(np.array([-1.0, 2.0]), np.zeros(2))
    assert np.isnan([found["slope"], found["intercept"], found["spearman"], found["r2_slip"], found["log_error"]]).all()


def test_equal_fluctuations_whose_mean_is_rounded_have_no_score():
    assert np.isnan(r_squared(np.full(3, 0.1), np.zeros(3)))


def test_resampled_scores_are_those_of_a_loop_over_the_drawn_cycles(planted):
    target, prediction = planted
    cycle = np.repeat(np.arange(100), 4)[np.random.default_rng(2).permutation(400)]
    found = score_intervals(target, prediction, cycle, 5, 200)
    drawn = np.random.default_rng(5).multinomial(100, np.full(100, 1 / 100), 200)
    r2, right = [], []
    for times in drawn:
        stages = np.concatenate([np.tile(np.flatnonzero(cycle == c), n) for c, n in enumerate(times)])
        r2.append(r2_score(target[stages], prediction[stages]))
        right.append(np.mean((target[stages] > 0) == (prediction[stages] > 0)))
    expected = [*np.quantile(r2, [0.05, 0.95]), *np.quantile(right, [0.05, 0.95])]
    assert list(found.values()) == pytest.approx(expected)


def test_the_interval_of_r2_covers_the_planted_one(rng):
    """Noise as large as the prediction, so that R² is one half; stages of a cycle share their noise."""
    inside = []
    for trial in range(150):
        prediction, noise = rng.normal(size=60), rng.normal(size=60)
        cycle = np.repeat(np.arange(60), 3)
        low, high, *_ = score_intervals((prediction + noise)[cycle], prediction[cycle], cycle, trial, 300).values()
        inside.append(low <= 0.5 <= high)
    # 90 %, less what percentiles of 60 cycles fall short by; ± three deviations of 150 trials
    assert np.mean(inside) == pytest.approx(0.88, abs=0.08)


def test_stages_that_share_a_cycle_widen_the_interval(rng):
    prediction, noise = rng.normal(size=60), rng.normal(size=60)
    cycle = np.repeat(np.arange(60), 5)
    target, predicted = (prediction + noise)[cycle], prediction[cycle]
    by_cycle = score_intervals(target, predicted, cycle, 1)
    by_stage = score_intervals(target, predicted, np.arange(300), 1)
    ratio = (by_cycle["r2_high"] - by_cycle["r2_low"]) / (by_stage["r2_high"] - by_stage["r2_low"])
    assert ratio == pytest.approx(np.sqrt(5), rel=0.25)


def test_names_of_cycles_do_not_matter_and_one_cycle_has_no_interval(planted):
    target, prediction = planted
    cycle = np.repeat(np.arange(100), 4)
    assert score_intervals(target, prediction, cycle, 1) == score_intervals(target, prediction, 7 * cycle + 3, 1)
    assert np.isnan(list(score_intervals(target, prediction, np.zeros(400, dtype=int), 1).values())).all()


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_wilsons_interval_is_scipys(n, share):
    hits = round(share * n)
    expected = stats.binomtest(hits, n).proportion_ci(2 * stats.norm.cdf(Z) - 1, method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


sizes = st.lists(st.floats(1e-12, 1e2), min_size=1, max_size=20)


@given(sizes=sizes)
def test_bins_of_size_hold_all_stages_and_are_four_a_decade(sizes):
    target = np.array(sizes) * np.where(np.arange(len(sizes)) % 2, -1, 1)
    edges = size_edges(np.append(target, 0.0))
    # an edge is a power of ten but for its last digit
    assert edges[0] * (1 - 1e-12) <= np.abs(target).min()
    assert np.abs(target).max() <= edges[-1] * (1 + 1e-12)
    np.testing.assert_allclose(np.diff(np.log10(edges)), 1 / 4)


def test_no_stage_falls_out_of_the_bins():
    for exponent in range(-12, 4):
        target = np.array([10.0**exponent, -3 * 10.0**exponent, 10.0 ** (exponent + 2)])
        assert sign_by_size(target, target, size_edges(target))["n"].sum() == 3


def test_signs_are_counted_in_bins_of_size():
    target = np.array([1.0, -2.0, 3.0, 30.0, -40.0, 100.0])
    prediction = np.array([1.0, 2.0, 6.0, -30.0, -20.0, 50.0])
    found = sign_by_size(target, prediction, np.array([0.01, 0.1, 1.0, 10.0, 100.0]))
    assert found["size_low"].tolist() == [1, 10]
    assert found["n"].tolist() == [3, 3]
    assert found["sign_accuracy"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert found["median_error"].tolist() == [1.0, 0.5]
    assert found[["low", "high"]].to_numpy()[0].tolist() == pytest.approx(list(wilson(2, 3)))


def test_a_coin_is_right_half_of_the_time_at_every_size(rng):
    target = rng.choice([-1, 1], 8000) * 10 ** rng.uniform(-6, -2, 8000)
    found = sign_by_size(target, rng.normal(size=8000), size_edges(target))
    assert len(found) == 16
    assert found["n"].sum() == 8000
    assert ((found["low"] <= 0.5) & (found["high"] >= 0.5)).mean() > 0.7
    np.testing.assert_allclose(found["sign_accuracy"], 0.5, atol=0.1)


def test_calibration_cuts_all_stages_into_equal_parts(planted):
    target, prediction = planted
    found = calibration(target, prediction, 7)
    assert found["n"].sum() == 400
    assert np.ptp(found["n"]) <= 1
    assert found["predicted"].is_monotonic_increasing
    assert np.average(found["true"], weights=found["n"]) == pytest.approx(target.mean())
    assert np.average(found["predicted"], weights=found["n"]) == pytest.approx(prediction.mean())
    lowest = target[np.argsort(prediction)[:58]]
    assert found["true"][0] == pytest.approx(lowest.mean())
    assert found["standard_error"][0] == pytest.approx(stats.sem(lowest, ddof=0))


def test_calibrated_predictions_lie_on_the_diagonal_and_halved_ones_on_twice_it(rng):
    prediction = rng.normal(size=20_000)
    target = prediction + rng.normal(size=20_000)
    for factor in (1.0, 0.5):
        found = calibration(target, factor * prediction)
        z = (found["true"] - found["predicted"] / factor) / found["standard_error"]
        assert np.abs(z).max() < 4
    assert len(calibration(target[:3], prediction[:3])) == 3


def test_the_histogram_of_errors_counts_those_beyond_its_edges_in_the_total(planted):
    target, prediction = planted
    edges = np.linspace(-1e-3, 2e-3, 12)
    found = error_histogram(target, prediction, edges)
    error = prediction - target
    inside = (error >= edges[0]) & (error <= edges[-1])
    assert found["n"].sum() == inside.sum() < 400
    assert np.sum(found["density"] * np.diff(edges)) == pytest.approx(inside.mean())
    assert error_histogram(target[:0], prediction[:0], edges)["density"].eq(0).all()


def test_coverage_counts_both_ends():
    assert covered(np.array([0.0, 1.0, 2.0, 3.0]), np.ones(4), np.full(4, 2.0)) == 0.5
    assert np.isnan(covered(np.empty(0), np.empty(0), np.empty(0)))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_few_cycles_have_scores_without_intervals(n, rng):
    """As everywhere: draws of fewer than five blocks know nothing of stages that were not seen."""
    target = rng.normal(size=4 * n)
    found = all_scores(target, target + 0.1, np.repeat(np.arange(n), 4), 1)
    assert np.isfinite(found["r2"])
    assert np.isnan([found[f"{name}_{end}"] for name in ("r2", "sign_accuracy") for end in ("low", "high")]).all()


def test_a_constant_target_has_no_r2_and_no_warning():
    target = np.full(12, 0.1) * 3
    found = all_scores(target, np.linspace(0, 1, 12), np.arange(12), 1)
    assert np.isnan([found["r2"], found["r2_low"], found["spearman"]]).all()
    assert found["n"] == 12


def r2_difference(target, first, second):
    return r2_score(target, first) - r2_score(target, second)


def test_the_paired_difference_is_that_of_the_r2_and_its_interval_that_of_drawn_blocks(planted, rng):
    """By hand: 32 blocks of cycles drawn again, the R² of both methods on what was drawn."""
    target, first = planted
    second = 0.5 * target + rng.normal(0, 1e-3, 400)
    cycle = np.arange(400) // 2
    found = paired_difference(target, first, second, cycle, 3, n_resamples=400)
    assert found["difference"] == pytest.approx(r2_difference(target, first, second))
    block = np.arange(200) * 32 // 200
    samples = []
    for _ in range(400):
        stages = np.concatenate([np.flatnonzero(block[cycle] == one) for one in rng.integers(0, 32, 32)])
        samples.append(r2_difference(target[stages], first[stages], second[stages]))
    low, high = np.quantile(samples, [0.05, 0.95])
    width = high - low
    assert found["difference_low"] == pytest.approx(low, abs=0.2 * width)
    assert found["difference_high"] == pytest.approx(high, abs=0.2 * width)


def test_two_methods_that_share_their_errors_are_told_apart_where_their_own_intervals_overlap(rng):
    target = rng.standard_t(3, 600)
    shared, cycle = rng.standard_t(3, 600), np.arange(600) // 2
    first, second = target + 0.5 * shared, target + 0.55 * shared
    one, two = (score_intervals(target, each, cycle, 1) for each in (first, second))
    assert two["r2_high"] > one["r2_low"]
    assert paired_difference(target, first, second, cycle, 1)["difference_low"] > 0


def test_the_difference_changes_its_sign_with_the_order_and_is_none_of_a_method_with_itself(planted, rng):
    target, first = planted
    second, cycle = np.zeros(400), np.arange(400) // 2
    one, other = paired_difference(target, first, second, cycle, 1), paired_difference(target, second, first, cycle, 1)
    assert one["difference"] == pytest.approx(-other["difference"])
    assert one["difference_low"] == pytest.approx(-other["difference_high"])
    assert set(paired_difference(target, first, first, cycle, 1).values()) == {0.0}


def test_the_difference_of_several_seeds_is_that_of_their_mean_r2(planted, rng):
    target, _ = planted
    seeds, other, cycle = target + rng.normal(0, 1e-3, (5, 400)), np.zeros(400), np.arange(400)
    found = paired_difference(target, seeds, other, cycle, 1)["difference"]
    assert found == pytest.approx(np.mean([r2_difference(target, each, other) for each in seeds]))


def test_too_few_cycles_or_a_constant_target_have_no_difference():
    found = paired_difference(np.arange(8.0), np.zeros(8), np.ones(8), np.arange(8) // 2, 1)
    assert np.isfinite(found["difference"])
    assert np.isnan([found["difference_low"], found["difference_high"]]).all()
    assert np.isnan(list(paired_difference(np.ones(20), np.zeros(20), np.ones(20), np.arange(20), 1).values())).all()
