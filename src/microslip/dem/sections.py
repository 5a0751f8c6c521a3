"""Sections that say what is sheared and how. SI units where a unit is named, mean diameters d̄ elsewhere.

The defaults are the cell of Mei et al., Int. J. Plasticity 163 (2023) 103570, section 2.1, at a shear rate that a
workstation can pay for.
"""

from __future__ import annotations

import math
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from microslip.core.settings import LATER, Settings
from microslip.core.smoothing import Smoothing
from microslip.data.stage_stress import kept_by

# Δt over the critical time beyond which a frictionless packing gains energy, see docs/physics.md.
STABLE_FRACTION = 0.4
# Inside a stage: with fewer, stick and slip share most of the frames by which they are compared, and what is held in
# memory grows with their number.
LEAST_FRAMES_PER_STAGE, MOST_FRAMES_PER_STAGE = 5, 1000


class Grains(Settings):
    """Hertz–Mindlin spheres."""

    mean_diameter: float = Field(1e-3, ge=1e-9, le=1e3, description="d̄ [m]")
    width: float = Field(0.2, ge=0, lt=1, description="diameters are uniform on [1 − width, 1 + width] d̄")
    density: float = Field(2900.0, ge=1e-3, le=1e6, description="[kg/m³]")
    youngs_modulus: float = Field(65e9, ge=1e-6, le=1e15, description="[Pa]")
    poisson_ratio: float = Field(0.25, ge=0, lt=0.5)
    friction: float = Field(0.5, ge=0, le=10, description="Coulomb coefficient μ")
    restitution: float = Field(0.87, ge=1e-3, le=1, description="normal restitution e, independent of speed")
    damping: Literal["restitution", "viscous"] = Field(
        "restitution",
        description="`restitution`: e at any speed; `viscous`: alike for contacts under p only, faster in LAMMPS",
    )
    tangential: Literal["mindlin", "mindlin_force"] = Field(
        "mindlin",
        json_schema_extra=LATER,
        description="what a contact remembers while its overlap changes: its displacement, or its tangential force",
    )

    @model_validator(mode="after")
    def _law_exists(self) -> Self:
        if self.damping == "viscous" and self.tangential == "mindlin_force":
            raise ValueError("grains.damping = viscous is LAMMPS' older law, which knows tangential = mindlin only")
        return self


class Cell(Settings):
    """Box and walls [d̄]."""

    length: float = Field(50.0, ge=4, le=1e5, description="x, along the flow, periodic [d̄]")
    depth: float = Field(15.0, ge=4, le=1e5, description="y, along the vorticity, periodic [d̄]")
    height: float = Field(
        20.0, ge=4, le=1e5, description="z between the walls, aimed at; the prepared height is H₀ [d̄]"
    )
    walls: bool = Field(
        True,
        json_schema_extra=LATER,
        description="false: the cell repeats in z too and is sheared by sliding images (Lees–Edwards)",
    )
    wall: Literal["lattice", "amorphous"] = Field(
        "lattice",
        json_schema_extra=LATER,
        description="`amorphous`: random grains of the packing, glued to a lattice behind them",
    )
    wall_thickness: float = Field(
        1.5,
        json_schema_extra=LATER,
        gt=0,
        le=1e5,
        description="of an amorphous wall, from the lattice's inner face to its own [d̄]",
    )
    wall_spacing: float = Field(
        0.75, ge=0.1, le=0.8, description="lattice of wall grains [d̄]; wider than 0.8 lets small grains through"
    )
    wall_roughness: float = Field(
        0.25, ge=0, le=0.3, description="wall grains are shifted in z by up to this much [d̄], so that no layer slides"
    )
    solid_fraction: float = Field(
        0.575, gt=0.3, lt=0.7, description="bulk grains' volume over the volume between the walls, sets their number"
    )


class Loading(Settings):
    """Pressure, shear, and the time step."""

    pressure: float = Field(10e6, ge=1e-9, le=1e14, description="normal stress p on the top wall [Pa]")
    shear_rate: float = Field(
        10.0, ge=1e-15, le=1e9, description="γ̇ [1/s]; the paper's 0.1 /s costs a hundred times the steps"
    )
    preparation_friction: float | None = Field(
        None, ge=0, le=10, description="μ while compacting: less makes it denser; the grains' own if left out"
    )
    strain: float = Field(1.25, ge=1e-9, le=1e5, description="total shear strain γ")
    warm_up: float = Field(0.2, ge=0, le=1e5, description="strain before the steady state; no stage starts earlier")
    warm_up_rate: float | None = Field(
        None,
        json_schema_extra=LATER,
        ge=1e-15,
        le=1e9,
        description="γ̇ of the warm-up [1/s], where it is another one, such as a faster and cheaper one",
    )
    slow_down: float = Field(
        0.02,
        json_schema_extra=LATER,
        ge=0,
        le=1e5,
        description="strain at the end of the warm-up over which γ̇ goes from warm_up_rate to shear_rate",
    )
    drive: Literal["constant", "adaptive"] = Field(
        "constant",
        json_schema_extra=LATER,
        description="`adaptive`: the shear hurries through elastic loading and slows to shear_rate while grains slip",
    )
    hurry_rate: float = Field(
        1.0,
        json_schema_extra=LATER,
        ge=1e-15,
        le=1e9,
        description="γ̇ of an adaptive drive between slips [1/s]",
    )
    calm: float = Field(
        3.0,
        json_schema_extra=LATER,
        gt=0,
        le=1e6,
        description="an adaptive drive hurries while the grains' rms speed beside the mean shear is below this much of"
        " hurry_rate d̄, and the volume's stress does not fall by recording.threshold",
    )
    hold: Literal["pressure", "volume"] = Field(
        "pressure", json_schema_extra=LATER, description="what is constant during shear; `volume` without walls only"
    )
    rayleigh_fraction: float = Field(
        0.25,
        ge=1e-6,
        le=STABLE_FRACTION,
        description="upper bound of Δt over the Rayleigh time of the smallest grain and over its contact time",
    )
    timestep: float | None = Field(
        None, ge=1e-30, le=1e12, description="Δt in place of that bound [s]; rounded down to samples"
    )

    @model_validator(mode="after")
    def _warm_up_ends(self) -> Self:
        if self.warm_up >= self.strain:
            raise ValueError(f"warm_up = {self.warm_up:g} leaves nothing of strain = {self.strain:g}: raise strain")
        if self.warm_up_rate is not None and self.slow_down > self.warm_up:
            raise ValueError(
                f"loading.slow_down = {self.slow_down:g} is more than the whole warm_up = {self.warm_up:g}: lower it"
            )
        if self.drive == "adaptive" and self.hurry_rate < self.shear_rate:
            raise ValueError(
                f"loading.hurry_rate = {self.hurry_rate:g} /s is below shear_rate = {self.shear_rate:g} /s, to which an"
                ' adaptive drive slows while grains slip: raise it, or set drive = "constant"'
            )
        return self


class Recording(Settings):
    """Samples and frames that are kept."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_run(cls, content: Any) -> Any:
        return (
            {**content, "stress": kept_by(content)}
            if isinstance(content, dict) and "stress" not in content
            else content
        )

    @model_validator(mode="after")
    def _frames_make_a_mean(self) -> Self:
        if 0 < self.frames_per_stage < LEAST_FRAMES_PER_STAGE:
            raise ValueError(
                f"recording.frames_per_stage = {self.frames_per_stage} is too few to tell a stage from its ends: give"
                f" {LEAST_FRAMES_PER_STAGE} or more, or 0"
            )
        return self

    def fingerprinted(self) -> dict[str, Any]:
        """As of the base; results of runs before there was a choice, whose frames are the walls', stay current."""
        content = super().fingerprinted()
        return {name: value for name, value in content.items() if (name, value) != ("stress", "walls")}

    contacts: bool = Field(True, description="stress, energy and number of contacts of every grain in every frame")
    cell_volumes: bool = Field(False, description="radical Voronoi cell of every grain in every frame, after the shear")

    strain_step: float = Field(1e-5, ge=1e-12, le=1e-3, description="strain between two samples of the stress")
    stress: Literal["volume", "walls"] = Field(
        "volume",
        description="whose turning points keep frames: the stress of the volume, or the mean of both walls, which carry"
        " shear waves at fast rates",
    )
    threshold: float = Field(
        1e-5,
        ge=1e-12,
        lt=1,
        description="a frame is kept at every turning point whose following swing of s exceeds this",
    )
    frames_per_stage: int = Field(
        0,
        json_schema_extra=LATER,
        ge=0,
        le=MOST_FRAMES_PER_STAGE,
        description="frames inside each stage between two such turning points, at about even strain: 0, or 5 and more; "
        "fewer where a stage has fewer samples",
    )
    smoothing: Smoothing = Field("none", description="causal filter before detection: none, ewma or median")
    smoothing_span: int = Field(11, ge=1, le=1001, description="samples in that filter")
    checkpoint_steps: int = Field(
        20_000,
        ge=1,
        le=10**15,
        description="time steps between checkpoints, from which an interrupted run resumes, to the same bytes;"
        " rounded to samples",
    )


def damping_ratio(grains: Grains) -> float:
    """−ln e / √(π² + ln² e): the share of critical damping that gives a restitution e."""
    return -math.log(grains.restitution) / math.hypot(math.pi, math.log(grains.restitution))


def viscous_damping(grains: Grains, stiffness_number: float) -> float:
    """Damping of LAMMPS' older law [1/(m s)], whose damping grows as √δ where a constant restitution asks for δ^(1/4).

    Both laws damp alike at the overlap d̄/κ, that of a typical contact, between grains of mean size.
    """
    normal = 4 / 3 * grains.youngs_modulus / (2 * (1 - grains.poisson_ratio**2))
    mass = grains.density * math.pi / 12 * grains.mean_diameter**3
    contact_radius = grains.mean_diameter / (2 * math.sqrt(stiffness_number))
    return 2 * math.sqrt(5 / 6) * damping_ratio(grains) * math.sqrt(1.5 * normal / (mass * contact_radius))
