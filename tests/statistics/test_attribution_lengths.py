"""Lengths of values on nodes do not hang on whether a layer that repeats another one is stored, too."""

import numpy as np
import pytest

from microslip import Box, coarse_grain
from microslip.statistics.attribution_lengths import compare_lengths, node_lengths
from microslip.statistics.config import Correlation

LENGTHS = (10.0, 10.0, 11.0)


@pytest.mark.parametrize(("repeats", "n_layers"), [(True, 11), (False, 12)])
def test_a_layer_that_repeats_the_first_is_not_counted_twice(rng, repeats, n_layers):
    box = Box(LENGTHS, (True, True, repeats))
    grains = rng.uniform(0, LENGTHS, (900, 3))
    grid = coarse_grain(grains, rng.exponential(size=900), box, 1.0, 1.3, faces=True)
    lengths = node_lengths([grid.coordinates(axis) for axis in range(3)], grid.spacing, box, Correlation())
    assert len(lengths.nodes) == 10 * 10 * n_layers
    curve, _ = lengths.measure(grid.values)
    without, _ = lengths.measure(grid.values[:, :, :n_layers])
    np.testing.assert_array_equal(curve, without)
    # planted in the last layer alone, which is a place of its own only where the cell ends there
    planted = np.zeros_like(grid.values)
    planted[:, :, -1] = 1.0
    (row, _) = compare_lengths(lengths, grid.values, (curve, 1.0), planted, 0.1)
    assert np.isfinite(row["share_active"]) == (not repeats)


def test_no_distance_goes_beyond_half_a_low_cell_that_repeats(rng):
    box = Box((12.0, 12.0, 6.0), (True, True, True))
    grid = coarse_grain(rng.uniform(0, box.lengths, (900, 3)), rng.exponential(size=900), box, 0.5, 1.3)
    lengths = node_lengths([grid.coordinates(axis) for axis in range(3)], grid.spacing, box, Correlation())
    assert 2.5 < lengths.edges[-1] <= 3
    assert np.isfinite(lengths.measure(grid.values)[0]).all()
