"""The protocol of the shear cell, the same for every engine: fill, compact, rest, glue, shear, checkpoint."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, replacing
from microslip.data.provenance import versions
from microslip.data.run import Run
from microslip.data.trajectory import KEPT, create_trajectory
from microslip.dem.checkpoints import POINTER, check_files, read_pointer, write_pointer
from microslip.dem.config import ShearCell
from microslip.dem.continuing import ORIGIN, STATE
from microslip.dem.drive import AdaptiveDrive
from microslip.dem.packing import BULK, glued, loose_packing
from microslip.dem.process import report, stop_asked
from microslip.dem.recorder import Recorder
from microslip.dem.seam import Engine, Preparing, Rest, Sample

# Grains may move this far in a step while the overlaps of the filling dissolve [d̄].
RELEASE_DISTANCE = 2e-3
RELEASE_STEPS = 6_000
# Steps between two looks at whether the packing has come to rest, and the most that are spent.
REST_STEPS = 2_000
REST_STEPS_AT_MOST = 400_000
# At rest: largest net force on a bulk grain against p d̄², and the wall's speed against d̄ per 1e6 steps.
REST_FORCE = 1e-3
REST_WALL_DISTANCE = 1e-2
# At rest: mean kinetic energy of a bulk grain, rotation left out, against p d̄³.
REST_ENERGY = 1e-9
# A free grain loses its speed within some so many steps while the packing comes to rest.
DRAG_STEPS = 400

SECONDS_BETWEEN_LOOKS = 0.25
# What an adaptive drive remembers.
DRIVEN = ("rate", "extreme", "falling", "slipping")


class Protocol:
    """One shear cell from loose grains to its last strain, in the hands of an engine; one on every process of it."""

    def __init__(self, folder: Path, config: ShearCell, engine: Engine) -> None:
        self.folder, self.trajectory = folder / "dem", folder / "trajectory.zarr"
        self.config, self.engine = config, engine
        self.schedule = config.schedule
        self.area = config.cell.length * config.cell.depth  # [d̄²]
        self.recorder = Recorder(config, engine, self.trajectory)
        self.height = self.offset = self.bulk_volume = 0.0  # H₀, of the top wall's centres above its face [d̄]; [d̄³]
        self.last_sample, self.n_steps = -1, 0
        self.drive = AdaptiveDrive(config, float(self.schedule.rate[self.schedule.first_steady]))
        self.seconds = {"prepare": 0.0, "shear": 0.0}
        self.clock = time.monotonic()
        self.last_look = self.last_report = 0.0
        self.stress: float | None = None

    def run(self) -> None:
        """Prepare, or take up the last checkpoint, and shear.

        Raises
        ------
        KeyboardInterrupt
            A stop was asked for.
        MicroslipError
            Grains left the cell, or the packing did not come to rest.
        """
        if (self.folder / POINTER).exists():
            self._resume()
        elif (self.folder / ORIGIN).exists():
            self._go_on_from(read_json(self.folder / ORIGIN))
        else:
            self._prepare()
        self._shear()

    # --- preparation ---------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Fill, compact at p and rest; then a checkpoint with no sample."""
        config, packing = self.config, loose_packing(self.config)
        self._report("prepare", force=True)
        self.engine.fill(packing)
        friction = config.loading.preparation_friction
        friction = config.grains.friction if friction is None else friction
        mass = config.grains.density * math.pi / 6 * config.grains.mean_diameter**3
        how = Preparing(friction, mass / (DRAG_STEPS * config.timestep), RELEASE_DISTANCE * config.grains.mean_diameter)
        self.engine.prepare(how, RELEASE_STEPS)
        reached = self._rest(Preparing(how.friction, how.drag))
        thickness, kind = config.glued_thickness, packing.kind
        level = self.engine.level()
        self.height = level - 0.5 - thickness if config.cell.walls else level
        if thickness:
            kind = glued(self.engine.positions(), kind, self.height)
            self.engine.glue(kind)
        self.engine.begin(self.height * config.grains.mean_diameter)
        self.offset = self.engine.level() - self.height
        self.bulk_volume = np.pi / 6 * float((packing.diameter[kind == BULK] ** 3).sum())
        if self.engine.first:
            reached |= {
                "height": self.height,
                "solid_fraction": self.bulk_volume / (self.area * self.height),
            }
            self._create_trajectory(packing.diameter, kind, reached)
        self._checkpoint()

    def _go_on_from(self, origin: dict[str, Any]) -> None:
        """Take up the state that another run has reached; a checkpoint with no sample, as after a preparation."""
        check_files(self.folder, origin)
        self._take_geometry(origin)
        self.engine.load(self.folder / STATE, origin["height"])
        if self.engine.first:
            before = Run(Path(origin["run"]))
            grains = before.grains
            reached = before.attributes["preparation"] | {
                "continued_from": {key: origin[key] for key in ("run", "strain", "shear_rate")}
            }
            self._create_trajectory(grains["diameter"].to_numpy(), grains["kind"].to_numpy(), reached)
        self._checkpoint()

    def _rest(self, how: Preparing) -> dict[str, Any]:
        """Run until the largest net force, the kinetic energy and the wall's speed fall below their limits."""
        config, units = self.config, self.config.units
        speed_limit = REST_WALL_DISTANCE * config.grains.mean_diameter / (1e6 * config.timestep)
        for steps in range(REST_STEPS, REST_STEPS_AT_MOST + 1, REST_STEPS):
            rest: Rest = self.engine.prepare(how, REST_STEPS)
            force = rest.force / (units.pressure * units.length**2)
            energy = rest.energy / (config.n_filled * units.energy)
            self._report("prepare")
            if not math.isfinite(force + rest.speed + energy):
                raise MicroslipError("the packing flew apart while compacting: lower loading.rayleigh_fraction")
            if force < REST_FORCE and energy < REST_ENERGY and abs(rest.speed) < speed_limit:
                return {
                    "friction": how.friction,
                    "steps": RELEASE_STEPS + steps,
                    "largest_net_force": force,
                    "mean_kinetic_energy": energy,
                }
            if self._stop_asked(at_once=True):
                raise KeyboardInterrupt
        raise MicroslipError(
            f"the packing did not come to rest in {REST_STEPS_AT_MOST} steps (net force {force:.3g} p d̄², limit"
            f" {REST_FORCE:g}; kinetic energy {energy:.3g} p d̄³ a grain, limit {REST_ENERGY:g}):"
            " raise cell.height or lower loading.pressure"
        )

    def _create_trajectory(self, diameter: np.ndarray, kind: np.ndarray, preparation: dict[str, Any]) -> None:
        config = self.config
        schedule = self.schedule
        if config.loading.warm_up_rate is not None:
            preparation |= {
                "warm_up_rate": float(schedule.rate[0]),
                "steady_from_strain": float(schedule.strain[schedule.first_steady]),
            }
        attributes = {
            "box": [config.cell.length, config.cell.depth, self.height],
            "config": config.model_dump(mode="json"),
            "seed": config.seed,
            "versions": versions(),
            "engine": config.engine.kind,
            "engine_version": self.engine.version,
            "preparation": preparation,
            **config.numbers(),
        }
        walls = config.cell.walls
        if not walls:
            attributes["periodic"] = [True, True, True]
        with replacing(self.trajectory) as beside:
            inside = config.recording.frames_per_stage > 0
            create_trajectory(beside, diameter, kind.astype(np.int64), attributes, None, KEPT, not walls, inside)

    # --- shear ---------------------------------------------------------------------------------------------------

    def _shear(self) -> None:
        """Advance from checkpoint to checkpoint until the strain is reached or a stop is asked for."""
        per_checkpoint = self.config.samples_per_checkpoint
        schedule, last = self.schedule, self.config.n_samples - 1
        planned = schedule.first_steady if self.config.loading.drive == "adaptive" else last
        while self.last_sample < last:
            begun = max(self.last_sample, 0)
            if begun < planned or self.last_sample < 0:
                following = min((begun // per_checkpoint + 1) * per_checkpoint, planned)
                steps, rate = schedule.steps[begun:following], schedule.rate[begun : following + 1]
                self.engine.shear(steps, rate, self._sample, from_start=self.last_sample < 0)
                self.n_steps += int(steps.sum())
            else:
                self._shear_adaptively(last)
            self._checkpoint()

    def _shear_adaptively(self, last: int) -> None:
        """Advance to the next checkpoint, each interval as the one before it asks for."""
        ends = (self.n_steps // self.config.recording.checkpoint_steps + 1) * self.config.recording.checkpoint_steps
        while self.last_sample < last and self.n_steps < ends:
            steps, rate = self.drive.following()
            self.engine.shear(np.array([steps]), np.full(2, rate), self._sample, from_start=False)
            self.n_steps += steps

    def _sample(self, read: Sample) -> None:
        sample = self.last_sample + 1
        strain = float(self.schedule.strain[sample])
        if read.n_lost > 0:
            raise MicroslipError(
                f"{read.n_lost} grains have left the cell at a strain of {strain:g}:"
                " lower loading.rayleigh_fraction or cell.wall_spacing"
            )
        height = read.level - self.offset
        volume = read.moments[0] / height
        walls = self.config.cell.walls
        stress = 0.5 * (read.top[0] - read.bottom[0]) if walls else volume
        if not math.isfinite(stress):
            raise MicroslipError(f"the stress is {stress} at a strain of {strain:g}: lower loading.rayleigh_fraction")
        normal = 0.5 * (read.top[1] - read.bottom[1]) if walls else read.moments[1] / height
        solid = self.bulk_volume / (self.area * height)
        self.last_sample, self.stress = sample, stress
        row = (
            *(strain, stress, -read.bottom[0], read.top[0], normal, height, solid, volume),
            *(read.momentum_rate / height, read.kinetic_energy, self._rate(sample)),
        )
        self.recorder.add(sample, row, volume if self.config.recording.stress == "volume" else stress)
        self.drive.feel(volume, read.kinetic_energy)
        if self._stop_asked():
            raise KeyboardInterrupt
        self._report("shear")

    def _rate(self, sample: int) -> float:
        """γ̇ at a sample [1/s]."""
        if self.config.loading.drive == "adaptive" and sample > self.schedule.first_steady:
            return self.drive.whole_rate
        return float(self.schedule.rate[sample])

    # --- checkpoints ---------------------------------------------------------------------------------------------

    def _checkpoint(self) -> None:
        """Save the whole state, and then the pointer to it: a crash in between leaves the older one."""
        name = f"checkpoint-{self.n_steps}"
        self.recorder.save(self.folder / f"{name}.npz")
        self.engine.save(self.folder / name)
        if self.engine.first:
            phase = "prepare" if self.last_sample < 0 else "shear"
            self.seconds[phase] += time.monotonic() - self.clock
            self.clock = time.monotonic()
            pointer = {
                "name": name,
                "engine": self.config.engine.kind,
                "engine_version": self.engine.version,
                "last_sample": self.last_sample,
                "n_steps": self.n_steps,
                "drive": {name: getattr(self.drive, name) for name in DRIVEN},
                "n_frames": self.recorder.n_frames,
                # in metres
                "height": self.height * self.config.grains.mean_diameter,
                "offset": self.offset,
                "bulk_volume": self.bulk_volume,
                "seconds": self.seconds,
            }
            write_pointer(self.folder, pointer)
        self.engine.share(None)  # no process may look for the pointer before it stands
        self._report("prepare" if self.last_sample < 0 else "shear", force=True)

    def _resume(self) -> None:
        pointer = read_pointer(self.folder)
        check_files(self.folder, pointer)
        self.last_sample, self.seconds = pointer["last_sample"], pointer["seconds"]
        # of a run before there were other drives, whose steps its schedule tells
        self.n_steps = pointer.get("n_steps", int(self.schedule.steps[: max(self.last_sample, 0)].sum()))
        for name, value in (pointer.get("drive") or {}).items():
            setattr(self.drive, name, math.nan if value is None else value)
        self._take_geometry(pointer)
        self.engine.load(self.folder / pointer["name"], pointer["height"])
        self.recorder.load(self.folder / f"{pointer['name']}.npz", pointer["n_frames"])
        if self.engine.first:
            self.recorder.drop_unfinished(pointer["last_sample"] + 1, pointer["n_frames"])
        self.engine.share(None)
        self.clock = time.monotonic()  # starting up is not shearing

    def _take_geometry(self, pointer: dict[str, Any]) -> None:
        self.height = pointer["height"] / self.config.grains.mean_diameter
        if "bulk_volume" in pointer:
            self.offset, self.bulk_volume = pointer["offset"], pointer["bulk_volume"]
            return
        # of a run before there were other walls than lattices, whose bulk is the whole filling
        packing = loose_packing(self.config)
        self.offset = 0.5
        self.bulk_volume = np.pi / 6 * float((packing.diameter[packing.kind == BULK] ** 3).sum())

    # --- the process that started this one -----------------------------------------------------------------------

    def _stop_asked(self, at_once: bool = False) -> bool:
        """Asked four times a second: a look at a file costs as much as a sample."""
        now = time.monotonic()
        asked = False
        if self.engine.first and (at_once or now - self.last_look > SECONDS_BETWEEN_LOOKS):
            self.last_look = now
            asked = stop_asked(self.folder)
        return bool(self.engine.share(asked))

    def _report(self, phase: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if self.engine.first and (force or now - self.last_report > 1):
            self.last_report = now
            content = {
                "phase": phase,
                "sample": self.last_sample,
                "n_frames": self.recorder.n_frames,
                "stress": self.stress,
                "n_grains": self.config.n_grains,
            }
            report(content)
