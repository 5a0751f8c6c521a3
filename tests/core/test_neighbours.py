import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import Box, MicroslipError
from microslip.core.neighbours import find_pairs

# Vectors through the cell list differ from nearest images by the rounding of a few subtractions.
EXACT = 1e-12


def brute_force(positions, box, cutoff):
    """Every pair and the nearest copy of its vector."""
    i, j = np.triu_indices(len(positions), 1)
    vectors = box.minimum_image(positions[j] - positions[i])
    near = (vectors**2).sum(axis=1) <= cutoff**2
    return {(int(a), int(b)): vector for a, b, vector in zip(i[near], j[near], vectors[near], strict=True)}


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    lengths=st.tuples(*[st.floats(2.0, 12.0)] * 3),
    periodic=st.tuples(*[st.booleans()] * 3),
    n=st.integers(0, 120),
    share=st.floats(0.02, 0.98),
    turns=st.integers(0, 3),
    on_faces=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_every_pair_once_with_its_nearest_copy(lengths, periodic, n, share, turns, on_faces, seed):
    rng = np.random.default_rng(seed)
    box = Box(lengths, periodic)
    cutoff = share * min(box.half_period, 6.0)
    positions = rng.random((n, 3)) * lengths
    if on_faces:
        positions[: n // 2] = rng.integers(0, 2, (n // 2, 3)) * np.array(lengths)
    positions = positions + rng.integers(-turns, turns + 1, positions.shape) * box.periods
    pairs, vectors = find_pairs(positions, box, cutoff)
    expected = brute_force(positions, box, cutoff)
    # a pair at the cutoff itself may fall on either side by rounding
    found = {}
    for (i, j), vector in zip(pairs.tolist(), vectors, strict=True):
        assert (min(i, j), max(i, j)) not in found
        found[min(i, j), max(i, j)] = vector if i < j else -vector
    for key in found.keys() ^ expected.keys():
        vector = found.get(key, expected.get(key))
        assert np.linalg.norm(vector) == pytest.approx(cutoff, rel=1e-12)
    for key in found.keys() & expected.keys():
        np.testing.assert_allclose(found[key], expected[key], atol=EXACT * 12)


def test_the_cutoff_is_half_the_cell_at_most(grains, box):
    with pytest.raises(MicroslipError, match="half the smallest periodic length"):
        find_pairs(grains, box, 4.01)
    with pytest.raises(MicroslipError, match="the position of grain 3"):
        find_pairs(np.where(np.arange(1000)[:, None] == 3, np.inf, grains), box, 2.0)
