import numpy as np
import pytest

from microslip.statistics.bootstrap import block_sums, draws, interval, number_blocks, p_value, resample


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
