"""Which copy of a grain a contact is with, in cells thick and thin."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microslip import Box, MicroslipError
from microslip.core.images import contact_separations

ROUND_OFF = 1e-12


def contacts_of(position, diameter, box, rng):
    """Every contact as a program lists it: found among all copies, pushed apart and sideways, in random order."""
    lengths, wide = np.array(box.lengths), np.array(box.periodic)
    edges = np.diag(lengths)
    edges[2, 0] = box.nearest_tilt
    reaches = [range(-3, 4) if one else range(1) for one in wide]
    copies = np.stack(np.meshgrid(*reaches, indexing="ij"), axis=-1).reshape(-1, 3) @ edges
    pairs, separations = [], []
    for first in range(len(position)):
        for second in range(first + 1, len(position)):
            apart = position[second] - position[first] + copies
            for one in apart[np.linalg.norm(apart, axis=1) < (diameter[first] + diameter[second]) / 2]:
                turned = rng.random() < 0.5
                pairs.append((second, first) if turned else (first, second))
                separations.append(-one if turned else one)
    order = rng.permutation(len(pairs))
    pairs, separations = np.array(pairs).reshape(-1, 2)[order], np.array(separations).reshape(-1, 3)[order]
    force = -separations * rng.uniform(0.5, 1, (len(pairs), 1)) + 0.05 * rng.normal(size=(len(pairs), 3))
    return pairs, separations, force


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.tuples(*[st.floats(1.25, 3)] * 3),
    periodic=st.sampled_from([(True, True, True), (True, True, False), (False, True, False)]),
    tilt=st.floats(-0.5, 0.5),
)
def test_every_contact_of_a_thin_cell_finds_its_own_copy(seed, lengths, periodic, tilt):
    rng = np.random.default_rng(seed)
    leans = periodic[0] and periodic[2]
    box = Box(lengths, periodic, tilt * lengths[0] if leans else 0.0)
    diameter = rng.uniform(0.8, 1.2, 8)
    # grains hardly overlap
    position = np.empty((0, 3))
    while len(position) < 8 and (seed := seed + 1):
        one = rng.random(3) * lengths
        apart = box.minimum_image(position - one)
        if (np.linalg.norm(apart, axis=1) > 0.75).all() or rng.random() < 0.02:
            position = np.vstack([position, one])
    pairs, expected, force = contacts_of(position, diameter, box, rng)
    if np.unique(np.sort(pairs, axis=1), axis=0, return_counts=True)[1].max(initial=0) > 4:
        return
    found = contact_separations(pairs, position, diameter, force, box)
    np.testing.assert_allclose(found, expected, atol=ROUND_OFF)


def test_a_thick_cell_gives_the_nearest_copies(rng):
    box = Box((8.0, 7.0, 6.0), (True, True, True), 1.3)
    position = rng.random((200, 3)) * box.lengths
    pairs = np.unique(np.sort(rng.integers(0, 200, (500, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    force = rng.normal(size=(len(pairs), 3))
    found = contact_separations(pairs, position, np.ones(200), force, box)
    np.testing.assert_array_equal(found, box.minimum_image(position[pairs[:, 1]] - position[pairs[:, 0]]))


THIN = np.array([[0.0, 0.2, 0.0], [0.0, 1.15, 0.0], [1.0, 0.5, 0.0]])
PUSH = np.array([0.0, 0.3, 0.0])


@pytest.mark.parametrize(
    ("pairs", "force", "depth", "sentence"),
    [
        ([(0, 0)], [PUSH], 1.9, "grain 11 is in contact with itself: a cell must be longer than a diameter"),
        ([(0, 1), (1, 0)], [-PUSH, PUSH], 5.0, "grains 11 and 22 are in contact 2 times, and only 1 of their copies"),
        ([(0, 1), (0, 1)], [-PUSH, -PUSH], 1.9, "11 and 22 are in contact 2 times, through several sides of the cell"),
        ([(0, 1), (0, 1)], [0 * PUSH, 0 * PUSH], 1.9, "their forces do not tell which is which"),
        ([(0, 1)], [-PUSH], 1.9, "11 and 22 touch through 2 sides of the cell, and 1 of these contacts are listed"),
        ([(0, 1)] * 3, [PUSH] * 3, 1.9, "grains 11 and 22 are in contact 3 times, and only 2 of their copies touch"),
    ],
)
def test_what_nothing_tells_is_refused(pairs, force, depth, sentence):
    names = np.array([11, 22, 33])
    with pytest.raises(MicroslipError, match=re.escape(sentence)):
        contact_separations(
            np.array(pairs), THIN, np.ones(3), np.array(force), Box((5.0, depth, 5.0), (True, True, False)), names
        )


def test_a_thin_axis_on_which_nothing_lies_apart_is_none():
    """Planar data in a cell as thin as a line: grains do not touch themselves across it."""
    position = np.array([[0.0, 0.0, 0.5], [0.9, 0.0, 0.5], [0.9, 0.9, 0.5]])
    pairs, force = np.array([(0, 1), (2, 1)]), np.array([[-1.0, 0, 0], [0, 1.0, 0]])
    found = contact_separations(pairs, position, np.ones(3), force, Box((5.0, 5.0, 0.1), (True, True, True)))
    np.testing.assert_allclose(found, [[0.9, 0, 0], [0, -0.9, 0]])
