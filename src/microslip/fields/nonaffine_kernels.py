"""D²min of every grain from a cell list, compiled."""

from __future__ import annotations

import numba
import numpy as np

from microslip.core.neighbour_kernels import most_runs, runs_about

# An affine map in three dimensions takes three neighbours that span space; with exactly three nothing is left over. In
# the plane it takes one less.
FEWEST_NEIGHBOURS = 4

FEWEST_IN_THE_PLANE = 3

# Y is singular when its determinant is this small against the cube of its mean eigenvalue: neighbours in a plane.
SINGULAR = 1e-9

# The neighbours of a grain are gathered into rows of this many numbers; a denser neighbourhood makes them longer.
ROW = 256


@numba.njit(cache=True, error_model="numpy")
def _gather(cells, s, displacement, bounds, shifts, rows):  # type: ignore[no-untyped-def]
    """Vectors to the neighbours of sorted grain s and their changes, into rows rx, ry, rz, ux, uy, uz.

    Returns the number of neighbours, also where it exceeds the length of the rows, whose content is then of no use.
    """
    most = rows.shape[1] - 1
    cutoff2 = cells.cutoff * cells.cutoff
    half_x, half_y, half_z = cells.half_periods
    count = 0
    for m in range(runs_about(cells, s, False, bounds, shifts)):
        x0, y0, z0 = cells.x[s] - shifts[m, 0], cells.y[s] - shifts[m, 1], cells.z[s] - shifts[m, 2]
        for k in range(bounds[m, 0], bounds[m, 1]):
            dx, dy, dz = cells.x[k] - x0, cells.y[k] - y0, cells.z[k] - z0
            # written in any case and kept by counting on: no branch to guess
            at = min(count, most)
            rows[0, at], rows[1, at], rows[2, at] = dx, dy, dz
            rows[3, at] = displacement[0, k] - displacement[0, s]
            rows[4, at] = displacement[1, k] - displacement[1, s]
            rows[5, at] = displacement[2, k] - displacement[2, s]
            near = (dx * dx + dy * dy + dz * dz <= cutoff2) & (k != s)
            # of a grain half a period away both copies are as near: one of them counts
            count += near & (dx != -half_x) & (dy != -half_y) & (dz != -half_z)
    return count


@numba.njit(cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _moments(rows, count, y, x):  # type: ignore[no-untyped-def]
    """y = Σ r⊗r and x = Σ u⊗r, into the arrays; returns Σ|u|²."""
    rx, ry, rz, ux, uy, uz = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    yxx = yyy = yzz = yxy = yxz = yyz = u2 = 0.0
    xxx = xxy = xxz = xyx = xyy = xyz = xzx = xzy = xzz = 0.0
    for k in range(count):
        yxx += rx[k] * rx[k]
        yyy += ry[k] * ry[k]
        yzz += rz[k] * rz[k]
        yxy += rx[k] * ry[k]
        yxz += rx[k] * rz[k]
        yyz += ry[k] * rz[k]
        xxx += ux[k] * rx[k]
        xxy += ux[k] * ry[k]
        xxz += ux[k] * rz[k]
        xyx += uy[k] * rx[k]
        xyy += uy[k] * ry[k]
        xyz += uy[k] * rz[k]
        xzx += uz[k] * rx[k]
        xzy += uz[k] * ry[k]
        xzz += uz[k] * rz[k]
        u2 += ux[k] * ux[k] + uy[k] * uy[k] + uz[k] * uz[k]
    y[0, 0], y[1, 1], y[2, 2] = yxx, yyy, yzz
    y[0, 1] = y[1, 0] = yxy
    y[0, 2] = y[2, 0] = yxz
    y[1, 2] = y[2, 1] = yyz
    x[0, 0], x[0, 1], x[0, 2] = xxx, xxy, xxz
    x[1, 0], x[1, 1], x[1, 2] = xyx, xyy, xyz
    x[2, 0], x[2, 1], x[2, 2] = xzx, xzy, xzz
    return u2


@numba.njit(cache=True, error_model="numpy")
def _invert(y, inverse):  # type: ignore[no-untyped-def]
    """The inverse of a symmetric matrix into `inverse`; False where it is singular."""
    c00 = y[1, 1] * y[2, 2] - y[1, 2] * y[2, 1]
    c01 = y[1, 2] * y[2, 0] - y[1, 0] * y[2, 2]
    c02 = y[1, 0] * y[2, 1] - y[1, 1] * y[2, 0]
    determinant = y[0, 0] * c00 + y[0, 1] * c01 + y[0, 2] * c02
    if not determinant > SINGULAR * ((y[0, 0] + y[1, 1] + y[2, 2]) / 3) ** 3:
        return False
    inverse[0, 0] = c00 / determinant
    inverse[0, 1] = inverse[1, 0] = c01 / determinant
    inverse[0, 2] = inverse[2, 0] = c02 / determinant
    inverse[1, 1] = (y[0, 0] * y[2, 2] - y[0, 2] * y[2, 0]) / determinant
    inverse[1, 2] = inverse[2, 1] = (y[0, 2] * y[1, 0] - y[0, 0] * y[1, 2]) / determinant
    inverse[2, 2] = (y[0, 0] * y[1, 1] - y[0, 1] * y[1, 0]) / determinant
    return True


# Sorted grains are shared out in blocks of this many: each is worked on by one thread with scratch of its own.
BLOCK = 256


@numba.njit(cache=True, parallel=True, error_model="numpy")
def d2min_of_cells(cells, displacement, wanted, planar):  # type: ignore[no-untyped-def]
    n = len(cells.x)
    d2min = np.full(n, np.nan)
    gradient = np.full((n, 3, 3), np.nan)
    n_neighbours = np.zeros(n, dtype=np.int32)
    fewest = FEWEST_IN_THE_PLANE if planar else FEWEST_NEIGHBOURS
    for block in numba.prange((n + BLOCK - 1) // BLOCK):
        rows = np.empty((6, ROW))
        bounds = np.empty((most_runs(cells), 2), dtype=np.int64)
        shifts = np.empty((len(bounds), 3))
        y, x, inverse = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
        for s in range(block * BLOCK, min((block + 1) * BLOCK, n)):
            i = cells.order[s]
            if not wanted[i]:
                continue
            count = _gather(cells, s, displacement, bounds, shifts, rows)
            if count >= rows.shape[1]:
                rows = np.empty((6, 2 * count))
                count = _gather(cells, s, displacement, bounds, shifts, rows)
            n_neighbours[i] = count
            u2 = _moments(rows, count, y, x)
            if planar:
                # no vector has a part along y: with any spread there the inverse is that of the plane, beside it
                y[1, 1] = (y[0, 0] + y[2, 2]) / 2
            if count < fewest or not _invert(y, inverse):
                continue
            # Γ − 1 = x y⁻¹ is exact for small u; the residual Σ|u − (Γ − 1) r|² = Σ|u|² − (Γ − 1) : x at the minimum
            explained = 0.0
            for a in range(3):
                for b in range(3):
                    g = x[a, 0] * inverse[0, b] + x[a, 1] * inverse[1, b] + x[a, 2] * inverse[2, b]
                    explained += g * x[a, b]
                    gradient[i, a, b] = g
            d2min[i] = max(u2 - explained, 0.0) / count
    return d2min, gradient, n_neighbours
