"""Two dimensions: one layer of nodes, each with the mean of a disc."""

import numpy as np
import pytest

from microslip import Box, coarse_grain


@pytest.mark.parametrize("tilt", [0.0, 5.3])
@pytest.mark.parametrize("y", [0.0, 0.5, -7.0])
@pytest.mark.parametrize("spacing", [0.4, 1.0])
def test_one_layer_holds_the_means_of_discs(tilt, y, spacing, rng):
    box = Box((12.0, 1.0, 10.0), (True, False, True), tilt, planar=True)
    positions, values = np.insert(rng.random((130, 2)) * [12, 10], 1, y, axis=1), rng.random(130)
    grid = coarse_grain(positions, values, box, spacing=spacing, radius=1.3)
    assert grid.values.shape == (round(12 / spacing), 1, round(10 / spacing))
    assert grid.origin[1] == 0.5
    nodes = np.stack(np.meshgrid(grid.coordinates(0), y, grid.coordinates(2), indexing="ij"), axis=-1)
    apart = np.linalg.norm(box.minimum_image(nodes.reshape(-1, 1, 3) - positions[None]), axis=2)
    near = apart <= 1.3
    expected = np.where(near.any(axis=1), near @ values / np.maximum(near.sum(axis=1), 1), 0)
    np.testing.assert_allclose(grid.values.ravel(), expected, rtol=1e-12)
