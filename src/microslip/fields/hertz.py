"""The stress that positions alone tell: Hertz' normal forces of the contacts that overlap."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64

from microslip.core.box import Box
from microslip.core.contacts import COMPONENTS, grain_stress
from microslip.core.touching import touching_pairs
from microslip.core.volume import grain_volume


def hertz_stress(
    positions: Float64[np.ndarray, "grain 3"],
    diameter: Float[np.ndarray, "grain"],
    of: Bool[np.ndarray, "grain"],
    box: Box,
    volume: float,
    youngs_modulus: float,
    poisson_ratio: float,
) -> float:
    """Shear stress that the normal forces of overlapping spheres carry.

    .. math:: s_n = -\\frac{1}{V} \\sum_c f_x r_z, \\qquad f = \\tfrac43 E^* \\sqrt{R^*} \\delta^{3/2}

    Tangential forces and damping, which positions do not tell, are left out.

    Parameters
    ----------
    positions, diameter
        Centres, shape (grain, 3) [d̄], and diameters, shape (grain,) [d̄].
    of
        Which grains' share of the contacts is summed, such as the bulk, shape (grain,).
    box, volume
        The cell, and the volume that the stress is over [d̄³].
    youngs_modulus, poisson_ratio
        E [p], and ν.

    Returns
    -------
    s_n [p], positive as the stress of the volume.

    Source: Johnson, Contact Mechanics (1985), eq. 4.23; Love (1927).
    """
    pairs, separation = touching_pairs(positions, diameter, box)
    radii, distance = diameter[pairs] / 2, np.linalg.norm(separation, axis=1)
    overlap = radii.sum(axis=1) - distance
    reduced_radius = radii.prod(axis=1) / radii.sum(axis=1)
    reduced_modulus = youngs_modulus / (2 * (1 - poisson_ratio**2))
    size = 4 / 3 * reduced_modulus * np.sqrt(reduced_radius) * overlap**1.5
    # on the first grain, away from the second
    force = -separation * (size / distance)[:, None]
    shear = grain_stress(pairs, separation, force, diameter)[:, COMPONENTS.index((0, 2))]
    return float((shear * grain_volume(diameter))[of].sum() / volume)
