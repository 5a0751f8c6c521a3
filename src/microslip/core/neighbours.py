"""Cell lists for kernels that visit pairs of grains within a cutoff.

Grains are sorted into small cells, along z fastest. What lies within the cutoff of a point is then a few dozen runs of
grains that follow one another in memory, each with one shift to the nearest periodic copy, and the innermost loops of
the kernels read plain arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from microslip.core import arguments
from microslip.core.box import FARTHEST, OF_A_BOX, Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbour_kernels import counting_sort, fill_in_pairs

# Cells hold one grain on average, and are no finer than this share of the cutoff: finer ones fit the sphere of
# neighbours better but make more and shorter runs.
FINEST = 1 / 4

# Grains of a planar cell differ across it by rounding alone [d̄].
FLAT = 1e-9

# A layer of grains whose centres scatter by less than this is taken for a plane, where it matters [d̄].
THIN = 1e-3
# Pairs that a list may hold: 4 GB.
MOST_PAIRS = 10**8


class Cells(NamedTuple):
    """Grains sorted into cells, as kernels take them.

    `order` (grain): the sorted grains' own numbers. `start` (cell + 1): the sorted grains of cell c are start[c] to
    start[c + 1]. `x`, `y`, `z` (grain): sorted positions, wrapped [d̄]. `lower`, `size`, `n`, `periods` (axis): lowest
    corner, cell size, number of cells and period, 0 where the axis does not repeat. `half_periods` (axis): infinite
    there. `cutoff` [d̄]. `tilt` [d̄] of the cell; the cells of the list lie in its own, tilted axes.
    """

    order: Int64[np.ndarray, "grain"]
    start: Int64[np.ndarray, "cell"]
    x: Float64[np.ndarray, "grain"]
    y: Float64[np.ndarray, "grain"]
    z: Float64[np.ndarray, "grain"]
    lower: Float64[np.ndarray, "3"]
    size: Float64[np.ndarray, "3"]
    n: Int64[np.ndarray, "3"]
    periods: Float64[np.ndarray, "3"]
    half_periods: Float64[np.ndarray, "3"]
    cutoff: float
    tilt: float


def sort_into_cells(positions: Float[np.ndarray, "grain 3"], box: Box, cutoff: float, width: float = 0.0) -> Cells:
    """Sort grains for a search of pairs within `cutoff` [d̄]; a wall-bounded axis spans the grains found.

    A cell holds about one grain, more where its columns are to be at least `width` [d̄] wide.

    Raises
    ------
    MicroslipError
        A position is not finite, or the cutoff is not positive or exceeds half the smallest periodic length.
    """
    positions, cutoff = check_positions("positions", positions, box), check_cutoff("cutoff", cutoff, box)
    wrapped = box.wrap(positions)
    upright = wrapped
    if tilt := box.nearest_tilt:
        # in the axes of the tilted cell, x is counted from its slanting face; the copies of a grain follow from there
        upright = wrapped.copy()
        upright[:, 0] -= wrapped[:, 2] * (tilt / box.lengths[2])
        upright = box.upright.wrap(upright)
        wrapped = upright.copy()
        wrapped[:, 0] += upright[:, 2] * (tilt / box.lengths[2])
    lower, extent = np.zeros(3), np.asarray(box.lengths)
    if len(wrapped):
        lower = np.where(box.periodic, 0.0, wrapped.min(axis=0))
        extent = np.where(box.periodic, box.lengths, np.maximum(wrapped.max(axis=0) - lower, FINEST * cutoff))
    edge = max(FINEST * cutoff, float(np.cbrt(np.prod(extent) / max(1, len(wrapped)))))
    n = np.maximum(np.floor(extent / np.maximum(edge, [width, width, 0.0])), 1).astype(np.int64)
    size = extent / n
    order, start = counting_sort(upright, lower, size, n)
    x, y, z = np.ascontiguousarray(wrapped[order].T)
    halves = np.where(box.periodic, np.asarray(box.lengths) / 2, np.inf)
    if tilt:
        # the two copies half a period above and below differ in x: they are not as near
        halves[2] = np.inf
    return Cells(order, start, x, y, z, lower, size, n, box.periods, halves, float(cutoff), float(tilt))


def find_pairs(
    positions: Float[np.ndarray, "grain 3"], box: Box, cutoff: float
) -> tuple[Int64[np.ndarray, "pair 2"], Float64[np.ndarray, "pair 3"]]:
    """Every pair of grains within `cutoff` [d̄] once, and the vector from the first to the nearest copy of the second.

    Raises
    ------
    MicroslipError
        As in `sort_into_cells`; more pairs than memory may hold.
    """
    cells = sort_into_cells(positions, box, cutoff)
    most = 8 * len(cells.x) + 64
    while True:
        count, pairs, vectors = fill_in_pairs(cells, most)
        if count <= most:
            break
        if count > MOST_PAIRS:
            raise MicroslipError(
                f"{count} pairs of grains lie within {cutoff:g} d̄ and would take {count * 40 / 1e9:.0f} GB, more than"
                f" {MOST_PAIRS} are not held: use a smaller distance"
            )
        most = count
    pairs, vectors = pairs[:count], vectors[:count]
    # two grains half a period apart are met once for each of their copies: one of them counts
    twice = np.flatnonzero((np.abs(vectors) == cells.half_periods).any(axis=1))
    if len(twice):
        _, first = np.unique(np.sort(pairs[twice], axis=1), axis=0, return_index=True)
        kept = np.ones(count, dtype=bool)
        kept[np.delete(twice, first)] = False
        pairs, vectors = pairs[kept], vectors[kept]
    return pairs, vectors


def check_positions(
    name: str, positions: Float[np.ndarray, "grain 3"], box: Box, missing: bool = False
) -> Float64[np.ndarray, "grain 3"]:
    """Positions as double precision, with NaN only where grains may be `missing`.

    Raises
    ------
    MicroslipError
        They are not of shape (grain, 3), not finite, a million cells away, or off the plane of a planar cell.
    """
    arguments.record("box", box, Box, OF_A_BOX)
    farthest = FARTHEST * max(box.lengths)
    checked = arguments.reals(name, positions, ("grain", 3), missing=missing, largest=farthest, noun="the position")
    if box.planar:
        across = checked[np.isfinite(checked[:, 1]), 1]
        if len(across) and np.ptp(across) > FLAT:
            raise MicroslipError(
                f"{name}: the cell is planar, and y, the axis that it lacks, spans {np.ptp(across):.3g} d̄ over the"
                " grains: give them one y, or a box in space"
            )
    return checked


def refuse_lost(positions: Float64[np.ndarray, "grain 3"], needed: Bool[np.ndarray, "grain"]) -> None:
    """Refuse positions that may be missing, but not of these grains."""
    lost = np.isnan(positions).any(axis=1) & needed
    if lost.any():
        bad = int(np.argmax(lost))
        raise MicroslipError(
            f"the position of grain {bad} is {positions[bad]} in positions: mend or drop that grain first"
        )


def refuse_plane(positions: Float[np.ndarray, "grain 3"], box: Box) -> None:
    """Refuse grains that lie in one plane of a cell in space, for what has no value there.

    Raises
    ------
    MicroslipError
        Four grains or more, all in one plane or on a line.
    """
    if box.planar or len(positions) < 4:
        return
    spread = np.linalg.svd(positions - np.mean(positions, axis=0), compute_uv=False)
    if spread[2] <= THIN * np.sqrt(len(positions)):
        raise MicroslipError(
            "positions: all grains lie in one plane, and the cell is one in space: of a two-dimensional packing make x"
            " the flow, z the gradient and y the same for all, and give Box((Lx, 1, Lz), …, planar=True); of an"
            " imported one leave out source.planar = false"
        )


def check_cutoff(name: str, cutoff: float, box: Box) -> float:
    """A distance that pairs of grains may have [d̄].

    Raises
    ------
    MicroslipError
        It is not positive, or exceeds half the smallest periodic length.
    """
    arguments.record("box", box, Box, OF_A_BOX)
    rule = (
        f"between 0 and half the smallest periodic length, {box.half_period:g} d̄: use a smaller {name} or a larger cell"
    )
    farthest = min(box.half_period, FARTHEST * max(box.lengths))
    return arguments.real(name, cutoff, rule, above=0, high=farthest, unit=" d̄")
