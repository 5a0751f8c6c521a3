"""Cell lists for kernels that visit pairs of grains within a cutoff."""

from __future__ import annotations

import numba
import numpy as np
from jaxtyping import Float

from microslip.core.box import Box
from microslip.core.errors import MicroslipError


@numba.njit(cache=True)
def sort_into_cells(positions, n_cells, lower, cell_size):  # type: ignore[no-untyped-def]
    """Counting sort of grains into cells.

    Returns `start` (n_cells + 1) and `order` (grain): the grains of cell c are order[start[c]:start[c + 1]].
    """
    n_total = n_cells[0] * n_cells[1] * n_cells[2]
    cell_of = np.empty(len(positions), dtype=np.int64)
    start = np.zeros(n_total + 1, dtype=np.int64)
    for i in range(len(positions)):
        cell = 0
        for axis in range(3):
            k = int((positions[i, axis] - lower[axis]) / cell_size[axis])
            cell = cell * n_cells[axis] + min(max(k, 0), n_cells[axis] - 1)
        cell_of[i] = cell
        start[cell + 1] += 1
    start = np.cumsum(start)
    fill = start[:-1].copy()
    order = np.empty(len(positions), dtype=np.int64)
    for i in range(len(positions)):
        order[fill[cell_of[i]]] = i
        fill[cell_of[i]] += 1
    return start, order


@numba.njit(cache=True)
def cell_offsets(n, periodic):  # type: ignore[no-untyped-def]
    """Offsets −1, 0, 1 along an axis of n cells, without naming a periodic cell twice."""
    if periodic and n == 1:
        return 0, 0
    if periodic and n == 2:
        return 0, 1
    return -1, 1


@numba.njit(cache=True)
def cells_around(position, lower, n_cells, cell_size, periods, cell, first, last):  # type: ignore[no-untyped-def]
    """Fill in a position's cell and the first and last offsets to the cells about it, per axis; walls end the range."""
    for axis in range(3):
        k = int((position[axis] - lower[axis]) / cell_size[axis])
        cell[axis] = min(max(k, 0), n_cells[axis] - 1)
        first[axis], last[axis] = cell_offsets(n_cells[axis], periods[axis] > 0)
        if periods[axis] == 0:
            first[axis] = max(first[axis], -cell[axis])
            last[axis] = min(last[axis], n_cells[axis] - 1 - cell[axis])


def check_positions(positions: Float[np.ndarray, "grain 3"], box: Box, cutoff: float) -> None:
    """Refuse what a cell list cannot serve.

    Raises
    ------
    MicroslipError
        A position is not finite, or the cutoff is not positive or exceeds half the smallest periodic length.
    """
    if not np.isfinite(positions).all():
        bad = int(np.argwhere(~np.isfinite(positions).all(axis=1))[0, 0])
        raise MicroslipError(f"the position of grain {bad} is {positions[bad]}: mend or drop that grain first")
    if not 0 < cutoff <= box.half_period:
        raise MicroslipError(
            f"cutoff = {cutoff:g} d̄ is not between 0 and half the smallest periodic length, {box.half_period:g} d̄:"
            " use a smaller cutoff or a larger cell"
        )


def check_values(positions: Float[np.ndarray, "grain 3"], values: Float[np.ndarray, "value"]) -> None:
    """Refuse values that are not one per grain: a compiled kernel would read past their end."""
    if values.shape != (len(positions),):
        raise MicroslipError(f"{values.size} values for {len(positions)} grains: give one value per grain")


def cell_grid(positions: Float[np.ndarray, "grain 3"], box: Box, cutoff: float) -> tuple[np.ndarray, ...]:
    """Lower corner, number and size of cells at least one cutoff wide; a wall-bounded axis spans the grains found."""
    periodic = np.asarray(box.periodic)
    if len(positions) == 0:
        return np.zeros(3), np.ones(3, dtype=np.int64), np.asarray(box.lengths)
    lower = np.where(periodic, 0.0, positions.min(axis=0))
    extent = np.where(periodic, box.lengths, np.maximum(positions.max(axis=0) - lower, cutoff))
    # more cells than grains only cost memory
    n_cells = np.clip(np.floor(extent / cutoff), 1, 512).astype(np.int64)
    return lower, n_cells, extent / n_cells
