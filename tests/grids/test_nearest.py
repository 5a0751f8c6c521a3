"""The nearest grain of each node against all distances, in a slab, a leaning cell and a cell that is stretched."""

from dataclasses import replace

import numpy as np
import pytest

from microslip import Box
from microslip.grids.nearest import nearest_grains


@pytest.mark.parametrize("tilt", [0.0, 1.7])
@pytest.mark.parametrize("stretch", [1.0, 1.05])
def test_the_nearest_grain_is_that_of_the_smallest_distance(rng, tilt, stretch):
    onto = Box((6.0, 5.0, 7.0), (True, True, bool(tilt)))
    box = replace(onto, lengths=tuple(length / stretch for length in onto.lengths), tilt=tilt / stretch)
    positions, nodes = rng.random((150, 3)) * box.lengths, rng.random((80, 3)) * onto.lengths
    counts = rng.random(150) < 0.8
    positions[~counts] = np.nan
    found = nearest_grains(positions, counts, box, nodes, onto, 1.2)
    leaning = replace(onto, tilt=tilt)
    images = [
        np.array([i * 6.0 + k * tilt, j * 5.0, k * 7.0])
        for i in (-2, -1, 0, 1, 2) for j in (-1, 0, 1) for k in ((-1, 0, 1) if tilt else (0,))
    ]  # fmt: skip
    places = leaning.wrap(np.nan_to_num(positions * stretch))
    distance = np.min([np.linalg.norm(nodes[:, None] - places - image, axis=-1) for image in images], axis=0)
    distance[:, ~counts] = np.inf
    expected = np.where(distance.min(axis=1) <= 1.2, distance.argmin(axis=1), -1)
    np.testing.assert_array_equal(found, expected)
    assert (found < 0).any()
