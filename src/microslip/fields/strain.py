"""Local strain from the affine map, and the motion that the mean shear does not explain."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int

from microslip.core import arguments
from microslip.core.errors import MicroslipError


def local_strain(
    gradient: Float64[np.ndarray, "grain 3 3"], planar: bool = False
) -> tuple[Float64[np.ndarray, "grain"], Float64[np.ndarray, "grain"]]:
    """Shear and volumetric strain of every grain's neighbourhood.

    .. math:: \\eta = \\tfrac12 (G + G^T + G^T G), \\qquad
        \\eta_{vol} = \\tfrac13 \\mathrm{tr}\\,\\eta, \\qquad
        \\eta_{shear} = \\sqrt{\\tfrac12 \\sum_{ab} (\\eta_{ab} - \\eta_{vol} \\delta_{ab})^2}

    Parameters
    ----------
    gradient
        G = Γ − 1 of `NonaffineMotion`, shape (grain, 3, 3).
    planar
        Whether it is that of a planar packing: the trace is over two axes then, η_vol is half of it, and δ is that of
        the plane.

    Returns
    -------
    η_shear, the von Mises strain, and η_vol, positive for dilation, shape (grain,); NaN where G is. In simple shear by
    a small γ they are γ/2 and 0.

    Raises
    ------
    MicroslipError
        Not three rows of three per grain, or an infinite number.

    Source: Shimizu, Ogata & Li, Mater. Trans. 48 (2007) 2923, as in OVITO's atomic strain.
    """
    gradient = arguments.reals("gradient", gradient, ("grain", 3, 3), missing=True)
    strain = 0.5 * (gradient + gradient.transpose(0, 2, 1) + np.einsum("nca,ncb->nab", gradient, gradient))
    there = np.array([1.0, 0.0 if planar else 1.0, 1.0])
    volumetric = np.trace(strain, axis1=1, axis2=2) / there.sum()
    deviator = strain - volumetric[:, None, None] * np.diag(there)
    return np.sqrt(0.5 * (deviator**2).sum(axis=(1, 2))), volumetric


def shear_strain_xz(gradient: Float64[np.ndarray, "grain 3 3"]) -> Float64[np.ndarray, "grain"]:
    """Component xz of the strain of every grain's neighbourhood, with its sign, which the von Mises strain loses.

    .. math:: \\eta_{xz} = \\tfrac12 \\left( G_{xz} + G_{zx} + \\sum_c G_{cx} G_{cz} \\right)

    `gradient` as in `local_strain`. It is γ/2 in simple shear by γ, and the same in the mirror y → −y and in the
    rotation by π about y. NaN where G is.
    """
    gradient = arguments.reals("gradient", gradient, ("grain", 3, 3), missing=True)
    of_second_order = np.einsum("nc,nc->n", gradient[:, :, 0], gradient[:, :, 2])
    return np.asarray(0.5 * (gradient[:, 0, 2] + gradient[:, 2, 0] + of_second_order))


def displacement_without_shear(
    reference: Float64[np.ndarray, "grain 3"],
    current: Float64[np.ndarray, "grain 3"],
    kind: Int[np.ndarray, "grain"],
    of_cell: Float64[np.ndarray, "3 3"] | None = None,
) -> Float64[np.ndarray, "grain 3"]:
    """Displacement less the mean shear: that of the walls, linear in z between their innermost centres.

    Parameters
    ----------
    reference, current
        Centres at the start and the end of the stage, unwrapped, shape (grain, 3) [d̄].
    kind
        0 bulk, 1 bottom wall, 2 top wall, shape (grain,). Without one of the walls the mean shear is the straight line
        in z that fits the displacement of all grains best.
    of_cell
        Displacement gradient of a cell that repeats in z, `Box.gradient_to`: the mean shear is its motion then.

    Returns
    -------
    Shape (grain, 3) [d̄].

    Raises
    ------
    MicroslipError
        Frames of different or of no grains, positions that are not finite, another kind than these, walls that leave no
        room between them, or grains without walls that all lie at one height.
    """
    reference = arguments.reals("reference", reference, ("grain", 3), noun="the position")
    current = arguments.reals("current", current, ("grain", 3), noun="the position")
    kind = arguments.wholes("kind", kind, ("grain",), 0, 2)
    if not len(reference) == len(current) == len(kind) > 0:
        raise MicroslipError(
            f"{len(reference)}, {len(current)} and {len(kind)} grains in two frames and in kind: give the same grains,"
            " one at least, to reference, current and kind"
        )
    moved = current - reference
    if of_cell is not None:
        of_cell = arguments.reals("of_cell", of_cell, (3, 3))
        relative = moved - reference @ of_cell.T
        return np.asarray(relative - relative.mean(axis=0))
    z = reference[:, 2]
    bottom, top = kind == 1, kind == 2
    if bottom.any() and top.any():
        # a thick wall moves as a whole: the shear begins where it ends
        low, high = z[bottom].max(), z[top].min()
        if low >= high:
            raise MicroslipError(
                f"the bottom wall reaches up to {low:g} d̄ and the top wall down to {high:g} d̄: there is no height"
                " between them to shear; check by kind which grains are the walls'"
            )
        at_low, at_high = moved[bottom].mean(axis=0), moved[top].mean(axis=0)
        slope = (at_high - at_low) / (high - low)
        return np.asarray(moved - at_low - (z - low)[:, None] * slope)
    centred = z - z.mean()
    spread = float(centred @ centred)
    if np.ptp(z) == 0:
        raise MicroslipError("all grains lie at one height: reference has no shear along z to take away")
    slope = centred @ moved / spread
    return np.asarray(moved - moved.mean(axis=0) - centred[:, None] * slope)
