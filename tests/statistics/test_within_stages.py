"""Non-affine motion within stages, of motions that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip.statistics.within_stages import Passage, motion_within_stages

N_PIECES = 6


def passage(rng, speed, start=0.3, length=0.01):
    """A stage whose grains move at this speed in each piece, times a factor of its own; pieces are a little uneven."""
    inner = (np.arange(1, N_PIECES) + rng.uniform(-0.3, 0.3, N_PIECES - 1)) / N_PIECES
    strain = start + length * np.concatenate([[0], inner, [1]])
    return Passage(strain, (np.asarray(speed) * np.diff(strain)) ** 2)


def test_known_speeds_come_back_with_errors_of_the_scatter():
    rng = np.random.default_rng(2)
    way, n = np.array([1.0, 1.0, 1.0, 1.0, 2.0, 3.0]), 400
    factors = np.exp(rng.normal(size=(n, 2), scale=0.5))
    cycles = [(passage(rng, way * stick), passage(rng, slip)) for stick, slip in factors]
    table = motion_within_stages(cycles, np.arange(n) // 10, N_PIECES)
    assert table["n_stages"].tolist() == [n] * (2 * N_PIECES)
    sticks, slips = (table[table["kind"] == kind].reset_index() for kind in ("stick", "slip"))
    np.testing.assert_allclose(np.log(sticks["speed"] / way), np.log(factors[:, 0]).mean(), atol=1e-12)
    np.testing.assert_allclose(slips["relative"], 1, atol=1e-12)
    # independent cycles: the error of the mean of their logarithms
    error = np.log(factors[:, 1]).std(ddof=1) / np.sqrt(n)
    np.testing.assert_allclose(slips["speed_error"] / slips["speed"], error, rtol=0.4)
    # the way's mean over the strain is 1.5
    np.testing.assert_allclose(sticks["relative"], way / 1.5, rtol=0.03)


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_neither_the_unit_of_length_nor_that_of_strain_matters_to_the_relative_speed(seed, length, strain):
    rng = np.random.default_rng(seed)
    cycles = [(passage(rng, rng.uniform(1, 2, N_PIECES)), passage(rng, rng.uniform(1, 2, N_PIECES))) for _ in range(6)]
    other = [tuple(Passage(strain * one.strain, length**2 * one.d2min) for one in cycle) for cycle in cycles]
    one, two = (motion_within_stages(each, np.arange(6), 4) for each in (cycles, other))
    np.testing.assert_allclose(two["relative"], one["relative"])
    np.testing.assert_allclose(two["speed"], one["speed"] * length / strain)
    np.testing.assert_allclose(two["relative_error"], one["relative_error"], rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_few_cycles_have_no_error(n):
    rng = np.random.default_rng(1)
    table = motion_within_stages([(passage(rng, 1.0), passage(rng, 2.0)) for _ in range(n)], np.arange(n))
    assert len(table) == (12 if n else 0)
    assert table[["speed_error", "relative_error"]].isna().all(axis=None)


def test_grains_at_rest_have_no_speed():
    rng = np.random.default_rng(1)
    still = Passage(np.linspace(0, 1, 3), np.array([0.0, 1.0]))
    table = motion_within_stages([(still, passage(rng, 1.0))], np.zeros(1, int), 2)
    assert table[table["kind"] == "stick"]["low"].tolist() == [0.5]
