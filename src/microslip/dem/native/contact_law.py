"""The numbers of the contact law, and where the periodic copies of a grain are."""

from __future__ import annotations

import math
from typing import NamedTuple

from microslip.dem.sections import Grains, damping_ratio, viscous_damping

# Rows of what a pair carries from one list to the next, of what it is made of, and of what it gives.
N_CONSTANTS = 3  # sum of radii [m], R* [m], damping coefficient
N_GIVEN = 7  # force on the first (3) [N], normal × tangential force (3) [N], overlap [m]


class Law(NamedTuple):
    """The contact law's numbers, as kernels take them.

    `hertz` = 4/3 E*, `shear` = 8 G* [Pa], `friction` μ. `damping`: c below over √m* [Pa^½] for a constant restitution,
    over m* else. `arm`: the force acts this share of the overlap inside a grain's surface. `as_force`: histories are
    forces, not displacements.
    """

    hertz: float
    shear: float
    friction: float
    damping: float
    constant_restitution: bool
    arm: float
    as_force: bool


class Images(NamedTuple):
    """Where the periodic copies of a grain are, as kernels take it.

    Edge lengths [m] and what they are over 1, 0 along z between walls; how far the copy above leans along x [m], its
    speed along x against this cell [m/s], and the rate at which the height stretches [1/s].
    """

    lx: float
    inverse_lx: float
    ly: float
    inverse_ly: float
    lz: float
    inverse_lz: float
    lean: float
    slide: float
    stretch: float


def contact_law(grains: Grains, stiffness_number: float, friction: float) -> Law:
    """The law of these grains with another friction, such as that of the preparation.

    The viscous damping is that of LAMMPS' older pair style, set equal to the other at the overlap d̄/κ: see
    `microslip.dem.sections.viscous_damping`.
    """
    reduced_modulus = grains.youngs_modulus / (2 * (1 - grains.poisson_ratio**2))
    hertz = 4 / 3 * reduced_modulus
    shear = 8 * grains.youngs_modulus / (4 * (2 - grains.poisson_ratio) * (1 + grains.poisson_ratio))
    restitution = grains.damping == "restitution"
    damping = (
        2 * math.sqrt(5 / 6) * damping_ratio(grains) * math.sqrt(1.5 * hertz)
        if restitution
        else viscous_damping(grains, stiffness_number)
    )
    arm = 0.5 if restitution else 0.0
    return Law(hertz, shear, friction, damping, restitution, arm, grains.tangential == "mindlin_force")
