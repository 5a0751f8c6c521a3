"""Kernels that gather colour along rays through a field on nodes."""

from __future__ import annotations

import numpy as np
from numba import njit

# Rays end when this little light is left.
_OPAQUE = 0.01


@njit(cache=True)
def _sample(field, x, y, z):  # type: ignore[no-untyped-def]
    """Linear between nodes, coordinates in nodes; the outermost value beyond the last node."""
    nx, ny, nz = field.shape
    x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
    i, j, k = min(int(x), max(nx - 2, 0)), min(int(y), max(ny - 2, 0)), min(int(z), max(nz - 2, 0))
    a, b, c = x - i, y - j, z - k
    ii, jj, kk = min(i + 1, nx - 1), min(j + 1, ny - 1), min(k + 1, nz - 1)
    low = (field[i, j, k] * (1 - a) + field[ii, j, k] * a) * (1 - b) + (
        field[i, jj, k] * (1 - a) + field[ii, jj, k] * a
    ) * b
    high = (field[i, j, kk] * (1 - a) + field[ii, j, kk] * a) * (1 - b) + (
        field[i, jj, kk] * (1 - a) + field[ii, jj, kk] * a
    ) * b
    return low * (1 - c) + high * c


@njit(cache=True)
def _level(field, point, opacity):  # type: ignore[no-untyped-def]
    """Opacity at a place."""
    value = _sample(field, point[0], point[1], point[2])
    return opacity[min(max(int(value * len(opacity)), 0), len(opacity) - 1)]


@njit(cache=True)
def cast_rays(field, lengths, camera, lower, scale, n_rows, n_columns, colours, opacity, step):  # type: ignore[no-untyped-def]
    """Red, green, blue times coverage, and coverage, of every pixel."""
    image = np.zeros((n_rows, n_columns, 4))
    n_levels = len(opacity)
    right, up, towards = camera[0], camera[1], camera[2]
    light = -0.40 * right + 0.55 * up + 0.73 * towards
    light = light / np.sqrt((light**2).sum())
    per_node = np.array([lengths[axis] / field.shape[axis] for axis in range(3)])
    point, slope = np.empty(3), np.empty(3)
    for row in range(n_rows):
        for column in range(n_columns):
            u = lower[0] + (column + 0.5) / scale
            v = lower[1] + (n_rows - row - 0.5) / scale
            # where the ray u right + v up + t towards is inside the cell
            first, last = -1e30, 1e30
            for axis in range(3):
                start, along = u * right[axis] + v * up[axis], towards[axis]
                if abs(along) < 1e-12:
                    if start < 0 or start > lengths[axis]:
                        first, last = 1.0, 0.0
                    continue
                one, other = -start / along, (lengths[axis] - start) / along
                first, last = max(first, min(one, other)), min(last, max(one, other))
            left, t = 1.0, last - 0.5 * step
            while t > first and left > _OPAQUE:
                for axis in range(3):
                    point[axis] = (u * right[axis] + v * up[axis] + t * towards[axis]) / per_node[axis] - 0.5
                value = _sample(field, point[0], point[1], point[2])
                level = min(max(int(value * n_levels), 0), n_levels - 1)
                gathered = left * (1.0 - np.exp(-opacity[level] * step))
                if gathered > 1e-4:
                    for axis in range(3):
                        before, after = point.copy(), point.copy()
                        before[axis] -= 0.7
                        after[axis] += 0.7
                        one, other = _level(field, before, opacity), _level(field, after, opacity)
                        slope[axis] = (one - other) / per_node[axis]
                    size = np.sqrt((slope**2).sum())
                    facing = 0.5
                    if size > 1e-9:
                        facing = max((slope * light).sum() / size, 0.0)
                    bright = 0.66 + 0.40 * facing
                    for channel in range(3):
                        image[row, column, channel] += gathered * min(colours[level, channel] * bright, 1.0)
                    image[row, column, 3] += gathered
                    left -= gathered
                t -= step
    return image
