import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import r2_score

from microslip.learn.evaluate import (
    NORMAL,
    all_scores,
    calibration,
    conformal_interval,
    covered,
    error_histogram,
    r_squared,
    score_intervals,
    scores,
    sign_by_size,
    size_edges,
    wilson,
)
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


@pytest.mark.parametrize("n_held", [19, 99, 250])
def test_the_interval_holds_nine_tenths_of_stages_drawn_alike(rng, n_held):
    """Heavy-tailed errors, scales that tell only half of the size of the error: exact all the same."""
    inside = []
    for _ in range(300):
        scale = np.exp(rng.normal(size=n_held + 50))
        error = rng.standard_t(2, n_held + 50) * np.sqrt(scale)
        prediction = rng.normal(size=50)
        low, high = conformal_interval(error[:n_held], scale[:n_held], prediction, scale[n_held:])
        inside.append(covered(prediction + error[n_held:], low, high))
    expected = np.ceil(0.9 * (n_held + 1)) / (n_held + 1)
    # three deviations of the mean of 300 trials
    assert np.mean(inside) == pytest.approx(expected, abs=3 * np.std(inside) / np.sqrt(300))


def test_the_interval_is_the_nineteenth_of_twenty_errors(rng):
    residual = rng.permutation(np.arange(1.0, 21.0)) * rng.choice([-1, 1], 20)
    low, high = conformal_interval(residual, np.full(20, 2.0), np.array([0.0, 5.0]), np.array([2.0, 4.0]))
    # ⌈0.9 · 21⌉ = 19
    assert (low.tolist(), high.tolist()) == ([-19, -33], [19, 43])


def test_the_unit_of_the_scale_does_not_matter(rng):
    residual, scale = rng.normal(size=40), rng.uniform(1, 2, 60)
    one = conformal_interval(residual, scale[:40], np.zeros(20), scale[40:])
    other = conformal_interval(residual, 1e-5 * scale[:40], np.zeros(20), 1e-5 * scale[40:])
    np.testing.assert_allclose(one, other)


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


@pytest.mark.parametrize("n_held", [1, 8, 9])
def test_too_few_held_out_stages_promise_no_coverage(n_held):
    """Of eight errors none is the 90 % one: the largest would cover eight in nine at best."""
    low, high = conformal_interval(np.arange(1.0, n_held + 1), np.ones(n_held), np.zeros(3), np.ones(3))
    if n_held < 9:
        assert np.isnan([low, high]).all()
        assert np.isnan(covered(np.zeros(3), low, high))
    else:
        np.testing.assert_array_equal(high, 9)


def test_a_constant_target_has_no_r2_and_no_warning():
    target = np.full(12, 0.1) * 3
    found = all_scores(target, np.linspace(0, 1, 12), np.arange(12), 1)
    assert np.isnan([found["r2"], found["r2_low"], found["spearman"]]).all()
    assert found["n"] == 12
