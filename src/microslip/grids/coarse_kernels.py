"""Sums over the grains near each node of a grid, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def add_grains(positions, values, lengths, periodic, shape, spacing, origin, radius):  # type: ignore[no-untyped-def]
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
            first[axis] = int(np.ceil((positions[i, axis] - radius - origin[axis]) / spacing[axis]))
            last[axis] = int(np.floor((positions[i, axis] + radius - origin[axis]) / spacing[axis]))
            if not periodic[axis]:
                first[axis] = max(first[axis], 0)
                last[axis] = min(last[axis], shape[axis] - 1)
        for ix in range(first[0], last[0] + 1):
            dx = origin[0] + ix * spacing[0] - positions[i, 0]
            for iy in range(first[1], last[1] + 1):
                dy = origin[1] + iy * spacing[1] - positions[i, 1]
                for iz in range(first[2], last[2] + 1):
                    dz = origin[2] + iz * spacing[2] - positions[i, 2]
                    if dx * dx + dy * dy + dz * dz <= radius2:
                        jx = ix % shape[0] if periodic[0] else ix
                        jy = iy % shape[1] if periodic[1] else iy
                        jz = iz % shape[2] if periodic[2] else iz
                        sums[jx, jy, jz] += values[i]
                        counts[jx, jy, jz] += 1
    return sums, counts
