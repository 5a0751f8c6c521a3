"""The unit system and the dimensionless numbers of dense granular flow."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Units:
    """What one reduced unit is in SI: lengths in d̄, stresses in p, energies in p d̄³.

    Parameters
    ----------
    length
        Mean grain diameter d̄ [m].
    pressure
        Normal pressure p [Pa].
    """

    length: float
    pressure: float

    @property
    def energy(self) -> float:
        """p d̄³ [J]."""
        return self.pressure * self.length**3


def printed_unit(unit: str) -> str:
    """A unit of the stores as people read it: `p d**3` is p d̄³."""
    return re.sub(r"\bd\b", "d̄", unit).replace("**2", "²").replace("**3", "³")


def inertial_number(shear_rate: float, diameter: float, density: float, pressure: float) -> float:
    """I = γ̇ d̄ √(ρ/p): inertia against confinement; quasi-static below about 1e-3.

    Parameters: γ̇ [1/s], d̄ [m], ρ [kg/m³], p [Pa]. Source: GDR MiDi, Eur. Phys. J. E 14 (2004) 341.
    """
    return shear_rate * diameter * math.sqrt(density / pressure)


def stiffness_number(youngs_modulus: float, poisson_ratio: float, pressure: float) -> float:
    """κ = (E / ((1 − ν²) p))^(2/3): d̄ over the typical overlap of a Hertz contact; rigid limit above about 1e4.

    Source: Agnolin & Roux, Phys. Rev. E 76 (2007) 061302, eq. 7.
    """
    return math.pow(youngs_modulus / ((1 - poisson_ratio**2) * pressure), 2 / 3)


def contact_time(diameter: float, density: float, youngs_modulus: float, poisson_ratio: float, force: float) -> float:
    """√(2 m/k) [s], the longest stable step of a grain held between two Hertz contacts that carry a force.

    k = (6 E*² R* F)^(1/3) is the stiffness of a contact between two grains of that diameter [m], E* = E / (2 (1 − ν²))
    [Pa], F [N]. Source: Johnson, Contact Mechanics (1985), section 4.2; 2/ω of a mass between two springs.
    """
    reduced_modulus = youngs_modulus / (2 * (1 - poisson_ratio**2))
    stiffness = (6 * reduced_modulus**2 * (diameter / 4) * force) ** (1 / 3)
    mass = density * math.pi / 6 * diameter**3
    return math.sqrt(2 * mass / stiffness)


def rayleigh_time(diameter: float, density: float, youngs_modulus: float, poisson_ratio: float) -> float:
    """T_R = π R √(ρ/G) / (0.1631 ν + 0.8766) [s], the time a Rayleigh wave takes around a grain of that diameter [m].

    Source: Thornton & Randall, in Micromechanics of Granular Materials (1988), p. 133.
    """
    shear_modulus = youngs_modulus / (2 * (1 + poisson_ratio))
    return math.pi * (diameter / 2) * math.sqrt(density / shear_modulus) / (0.1631 * poisson_ratio + 0.8766)
