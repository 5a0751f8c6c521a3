"""Sums over pairs of grains by distance, compiled."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from microslip.core.neighbour_kernels import most_runs, runs_about

# Grains are shared out in this many blocks, each with sums of its own, added in order: the result does not depend on
# the number of threads.
N_BLOCKS = 32

# The distances of this many neighbours are worked out at a time, in vector registers, before they are sorted into bins;
# a shorter group would be worked out one by one.
GROUP = 16
ROW = 4 * GROUP


def _as_one_addition(_context, sums, bin_, rows, k):  # type: ignore[no-untyped-def]
    """Add the four numbers of rows[k] to those of sums[bin], in one instruction each; numba alone makes four of it."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        four = ir.VectorType(ir.DoubleType(), 4).as_pointer()

        def place(table: int) -> Any:
            of = signature.args[table], signature.args[table + 1]
            data = context.make_array(of[0])(context, builder, values[table]).data
            row = context.cast(builder, values[table + 1], of[1], types.intp)
            start = builder.mul(row, context.get_constant(types.intp, 4))
            return builder.bitcast(builder.gep(data, [start]), four)

        target, source = place(0), place(2)
        # eight bytes are what numpy aligns rows of any length to
        total = builder.fadd(builder.load(target, align=8), builder.load(source, align=8))
        builder.store(total, target, align=8)
        return context.get_dummy_value()

    return types.void(sums, bin_, rows, k), generate


# sums[bin] += rows[k], of rows of four
_add_row: Any = intrinsic(_as_one_addition)


@numba.njit(cache=True, error_model="numpy")
def _bins_of(x, y, z, first, last, x0, y0, z0, offset, per_width, n_bins, bins):  # type: ignore[no-untyped-def]
    """The distance bins, plus 1, of points first to last as seen from (x0, y0, z0); 0 nearer, n_bins + 1 farther.

    Whole groups are worked out: the arrays go on for a group beyond the last point.
    """
    for start in range(0, last - first, GROUP):
        begin = first + start
        xs, ys, zs = x[begin : begin + GROUP], y[begin : begin + GROUP], z[begin : begin + GROUP]
        out = bins[start : start + GROUP]
        for k in range(GROUP):
            dx, dy, dz = xs[k] - x0, ys[k] - y0, zs[k] - z0
            place = np.sqrt(dx * dx + dy * dy + dz * dz) * per_width - offset
            out[k] = np.int32(min(max(place, -1.0), np.float64(n_bins)) + 1.0)


@numba.njit(cache=True)
def _places(rising, low, high):  # type: ignore[no-untyped-def]
    """How many numbers lie below `low`, and how many do not exceed `high`: counted in vector registers."""
    below, up_to = 0, 0
    for k in range(len(rising)):
        below += 1 if rising[k] < low else 0
        up_to += 1 if rising[k] <= high else 0
    return below, up_to


@numba.njit(cache=True)
def _lengthened(values):  # type: ignore[no-untyped-def]
    longer = np.zeros(len(values) + GROUP)
    longer[: len(values)] = values
    return longer


@numba.njit(cache=True, parallel=True, error_model="numpy")
def sum_pairs(cells, values, others, n_bins, low, width, half):  # type: ignore[no-untyped-def]
    """Σ v_i v_j, Σ w_i w_j and Σ w_i w_j near one plane in each bin, (3, bin), and both numbers of pairs, (2, bin).

    Every pair counts once. Near one plane are pairs whose heights differ by at most `half`, in bins of their distance
    within it; for these, grains must rise along z within each column of cells. `others` w may be empty: then v alone is
    summed.
    """
    n, more = len(cells.x), len(others) > 0
    x, y, z = _lengthened(cells.x), _lengthened(cells.y), _lengthened(cells.z)
    rows = np.zeros((n, 4))
    rows[:, 0] = values
    rows[:, 1] = 1.0
    if more:
        rows[:, 2] = others
    sums = np.zeros((N_BLOCKS, 3, n_bins))
    counts = np.zeros((N_BLOCKS, 2, n_bins), dtype=np.int64)
    for block in numba.prange(N_BLOCKS):
        bounds = np.empty((most_runs(cells), 2), dtype=np.int64)
        shifts = np.empty((len(bounds), 3))
        bins = np.empty(ROW, dtype=np.int32)
        # two sets of bins, used in turn: an addition need not wait for the one before it; the first and the last bin of
        # each take what is nearer or farther than asked
        even, odd = np.empty((n_bins + 2, 4)), np.empty((n_bins + 2, 4))
        near, near_counts = np.empty(n_bins), np.zeros(n_bins, dtype=np.int64)
        for s in range(block * n // N_BLOCKS, (block + 1) * n // N_BLOCKS):
            even[:], odd[:], near[:] = 0.0, 0.0, 0.0
            for m in range(runs_about(cells, s, True, bounds, shifts)):
                x0, y0, z0 = x[s] - shifts[m, 0], y[s] - shifts[m, 1], z[s] - shifts[m, 2]
                for first in range(bounds[m, 0], bounds[m, 1], ROW):
                    last = min(first + ROW, bounds[m, 1])
                    _bins_of(x, y, z, first, last, x0, y0, z0, low / width, 1 / width, n_bins, bins)
                    for k in range(0, last - first - 1, 2):
                        _add_row(even, bins[k], rows, first + k)
                        _add_row(odd, bins[k + 1], rows, first + k + 1)
                    if (last - first) % 2:
                        _add_row(even, bins[last - first - 1], rows, last - 1)
                    if more:
                        # a run goes up along z, so that those near one plane follow each other
                        below, up_to = _places(z[first:last], z0 - half, z0 + half)
                        for k in range(below, up_to):
                            if bins[k] <= n_bins:
                                dx, dy = x[first + k] - x0, y[first + k] - y0
                                place = np.sqrt(dx * dx + dy * dy) / width - low / width
                                if 0 <= place < n_bins:
                                    near[int(place)] += others[first + k]
                                    near_counts[int(place)] += 1
            for b in range(n_bins):
                sums[block, 0, b] += values[s] * (even[b + 1, 0] + odd[b + 1, 0])
                # whole numbers, exact in a double
                counts[block, 0, b] += np.int64(even[b + 1, 1] + odd[b + 1, 1])
                if more:
                    sums[block, 1, b] += others[s] * (even[b + 1, 2] + odd[b + 1, 2])
                    sums[block, 2, b] += others[s] * near[b]
        counts[block, 1] = near_counts
    return sums.sum(axis=0), counts.sum(axis=0)
