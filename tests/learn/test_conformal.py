"""Intervals of predictions: what they promise over all stages, and for each size of the prediction."""

import numpy as np
import pytest

from microslip.learn.conformal import (
    MOST_GROUPS,
    STAGES_PER_GROUP,
    combine,
    conformal_interval,
    group_edges,
    interval_scale,
)
from microslip.learn.evaluate import covered
from microslip.statistics.intervals import coverage_apart, coverage_by_size


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


@pytest.mark.parametrize("n_held", [1, 8, 9])
def test_too_few_held_out_stages_promise_no_coverage(n_held):
    """Of eight errors none is the 90 % one: the largest would cover eight in nine at best."""
    low, high = conformal_interval(np.arange(1.0, n_held + 1), np.ones(n_held), np.zeros(3), np.ones(3))
    if n_held < 9:
        assert np.isnan([low, high]).all()
        assert np.isnan(covered(np.zeros(3), low, high))
    else:
        np.testing.assert_array_equal(high, 9)


def heteroscedastic(rng, n):
    """Heavy-tailed predictions over three decades, with errors in proportion to their size."""
    prediction = rng.choice([-1, 1], n) * np.exp(1.5 * rng.normal(size=n)) * 1e-3
    return prediction, prediction + rng.normal(size=n) * (0.3 * np.abs(prediction) + 1e-4)


def test_one_width_fails_by_size_where_one_that_follows_the_prediction_holds(rng):
    """Both hold nine tenths of all stages. Of the largest tenth the single width holds less than half."""
    held, n = np.arange(3000), 8000
    prediction, target = heteroscedastic(rng, n)
    test, size = np.arange(3000, n), np.abs(prediction)
    tables = {}
    residual = target[held] - prediction[held]
    local = interval_scale(prediction, np.full(n, np.nan), residual, held)
    for name, scale in (("one", np.ones(n)), ("local", local)):
        low, high = conformal_interval(residual, scale[held], prediction, scale)
        assert covered(target[test], low[test], high[test]) == pytest.approx(0.9, abs=0.03)
        tables[name] = coverage_by_size(target[test], low[test], high[test], size[test])
    assert coverage_apart(tables["one"], 0.9, 0.05) is True
    assert tables["one"]["coverage"].iloc[-1] < 0.5
    assert coverage_apart(tables["local"], 0.9, 0.05) is False


def test_the_coverage_holds_in_every_group_though_the_scale_is_wrong(rng):
    """Errors grow with the square of the scale that is given: the factors of the groups make up for it."""
    inside = []
    for _ in range(200):
        scale = rng.uniform(0.1, 10, 500)
        error = rng.normal(size=500) * scale**2
        held, test = np.arange(250), np.arange(250, 500)
        low, high = conformal_interval(error[held], scale[held], np.zeros(250), scale[test])
        fifth = np.argsort(np.argsort(scale[test])) // 50
        hits = (low <= error[test]) & (error[test] <= high)
        inside.append([hits[fifth == number].mean() for number in range(5)])
    np.testing.assert_allclose(np.mean(inside, axis=0), 0.9, atol=0.02)


def test_groups_are_equal_in_number_and_no_smaller_than_fifty(rng):
    assert len(group_edges(rng.random(2 * STAGES_PER_GROUP - 1))) == 0
    held = rng.random(330)
    sizes = np.bincount(np.searchsorted(group_edges(held), held, side="right"))
    assert len(sizes) == MOST_GROUPS
    assert sizes.min() >= STAGES_PER_GROUP
    assert len(group_edges(rng.random(5000))) == MOST_GROUPS - 1
    # networks that predict the same for most stages
    assert len(group_edges(np.ones(300))) == 0
    many = np.concatenate([np.zeros(280), 1 + rng.random(20)])
    assert len(group_edges(many)) == 0


def test_the_scale_follows_size_and_spread_as_far_as_the_errors_do(rng):
    """Of errors in proportion to |p| + 3 the floor is near 3, for errors that are alike it makes all widths alike."""
    size, held = 10 * rng.random(2000), np.arange(1900)
    spread = np.where(np.arange(2000) % 2, 0.0, np.nan)
    scale = interval_scale(-size, spread, rng.laplace(size=1900) * (size[held] + 3), held)
    assert np.unique((scale - size).round(12)).size == 1
    assert 1.5 < scale[0] - size[0] < 6
    alike = interval_scale(size, spread, rng.laplace(size=1900), held)
    assert alike.max() < 1.2 * alike.min()
    spread = rng.random(2000)
    wider = interval_scale(np.zeros(2000), spread, rng.laplace(size=1900) * spread[held], held)
    assert np.corrcoef(wider, spread)[0, 1] == pytest.approx(1)
    assert wider.min() < 0.2


def test_an_expected_error_narrows_the_interval_where_the_size_says_nothing(rng):
    prediction, expected = rng.normal(size=4000), rng.lognormal(0, 1, 4000)
    target, held = prediction + expected * rng.normal(size=4000), np.arange(2000)
    with_it, without = (combine(prediction[None], target, held, each) for each in (expected[None], None))
    width = [np.median(of.high - of.low) for of in (with_it, without)]
    assert width[0] < 0.7 * width[1]
    large = np.arange(4000)[2000:][expected[2000:] > np.quantile(expected, 0.9)]
    assert np.mean((with_it.low <= target)[large] & (target <= with_it.high)[large]) == pytest.approx(0.9, abs=0.05)
    # one that has nothing to do with the errors is passed over for the size
    errors = np.abs(prediction) * rng.normal(size=4000)
    passed, own = (combine(prediction[None], prediction + errors, held, e) for e in (expected[None], None))
    np.testing.assert_array_equal(passed.low, own.low)


def test_a_network_that_predicts_nothing_has_one_width():
    held = np.arange(3)
    np.testing.assert_array_equal(interval_scale(np.zeros(4), np.full(4, np.nan), np.ones(3), held), 1)
    assert np.isfinite(interval_scale(np.ones(4), np.full(4, np.nan), np.zeros(3), held)).all()


def test_a_test_stage_sets_no_width(rng):
    """The intervals of the others do not move with the prediction for a stage that is not held out."""
    prediction, target = heteroscedastic(rng, 400)
    held, none = np.arange(200), np.full(400, np.nan)
    moved = prediction.copy()
    moved[300] *= 100
    both = []
    for each in (prediction, moved):
        residual = target[held] - each[held]
        scale = interval_scale(each, none, residual, held)
        both.append(conformal_interval(residual, scale[held], each, scale))
    others = np.arange(400) != 300
    np.testing.assert_array_equal(np.array(both[0])[:, others], np.array(both[1])[:, others])
