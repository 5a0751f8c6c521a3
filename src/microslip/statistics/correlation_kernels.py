"""Sums over pairs of grains by distance, compiled."""

from __future__ import annotations

import numba
import numpy as np

from microslip.core.neighbour_kernels import most_runs, runs_about

# Grains are shared out in this many blocks, each with sums of its own, added in order: the result does not depend on
# the number of threads.
N_BLOCKS = 32

# The distances of this many neighbours are worked out at a time, in vector registers, before they are sorted into bins.
ROW = 64


@numba.njit(cache=True, error_model="numpy")
def _bins_of(x, y, z, x0, y0, z0, offset, per_width, n_bins, bins):  # type: ignore[no-untyped-def]
    """The distance bin of each point as seen from (x0, y0, z0); n_bins for those beyond the last."""
    for k in range(len(x)):
        dx, dy, dz = x[k] - x0, y[k] - y0, z[k] - z0
        place = np.sqrt(dx * dx + dy * dy + dz * dz) * per_width - offset
        bins[k] = np.int32(min(max(place, -1.0), np.float64(n_bins)) + 1.0)


@numba.njit(cache=True, parallel=True, error_model="numpy")
def sum_pairs(cells, values, others, n_bins, low, width, half):  # type: ignore[no-untyped-def]
    """Σ v_i v_j, Σ w_i w_j and Σ w_i w_j near one plane in each bin, (3, bin), and both numbers of pairs, (2, bin).

    Every pair counts once. Near one plane are pairs whose heights differ by at most `half`, in bins of their distance
    within it. `others` w may be empty: then v alone is summed.
    """
    n, more = len(cells.x), len(others) > 0
    sums = np.zeros((N_BLOCKS, 3, n_bins))
    counts = np.zeros((N_BLOCKS, 2, n_bins), dtype=np.int64)
    for block in numba.prange(N_BLOCKS):
        bounds = np.empty((most_runs(cells), 2), dtype=np.int64)
        shifts = np.empty((len(bounds), 3))
        bins = np.empty(ROW, dtype=np.int32)
        # two sets of bins, used in turn: an addition need not wait for the one before it; the first and the last bin of
        # each take what is nearer or farther than asked
        sums_i = np.zeros((2, n_bins + 2))
        counts_i = np.zeros((2, n_bins + 2), dtype=np.int64)
        others_i = np.zeros((2, n_bins + 2))
        near_i = np.zeros(n_bins)
        near_counts = np.zeros(n_bins, dtype=np.int64)
        for s in range(block * n // N_BLOCKS, (block + 1) * n // N_BLOCKS):
            sums_i[:] = 0.0
            others_i[:] = 0.0
            near_i[:] = 0.0
            for m in range(runs_about(cells, s, True, bounds, shifts)):
                x0, y0, z0 = cells.x[s] - shifts[m, 0], cells.y[s] - shifts[m, 1], cells.z[s] - shifts[m, 2]
                for first in range(bounds[m, 0], bounds[m, 1], ROW):
                    last = min(first + ROW, bounds[m, 1])
                    x, y, z = cells.x[first:last], cells.y[first:last], cells.z[first:last]
                    _bins_of(x, y, z, x0, y0, z0, low / width, 1 / width, n_bins, bins)
                    v = values[first:last]
                    for k in range(0, len(v) - 1, 2):
                        sums_i[0, bins[k]] += v[k]
                        counts_i[0, bins[k]] += 1
                        sums_i[1, bins[k + 1]] += v[k + 1]
                        counts_i[1, bins[k + 1]] += 1
                    if len(v) % 2:
                        k = len(v) - 1
                        sums_i[0, bins[k]] += v[k]
                        counts_i[0, bins[k]] += 1
                    if more:
                        w = others[first:last]
                        for k in range(0, len(w) - 1, 2):
                            others_i[0, bins[k]] += w[k]
                            others_i[1, bins[k + 1]] += w[k + 1]
                        if len(w) % 2:
                            others_i[0, bins[len(w) - 1]] += w[len(w) - 1]
                        for k in range(len(w)):
                            # those near one plane follow each other, a run goes up along z
                            if abs(z[k] - z0) <= half and bins[k] <= n_bins:
                                dx, dy = x[k] - x0, y[k] - y0
                                place = np.sqrt(dx * dx + dy * dy) / width - low / width
                                if 0 <= place < n_bins:
                                    near_i[int(place)] += w[k]
                                    near_counts[int(place)] += 1
            for b in range(n_bins):
                sums[block, 0, b] += values[s] * (sums_i[0, b + 1] + sums_i[1, b + 1])
                if more:
                    sums[block, 1, b] += others[s] * (others_i[0, b + 1] + others_i[1, b + 1])
                    sums[block, 2, b] += others[s] * near_i[b]
        for b in range(n_bins):
            counts[block, 0, b] = counts_i[0, b + 1] + counts_i[1, b + 1]
            counts[block, 1, b] = near_counts[b]
    return sums.sum(axis=0), counts.sum(axis=0)
