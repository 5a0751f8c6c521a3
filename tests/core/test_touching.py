"""Contacts by overlap, against all pairs by hand."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip import Box, MicroslipError
from microslip.core.touching import count_shared, remembering_the_last, touching_pairs

CONTACT = st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] != pair[1])
BOXES = (Box((6.0, 5.0, 7.0)), Box((6.0, 5.0, 7.0), (True, True, True), tilt=1.7))


@pytest.mark.parametrize("box", BOXES)
def test_are_those_of_all_pairs_by_hand(rng, box):
    position, diameter = rng.random((150, 3)) * box.lengths, rng.uniform(0.8, 1.2, 150)
    pairs, separation = touching_pairs(position, diameter, box)
    expected = {
        (i, j)
        for i, j in combinations(range(150), 2)
        if np.linalg.norm(box.minimum_image(position[j] - position[i])) < (diameter[i] + diameter[j]) / 2
    }
    assert len(expected) > 100
    assert len(pairs) == len(expected)
    assert {tuple(sorted(pair)) for pair in pairs.tolist()} == expected
    np.testing.assert_allclose(separation, box.minimum_image(position[pairs[:, 1]] - position[pairs[:, 0]]), atol=1e-12)


def test_grains_that_just_touch_have_no_contact():
    position = np.array([[1.0, 1, 1], [2.0, 1, 1], [2.999, 1, 1]])
    pairs, _ = touching_pairs(position, np.ones(3), BOXES[0])
    assert pairs.tolist() == [[1, 2]]


def test_no_grains_have_no_contacts():
    pairs, separation = touching_pairs(np.empty((0, 3)), np.empty(0), BOXES[0])
    assert len(pairs) == len(separation) == 0


@given(st.lists(CONTACT, unique_by=frozenset), st.lists(CONTACT, unique_by=frozenset))
def test_shared_contacts_are_those_of_sets(one, other):
    both = {frozenset(pair) for pair in one} & {frozenset(pair) for pair in other}
    arrays = [np.array(each, dtype=np.int64).reshape(-1, 2) for each in (one, other)]
    assert count_shared(*arrays, 7).tolist() == [sum(grain in pair for pair in both) for grain in range(7)]


def test_what_is_remembered_is_what_would_be_found(rng):
    find, diameter, (box, tilted) = remembering_the_last(), np.ones(80), BOXES
    positions = [rng.random((80, 3)) * box.lengths for _ in range(2)]
    asked = [(positions[0], box), (positions[0].copy(), box), (positions[0], tilted), (positions[1], tilted)]
    for position, cell in [*asked, *asked]:
        for own, expected in zip(find(position, diameter, cell), touching_pairs(position, diameter, cell), strict=True):
            np.testing.assert_array_equal(own, expected)
    assert find(positions[1], diameter, tilted) is find(positions[1].copy(), diameter, tilted)


def test_diameters_of_other_grains_are_refused():
    with pytest.raises(MicroslipError, match="diameter"):
        touching_pairs(np.ones((2, 3)), np.ones(3), BOXES[0])
