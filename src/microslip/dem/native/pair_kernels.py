"""Lists of candidate pairs, compiled."""

from __future__ import annotations

import numba
import numpy as np

from microslip.core.neighbour_kernels import most_runs, runs_about


@numba.njit(cache=True)
def list_pairs(cells, reach, kind, low, high):  # type: ignore[no-untyped-def]
    """Fill in the pairs as they are met; returns how many there are, also beyond the arrays' length."""
    bounds = np.empty((most_runs(cells), 2), dtype=np.int64)
    shifts = np.empty((len(bounds), 3))
    count = 0
    for s in range(len(cells.x)):
        i = cells.order[s]
        for m in range(runs_about(cells, s, True, bounds, shifts)):
            for k in range(bounds[m, 0], bounds[m, 1]):
                dx = cells.x[k] + shifts[m, 0] - cells.x[s]
                dy = cells.y[k] + shifts[m, 1] - cells.y[s]
                dz = cells.z[k] + shifts[m, 2] - cells.z[s]
                j = cells.order[k]
                far = reach[i] + reach[j]
                if dx * dx + dy * dy + dz * dz < far * far and not (kind[i] > 0 and kind[j] > 0):
                    if count < len(low):
                        low[count], high[count] = min(i, j), max(i, j)
                    count += 1
    return count


@numba.njit(cache=True)
def sort_pairs(low, high, n):  # type: ignore[no-untyped-def]
    """Pairs sorted by both grains, and where each grain's own begin."""
    own = np.zeros(n + 1, dtype=np.int64)
    for i in low:
        own[i + 1] += 1
    own = np.cumsum(own)
    fill = own.copy()
    first, second = np.empty(len(low), dtype=np.uint32), np.empty(len(low), dtype=np.uint32)
    for q in range(len(low)):
        i = low[q]
        at = fill[i]
        fill[i] += 1
        while at > own[i] and second[at - 1] > high[q]:
            second[at] = second[at - 1]
            at -= 1
        second[at] = high[q]
        first[fill[i] - 1] = i
    return first, second, own


@numba.njit(cache=True)
def seconds(second, n_bulk):  # type: ignore[no-untyped-def]
    """The pairs in which each bulk grain is second."""
    start = np.zeros(n_bulk + 1, dtype=np.int64)
    for j in second:
        if j < n_bulk:
            start[j + 1] += 1
    start = np.cumsum(start)
    fill = start.copy()
    others = np.empty(start[-1], dtype=np.uint32)
    for q in range(len(second)):
        j = second[q]
        if j < n_bulk:
            others[fill[j]] = q
            fill[j] += 1
    return start, others


@numba.njit(cache=True)
def carry(own, second, history, old_own, old_second, old_history):  # type: ignore[no-untyped-def]
    """Copy the histories of pairs that both lists hold; both are sorted."""
    for i in range(len(own) - 1):
        p = old_own[i]
        for q in range(own[i], own[i + 1]):
            while p < old_own[i + 1] and old_second[p] < second[q]:
                p += 1
            if p < old_own[i + 1] and old_second[p] == second[q]:
                for axis in range(3):
                    history[axis, q] = old_history[axis, p]
