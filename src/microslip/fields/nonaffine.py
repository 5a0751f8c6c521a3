"""Non-affine motion of single grains: D²min of Falk and Langer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32

from microslip.core import arguments
from microslip.core.box import OF_A_BOX, Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_positions, refuse_plane, sort_into_cells
from microslip.fields.nonaffine_kernels import FEWEST_IN_THE_PLANE, FEWEST_NEIGHBOURS, d2min_of_cells


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


def fewest_neighbours(planar: bool) -> int:
    """Neighbours that a grain must have for a value of D²min."""
    return FEWEST_IN_THE_PLANE if planar else FEWEST_NEIGHBOURS


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
    cells = sort_into_cells(reference, box, cutoff, width=cutoff)
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
    values, gradient, n_neighbours = d2min_of_cells(cells, moved_rows, wanted, box.planar)
    if not np.isfinite(values).any():
        refuse_plane(reference, box)
    return NonaffineMotion(values, gradient + of_cell, n_neighbours)
