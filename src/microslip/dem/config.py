"""The shear cell: its sections together, and what follows from them."""

from __future__ import annotations

import math
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from microslip.core.settings import Settings
from microslip.core.units import Units, contact_time, inertial_number, rayleigh_time, stiffness_number
from microslip.core.visible import shortened
from microslip.dem.cost import too_much
from microslip.dem.engines import ENGINES
from microslip.dem.inside import MOST_HELD
from microslip.dem.native.config import Native
from microslip.dem.schedule import Schedule, shear_schedule
from microslip.dem.seam import EngineSettings
from microslip.dem.sections import STABLE_FRACTION, Cell, Grains, Loading, Recording

# Force in the strongest chains [p d̄²], for the stiffest contact; some 5 to 8 are seen.
CHAIN_FORCE = 10.0
# Inertial number above which flow is not quasi-static (GDR MiDi 2004), and the paper's representative length [d̄].
QUASI_STATIC = 1e-3
REPRESENTATIVE = 8.0

# Sections of LAMMPS' settings before there was a choice of engines.
OLDER_SECTIONS = ("parallel", "launch")
RENAMED = {("launch", "command"): "launcher"}

# The section of every engine, by its kind.
ENGINE_SETTINGS = {kind: engine.settings for kind, engine in ENGINES.items()}
if TYPE_CHECKING:
    Engine = EngineSettings
else:
    Engine = reduce(or_, ENGINE_SETTINGS.values())


class ShearCell(Settings):
    """Everything that fixes a simulation: another value anywhere here is another simulation."""

    seed: int = Field(1, ge=0, lt=2**31, description="diameters, positions and walls before compaction")
    grains: Grains = Grains()
    cell: Cell = Cell()
    loading: Loading = Loading()
    recording: Recording = Recording()
    engine: Engine = Field(Native(), discriminator="kind")

    @model_validator(mode="before")
    @classmethod
    def _name_the_engine(cls, content: Any) -> Any:
        return with_engine(content) if isinstance(content, dict) else content

    @model_validator(mode="after")
    def _can_be_paid_for(self) -> Self:
        if problem := too_much(self):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _engine_can_run_it(self) -> Self:
        largest = 1 + self.grains.width
        if problem := self.engine.problem(self.cell.length, self.cell.depth, largest, self.cell.walls):
            raise ValueError(problem)
        if self.cell.walls and self.loading.hold == "volume":
            raise ValueError(
                "loading.hold = volume is for a cell without walls: set cell.walls = false, or hold pressure"
            )
        if self.cell.wall == "amorphous" and self.cell.walls and 2 * self.cell.wall_thickness > self.cell.height:
            raise ValueError(
                f"cell.wall_thickness = {self.cell.wall_thickness:g} d̄ at both walls is more than the cell's height ="
                f" {self.cell.height:g} d̄ between them: use thinner walls or a higher cell"
            )
        return self

    @model_validator(mode="after")
    def _drive_can_be_followed(self) -> Self:
        loading = self.loading
        if loading.drive != "adaptive":
            return self
        if not self.engine.drives_adaptively:
            raise ValueError(
                f"loading.drive = adaptive changes the rate at every sample, which engine.kind = {self.engine.kind}"
                ' does not do: set engine.kind = "native", or drive = "constant"'
            )
        fastest = self.recording.strain_step / self.timestep
        if loading.hurry_rate > fastest * (1 + 1e-9):
            raise ValueError(
                f"loading.hurry_rate = {loading.hurry_rate:g} /s takes less than one time step from sample to sample:"
                f" lower it to {fastest:.3g} /s at most, or raise recording.strain_step"
            )
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
    def glued_thickness(self) -> float:
        """Depth of the random grains of each wall [d̄]; 0 where a wall is its lattice alone."""
        return self.cell.wall_thickness if self.cell.walls and self.cell.wall == "amorphous" else 0.0

    @property
    def n_filled(self) -> int:
        """Number of random grains, those of amorphous walls included: φ Lx Ly H / ⟨π d³/6⟩, ⟨d³⟩ = d̄³ (1 + w²)."""
        mean_volume = math.pi / 6 * (1 + self.grains.width**2)
        volume = self.cell.length * self.cell.depth * (self.cell.height + 2 * self.glued_thickness)
        return max(1, round(self.cell.solid_fraction * volume / mean_volume))

    @property
    def wall_shape(self) -> tuple[int, int]:
        """Lattice grains of a wall along x and y; the spacing is adjusted to close on itself."""
        if not self.cell.walls:
            return 0, 0
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
        """Critical time [s]: the smallest grain's Rayleigh time, or its contact time if shorter."""
        grains = self.grains
        smallest = grains.mean_diameter * (1 - grains.width)
        force = CHAIN_FORCE * self.loading.pressure * grains.mean_diameter**2
        contact = contact_time(smallest, grains.density, grains.youngs_modulus, grains.poisson_ratio, force)
        return min(self.rayleigh_time, contact)

    @property
    def steps_per_sample(self) -> int:
        """Time steps between two samples, the smallest number that keeps Δt below its bound."""
        sample_time: float = self.recording.strain_step / self.loading.shear_rate
        # a Δt that divides the sample time is kept as it is, round-off aside
        steps: int = max(1, math.ceil(sample_time / self.timestep_bound - 1e-9))
        return steps

    @property
    def timestep_bound(self) -> float:
        """Upper bound of Δt [s]."""
        return self.loading.timestep or self.loading.rayleigh_fraction * self.critical_time

    @property
    def timestep(self) -> float:
        """Δt [s]."""
        return self.recording.strain_step / self.loading.shear_rate / self.steps_per_sample

    @property
    def schedule(self) -> Schedule:
        """Steps, rate and strain of every sample."""
        loading, fast = self.loading, self.loading.warm_up_rate
        return shear_schedule(
            self.timestep,
            self.steps_per_sample,
            self.recording.strain_step,
            loading.shear_rate,
            loading.strain,
            *((fast, loading.warm_up - loading.slow_down, loading.slow_down) if fast is not None else ()),
        )

    @property
    def n_samples(self) -> int:
        """Samples of the whole shear, the one at zero strain included."""
        return len(self.schedule.strain)

    @property
    def first_stage_sample(self) -> int:
        """First sample that the search for stages sees."""
        return max(round(self.loading.warm_up / self.recording.strain_step), self.schedule.first_steady)

    @property
    def samples_per_checkpoint(self) -> int:
        """Samples between two checkpoints."""
        return max(1, round(self.recording.checkpoint_steps / self.steps_per_sample))

    @property
    def step_bounds(self) -> tuple[int, int]:
        """Time steps of the whole shear: the fewest, and those of the schedule, which an adaptive drive may save of."""
        schedule, most = self.schedule, int(self.schedule.steps.sum())
        if self.loading.drive == "constant":
            return most, most
        steady = schedule.steps[schedule.first_steady :]
        fewest = max(1, round(self.recording.strain_step / (self.loading.hurry_rate * self.timestep)))
        return most - int(steady.sum()) + fewest * len(steady), most

    def numbers(self) -> dict[str, float]:
        """How slow, how stiff and how finely resolved the run is."""
        return self.reduced_numbers() | {
            "timestep": self.timestep,
            "timestep_over_rayleigh_time": self.timestep / self.rayleigh_time,
            "steps_per_sample": self.steps_per_sample,
        }

    def reduced_numbers(self) -> dict[str, float]:
        """Inertial number I and stiffness number κ."""
        grains, loading = self.grains, self.loading
        return {
            "inertial_number": inertial_number(
                loading.shear_rate, grains.mean_diameter, grains.density, loading.pressure
            ),
            "stiffness_number": stiffness_number(grains.youngs_modulus, grains.poisson_ratio, loading.pressure),
        }

    def identity(self) -> dict[str, Any]:
        """The settings that make another simulation; it may be sheared further, and get cell volumes later."""
        content = self.model_dump(mode="json")
        del content["loading"]["strain"], content["recording"]["cell_volumes"]
        content["engine"] = self.engine.identity()
        return content

    @property
    def n_grains(self) -> int:
        """Grains of bulk and walls."""
        return self.n_filled + 2 * math.prod(self.wall_shape)

    def bytes_on_disk(self) -> int:
        """Upper estimate of the size of the trajectory [bytes].

        Frames per unit strain: 15,000 (1e-5/threshold)^0.3 (2,800/grains)^(1/3) bounds what was seen, from 12,700 at a
        threshold of 1e-5 to 2,800 at 5e-4 in 2,800 grains, and 6,200 at 1e-5 in 20,000.
        """
        recording, loading = self.recording, self.loading
        threshold = max(recording.threshold, 1e-5)
        per_strain = 15_000 * math.pow(1e-5 / threshold, 0.3) * math.pow(2800 / self.n_grains, 1 / 3)
        n_stages = per_strain * (loading.strain - loading.warm_up)
        # short stages have fewer samples than frames are asked for
        n_frames = min(n_stages * (1 + recording.frames_per_stage), self.n_samples)
        per_grain = 24 + 34 * recording.contacts + 4 * recording.cell_volumes
        # while a checkpoint is written, the one before it is there still
        return round(n_frames * self.n_grains * per_grain + self.n_samples * 64 + 2 * self.bytes_held())

    def bytes_held(self) -> int:
        """What waits inside stages whose ends are not known yet, in memory and in a checkpoint, from below [bytes]."""
        per_grain = 24 + 72 * self.recording.contacts
        return MOST_HELD * self.recording.frames_per_stage * self.n_grains * per_grain

    def warnings(self) -> list[str]:
        """Warnings about the cell and its engine."""
        messages = self.engine.warnings()
        if self.grains.damping == "viscous" and not self.engine.keeps_viscous_histories:
            messages.append(
                f"{self.engine.title} loses the contact histories of grains.damping = viscous at every checkpoint:"
                ' set engine.kind = "native", or recording.checkpoint_steps beyond the whole run'
            )
        inertia = self.numbers()["inertial_number"]
        if inertia > QUASI_STATIC:
            messages.append(f"I = {inertia:.3g} is above {QUASI_STATIC:g}: not quasi-static; lower loading.shear_rate")
        hurrying = inertia * self.loading.hurry_rate / self.loading.shear_rate
        if self.loading.drive == "adaptive" and hurrying > QUASI_STATIC:
            messages.append(
                f"I = {hurrying:.3g} between slips is above {QUASI_STATIC:g}: not quasi-static;"
                " lower loading.hurry_rate"
            )
        sides = {"length": self.cell.length, "depth": self.cell.depth, "height": self.cell.height}
        messages += [
            f"cell.{name} = {side:g} d̄ is below {REPRESENTATIVE:g} d̄, the representative volume element of the paper"
            for name, side in sides.items()
            if side < REPRESENTATIVE
        ]
        return messages


def with_engine(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a shear cell with its engine's kind named; sections of runs before there was a choice are moved.

    Raises
    ------
    ValueError
        The kind is unknown, or a setting belongs to another engine.
    """
    content = dict(content)
    older = {name: content.pop(name) for name in OLDER_SECTIONS if name in content}
    engine = content.get("engine", {})
    if not isinstance(engine, dict):
        return content
    before: dict[str, Any] = {"kind": "lammps"} if older else {"kind": "native"}
    for name, section in older.items():
        if isinstance(section, dict):
            before |= {
                "launcher" if (name, key) == ("launch", "command") else key: value for key, value in section.items()
            }
    engine = before | engine
    kind = engine["kind"]
    if not isinstance(kind, str) or kind not in ENGINE_SETTINGS:
        raise ValueError(f"engine.kind = {shortened(str(kind))} is unknown: it is one of {', '.join(ENGINE_SETTINGS)}")
    for key, value in engine.items():
        owners = [name for name, settings in ENGINE_SETTINGS.items() if key in settings.model_fields]
        if owners and kind not in owners:
            raise ValueError(
                f"engine.{key} = {shortened(str(value))} is a setting of the engine {owners[0]}, and engine.kind ="
                f' {kind}: leave it out, or set engine.kind = "{owners[0]}"'
            )
    content["engine"] = engine
    return content
