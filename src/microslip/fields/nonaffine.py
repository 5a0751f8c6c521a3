"""Non-affine motion of single grains: D²min of Falk and Langer."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Bool, Float64, Int32

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import cell_grid, cells_around, check_positions, sort_into_cells

# An affine map in three dimensions takes three neighbours that span space; with exactly three nothing is left over.
FEWEST_NEIGHBOURS = 4

# Y is singular when its determinant is this small against the cube of its mean eigenvalue: neighbours in a plane.
SINGULAR = 1e-9


@dataclass(frozen=True)
class NonaffineMotion:
    """D²min, the affine map that it leaves, and the number of neighbours used.

    `d2min` (grain) [d̄²], NaN where not asked for, with fewer than 4 neighbours, or with neighbours in a plane;
    `affine` (grain, 3, 3), the map Γ from start to end vectors; `n_neighbours` (grain).
    """

    d2min: Float64[np.ndarray, "grain"]
    affine: Float64[np.ndarray, "grain 3 3"]
    n_neighbours: Int32[np.ndarray, "grain"]


@numba.njit(cache=True, parallel=True, error_model="numpy")
def _d2min(reference, displacement, periods, wanted, cutoff, lower, n_cells, cell_size, start, order):  # type: ignore[no-untyped-def]
    n = len(reference)
    d2min = np.full(n, np.nan)
    affine = np.full((n, 3, 3), np.nan)
    n_neighbours = np.zeros(n, dtype=np.int32)
    cutoff2 = cutoff * cutoff
    for i in numba.prange(n):
        if not wanted[i]:
            continue
        # y = Σ r⊗r and x = Σ u⊗r over neighbours, u the change of the vector r; Γ = 1 + x y⁻¹ is exact for small u
        y = np.zeros((3, 3))
        x = np.zeros((3, 3))
        u2 = 0.0
        count = 0
        r = np.empty(3)
        u = np.empty(3)
        cell = np.empty(3, dtype=np.int64)
        first = np.empty(3, dtype=np.int64)
        last = np.empty(3, dtype=np.int64)
        cells_around(reference[i], lower, n_cells, cell_size, periods, cell, first, last)
        for ix in range(first[0], last[0] + 1):
            cx = (cell[0] + ix) % n_cells[0]
            for iy in range(first[1], last[1] + 1):
                cy = (cell[1] + iy) % n_cells[1]
                for iz in range(first[2], last[2] + 1):
                    cz = (cell[2] + iz) % n_cells[2]
                    c = (cx * n_cells[1] + cy) * n_cells[2] + cz
                    for k in range(start[c], start[c + 1]):
                        j = order[k]
                        if j == i:
                            continue
                        r2 = 0.0
                        for axis in range(3):
                            r[axis] = reference[j, axis] - reference[i, axis]
                            if periods[axis] > 0:
                                r[axis] -= periods[axis] * np.rint(r[axis] / periods[axis])
                            r2 += r[axis] * r[axis]
                        if r2 > cutoff2:
                            continue
                        count += 1
                        for a in range(3):
                            u[a] = displacement[j, a] - displacement[i, a]
                            u2 += u[a] * u[a]
                        for a in range(3):
                            for b in range(3):
                                y[a, b] += r[a] * r[b]
                                x[a, b] += u[a] * r[b]
        n_neighbours[i] = count
        trace = y[0, 0] + y[1, 1] + y[2, 2]
        c00 = y[1, 1] * y[2, 2] - y[1, 2] * y[2, 1]
        c01 = y[1, 2] * y[2, 0] - y[1, 0] * y[2, 2]
        c02 = y[1, 0] * y[2, 1] - y[1, 1] * y[2, 0]
        determinant = y[0, 0] * c00 + y[0, 1] * c01 + y[0, 2] * c02
        if count < FEWEST_NEIGHBOURS or determinant <= SINGULAR * (trace / 3) ** 3:
            continue
        inverse = np.empty((3, 3))
        inverse[0, 0] = c00 / determinant
        inverse[0, 1] = c01 / determinant
        inverse[0, 2] = c02 / determinant
        inverse[1, 1] = (y[0, 0] * y[2, 2] - y[0, 2] * y[2, 0]) / determinant
        inverse[1, 2] = (y[0, 2] * y[1, 0] - y[0, 0] * y[1, 2]) / determinant
        inverse[2, 2] = (y[0, 0] * y[1, 1] - y[0, 1] * y[1, 0]) / determinant
        inverse[1, 0] = inverse[0, 1]
        inverse[2, 0] = inverse[0, 2]
        inverse[2, 1] = inverse[1, 2]
        # residual Σ|u − G r|² = Σ|u|² − G : x at the minimum
        explained = 0.0
        for a in range(3):
            for b in range(3):
                g = x[a, 0] * inverse[0, b] + x[a, 1] * inverse[1, b] + x[a, 2] * inverse[2, b]
                explained += g * x[a, b]
                affine[i, a, b] = g
            affine[i, a, a] += 1.0
        d2min[i] = max(u2 - explained, 0.0) / count
    return d2min, affine, n_neighbours


def d2min(
    reference: Float64[np.ndarray, "grain 3"],
    current: Float64[np.ndarray, "grain 3"],
    box: Box,
    cutoff: float = 2.0,
    of: Bool[np.ndarray, "grain"] | None = None,
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
        The cell; motions are taken as they are, not folded back into it.
    cutoff
        L_c [d̄]; neighbours are the grains this near in the reference frame.
    of
        Which grains get a value, shape (grain,); all grains serve as neighbours.

    Raises
    ------
    MicroslipError
        Positions that are not finite, frames of different grains, a cutoff beyond half the cell, a motion of half a
        period or more between the frames.

    Source: Mei et al. 2023, eqs 1–4, with Y of eq. 3 from reference vectors alone, as in Falk & Langer, Phys. Rev. E 57
    (1998) 7192.
    """
    if reference.shape != current.shape:
        raise MicroslipError(f"the frames hold {len(reference)} and {len(current)} grains: give the same grains twice")
    if of is not None and of.shape != (len(reference),):
        raise MicroslipError(f"`of` marks {of.size} grains, the frames hold {len(reference)}: give one mark per grain")
    check_positions(reference, box, cutoff)
    check_positions(current, box, cutoff)
    displacement = current - reference
    farthest = np.abs(displacement).max(axis=0, initial=0.0)
    for axis, (moved, period) in enumerate(zip(farthest, box.periods, strict=True)):
        if 0 < period <= 2 * moved:
            raise MicroslipError(
                f"a grain moves {moved:.3g} d̄ along {'xyz'[axis]} between two frames, half the cell or more:"
                " unwrap the positions or use shorter stages"
            )
    wrapped = box.wrap(reference)
    lower, n_cells, cell_size = cell_grid(wrapped, box, cutoff)
    start, order = sort_into_cells(wrapped, n_cells, lower, cell_size)
    wanted = np.ones(len(reference), dtype=bool) if of is None else of
    return NonaffineMotion(
        *_d2min(wrapped, displacement, box.periods, wanted, cutoff, lower, n_cells, cell_size, start, order)
    )
