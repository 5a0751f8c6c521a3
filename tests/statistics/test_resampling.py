import numpy as np
import pytest

from microslip.statistics.resampling import block_sums, draws, interval, number_blocks, p_value, resample


def test_blocks_follow_one_another_and_differ_by_one_at_most():
    block = number_blocks(103, 10)
    assert (np.diff(block) >= 0).all()
    assert set(np.bincount(block)) == {10, 11}
    assert number_blocks(3, 10).tolist() == [0, 1, 2]


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


def test_the_p_value_is_small_only_where_zero_lies_outside(rng):
    assert p_value(rng.normal(0, 1, 999)) > 0.5
    assert p_value(rng.normal(9, 1, 999)) == pytest.approx(2 / 1000)
    assert np.isnan(p_value(np.full(9, np.nan)))


def test_few_known_samples_give_no_interval():
    samples = np.stack([np.linspace(0, 1, 101), np.where(np.arange(101) < 50, np.nan, 1.0)], axis=1)
    low, high = interval(samples)
    assert low[0] == pytest.approx(0.025)
    assert high[0] == pytest.approx(0.975)
    assert np.isnan([low[1], high[1]]).all()


def test_no_stage_makes_no_block():
    assert number_blocks(0, 5).tolist() == []
    assert block_sums(np.empty((0, 2)), number_blocks(0, 5), np.empty((0, 3))).shape == (0, 3, 2)


def test_a_sample_is_a_sum_over_the_blocks_drawn(rng):
    sums, weights = rng.random((6, 2, 3)), draws(6, 20, 3)
    for sample, found in zip(weights, resample(sums, weights), strict=True):
        np.testing.assert_allclose(found, sum(sample[b] * sums[b] for b in range(6)))


def test_the_p_value_stays_between_its_bounds(rng):
    assert p_value(np.zeros(99)) == 1
    assert p_value(-np.ones(99)) == p_value(np.ones(99)) == pytest.approx(2 / 100)
    for _ in range(50):
        samples = rng.normal(rng.normal(), 1, 99)
        assert 2 / 100 <= p_value(samples) <= 1
        assert p_value(-samples) == p_value(samples)
        assert p_value(np.append(samples, [np.nan] * 5)) == p_value(samples)


def test_the_p_value_of_nothing_is_as_small_as_it_says(rng):
    """Means of data around zero: of 400, about a tenth has a p-value below a tenth."""
    small = 0
    for trial in range(400):
        drawn = resample(rng.normal(size=(60, 1, 1)), draws(60, 300, trial))[:, 0, 0]
        small += p_value(drawn) < 0.1
    assert small / 400 == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_an_interval_is_that_of_the_samples_that_have_a_value(nothing, rng):
    samples = rng.normal(size=200)
    samples[::20] = nothing
    expected = np.percentile(samples[np.isfinite(samples)], [2.5, 97.5])
    np.testing.assert_allclose(interval(samples), expected)
