import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip.statistics.resampling import BLOCK_STRAIN, MOST_BLOCKS, block_edges, cut, group_by_block, jackknife


def series_of_blocks(values, n_blocks):
    return cut(values, np.linspace(0, len(values), n_blocks + 1).round().astype(int))


def test_the_error_of_white_noise_is_that_of_independent_samples(rng):
    values = rng.normal(3, 2, 64_000)
    mean, error = jackknife(series_of_blocks(values, 32), np.mean)
    assert mean == pytest.approx(values.mean())
    # 31 degrees of freedom: a relative error of 1/√62 on the error, three of them
    assert error == pytest.approx(2 / np.sqrt(64_000), rel=3 / np.sqrt(62))


def test_the_error_of_a_correlated_series_knows_the_correlation(rng):
    memory, n = 0.98, 400_000
    values, noise = np.empty(n), rng.normal(0, 1, n)
    values[0] = 0
    for k in range(1, n):
        values[k] = memory * values[k - 1] + noise[k]
    _, error = jackknife(series_of_blocks(values, 32), np.mean)
    # the mean of an AR(1) series has the variance of the noise over (1 − memory)² n
    expected = 1 / ((1 - memory) * np.sqrt(n))
    assert error == pytest.approx(expected, rel=3 / np.sqrt(62))
    assert error > 5 * values.std() / np.sqrt(n)


def test_the_jackknife_of_a_mean_is_the_standard_error_of_the_blocks(rng):
    values = rng.normal(size=120)
    means = [block.mean() for block in series_of_blocks(values, 12)]
    _, error = jackknife(series_of_blocks(values, 12), np.mean)
    assert error == pytest.approx(np.std(means, ddof=1) / np.sqrt(12))


def test_the_error_of_a_deviation_is_that_of_the_normal_distribution(rng):
    values = rng.normal(0, 2, 64_000)
    deviation, error = jackknife(series_of_blocks(values, 32), np.std)
    assert deviation == pytest.approx(2, rel=0.01)
    assert error == pytest.approx(2 / np.sqrt(2 * 64_000), rel=3 / np.sqrt(62))


def test_without_values_or_blocks_there_is_no_error():
    assert np.isnan(jackknife([np.empty(0), np.empty(0)], np.mean)).all()
    value, error = jackknife([np.arange(4.0)], np.mean)
    assert value == 1.5
    assert np.isnan(error)
    # what is left after one block says nothing
    assert np.isnan(jackknife([np.empty(0), np.arange(3.0)], np.mean)[1])


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=10, max_size=80), shift=st.floats(-10, 10), scale=st.floats(0.1, 10)
)
def test_errors_scale_with_the_values_and_ignore_a_shift(values, shift, scale):
    blocks = np.array_split(np.array(values), 5)
    _, error = jackknife(blocks, np.mean)
    _, other = jackknife([scale * block + shift for block in blocks], np.mean)
    assert other == pytest.approx(scale * error, rel=1e-6, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(n_samples=st.integers(2, 60_000), share=st.floats(0, 0.9))
def test_blocks_cover_the_steady_state_and_are_long_enough(n_samples, share):
    strain = 1e-5 * np.arange(n_samples)
    first = int(share * (n_samples - 1))
    edges = block_edges(strain, first)
    assert edges[0] == first
    assert edges[-1] == n_samples
    assert (np.diff(edges) > 0).all()
    n_blocks = len(edges) - 1
    assert n_blocks == 1 or 5 <= n_blocks <= MOST_BLOCKS
    if n_blocks > 1:
        assert np.diff(edges).min() >= BLOCK_STRAIN / 1e-5 - 1


def test_events_fall_into_the_block_in_which_they_begin():
    groups = group_by_block(np.array([1.0, 2, 3, 4]), np.array([10, 19, 20, 29]), np.array([10, 20, 30]))
    assert [group.tolist() for group in groups] == [[1, 2], [3, 4]]
