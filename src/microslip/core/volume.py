"""Volume of grains: spheres in space, discs in the plane."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64


def grain_volume(diameter: Float[np.ndarray, "*n"], planar: bool = False) -> Float64[np.ndarray, "*n"]:
    """π d³/6 of spheres [d̄³], π d²/4 of the discs of a planar packing [d̄²], of diameters [d̄]."""
    diameter = np.asarray(diameter, dtype=float)
    return np.asarray(np.pi / 4 * diameter**2 if planar else np.pi / 6 * diameter**3)
