"""What the frames say of stress, energy and free volume of single grains."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.volume import grain_volume
from microslip.fields.mechanics_kernels import largest_eigenvalue


def major_principal_stress(stress: Float[np.ndarray, "grain 6"], planar: bool = False) -> Float64[np.ndarray, "grain"]:
    """σ₁, the largest eigenvalue of every grain's stress: the most compressive, since compression is positive.

    Parameters
    ----------
    stress
        Components xx, yy, zz, xy, xz, yz, shape (grain, 6) [p].
    planar
        Whether only the directions in the x–z plane count.

    Returns
    -------
    Shape (grain,) [p]; NaN where a component is.

    Raises
    ------
    MicroslipError
        Not six components per grain, or an infinite one.

    Source: Mei et al. 2023, section 4.3; the trigonometric root of the characteristic polynomial.
    """
    # of any unit: only squares are taken
    stress = arguments.reals("stress", stress, ("grain", 6), missing=True, largest=1e150)
    if planar:
        xx, _, zz, _, xz, _ = stress.T
        return np.asarray((xx + zz) / 2 + np.hypot((xx - zz) / 2, xz))
    return np.asarray(largest_eigenvalue(stress))


def local_packing_fraction(
    diameter: Float[np.ndarray, "grain"], cell_volume: Float[np.ndarray, "*n grain"], planar: bool = False
) -> Float64[np.ndarray, "*n grain"]:
    """φ_local = V_grain / V_cell, with V_cell the grain's radical Voronoi cell.

    Parameters
    ----------
    diameter
        Shape (grain,) [d̄].
    cell_volume
        Shape (..., grain) [d̄³]; NaN where unknown.
    planar
        Whether the grains are discs and the cells areas [d̄²].

    Raises
    ------
    MicroslipError
        A diameter or a cell volume is zero, negative or infinite; arrays of other grains.

    Source: Mei et al. 2023, section 4.3.
    """
    diameter = arguments.reals("diameter", diameter, ("grain",), positive=True)
    cell_volume = arguments.reals("cell_volume", cell_volume, (..., ("grain", len(diameter), "diameter")), missing=True)
    if (empty := cell_volume < 1 / arguments.LARGEST).any():
        bad = int(np.argwhere(empty)[0, -1])
        raise MicroslipError(f"grain {bad} or its Voronoi cell has no volume: mend its cell_volume or drop it first")
    return np.asarray(grain_volume(diameter, planar) / cell_volume)
