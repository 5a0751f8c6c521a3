"""The load on the cell and the drag on its waves along z: constants of the protocol, the same for every engine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from microslip.dem.config import ShearCell


@dataclass(frozen=True)
class Servo:
    """Load and drag on the top wall along z, or on the height of a cell without walls.

    The drag is about the packing's own impedance, √(ρ M) A with the modulus M ≈ E^(2/3) p^(1/3) / 2 of Hertzian
    packings, so that a wave of compression that reaches the wall along z leaves the cell; shear waves are thrown back,
    for the wall is held in x and y. The pressure feels the drag while the wall moves: little
    at the speed of dilation, a few per cent for a moment in a large slip; `normal_stress` shows it.
    """

    load: float  # p Lx Ly [N]
    drag: float  # [kg/s]
    grain_mass: (
        float  # of every wall grain: that of a mean grain, so that equal shares of a force move a wall as one [kg]
    )
    layer_mass: float  # what moves with the height where there is no wall: one layer of grains [kg]

    def mass(self, n_top: int) -> float:
        """Mass that the load moves [kg]."""
        return n_top * self.grain_mass or self.layer_mass


def servo(config: ShearCell) -> Servo:
    """The servo of a cell, SI units."""
    g, p = config.grains, config.loading.pressure
    modulus = 0.5 * g.youngs_modulus ** (2 / 3) * p ** (1 / 3)
    area = config.cell.length * config.cell.depth * g.mean_diameter**2
    solid_density = config.cell.solid_fraction * g.density
    return Servo(
        load=p * area,
        drag=math.sqrt(solid_density * modulus) * area,
        grain_mass=g.density * math.pi / 6 * g.mean_diameter**3,
        layer_mass=solid_density * area * g.mean_diameter,
    )
