import numpy as np
import pytest
from scipy.stats import ttest_1samp

from microslip.statistics.resampling import (
    block_sums,
    draws,
    estimate,
    interval,
    jackknife,
    leave_out,
    resample,
    strain_blocks,
)


def number_blocks(n, n_blocks):
    return np.arange(n) * n_blocks // n


def test_blocks_are_of_equal_strain_and_at_least_as_long_as_asked(rng):
    middle = np.sort(rng.uniform(0.3, 0.9, 500))
    block = strain_blocks(middle, 0.05)
    assert block.max() + 1 == int(np.ptp(middle) / 0.05)
    assert (np.diff(block) >= 0).all()
    for number in range(block.max() + 1):
        assert np.ptp(middle[block == number]) <= np.ptp(middle) / (block.max() + 1)
    assert strain_blocks(middle, 1e-4).max() == 31


@pytest.mark.parametrize("length", [0.2, np.nan, 5.0])
def test_a_strain_of_fewer_than_five_blocks_is_one(rng, length):
    assert not strain_blocks(rng.uniform(0.3, 0.9, 50), length).any()


def test_an_estimate_is_that_of_the_jackknife_with_the_interval_of_student(rng):
    values = [rng.normal(1, 1, 10) for _ in range(12)]
    value, error = jackknife(values, np.mean)
    without = np.array([np.mean(np.concatenate(values[:b] + values[b + 1 :])) for b in range(12)])
    found = estimate(np.float64(value), without, 0.9)
    assert found.error == pytest.approx(error)
    expected = ttest_1samp([np.mean(each) for each in values], 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.9)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_fewer_than_five_blocks_have_no_interval(rng):
    found = estimate(np.zeros(3), rng.random((4, 3)))
    assert np.isnan([found.low, found.high, found.p_value]).all()


@pytest.mark.parametrize("n_blocks", [5, 8, 20])
def test_intervals_of_few_blocks_hold_what_they_promise(n_blocks):
    """Of 4,000 means of blocks, 5 % lie outside, give or take four standard errors of 0.34 %."""
    rng = np.random.default_rng(n_blocks)
    means = rng.normal(size=(n_blocks, 4000))
    left_out = leave_out(n_blocks) @ means / (n_blocks - 1)
    found = estimate(means.mean(axis=0), left_out)
    assert ((found.low > 0) | (found.high < 0)).mean() == pytest.approx(0.05, abs=0.014)
    np.testing.assert_array_equal(found.p_value < 0.05, (found.low > 0) | (found.high < 0))


def test_sums_are_those_of_a_loop(rng):
    values, block = rng.random((50, 3)), number_blocks(50, 7)
    member = (rng.random((50, 4)) < 0.5).astype(float)
    values[3, 1] = np.nan
    found = block_sums(values, block, member)
    for b in range(7):
        for g in range(4):
            np.testing.assert_allclose(found[b, g], np.nansum(values[(block == b) & (member[:, g] > 0)], axis=0))
    np.testing.assert_allclose(resample(found, np.ones((1, 7)))[0], found.sum(axis=0))


def test_every_sample_draws_as_many_blocks(rng):
    np.testing.assert_array_equal(draws(13, 50, 1).sum(axis=1), 13)
    np.testing.assert_array_equal(draws(13, 50, 1), draws(13, 50, 1))


@pytest.mark.parametrize(("memory", "n_blocks", "covers"), [(0.0, 400, True), (0.5, 25, True), (0.5, 400, False)])
def test_the_interval_of_a_mean_covers_it_where_blocks_outlive_the_memory(rng, memory, n_blocks, covers):
    """An autoregressive series of mean zero: single values as blocks leave out what they share."""
    inside = 0
    for trial in range(120):
        noise, value, series = rng.normal(size=400), 0.0, np.empty(400)
        for step in range(400):
            value = memory * value + noise[step]
            series[step] = value
        columns = np.stack([np.ones(400), series], axis=1)
        sums = block_sums(columns, number_blocks(400, n_blocks), np.ones((400, 1)))
        drawn = resample(sums, draws(n_blocks, 300, trial))
        low, high = interval(drawn[:, 0, 1] / drawn[:, 0, 0])
        inside += bool(low <= 0 <= high)
    # 95 % less what 25 blocks fall short by; single values cover three quarters
    assert (inside / 120 > 0.84) == covers


def test_few_known_samples_give_no_interval():
    samples = np.stack([np.linspace(0, 1, 101), np.where(np.arange(101) < 50, np.nan, 1.0)], axis=1)
    low, high = interval(samples)
    assert low[0] == pytest.approx(0.025)
    assert high[0] == pytest.approx(0.975)
    assert np.isnan([low[1], high[1]]).all()


def test_no_stage_makes_no_block():
    assert strain_blocks(np.empty(0), 0.1).tolist() == []
    assert block_sums(np.empty((0, 2)), strain_blocks(np.empty(0), 0.1), np.empty((0, 3))).shape == (0, 3, 2)


def test_a_sample_is_a_sum_over_the_blocks_drawn(rng):
    sums, weights = rng.random((6, 2, 3)), draws(6, 20, 3)
    for sample, found in zip(weights, resample(sums, weights), strict=True):
        np.testing.assert_allclose(found, sum(sample[b] * sums[b] for b in range(6)))


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_an_interval_is_that_of_the_samples_that_have_a_value(nothing, rng):
    samples = rng.normal(size=200)
    samples[::20] = nothing
    expected = np.percentile(samples[np.isfinite(samples)], [2.5, 97.5])
    np.testing.assert_allclose(interval(samples), expected)
