"""What the frames say of stress, energy and free volume of single grains."""

from __future__ import annotations

import numba
import numpy as np
from jaxtyping import Float, Float64

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.volume import grain_volume


@numba.njit(cache=True, error_model="numpy")
def _largest_eigenvalue(tensors):  # type: ignore[no-untyped-def]
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
    return np.asarray(_largest_eigenvalue(stress))


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
