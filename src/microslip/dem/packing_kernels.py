"""Random sequential addition of grains, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def insert(candidates, lengths, closest, n_wanted, repeats):  # type: ignore[no-untyped-def]
    """Random sequential addition: keep each candidate that is at least `closest` from all kept before it.

    `repeats`: whether the cell does so in z, as it does in x and y.
    """
    n = np.empty(3, dtype=np.int64)
    for axis in range(3):
        n[axis] = max(1, int(lengths[axis] / closest))
    head = np.full((n[0], n[1], n[2]), -1, dtype=np.int64)
    following = np.empty(n_wanted, dtype=np.int64)
    kept = np.empty((n_wanted, 3))
    n_kept = 0
    for candidate in candidates:
        cx = min(int(candidate[0] / lengths[0] * n[0]), n[0] - 1)
        cy = min(int(candidate[1] / lengths[1] * n[1]), n[1] - 1)
        cz = min(int(candidate[2] / lengths[2] * n[2]), n[2] - 1)
        free = True
        for ix in range(cx - 1, cx + 2):
            for iy in range(cy - 1, cy + 2):
                for iz in range(cz - 1, cz + 2):
                    if not repeats and (iz < 0 or iz >= n[2]):
                        continue
                    other = head[ix % n[0], iy % n[1], iz % n[2]]
                    while other >= 0 and free:
                        dx = candidate[0] - kept[other, 0]
                        dy = candidate[1] - kept[other, 1]
                        dx -= lengths[0] * np.round(dx / lengths[0])
                        dy -= lengths[1] * np.round(dy / lengths[1])
                        dz = candidate[2] - kept[other, 2]
                        if repeats:
                            dz -= lengths[2] * np.round(dz / lengths[2])
                        free = dx * dx + dy * dy + dz * dz >= closest * closest
                        other = following[other]
                    if not free:
                        break
        if free:
            kept[n_kept] = candidate
            following[n_kept] = head[cx, cy, cz]
            head[cx, cy, cz] = n_kept
            n_kept += 1
            if n_kept == n_wanted:
                break
    return kept[:n_kept]
