"""The adaptive drive: shear hurries through elastic loading, and slows while grains slip."""

from __future__ import annotations

import math
from dataclasses import dataclass

from microslip.dem.config import ShearCell

# Samples over which the rate falls from hurry_rate to shear_rate, and over which it rises again.
SLOWING, HURRYING = 4, 8


@dataclass
class AdaptiveDrive:
    """Chooses time steps and rate of the next interval between two samples.

    Grains slip from when the volume's stress has fallen by `recording.threshold` until it has risen by as much, and
    while their rms speed beside the mean shear, v = √(2K/m) of the mean kinetic energy K of a grain, exceeds `calm`
    hurry_rate d̄. The rate's logarithm then goes to that of `shear_rate`, and back when both have ended. All grains take
    part in a change of the mean shear at once, as if it were a body force, so that it sends no wave from the wall.
    Between two samples the rate is constant: the one nearest to `rate` [1/s] with whole steps. `extreme` [p] is the
    highest stress since the last rise, or, where it is `falling`, the lowest since the last fall.
    """

    config: ShearCell
    rate: float
    extreme: float = math.nan
    falling: bool = False
    slipping: bool = False

    def __post_init__(self) -> None:
        loading, grains = self.config.loading, self.config.grains
        self.timestep, self.strain_step = self.config.timestep, self.config.recording.strain_step
        steps = max(1, round(self.strain_step / (loading.hurry_rate * self.timestep)))
        self.slow, self.fast = loading.shear_rate, self.strain_step / (steps * self.timestep)
        # K of a mean grain at the limit [p d̄³]: (π/12) (v/d̄)² ρ d̄²/p
        inertia = (loading.calm * self.fast * grains.mean_diameter) ** 2 * grains.density / loading.pressure
        self.most_energy = math.pi / 12 * inertia
        self.down, self.up = (math.log(self.fast / self.slow) / n for n in (SLOWING, HURRYING))

    def feel(self, stress: float, kinetic_energy: float) -> None:
        """Take notice of a sample: the volume's stress [p], and K [p d̄³]."""
        beyond = stress < self.extreme if self.falling else stress > self.extreme
        if beyond or math.isnan(self.extreme):
            self.extreme = stress
        elif abs(stress - self.extreme) > self.config.recording.threshold:
            self.falling, self.extreme = not self.falling, stress
        self.slipping = self.falling or kinetic_energy > self.most_energy

    @property
    def steps(self) -> int:
        """Time steps of an interval at the present rate."""
        return max(1, round(self.strain_step / (self.rate * self.timestep)))

    @property
    def whole_rate(self) -> float:
        """γ̇ of an interval at the present rate, with whole steps [1/s]."""
        return self.strain_step / (self.steps * self.timestep)

    def following(self) -> tuple[int, float]:
        """Time steps of the next interval, and its rate [1/s]; they make up one strain_step exactly."""
        if self.slipping:
            self.rate = max(self.slow, self.rate * math.exp(-self.down))
        else:
            self.rate = min(self.fast, self.rate * math.exp(self.up))
        return self.steps, self.whole_rate
