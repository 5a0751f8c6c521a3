"""Grain values → the nodes of a regular grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from microslip.core import arguments
from microslip.core.box import OF_A_BOX, Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_cutoff, check_positions
from microslip.grids.coarse_kernels import add_grains
from microslip.grids.config import too_many_nodes


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


def place_nodes(box: Box, spacing: float, faces: bool = False) -> Nodes:
    """Nodes half a spacing from the faces, the spacing stretched a little so that whole numbers fill the cell.

    With `faces` the layers lie on the lower and the upper face and between, one more than fill the cell.

    Shifting the grid by one node along a periodic axis is then an exact symmetry of the cell. A planar cell has one
    layer of nodes, in the plane of its grains.

    Raises
    ------
    MicroslipError
        The spacing is not positive, or so small that memory would not hold the nodes.
    """
    arguments.record("box", box, Box, OF_A_BOX)
    spacing = arguments.real("spacing", spacing, "positive: give the distance between nodes", above=0, unit=" d̄")
    if problem := too_many_nodes("spacing", spacing, box.lengths):
        raise MicroslipError(problem)
    shape = [max(1, round(length / spacing)) for length in box.lengths]
    if box.planar:
        shape[1] = 1
    exact = tuple(length / n for length, n in zip(box.lengths, shape, strict=True))
    first = [step / 2 for step in exact]
    if faces:
        shape[2], first[2] = shape[2] + 1, 0.0
    return Nodes(tuple(shape), exact, tuple(first))  # type: ignore[arg-type]


def coarse_grain(
    positions: Float[np.ndarray, "grain 3"],
    values: Float[np.ndarray, "grain"],
    box: Box,
    spacing: float = 1.0,
    radius: float = 1.3,
    faces: bool = False,
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
    faces
        Layers of nodes on the lower and the upper face, too.

    Raises
    ------
    MicroslipError
        Positions or values that are not finite, arrays of other grains, a spacing that is not positive or makes more
        nodes than memory holds, a radius beyond half the smallest period.

    Source: Mei et al. 2023, section 3.2.
    """
    positions, radius = check_positions("positions", positions, box), check_cutoff("radius", radius, box)
    values = arguments.reals("values", values, (("grain", len(positions), "positions"),), missing=True, marks=True)
    nodes = place_nodes(box, spacing, arguments.flag("faces", faces))
    inside, periodic = box.wrap(positions), box.periodic
    if box.planar:
        inside[:, 1] = nodes.origin[1]
    if box.nearest_tilt or (faces and box.periodic[2]):
        # the copies beyond the faces in z, aside by the tilt: those within reach join the grains
        upright, tilt = box.slab, box.nearest_tilt
        copies = [(inside, values)]
        for turn, near in ((1, inside[:, 2] < radius), (-1, inside[:, 2] > box.lengths[2] - radius)):
            moved = inside[near] + turn * np.array([tilt, 0.0, box.lengths[2]])
            copies.append((upright.wrap(moved), values[near]))
        inside, values = (np.concatenate(parts) for parts in zip(*copies, strict=True))
        periodic = upright.periodic
    sums, counts = add_grains(
        inside,
        values,
        np.asarray(box.lengths),
        np.asarray(periodic),
        np.asarray(nodes.shape, dtype=np.int64),
        np.asarray(nodes.spacing),
        np.asarray(nodes.origin),
        float(radius),
    )
    return VoxelGrid(_mean_or_zero(sums, counts), nodes.spacing, nodes.origin)


def _mean_or_zero(
    sums: Float64[np.ndarray, "x y z"], counts: Int64[np.ndarray, "x y z"]
) -> Float64[np.ndarray, "x y z"]:
    return np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)


def coarse_grain_stages(
    positions: Sequence[Float[np.ndarray, "grain 3"]],
    boxes: Sequence[Box],
    rows: Float[np.ndarray, "stage grain"],
    onto: Box,
    spacing: float,
    radius: float,
    faces: bool = False,
) -> Float32[np.ndarray, "stage x y z"]:
    """The voxels of several stages on the nodes of one cell, onto which the cells of the stages are stretched.

    Parameters
    ----------
    positions, boxes
        Centres [d̄] and cell at the start of each stage; grains with NaN are left out.
    rows
        One value per stage and grain.
    onto
        The cell of the nodes.
    spacing, radius, faces
        As in `coarse_grain`.
    """
    grids = []
    for position, box, values in zip(positions, boxes, rows, strict=True):
        stretch = np.asarray(onto.lengths) / np.asarray(box.lengths)
        there = np.isfinite(position).all(axis=1)
        stretched = replace(onto, tilt=box.tilt * stretch[0])
        grids.append(coarse_grain(position[there] * stretch, values[there], stretched, spacing, radius, faces).values)
    return np.stack(grids).astype(np.float32)
