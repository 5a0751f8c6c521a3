"""Grain values → the nodes of a regular grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Float, Float64, Int64

from microslip.core import arguments
from microslip.core.box import OF_A_BOX, Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_cutoff, check_positions

# Nodes that a grid may have: sums, counts and means of them take 3 GB.
MOST_NODES = 10**8


@dataclass(frozen=True)
class VoxelGrid:
    """Values on nodes: `values` (x, y, z), `spacing` and `origin`, the position of the first node, per axis [d̄]."""

    values: Float64[np.ndarray, "x y z"]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]

    def coordinates(self, axis: int) -> Float64[np.ndarray, "node"]:
        """Node positions along an axis, 0 to 2 [d̄]."""
        axis = arguments.whole("axis", axis, 0, 2)
        return self.origin[axis] + self.spacing[axis] * np.arange(self.values.shape[axis])


@dataclass(frozen=True)
class Nodes:
    """A grid without values: number of nodes, spacing [d̄] and first node [d̄] per axis."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]


def place_nodes(box: Box, spacing: float) -> Nodes:
    """Nodes half a spacing from the faces, the spacing stretched a little so that whole numbers fill the cell.

    Shifting the grid by one node along a periodic axis is then an exact symmetry of the cell. A planar cell has one
    layer of nodes, in the plane of its grains.

    Raises
    ------
    MicroslipError
        The spacing is not positive, or so small that memory would not hold the nodes.
    """
    arguments.record("box", box, Box, OF_A_BOX)
    spacing = arguments.real("spacing", spacing, "positive: give the distance between nodes", above=0, unit=" d̄")
    if (n := math.prod(max(1.0, length / spacing) for length in box.lengths)) > MOST_NODES:
        raise MicroslipError(
            f"spacing = {spacing:g} d̄ makes {n:.1e} nodes, which take {24 * n / 1e9:.2g} GB, and the most are"
            f" {MOST_NODES:.0e}: in this cell use {np.cbrt(box.volume / MOST_NODES):.2g} d̄ or more"
        )
    shape = [max(1, round(length / spacing)) for length in box.lengths]
    if box.planar:
        shape[1] = 1
    exact = tuple(length / n for length, n in zip(box.lengths, shape, strict=True))
    return Nodes(tuple(shape), exact, tuple(step / 2 for step in exact))  # type: ignore[arg-type]


@numba.njit(cache=True)
def _add_grains(positions, values, lengths, periodic, shape, spacing, radius):  # type: ignore[no-untyped-def]
    """Each grain adds to the nodes within `radius` of it: sums and counts."""
    sums = np.zeros((shape[0], shape[1], shape[2]))
    counts = np.zeros((shape[0], shape[1], shape[2]), dtype=np.int64)
    radius2 = radius * radius
    first = np.empty(3, dtype=np.int64)
    last = np.empty(3, dtype=np.int64)
    for i in range(len(positions)):
        if np.isnan(values[i]):
            continue
        for axis in range(3):
            first[axis] = int(np.ceil((positions[i, axis] - radius) / spacing[axis] - 0.5))
            last[axis] = int(np.floor((positions[i, axis] + radius) / spacing[axis] - 0.5))
            if not periodic[axis]:
                first[axis] = max(first[axis], 0)
                last[axis] = min(last[axis], shape[axis] - 1)
        for ix in range(first[0], last[0] + 1):
            dx = (ix + 0.5) * spacing[0] - positions[i, 0]
            for iy in range(first[1], last[1] + 1):
                dy = (iy + 0.5) * spacing[1] - positions[i, 1]
                for iz in range(first[2], last[2] + 1):
                    dz = (iz + 0.5) * spacing[2] - positions[i, 2]
                    if dx * dx + dy * dy + dz * dz <= radius2:
                        jx = ix % shape[0] if periodic[0] else ix
                        jy = iy % shape[1] if periodic[1] else iy
                        jz = iz % shape[2] if periodic[2] else iz
                        sums[jx, jy, jz] += values[i]
                        counts[jx, jy, jz] += 1
    return sums, counts


def coarse_grain(
    positions: Float[np.ndarray, "grain 3"],
    values: Float[np.ndarray, "grain"],
    box: Box,
    spacing: float = 1.0,
    radius: float = 1.3,
) -> VoxelGrid:
    """Mean value of the grains whose centres lie within `radius` of a node; 0 where there is none.

    Parameters
    ----------
    positions
        Centres, shape (grain, 3) [d̄].
    values
        One value per grain, shape (grain,), or marks, which count as 1 and 0; grains with NaN (walls) are left out.
    box
        The cell; the wall-bounded axis is covered from 0 to its length, grains beyond still reach nodes within. A
        planar cell has one layer of nodes, and `radius` is that of a disc.
    spacing, radius
        L_grid and δ [d̄].

    Raises
    ------
    MicroslipError
        Positions or values that are not finite, arrays of other grains, a spacing that is not positive or makes more
        nodes than memory holds, a radius beyond half the smallest period.

    Source: Mei et al. 2023, section 3.2.
    """
    positions, radius = check_positions("positions", positions, box), check_cutoff("radius", radius, box)
    values = arguments.reals("values", values, (("grain", len(positions), "positions"),), missing=True, marks=True)
    nodes = place_nodes(box, spacing)
    inside, periodic = box.wrap(positions), box.periodic
    if box.planar:
        inside[:, 1] = nodes.origin[1]
    if tilt := box.nearest_tilt:
        # the copies beyond the faces in z lie aside by the tilt: those within reach join the grains
        upright = box.slab
        copies = [(inside, values)]
        for turn, near in ((1, inside[:, 2] < radius), (-1, inside[:, 2] > box.lengths[2] - radius)):
            moved = inside[near] + turn * np.array([tilt, 0.0, box.lengths[2]])
            copies.append((upright.wrap(moved), values[near]))
        inside, values = (np.concatenate(parts) for parts in zip(*copies, strict=True))
        periodic = upright.periodic
    sums, counts = _add_grains(
        inside,
        values,
        np.asarray(box.lengths),
        np.asarray(periodic),
        np.asarray(nodes.shape, dtype=np.int64),
        np.asarray(nodes.spacing),
        float(radius),
    )
    return VoxelGrid(_mean_or_zero(sums, counts), nodes.spacing, nodes.origin)


def _mean_or_zero(
    sums: Float64[np.ndarray, "x y z"], counts: Int64[np.ndarray, "x y z"]
) -> Float64[np.ndarray, "x y z"]:
    return np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
