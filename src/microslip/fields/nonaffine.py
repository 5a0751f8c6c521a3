"""Non-affine motion of single grains: D²min of Falk and Langer."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Bool, Float64, Int32

from microslip.core import arguments
from microslip.core.box import OF_A_BOX, Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_positions, most_runs, refuse_plane, runs_about, sort_into_cells

# An affine map in three dimensions takes three neighbours that span space; with exactly three nothing is left over. In
# the plane it takes one less.
FEWEST_NEIGHBOURS = 4
FEWEST_IN_THE_PLANE = 3

# Y is singular when its determinant is this small against the cube of its mean eigenvalue: neighbours in a plane.
SINGULAR = 1e-9


@dataclass(frozen=True)
class NonaffineMotion:
    """D²min, the affine map that it leaves, and the number of neighbours used.

    `d2min` (grain) [d̄²], NaN where not asked for, with fewer than 4 neighbours, or with neighbours in a plane; of a
    planar cell with fewer than 3, or with neighbours on a line. `gradient` (grain, 3, 3), Γ − 1, the gradient of the
    displacement, 0 along the axis that a planar cell lacks; `n_neighbours` (grain).
    """

    d2min: Float64[np.ndarray, "grain"]
    gradient: Float64[np.ndarray, "grain 3 3"]
    n_neighbours: Int32[np.ndarray, "grain"]

    @property
    def affine(self) -> Float64[np.ndarray, "grain 3 3"]:
        """The map Γ from start to end vectors."""
        return self.gradient + np.eye(3)


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
def _d2min(cells, displacement, wanted, planar):  # type: ignore[no-untyped-def]
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


def d2min(
    reference: Float64[np.ndarray, "grain 3"],
    current: Float64[np.ndarray, "grain 3"],
    box: Box,
    cutoff: float = 2.0,
    of: Bool[np.ndarray, "grain"] | None = None,
    end_box: Box | None = None,
) -> NonaffineMotion:
    """Mean squared residual of the neighbours' motion about the best affine map.

    .. math::
        D^2_{\\min,i} = \\frac{1}{N_i} \\sum_j | u_{ij} - (\\Gamma_i - 1) r_{ij} |^2, \\qquad
        \\Gamma_i - 1 = \\Big(\\sum_j u_{ij} \\otimes r_{ij}\\Big) \\Big(\\sum_j r_{ij} \\otimes r_{ij}\\Big)^{-1}

    with r_ij the vector to neighbour j in the reference frame and u_ij its change.

    Parameters
    ----------
    reference, current
        Centres at the start and the end of the stage, unwrapped or both wrapped alike, shape (grain, 3) [d̄].
    box
        The cell; motions are taken as they are, not folded back into it. In a planar one Γ is a map of the plane.
    cutoff
        L_c [d̄]; neighbours are the grains this near in the reference frame.
    of
        Which grains get a value, shape (grain,); all grains serve as neighbours.
    end_box
        The cell at the end where it is another one, sheared or strained with the grains in it.

    Raises
    ------
    MicroslipError
        Positions that are not finite, frames of different grains, marks that are not one per grain, a cutoff beyond
        half the cell, a motion of half a period or more between the frames; grains in one plane of a cell that is not
        planar.

    Source: Mei et al. 2023, eqs 1–4, with Y of eq. 3 from reference vectors alone, as in Falk & Langer, Phys. Rev. E 57
    (1998) 7192.
    """
    reference, current = check_positions("reference", reference, box), check_positions("current", current, box)
    n = len(reference)
    if len(current) != n:
        raise MicroslipError(
            f"the frames hold {n} and {len(current)} grains: give the same grains twice, in reference and in current"
        )
    wanted = np.ones(n, dtype=bool) if of is None else arguments.marks("of", of, (("grain", n, "reference"),))
    if end_box is not None:
        arguments.record("end_box", end_box, Box, OF_A_BOX)
    cells = sort_into_cells(reference, box, cutoff)
    # what the cell does, its copies do too: relative to it, a motion is the same for all copies of a grain; being
    # affine, it is no part of D²min, and is given back to the gradient below
    of_cell = box.gradient_to(end_box) if end_box is not None else np.zeros((3, 3))
    displacement = current - reference - reference @ of_cell.T
    farthest = np.abs(displacement).max(axis=0, initial=0.0)
    for axis, (moved, period) in enumerate(zip(farthest, box.periods, strict=True)):
        if 0 < period <= 2 * moved:
            grain = int(np.abs(displacement[:, axis]).argmax())
            raise MicroslipError(
                f"grain {grain} moves {moved:.3g} d̄ along {'xyz'[axis]} between two frames, half the cell or more:"
                " unwrap the positions of reference and current or use shorter stages"
            )
    moved_rows = np.ascontiguousarray(displacement[cells.order].T)
    found, gradient, n_neighbours = _d2min(cells, moved_rows, wanted, box.planar)
    if not np.isfinite(found).any():
        refuse_plane(reference, box)
    return NonaffineMotion(found, gradient + of_cell, n_neighbours)
