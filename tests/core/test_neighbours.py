import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

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


def numbered(pairs, vectors):
    """Vectors from the lower to the higher number; no pair twice."""
    found = {}
    for (i, j), vector in zip(pairs.tolist(), vectors, strict=True):
        assert i != j
        assert (min(i, j), max(i, j)) not in found
        found[min(i, j), max(i, j)] = vector if i < j else -vector
    return found


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
    found = numbered(*find_pairs(positions, box, cutoff))
    expected = brute_force(positions, box, cutoff)
    # a pair at the cutoff itself may fall on either side by rounding
    for key in found.keys() ^ expected.keys():
        vector = found.get(key, expected.get(key))
        assert np.linalg.norm(vector) == pytest.approx(cutoff, rel=1e-12)
    both = sorted(found.keys() & expected.keys())
    ours, theirs = (np.array([vectors[key] for key in both]) for vectors in (found, expected))
    np.testing.assert_allclose(ours, theirs, atol=EXACT * 12)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    magnitudes=st.tuples(*[st.floats(-1.0, 2.0)] * 3),
    periodic=st.tuples(*[st.booleans()] * 3),
    n=st.sampled_from([0, 1, 2, 3, 10, 200]),
    share=st.sampled_from([0.1, 0.5, 1 - 1e-3, 1 - 1e-9]),
    seed=st.integers(0, 1000),
)
def test_needles_and_plates_up_to_just_below_half_the_period(magnitudes, periodic, n, share, seed):
    """Edges from a tenth to a hundred, grains mostly inside, some on faces and some turns away."""
    rng = np.random.default_rng(seed)
    lengths = 10.0 ** np.array(magnitudes)
    box = Box(tuple(lengths), periodic)
    cutoff = share * min(box.half_period, float(lengths.min()))
    positions = np.where(rng.random((n, 3)) < 0.1, rng.integers(0, 2, (n, 3)), rng.random((n, 3))) * lengths
    positions = positions + rng.integers(-2, 3, positions.shape) * box.periods
    found, expected = numbered(*find_pairs(positions, box, cutoff)), brute_force(positions, box, cutoff)
    for key in found.keys() ^ expected.keys():
        assert np.linalg.norm(found.get(key, expected.get(key))) == pytest.approx(cutoff, rel=1e-9)
    both = sorted(found.keys() & expected.keys())
    ours, theirs = (np.array([vectors[key] for key in both]) for vectors in (found, expected))
    np.testing.assert_allclose(ours, theirs, atol=EXACT * lengths.max())


@pytest.mark.parametrize("periodic", list(itertools.product([False, True], repeat=3)))
def test_two_grains_across_every_corner(periodic):
    """Neighbours through a corner where every axis that separates them repeats, and only there."""
    box = Box((6.0, 5.0, 4.0), periodic)
    for across in itertools.product([False, True], repeat=3):
        first = np.full(3, 0.1)
        second = np.where(across, np.array(box.lengths) - 0.2, 0.3)
        pairs, vectors = find_pairs(np.array([first, second]), box, 1.0)
        reachable = all(flag or not apart for flag, apart in zip(periodic, across, strict=True))
        assert len(pairs) == reachable
        if reachable:
            expected = np.where(across, -0.3, 0.2)
            np.testing.assert_allclose(numbered(pairs, vectors)[0, 1], expected, atol=EXACT)


def test_as_many_pairs_as_a_tree_finds(rng):
    box = Box((20.0, 15.0, 18.0), (True, True, True))
    positions = rng.random((6000, 3)) * box.lengths
    tree = cKDTree(positions, boxsize=box.lengths)
    expected = tree.query_pairs(2.3)
    found = numbered(*find_pairs(positions, box, 2.3))
    assert found.keys() == expected


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_grains_make_no_pair(n, box):
    pairs, vectors = find_pairs(np.zeros((n, 3)), box, 2.0)
    assert (pairs.shape, vectors.shape) == ((0, 2), (0, 3))


def test_grains_at_one_place_are_pairs(box):
    pairs, vectors = find_pairs(np.full((30, 3), 4.0), box, 2.0)
    assert len(numbered(pairs, vectors)) == 30 * 29 // 2
    assert (vectors == 0).all()


def test_a_pair_half_a_period_apart_is_one_pair():
    """Both copies are equally near where the cutoff is half the period, the largest that is allowed."""
    box = Box((4.0, 8.0, 12.0))
    pairs, _ = find_pairs(np.array([[0.5, 1.0, 1.0], [2.5, 1.0, 1.0]]), box, box.half_period)
    assert len(pairs) == 1


def test_the_cutoff_is_half_the_cell_at_most(grains, box):
    with pytest.raises(MicroslipError, match="half the smallest periodic length"):
        find_pairs(grains, box, 4.01)
    with pytest.raises(MicroslipError, match="the position of grain 3"):
        find_pairs(np.where(np.arange(1000)[:, None] == 3, np.inf, grains), box, 2.0)


@pytest.mark.parametrize("cutoff", [0.0, -1.0, np.nan, np.inf])
def test_a_cutoff_that_is_no_length_is_refused(grains, cutoff):
    with pytest.raises(MicroslipError, match=f"cutoff = {cutoff:g} d̄"):
        find_pairs(grains, Box((10.0, 8.0, 12.0), (False, False, False)), cutoff)


def test_a_cutoff_beyond_the_whole_packing_makes_all_pairs(rng):
    pairs, _ = find_pairs(rng.random((40, 3)), Box((1.0, 1.0, 1.0), (False, False, False)), 1e6)
    assert len(pairs) == 40 * 39 // 2
