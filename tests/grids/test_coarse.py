import numpy as np
import pytest
from scipy.spatial.distance import cdist

from microslip import Box, MicroslipError, coarse_grain
from microslip.grids.coarse import place_nodes

TOLERANCE = 1e-12


def nodes_of(grid):
    return np.stack(np.meshgrid(*(grid.coordinates(axis) for axis in range(3)), indexing="ij"), axis=-1).reshape(-1, 3)


def test_agrees_with_all_distances(grains, box, rng):
    values = rng.random(len(grains))
    grid = coarse_grain(grains, values, box, spacing=1.0, radius=1.3)
    images = [np.array([i, j, 0]) * box.lengths for i in (-1, 0, 1) for j in (-1, 0, 1)]
    near = sum((cdist(nodes_of(grid), grains + image) <= 1.3).astype(float) for image in images)
    counts = near.sum(axis=1)
    expected = np.where(counts > 0, near @ values / np.maximum(counts, 1), 0.0)
    assert grid.values.shape == (10, 8, 12)
    np.testing.assert_allclose(grid.values.ravel(), expected, rtol=TOLERANCE)


def test_a_constant_field_voxelises_to_itself(grains, box):
    values = coarse_grain(grains, np.full(len(grains), 2.5), box).values
    np.testing.assert_allclose(values[values > 0], 2.5, rtol=TOLERANCE)


def test_shifting_the_grains_by_a_node_shifts_the_grid(grains, box, rng):
    values = rng.random(len(grains))
    grid = coarse_grain(grains, values, box)
    shifted = coarse_grain(grains + np.array([grid.spacing[0], 0, 0]), values, box)
    np.testing.assert_allclose(shifted.values, np.roll(grid.values, 1, axis=0), rtol=1e-9)


def test_empty_nodes_are_zero_and_walls_are_left_out(box):
    positions = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.6]])
    grid = coarse_grain(positions, np.array([3.0, np.nan]), box, radius=0.9)
    assert grid.values[0, 0, 0] == 3
    assert np.count_nonzero(grid.values) == 1


def test_spacing_closes_on_the_periodic_axes():
    grid = coarse_grain(np.full((1, 3), 5.0), np.ones(1), Box((10.3, 7.7, 12.0)))
    assert grid.values.shape == (10, 8, 12)
    np.testing.assert_allclose(np.multiply(grid.values.shape, grid.spacing), (10.3, 7.7, 12.0))


def test_values_of_other_grains_are_refused(grains, box):
    with pytest.raises(MicroslipError, match="10 values for 1000 grains"):
        coarse_grain(grains, np.ones(10), box)


@pytest.mark.parametrize(
    ("spacing", "radius", "message"),
    [(0.0, 1.3, "spacing = 0"), (1.0, 0.0, "radius = 0"), (1.0, 5.0, "half the smallest periodic length")],
)
def test_impossible_grids_are_refused(grains, box, spacing, radius, message):
    with pytest.raises(MicroslipError, match=message):
        coarse_grain(grains, np.ones(len(grains)), box, spacing, radius)


def test_more_nodes_than_memory_holds_are_refused_with_what_they_would_take(grains, box):
    with pytest.raises(
        MicroslipError, match=r"spacing = 0.0001 d̄ makes 9.6e\+14 nodes, which take 2.3e\+07 GB.*0.021 d̄"
    ):
        coarse_grain(grains, np.ones(len(grains)), box, spacing=1e-4)
    assert place_nodes(box, 0.05).shape == (200, 160, 240)


def test_positions_as_a_list_and_marks_as_values_are_taken(grains, box, rng):
    marks = rng.random(len(grains)) < 0.2
    found = coarse_grain(grains.tolist(), marks, box)
    np.testing.assert_array_equal(found.values, coarse_grain(grains, marks.astype(float), box).values)
    with pytest.raises(MicroslipError, match="axis = 3"):
        found.coordinates(3)


@pytest.mark.parametrize("tilt", [None, 0.0, 3.3])
def test_layers_on_the_faces_agree_with_all_distances(grains, box, rng, tilt):
    values = rng.random(len(grains))
    periodic = tilt is not None
    cell = Box(box.lengths, periodic=(True, True, periodic), tilt=tilt or 0.0)
    inside = cell.wrap(grains)
    grid = coarse_grain(inside, values, cell, spacing=1.0, radius=1.3, faces=True)
    lx, ly, lz = box.lengths
    images = [
        np.array([i * lx + k * cell.tilt, j * ly, k * lz])
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
        for k in ((-1, 0, 1) if periodic else (0,))
    ]
    near = sum((cdist(nodes_of(grid), inside + image) <= 1.3).astype(float) for image in images)
    counts = near.sum(axis=1)
    expected = np.where(counts > 0, near @ values / np.maximum(counts, 1), 0.0)
    assert grid.values.shape == (10, 8, 13)
    np.testing.assert_allclose(grid.coordinates(2)[[0, -1]], (0, lz), atol=TOLERANCE)
    np.testing.assert_allclose(grid.values.ravel(), expected, rtol=1e-9)
    if periodic and not cell.tilt:
        np.testing.assert_allclose(grid.values[:, :, 0], grid.values[:, :, -1], rtol=1e-9)
