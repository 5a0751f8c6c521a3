"""Cell lists and pairs of grains, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def counting_sort(positions, lower, size, n):  # type: ignore[no-untyped-def]
    cell_of = np.empty(len(positions), dtype=np.int64)
    start = np.zeros(n[0] * n[1] * n[2] + 1, dtype=np.int64)
    for i in range(len(positions)):
        cell = 0
        for axis in range(3):
            k = int((positions[i, axis] - lower[axis]) / size[axis])
            cell = cell * n[axis] + min(max(k, 0), n[axis] - 1)
        cell_of[i] = cell
        start[cell + 1] += 1
    start = np.cumsum(start)
    fill = start[:-1].copy()
    order = np.empty(len(positions), dtype=np.int64)
    for i in range(len(positions)):
        order[fill[cell_of[i]]] = i
        fill[cell_of[i]] += 1
    return order, start


@numba.njit(cache=True)
def _gap(offset, inside, size):  # type: ignore[no-untyped-def]
    """Distance from a point to the cell `offset` cells away along an axis; `inside` is its place in its own cell."""
    if offset > 0:
        return max(offset * size - inside, 0.0)
    if offset < 0:
        return max(inside - (offset + 1) * size, 0.0)
    return 0.0


@numba.njit(cache=True)
def _steepness(cells):  # type: ignore[no-untyped-def]
    """How much farther apart the slanting faces of a tilted cell lie along x than across: √(1 + (tilt/Lz)²)."""
    return np.sqrt(1 + (cells.tilt / cells.periods[2]) ** 2) if cells.tilt != 0 else 1.0


@numba.njit(cache=True)
def most_runs(cells):  # type: ignore[no-untyped-def]
    """An upper bound to the number of runs about a grain: the length of the arrays that `runs_about` fills."""
    n = 2 * int(np.ceil(_steepness(cells) * cells.cutoff / cells.size[0])) + 1
    n *= 2 * int(np.ceil(cells.cutoff / cells.size[1])) + 1
    return n * (2 + 2 * int(np.ceil(cells.cutoff / cells.periods[2]))) if cells.periods[2] > 0 else n


@numba.njit(cache=True)
def runs_about(cells, s, half, bounds, shifts):  # type: ignore[no-untyped-def]
    """Fill in the runs of sorted grains that hold all neighbours of sorted grain s, and return how many there are.

    Run m is bounds[m, 0] to bounds[m, 1]; the nearest copies of its grains lie at their positions plus shifts[m]. With
    `half`, only grains that come after s: those of later columns of cells and those after s in its own column, so that
    every pair is met once. Without it, s itself is among them.
    """
    x, y, z = cells.x[s], cells.y[s], cells.z[s]
    steepness = _steepness(cells)
    upright = x - z * (cells.tilt / cells.periods[2]) if cells.tilt != 0 else x
    ix = min(max(int((upright - cells.lower[0]) / cells.size[0]), 0), cells.n[0] - 1)
    iy = min(max(int((y - cells.lower[1]) / cells.size[1]), 0), cells.n[1] - 1)
    inside_x = upright - cells.lower[0] - ix * cells.size[0]
    inside_y = y - cells.lower[1] - iy * cells.size[1]
    # a little more than the cutoff, so that rounding loses no neighbour
    cutoff2 = cells.cutoff * cells.cutoff * (1 + 1e-12)
    reach_x = int(np.ceil(steepness * cells.cutoff / cells.size[0]))
    reach_y = int(np.ceil(cells.cutoff / cells.size[1]))
    count = 0
    for ox in range(0 if half else -reach_x, reach_x + 1):
        gap_x = _gap(ox, inside_x, cells.size[0]) / steepness
        cx = ix + ox
        shift_x = 0.0
        # a division takes longer than all the rest of a column: only where the column lies beyond a face
        if cx < 0 or cx >= cells.n[0]:
            if cells.periods[0] == 0:
                continue
            turns = cx // cells.n[0]
            cx -= turns * cells.n[0]
            shift_x = turns * cells.periods[0]
        for oy in range(0 if half and ox == 0 else -reach_y, reach_y + 1):
            gap_y = _gap(oy, inside_y, cells.size[1])
            rest = cutoff2 - gap_x * gap_x - gap_y * gap_y
            if rest < 0:
                continue
            cy = iy + oy
            shift_y = 0.0
            if cy < 0 or cy >= cells.n[1]:
                if cells.periods[1] == 0:
                    continue
                turns = cy // cells.n[1]
                cy -= turns * cells.n[1]
                shift_y = turns * cells.periods[1]
            # in a tilted cell the grains of a column nearest in x are not those nearest in z
            chord = np.sqrt(rest if cells.tilt == 0 else cutoff2 - gap_y * gap_y)
            low = int(np.floor((z - chord - cells.lower[2]) / cells.size[2]))
            high = int(np.floor((z + chord - cells.lower[2]) / cells.size[2]))
            if cells.periods[2] == 0:
                low = min(max(low, 0), cells.n[2] - 1)
                high = min(max(high, 0), cells.n[2] - 1)
            column = (cx * cells.n[1] + cy) * cells.n[2]
            after = s + 1 if half and ox == 0 and oy == 0 else 0
            while low <= high:
                turns = low // cells.n[2] if low < 0 or low >= cells.n[2] else 0
                first = low - turns * cells.n[2]
                last = min(first + high - low, cells.n[2] - 1)
                bounds[count, 0] = max(cells.start[column + first], after)
                bounds[count, 1] = cells.start[column + last + 1]
                shifts[count, 0] = shift_x + turns * cells.tilt
                shifts[count, 1] = shift_y
                shifts[count, 2] = turns * cells.periods[2]
                count += 1
                low += last - first + 1
    return count


@numba.njit(cache=True)
def reach_of(cells):  # type: ignore[no-untyped-def]
    """How many columns away, along x and y, and how many layers away a neighbour may lie."""
    return (
        int(np.ceil(_steepness(cells) * cells.cutoff / cells.size[0])),
        int(np.ceil(cells.cutoff / cells.size[1])),
        # one more, lest rounding put a grain into the layer beside its own
        int(np.ceil(cells.cutoff / cells.size[2])) + 1,
    )


@numba.njit(cache=True)
def layers_about(cells, z):  # type: ignore[no-untyped-def]
    """First and last layer that neighbours of a grain at height z lie in, as `copies_about` counts them."""
    # a little more than the cutoff, so that rounding loses no neighbour
    cutoff = cells.cutoff * (1 + 1e-12)
    low = int(np.floor((z - cutoff - cells.lower[2]) / cells.size[2]))
    high = int(np.floor((z + cutoff - cells.lower[2]) / cells.size[2]))
    if cells.periods[2] == 0:
        return min(max(low, 0), cells.n[2] - 1), min(max(high, 0), cells.n[2] - 1)
    below = reach_of(cells)[2]
    return low + below, high + below


@numba.njit(cache=True, error_model="numpy")
def copies_about(cells, column, carried, rows, start):  # type: ignore[no-untyped-def]
    """Write the copies of all grains near a column of cells side by side, layer by layer from below.

    Rows 0 to 2 get their positions, as seen from that column, and the rows after them what is `carried` (row, grain
    as sorted). start[m] is where layer m begins, and start[m + 1] where it ends. Returns the number of copies, also
    where it exceeds the length of the rows, which then lack the last ones.
    """
    n_x, n_y, n_z = cells.n
    reach_x, reach_y, reach_z = reach_of(cells)
    beyond = reach_z if cells.periods[2] > 0 else 0
    ix, iy = column // n_y, column % n_y
    most, count = rows.shape[1], 0
    for layer in range(-beyond, n_z + beyond):
        start[layer + beyond] = count
        turns_z = layer // n_z
        for cx in range(ix - reach_x, ix + reach_x + 1):
            turns_x = cx // n_x
            if turns_x != 0 and cells.periods[0] == 0:
                continue
            for cy in range(iy - reach_y, iy + reach_y + 1):
                turns_y = cy // n_y
                if turns_y != 0 and cells.periods[1] == 0:
                    continue
                x = turns_x * cells.periods[0] + turns_z * cells.tilt
                y, z = turns_y * cells.periods[1], turns_z * cells.periods[2]
                cell = ((cx - turns_x * n_x) * n_y + cy - turns_y * n_y) * n_z + layer - turns_z * n_z
                for k in range(cells.start[cell], cells.start[cell + 1]):
                    if count < most:
                        rows[0, count], rows[1, count], rows[2, count] = cells.x[k] + x, cells.y[k] + y, cells.z[k] + z
                        for row in range(len(carried)):
                            rows[3 + row, count] = carried[row, k]
                    count += 1
    start[n_z + 2 * beyond] = count
    return count


@numba.njit(cache=True)
def fill_in_pairs(cells, most):  # type: ignore[no-untyped-def]
    pairs = np.empty((most, 2), dtype=np.int64)
    vectors = np.empty((most, 3))
    bounds = np.empty((most_runs(cells), 2), dtype=np.int64)
    shifts = np.empty((len(bounds), 3))
    cutoff2 = cells.cutoff * cells.cutoff
    count = 0
    for s in range(len(cells.x)):
        for m in range(runs_about(cells, s, True, bounds, shifts)):
            for k in range(bounds[m, 0], bounds[m, 1]):
                dx = cells.x[k] + shifts[m, 0] - cells.x[s]
                dy = cells.y[k] + shifts[m, 1] - cells.y[s]
                dz = cells.z[k] + shifts[m, 2] - cells.z[s]
                if dx * dx + dy * dy + dz * dz <= cutoff2:
                    if count < most:
                        pairs[count, 0], pairs[count, 1] = cells.order[s], cells.order[k]
                        vectors[count, 0], vectors[count, 1], vectors[count, 2] = dx, dy, dz
                    count += 1
    return count, pairs, vectors
