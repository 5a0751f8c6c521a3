"""D²min of every grain from a cell list, compiled."""

from __future__ import annotations

import numba
import numpy as np

from microslip.core.neighbour_kernels import copies_about, layers_about, reach_of

# An affine map in three dimensions takes three neighbours that span space; with exactly three nothing is left over. In
# the plane it takes one less.
FEWEST_NEIGHBOURS = 4

FEWEST_IN_THE_PLANE = 3

# Y is singular when its determinant is this small against the cube of its mean eigenvalue: neighbours in a plane.
SINGULAR = 1e-9

# Copies of the grains about a column are laid side by side in rows of this many numbers; more make them longer.
ROW = 4096


@numba.njit(cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _moments(rows, first, last, own, cutoff2, halves, y, x):  # type: ignore[no-untyped-def]
    """y = Σ r⊗r and x = Σ u⊗r over the copies from `first` to `last` within the cutoff of grain `own`, into the arrays.

    Rows and `own` hold positions and displacements. Returns Σ|u|² and the number of neighbours. Every copy is worked
    on, those too far away with the weight 0: without a branch the loop runs in vector registers.
    """
    # each row by itself: of a part of all of them the compiler would not know that its numbers lie side by side
    px, py, pz = rows[0, first:last], rows[1, first:last], rows[2, first:last]
    qx, qy, qz = rows[3, first:last], rows[4, first:last], rows[5, first:last]
    x0, y0, z0, u0, v0, w0 = own
    half_x, half_y, half_z = halves
    n = yxx = yyy = yzz = yxy = yxz = yyz = u2 = 0.0
    xxx = xxy = xxz = xyx = xyy = xyz = xzx = xzy = xzz = 0.0
    for k in range(len(px)):
        dx, dy, dz = px[k] - x0, py[k] - y0, pz[k] - z0
        near = dx * dx + dy * dy + dz * dz <= cutoff2
        # of a grain half a period away both copies are as near: one of them counts
        weight = 1.0 if near & (dx != -half_x) & (dy != -half_y) & (dz != -half_z) else 0.0
        ux, uy, uz = qx[k] - u0, qy[k] - v0, qz[k] - w0
        rx, ry, rz = weight * dx, weight * dy, weight * dz
        n += weight
        yxx += rx * dx
        yyy += ry * dy
        yzz += rz * dz
        yxy += rx * dy
        yxz += rx * dz
        yyz += ry * dz
        xxx += rx * ux
        xxy += ry * ux
        xxz += rz * ux
        xyx += rx * uy
        xyy += ry * uy
        xyz += rz * uy
        xzx += rx * uz
        xzy += ry * uz
        xzz += rz * uz
        u2 += weight * (ux * ux + uy * uy + uz * uz)
    y[0, 0], y[1, 1], y[2, 2] = yxx, yyy, yzz
    y[0, 1] = y[1, 0] = yxy
    y[0, 2] = y[2, 0] = yxz
    y[1, 2] = y[2, 1] = yyz
    x[0, 0], x[0, 1], x[0, 2] = xxx, xxy, xxz
    x[1, 0], x[1, 1], x[1, 2] = xyx, xyy, xyz
    x[2, 0], x[2, 1], x[2, 2] = xzx, xzy, xzz
    # the grain itself is among them, and adds nothing else
    return u2, int(n) - 1


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


@numba.njit(cache=True, parallel=True, error_model="numpy")
def d2min_of_cells(cells, displacement, wanted, planar):  # type: ignore[no-untyped-def]
    n = len(cells.x)
    d2min = np.full(n, np.nan)
    gradient = np.full((n, 3, 3), np.nan)
    n_neighbours = np.zeros(n, dtype=np.int32)
    fewest = FEWEST_IN_THE_PLANE if planar else FEWEST_NEIGHBOURS
    cutoff2 = cells.cutoff * cells.cutoff
    n_layers = cells.n[2] + 2 * reach_of(cells)[2]
    # each column is worked on by one thread with scratch of its own
    for column in numba.prange(cells.n[0] * cells.n[1]):
        first, last = cells.start[column * cells.n[2]], cells.start[(column + 1) * cells.n[2]]
        if first == last:
            continue
        rows, start = np.empty((6, ROW)), np.empty(n_layers + 1, dtype=np.int64)
        count = copies_about(cells, column, displacement, rows, start)
        if count > ROW:
            rows = np.empty((6, count))
            copies_about(cells, column, displacement, rows, start)
        y, x, inverse = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
        for s in range(first, last):
            i = cells.order[s]
            if not wanted[i]:
                continue
            low, high = layers_about(cells, cells.z[s])
            own = (cells.x[s], cells.y[s], cells.z[s], displacement[0, s], displacement[1, s], displacement[2, s])
            u2, n_near = _moments(rows, start[low], start[high + 1], own, cutoff2, cells.half_periods, y, x)
            n_neighbours[i] = n_near
            if planar:
                # no vector has a part along y: with any spread there the inverse is that of the plane, beside it
                y[1, 1] = (y[0, 0] + y[2, 2]) / 2
            if n_near < fewest or not _invert(y, inverse):
                continue
            # Γ − 1 = x y⁻¹ is exact for small u; the residual Σ|u − (Γ − 1) r|² = Σ|u|² − (Γ − 1) : x at the minimum
            explained = 0.0
            for a in range(3):
                for b in range(3):
                    g = x[a, 0] * inverse[0, b] + x[a, 1] * inverse[1, b] + x[a, 2] * inverse[2, b]
                    explained += g * x[a, b]
                    gradient[i, a, b] = g
            d2min[i] = max(u2 - explained, 0.0) / n_near
    return d2min, gradient, n_neighbours
