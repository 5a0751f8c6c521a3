"""Eigenvalues of many symmetric tensors, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, error_model="numpy")
def largest_eigenvalue(tensors):  # type: ignore[no-untyped-def]
    largest = np.empty(len(tensors))
    for i in range(len(tensors)):
        xx, yy, zz = np.float64(tensors[i, 0]), np.float64(tensors[i, 1]), np.float64(tensors[i, 2])
        xy, xz, yz = np.float64(tensors[i, 3]), np.float64(tensors[i, 4]), np.float64(tensors[i, 5])
        mean = (xx + yy + zz) / 3
        xx, yy, zz = xx - mean, yy - mean, zz - mean
        # deviator over its norm: its eigenvalues are 2 cos(angle + 2πk/3), its determinant 2 cos(3 angle)
        norm = np.sqrt((xx * xx + yy * yy + zz * zz + 2 * (xy * xy + xz * xz + yz * yz)) / 6)
        if norm == 0:
            largest[i] = mean
            continue
        xx, yy, zz, xy, xz, yz = xx / norm, yy / norm, zz / norm, xy / norm, xz / norm, yz / norm
        half = (xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)) / 2
        largest[i] = mean + 2 * norm * np.cos(np.arccos(min(max(half, -1.0), 1.0)) / 3)
    return largest
