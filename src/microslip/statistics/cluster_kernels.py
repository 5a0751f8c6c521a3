"""A walk through the connected parts of a graph of grains, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def walk(n, pairs, vectors, positions):  # type: ignore[no-untyped-def]
    """Number the connected parts of a graph and lay each out by walking along its links."""
    degree = np.zeros(n + 1, dtype=np.int64)
    for p in range(len(pairs)):
        degree[pairs[p, 0] + 1] += 1
        degree[pairs[p, 1] + 1] += 1
    start = np.cumsum(degree)
    fill = start[:-1].copy()
    other = np.empty(2 * len(pairs), dtype=np.int64)
    step = np.empty((2 * len(pairs), 3))
    for p in range(len(pairs)):
        for side in range(2):
            here = fill[pairs[p, side]]
            fill[pairs[p, side]] += 1
            other[here] = pairs[p, 1 - side]
            for axis in range(3):
                step[here, axis] = vectors[p, axis] if side == 0 else -vectors[p, axis]
    part = np.full(n, -1, dtype=np.int64)
    laid = positions.copy()
    wraps = np.zeros(n, dtype=np.bool_)
    queue = np.empty(n, dtype=np.int64)
    n_parts = 0
    for seed in range(n):
        if part[seed] >= 0:
            continue
        part[seed] = n_parts
        queue[0] = seed
        head, tail = 0, 1
        while head < tail:
            i = queue[head]
            head += 1
            for k in range(start[i], start[i + 1]):
                j = other[k]
                if part[j] < 0:
                    part[j] = n_parts
                    queue[tail] = j
                    tail += 1
                    for axis in range(3):
                        laid[j, axis] = laid[i, axis] + step[k, axis]
                else:
                    for axis in range(3):
                        # whole periods are far larger than the rounding of a walk
                        if abs(laid[i, axis] + step[k, axis] - laid[j, axis]) > 1e-6:
                            wraps[n_parts] = True
        n_parts += 1
    return part, laid, wraps[:n_parts]
