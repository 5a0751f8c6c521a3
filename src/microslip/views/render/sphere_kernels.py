"""Kernels that draw spheres pixel by pixel."""

from __future__ import annotations

import numpy as np
from numba import njit

_AMBIENT = 0.52
_DIFFUSE = 0.58
_GLOSS = 0.10


@njit(cache=True)
def rasterise(u, v, w, radius, n_rows, n_columns):  # type: ignore[no-untyped-def]
    """Depth and index of the nearest sphere in every pixel; u and v in pixels from the upper left corner."""
    depth = np.full((n_rows, n_columns), -np.inf, dtype=np.float32)
    grain = np.full((n_rows, n_columns), -1, dtype=np.int32)
    for i in range(len(u)):
        r2 = radius[i] * radius[i]
        first_row, last_row = max(0, int(v[i] - radius[i])), min(n_rows - 1, int(v[i] + radius[i]) + 1)
        first, last = max(0, int(u[i] - radius[i])), min(n_columns - 1, int(u[i] + radius[i]) + 1)
        for row in range(first_row, last_row + 1):
            dy2 = (row + 0.5 - v[i]) ** 2
            for column in range(first, last + 1):
                left = r2 - dy2 - (column + 0.5 - u[i]) ** 2
                if left > 0.0:
                    front = w[i] + np.sqrt(left)
                    if front > depth[row, column]:
                        depth[row, column] = front
                        grain[row, column] = i
    return depth, grain


@njit(cache=True)
def shade_pixels(depth, grain, light, centres, radius, colours, towards_light, half, near, far):  # type: ignore[no-untyped-def]
    """The loop over pixels."""
    n_rows, n_columns = grain.shape
    image = np.zeros((n_rows, n_columns, 4), dtype=np.float32)
    span = max(near - far, 1e-9)
    for row in range(n_rows):
        for column in range(n_columns):
            i = grain[row, column]
            if i < 0:
                continue
            x = (column + 0.5 - centres[i, 0]) / radius[i]
            y = (centres[i, 1] - row - 0.5) / radius[i]
            z = (depth[row, column] - centres[i, 2]) / radius[i]
            facing = max(x * towards_light[0] + y * towards_light[1] + z * towards_light[2], 0.0)
            gloss = max(x * half[0] + y * half[1] + z * half[2], 0.0) ** 40
            # light scatters inside coloured grains: the occlusion dims without turning to black
            dim = (_AMBIENT + _DIFFUSE * min(facing, 1.0)) * (0.25 + 0.75 * light[row, column])
            bright = _GLOSS * min(gloss, 1.0) * light[row, column]
            haze = 0.22 * (near - depth[row, column]) / span
            for channel in range(3):
                shaded = min(max(colours[i, channel] * dim + bright, 0.0), 1.0)
                image[row, column, channel] = shaded * (1.0 - haze) + haze
            image[row, column, 3] = 1.0
    return image
