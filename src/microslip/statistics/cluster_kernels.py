"""Connected parts of a graph of grains and the axes that they wrap around, compiled.

A part wraps where two ways along its links lead to different copies of one grain. The vector between these is whole
periods; of a tilted cell it is taken in the cell's own axes: x less z times `slope`, the tilt over the height.
"""

from __future__ import annotations

import numba
import numpy as np

# Whole periods are far larger than the rounding of a walk [d̄].
ROUNDING = 1e-6


@numba.njit(cache=True)
def _wrapped_along(x, y, z, slope, axis):  # type: ignore[no-untyped-def]
    """Whether a vector between two copies of a grain goes around an axis."""
    along = x - z * slope if axis == 0 else y if axis == 1 else z
    return abs(along) > ROUNDING


@numba.njit(cache=True)
def walk(n, pairs, vectors, positions, slope):  # type: ignore[no-untyped-def]
    """Number the connected parts of a graph, lay each out by walking along its links, and mark what each wraps."""
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
    wraps = np.zeros((n, 3), dtype=np.bool_)
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
                    x = laid[i, 0] + step[k, 0] - laid[j, 0]
                    y = laid[i, 1] + step[k, 1] - laid[j, 1]
                    z = laid[i, 2] + step[k, 2] - laid[j, 2]
                    for axis in range(3):
                        wraps[n_parts, axis] |= _wrapped_along(x, y, z, slope, axis)
        n_parts += 1
    return part, laid, wraps[:n_parts]


@numba.njit(cache=True)
def _root(parent, apart, i):  # type: ignore[no-untyped-def]
    """The root of node i, whose `apart` is from now on its vector from there."""
    root, x, y, z = i, 0.0, 0.0, 0.0
    while parent[root] != root:
        x, y, z = x + apart[root, 0], y + apart[root, 1], z + apart[root, 2]
        root = parent[root]
    # every node on the way hangs on the root from now on
    while parent[i] != root and i != root:
        above, dx, dy, dz = parent[i], apart[i, 0], apart[i, 1], apart[i, 2]
        parent[i] = root
        apart[i, 0], apart[i, 1], apart[i, 2] = x, y, z
        x, y, z = x - dx, y - dy, z - dz
        i = above
    return root


@numba.njit(cache=True)
def first_wrapping(rank, pairs, vectors, slope):  # type: ignore[no-untyped-def]
    """How many nodes, added by rank from 0, it takes until a part wraps each axis; 0 where none ever does."""
    n = len(rank)
    # the links by the later of their two ends
    start = np.zeros(n + 1, dtype=np.int64)
    for p in range(len(pairs)):
        start[max(rank[pairs[p, 0]], rank[pairs[p, 1]]) + 1] += 1
    fill = np.cumsum(start)
    order = np.empty(len(pairs), dtype=np.int64)
    for p in range(len(pairs)):
        time = max(rank[pairs[p, 0]], rank[pairs[p, 1]])
        order[fill[time]] = p
        fill[time] += 1
    parent, size, apart = np.arange(n), np.ones(n, dtype=np.int64), np.zeros((n, 3))
    first = np.zeros(3, dtype=np.int64)
    for place in range(len(order)):
        p = order[place]
        i, j = pairs[p, 0], pairs[p, 1]
        root_i, root_j = _root(parent, apart, i), _root(parent, apart, j)
        # from root i to the copy of root j that this link leads to
        x = apart[i, 0] + vectors[p, 0] - apart[j, 0]
        y = apart[i, 1] + vectors[p, 1] - apart[j, 1]
        z = apart[i, 2] + vectors[p, 2] - apart[j, 2]
        if root_i == root_j:
            for axis in range(3):
                if first[axis] == 0 and _wrapped_along(x, y, z, slope, axis):
                    first[axis] = max(rank[i], rank[j]) + 1
        elif size[root_i] >= size[root_j]:
            parent[root_j] = root_i
            size[root_i] += size[root_j]
            apart[root_j, 0], apart[root_j, 1], apart[root_j, 2] = x, y, z
        else:
            parent[root_i] = root_j
            size[root_j] += size[root_i]
            apart[root_i, 0], apart[root_i, 1], apart[root_i, 2] = -x, -y, -z
    return first
