"""What steers the shear cell. SI units where a unit is named, mean diameters d̄ elsewhere.

The defaults are the cell of Mei et al., Int. J. Plasticity 163 (2023) 103570, section 2.1, at a shear rate that a
workstation can pay for.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from microslip.core.settings import Settings
from microslip.core.turning_points import Smoothing
from microslip.core.units import Units, contact_time, inertial_number, rayleigh_time, stiffness_number

# Δt over the critical time beyond which a frictionless packing gains energy, see docs/physics.md.
STABLE_FRACTION = 0.4
# Force in the strongest chains [p d̄²], for the stiffest contact; some 5 to 8 are seen.
CHAIN_FORCE = 10.0
# Inertial number above which flow is not quasi-static (GDR MiDi 2004), and the paper's representative length [d̄].
QUASI_STATIC = 1e-3
REPRESENTATIVE = 8.0

Count = Annotated[int, Field(ge=0)]


class Grains(Settings):
    """Hertz–Mindlin spheres."""

    mean_diameter: float = Field(1e-3, gt=0, description="d̄ [m]")
    width: float = Field(0.2, ge=0, lt=1, description="diameters are uniform on [1 − width, 1 + width] d̄")
    density: float = Field(2900.0, gt=0, description="[kg/m³]")
    youngs_modulus: float = Field(65e9, gt=0, description="[Pa]")
    poisson_ratio: float = Field(0.25, ge=0, lt=0.5)
    friction: float = Field(0.5, ge=0, le=10, description="Coulomb coefficient μ")
    restitution: float = Field(0.87, gt=0, le=1, description="normal restitution e, independent of speed")
    damping: Literal["restitution", "viscous"] = Field(
        "restitution",
        description="`restitution`: e at any speed; `viscous`: twice as fast, alike for contacts under p only",
    )


class Cell(Settings):
    """Box and walls [d̄]."""

    length: float = Field(50.0, ge=4, description="x, along the flow, periodic [d̄]")
    depth: float = Field(15.0, ge=4, description="y, along the vorticity, periodic [d̄]")
    height: float = Field(20.0, ge=4, description="z between the walls, aimed at; the prepared height is H₀ [d̄]")
    wall_spacing: float = Field(
        0.75, gt=0, le=0.8, description="lattice of wall grains [d̄]; wider than 0.8 lets small grains through"
    )
    wall_roughness: float = Field(
        0.25, ge=0, le=0.3, description="wall grains are shifted in z by up to this much [d̄], so that no layer slides"
    )
    solid_fraction: float = Field(
        0.575, gt=0.3, lt=0.7, description="bulk grains' volume over the volume between the walls, sets their number"
    )


class Loading(Settings):
    """Pressure, shear, and the time step."""

    pressure: float = Field(10e6, gt=0, description="normal stress p on the top wall [Pa]")
    shear_rate: float = Field(10.0, gt=0, description="γ̇ [1/s]; the paper's 0.1 /s costs a hundred times the steps")
    preparation_friction: float | None = Field(
        None, ge=0, le=10, description="μ while compacting: less makes it denser; the grains' own if left out"
    )
    strain: float = Field(1.25, gt=0, description="total shear strain γ")
    warm_up: float = Field(0.2, ge=0, description="strain before the steady state; no stage starts earlier")
    rayleigh_fraction: float = Field(
        0.25,
        gt=0,
        le=STABLE_FRACTION,
        description="upper bound of Δt over the Rayleigh time of the smallest grain and over its contact time",
    )
    timestep: float | None = Field(None, gt=0, description="Δt in place of that bound [s]; rounded down to samples")

    @model_validator(mode="after")
    def _warm_up_ends(self) -> Self:
        if self.warm_up >= self.strain:
            raise ValueError(f"warm_up = {self.warm_up:g} leaves nothing of strain = {self.strain:g}: raise strain")
        return self


class Recording(Settings):
    """What is kept of the run."""

    contacts: bool = Field(True, description="stress, energy and number of contacts of every grain in every frame")
    cell_volumes: bool = Field(False, description="radical Voronoi cell of every grain in every frame, after the shear")

    strain_step: float = Field(1e-5, gt=0, le=1e-3, description="strain between two samples of the stress")
    threshold: float = Field(
        1e-5, gt=0, lt=1, description="a frame is kept at every turning point whose following swing of s exceeds this"
    )
    smoothing: Smoothing = Field("none", description="causal filter before detection: none, ewma or median")
    smoothing_span: int = Field(11, ge=1, le=1001, description="samples in that filter")
    checkpoint_steps: int = Field(
        20_000,
        ge=1,
        description="time steps between checkpoints, from which an interrupted run resumes, to the same bytes;"
        " rounded to samples",
    )


class Parallel(Settings):
    """How the DEM is spread; the same number of ranks gives the same bytes."""

    ranks: int = Field(2, ge=1, description="MPI processes")
    processors: tuple[Count, Count, Count] = Field(
        (0, 0, 1), description="ranks along x, y and z; 0 leaves the choice to LAMMPS"
    )
    suffix: Literal["none", "omp", "opt", "kk", "gpu", "intel"] = Field(
        "none", description="LAMMPS' accelerated styles, where its build has them"
    )
    threads: int = Field(1, ge=1, description="OpenMP threads of each rank, for the suffixes omp, kk and intel")


class Launch(Settings):
    """How the ranks are started; no result depends on it."""

    command: str = Field(
        "", description="launcher such as `srun`, `-n RANKS` is added unless it holds {ranks}; empty: mpiexec"
    )
    hosts: str = Field("", description="file of host names, handed to the launcher as -hostfile")


class ShearCell(Settings):
    """Everything that fixes a simulation: another value anywhere here is another simulation."""

    seed: int = Field(1, ge=0, lt=2**31, description="diameters, positions and walls before compaction")
    grains: Grains = Grains()
    cell: Cell = Cell()
    loading: Loading = Loading()
    recording: Recording = Recording()
    parallel: Parallel = Parallel()

    @model_validator(mode="after")
    def _cell_holds_ranks(self) -> Self:
        widest = 2 * (1 + self.grains.width)
        most = max(1, int(self.cell.length // widest)) * max(1, int(self.cell.depth // widest))
        if self.parallel.ranks > most:
            raise ValueError(
                f"parallel.ranks = {self.parallel.ranks} cuts the cell into pieces thinner than two grains:"
                f" use at most {most}, or a larger cell"
            )
        asked = math.prod(n for n in self.parallel.processors if n)
        if self.parallel.ranks % asked or (all(self.parallel.processors) and self.parallel.ranks != asked):
            grid = " × ".join(map(str, self.parallel.processors))
            raise ValueError(f"parallel.processors = {grid} does not hold parallel.ranks = {self.parallel.ranks}")
        return self

    @model_validator(mode="after")
    def _timestep_is_stable(self) -> Self:
        limit = STABLE_FRACTION * self.critical_time
        if self.loading.timestep is not None and self.loading.timestep > limit:
            raise ValueError(
                f"loading.timestep = {self.loading.timestep:.3g} s is beyond the stability limit of these grains,"
                f" {limit:.3g} s: lower it or leave it out"
            )
        return self

    @property
    def units(self) -> Units:
        """SI size of the reduced units."""
        return Units(length=self.grains.mean_diameter, pressure=self.loading.pressure)

    @property
    def n_bulk(self) -> int:
        """Number of grains between the walls: φ Lx Ly H / ⟨π d³/6⟩, with ⟨d³⟩ = d̄³ (1 + w²)."""
        mean_volume = math.pi / 6 * (1 + self.grains.width**2)
        volume = self.cell.length * self.cell.depth * self.cell.height
        return max(1, round(self.cell.solid_fraction * volume / mean_volume))

    @property
    def wall_shape(self) -> tuple[int, int]:
        """Wall grains along x and y; the spacing is adjusted to close on itself."""
        spacing = self.cell.wall_spacing
        return math.ceil(self.cell.length / spacing), math.ceil(self.cell.depth / spacing)

    @property
    def rayleigh_time(self) -> float:
        """Rayleigh time of the smallest grain [s]."""
        grains = self.grains
        smallest = grains.mean_diameter * (1 - grains.width)
        return rayleigh_time(smallest, grains.density, grains.youngs_modulus, grains.poisson_ratio)

    @property
    def critical_time(self) -> float:
        """What Δt is measured against [s]: the smallest grain's Rayleigh time, or its contact time if shorter."""
        grains = self.grains
        smallest = grains.mean_diameter * (1 - grains.width)
        force = CHAIN_FORCE * self.loading.pressure * grains.mean_diameter**2
        contact = contact_time(smallest, grains.density, grains.youngs_modulus, grains.poisson_ratio, force)
        return min(self.rayleigh_time, contact)

    @property
    def steps_per_sample(self) -> int:
        """Time steps between two samples, the smallest number that keeps Δt below its bound."""
        sample_time: float = self.recording.strain_step / self.loading.shear_rate
        bound = self.loading.timestep or self.loading.rayleigh_fraction * self.critical_time
        # a Δt that divides the sample time is kept as it is, round-off aside
        steps: int = math.ceil(sample_time / bound - 1e-9)
        return steps

    @property
    def timestep(self) -> float:
        """Δt [s]."""
        return self.recording.strain_step / self.loading.shear_rate / self.steps_per_sample

    @property
    def n_samples(self) -> int:
        """Samples of the whole shear, the one at zero strain included."""
        return round(self.loading.strain / self.recording.strain_step) + 1

    @property
    def first_stage_sample(self) -> int:
        """First sample that the search for stages sees."""
        return round(self.loading.warm_up / self.recording.strain_step)

    @property
    def samples_per_checkpoint(self) -> int:
        """Samples between two checkpoints."""
        return max(1, round(self.recording.checkpoint_steps / self.steps_per_sample))

    def numbers(self) -> dict[str, float]:
        """The numbers that state how slow, how stiff and how finely resolved the run is."""
        grains, loading = self.grains, self.loading
        return {
            "inertial_number": inertial_number(
                loading.shear_rate, grains.mean_diameter, grains.density, loading.pressure
            ),
            "stiffness_number": stiffness_number(grains.youngs_modulus, grains.poisson_ratio, loading.pressure),
            "timestep": self.timestep,
            "timestep_over_rayleigh_time": self.timestep / self.rayleigh_time,
            "steps_per_sample": self.steps_per_sample,
        }

    def identity(self) -> dict[str, Any]:
        """What makes it this simulation and no other; it may be sheared further, and given cell volumes later."""
        content = self.model_dump(mode="json", include=set(ShearCell.model_fields))
        del content["loading"]["strain"], content["recording"]["cell_volumes"]
        return content

    @property
    def n_grains(self) -> int:
        """Grains of bulk and walls."""
        return self.n_bulk + 2 * math.prod(self.wall_shape)

    def bytes_on_disk(self) -> int:
        """What the trajectory is expected to take, from above.

        Frames per unit strain: 15,000 (1e-5/threshold)^0.3 (2,800/grains)^(1/3) bounds what was seen, from 12,700 at a
        threshold of 1e-5 to 2,800 at 5e-4 in 2,800 grains, and 6,200 at 1e-5 in 20,000.
        """
        recording, loading = self.recording, self.loading
        threshold = max(recording.threshold, 1e-5)
        per_strain = 15_000 * math.pow(1e-5 / threshold, 0.3) * math.pow(2800 / self.n_grains, 1 / 3)
        n_frames = min(per_strain * (loading.strain - loading.warm_up), self.n_samples)
        per_grain = 24 + 30 * recording.contacts + 4 * recording.cell_volumes
        return round(n_frames * self.n_grains * per_grain + self.n_samples * 56)

    def warnings(self) -> list[str]:
        """What a reader should know before trusting the run."""
        found = []
        if (inertia := self.numbers()["inertial_number"]) > QUASI_STATIC:
            found.append(f"I = {inertia:.3g} is above {QUASI_STATIC:g}: not quasi-static; lower loading.shear_rate")
        sides = {"length": self.cell.length, "depth": self.cell.depth, "height": self.cell.height}
        found += [
            f"cell.{name} = {side:g} d̄ is below {REPRESENTATIVE:g} d̄, the representative volume element of the paper"
            for name, side in sides.items()
            if side < REPRESENTATIVE
        ]
        return found
