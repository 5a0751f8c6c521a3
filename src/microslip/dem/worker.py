"""One MPI rank of a simulation: `mpiexec -n N python -m microslip.dem.worker RUN`, started by `launch`.

Rank 0 writes the trajectory and prints one JSON line of progress after every checkpoint and once a second in between.
The ranks stop when the starting process asks for it or dies; the next ones go on from the last checkpoint.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from lammps import LMP_STYLE_LOCAL, LMP_TYPE_ARRAY, lammps
from mpi4py import MPI

from microslip.core.errors import MicroslipError
from microslip.core.turning_points import initial_state
from microslip.data.files import read_json, replacing, write_json
from microslip.data.provenance import versions
from microslip.data.trajectory import SERIES, TrajectoryWriter, create_trajectory
from microslip.dem import deck
from microslip.dem.config import ShearCell
from microslip.dem.engine import accelerator
from microslip.dem.packing import BOTTOM, BULK, TOP, loose_packing
from microslip.dem.rank import report, run_rank, stop_asked
from microslip.dem.recorder import LocalContacts, LocalGrains, TurningPointWatch, contact_values
from microslip.dem.sampling import N_READ, Reader
from microslip.dem.worker_codes import FINISHED, STOPPED

# Frames held in memory between two checkpoints [bytes].
BUFFER_BYTES = 64 * 2**20
# A bulk grain whose centre is this far beyond the inner face of a wall has left the cell [d̄].
WALL_REACH = 1.0
SECONDS_BETWEEN_LOOKS = 0.25


class Simulation:
    """The state that LAMMPS' callback needs between samples; one on every rank."""

    def __init__(self, folder: Path, config: ShearCell) -> None:
        self.comm = MPI.COMM_WORLD
        self.rank = self.comm.rank
        self.folder = folder / "dem"
        self.trajectory = folder / "trajectory.zarr"
        self.config = config
        self.packing = loose_packing(config)
        self.n_grains = len(self.packing.diameter)
        d = config.grains.mean_diameter
        self.bulk_volume = np.pi / 6 * float((self.packing.diameter[self.packing.kind == BULK] ** 3).sum())  # [d̄³]
        # what every sample needs, worked out once: a property of the settings costs as much as a step of a few grains
        self.n_bulk = config.n_bulk
        self.n_wall = (self.n_grains - self.n_bulk) // 2
        self.per_sample, self.strain_step = config.steps_per_sample, config.recording.strain_step
        self.area = config.cell.length * config.cell.depth  # [d̄²]
        self.full_load = config.loading.pressure * d**2 * self.area  # [N]
        self.reach, self.top = WALL_REACH * d, 0.0
        self.local, self.total = np.zeros(N_READ + 1), np.zeros(N_READ + 1)
        self.writer: TrajectoryWriter | None = None
        self.height = 0.0  # H₀ [m]
        self.last_sample = -1
        self.n_frames = 0
        self.samples: list[tuple[float, ...]] = []
        self.frames: list[tuple[int, np.ndarray, np.ndarray | None]] = []
        self.preparation: dict[str, float] = {}
        self.watch = TurningPointWatch(config)
        self.last_look = 0.0
        self.failure: BaseException | None = None
        self.last_report = 0.0
        self.seconds = {"prepare": 0.0, "shear": 0.0}
        self.clock = time.monotonic()
        self.lmp = self._start_lammps()
        self.reader = Reader(self.lmp, (config.cell.length * d, config.cell.depth * d))

    def _start_lammps(self) -> Any:
        ranks = self.config.parallel.ranks
        if self.comm.size != ranks:
            raise MicroslipError(
                f"{ranks} processes were started, but MPI counts {self.comm.size}: the launcher, mpi4py and LAMMPS must"
                " belong to one MPI; name its launcher with --launcher"
            )
        lmp = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite", *accelerator(self.config)], comm=self.comm)
        if lmp.extract_setting("world_size") != ranks:
            raise MicroslipError("LAMMPS and mpi4py were built with different MPIs: install both from one source")
        lmp.command(f'log "{self.folder / "lammps.log"}" append')
        lmp.commands_string(deck.header(self.config.parallel.processors))
        return lmp

    # --- preparation ---------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Fill, compact at p and rest; then a checkpoint with no sample."""
        filling = self.folder / "filling.data"
        if self.rank == 0:
            deck.write_filling(self.packing, self.config, filling)
        self.comm.Barrier()
        self._report("prepare", force=True)
        self.lmp.command(f'read_data "{filling}"')
        friction = self._preparation_friction()
        self._commands(deck.contacts(self.config, friction), deck.servo(self.config), deck.release(self.config))
        self._rest()
        # the forces on the walls are read before the servo acts on them, so its fixes must come after the sampling one
        self._commands(deck.end_preparation())
        self.height = self._wall_distance()
        if self.rank == 0:
            self._create_trajectory()
        self.checkpoint()

    def _rest(self) -> None:
        """Run until the largest net force, the kinetic energy and the wall's speed fall below their limits."""
        g, units = self.config.grains, self.config.units
        speed_limit = deck.REST_WALL_DISTANCE * g.mean_diameter / (1e6 * self.config.timestep)
        for steps in range(deck.REST_STEPS, deck.REST_STEPS_AT_MOST + 1, deck.REST_STEPS):
            self.lmp.command(f"run {deck.REST_STEPS} post no")
            bulk = self._kinds() == BULK
            force = float(np.abs(self._array("f")[: len(bulk)][bulk]).max(initial=0.0))
            force = self.comm.allreduce(force, MPI.MAX) / (units.pressure * units.length**2)
            energy = self._kinetic_energy(bulk) / (self.n_bulk * units.energy)
            speed = abs(float(self.lmp.extract_variable("top_speed")))
            self._report("prepare")
            if not np.isfinite(force + speed + energy):
                raise MicroslipError("the packing flew apart while compacting: lower loading.rayleigh_fraction")
            self.preparation = {
                "friction": self._preparation_friction(),
                "steps": deck.RELEASE_STEPS + steps,
                "largest_net_force": force,
                "mean_kinetic_energy": energy,
            }
            if force < deck.REST_FORCE and energy < deck.REST_ENERGY and speed < speed_limit:
                return
            if self._stop_asked():
                raise KeyboardInterrupt
        raise MicroslipError(
            f"the packing did not come to rest in {deck.REST_STEPS_AT_MOST} steps (net force {force:.3g} p d̄², limit"
            f" {deck.REST_FORCE:g}; kinetic energy {energy:.3g} p d̄³ a grain, limit {deck.REST_ENERGY:g}):"
            " raise cell.height or lower loading.pressure"
        )

    def _preparation_friction(self) -> float:
        asked = self.config.loading.preparation_friction
        return self.config.grains.friction if asked is None else asked

    def _kinetic_energy(self, bulk: np.ndarray) -> float:
        """Of the motion of all bulk grains [J]; a grain without contacts may spin on for ever and does no harm."""
        n = len(bulk)
        mass, squared = self._array("rmass")[:n].ravel()[bulk], (self._array("v")[:n][bulk] ** 2).sum(axis=1)
        return float(self.comm.allreduce(0.5 * float((mass * squared).sum()), MPI.SUM))

    def _create_trajectory(self) -> None:
        config = self.config
        d = config.grains.mean_diameter
        attributes = {
            "box": [config.cell.length, config.cell.depth, self.height / d],
            "config": config.model_dump(mode="json"),
            "seed": config.seed,
            "versions": versions(),
            "engine": "lammps",
            "engine_version": int(self.lmp.version()),
            "preparation": {
                **self.preparation,
                "height": self.height / d,
                "solid_fraction": self.bulk_volume / (self.area * self.height / d),
            },
            **config.numbers(),
        }
        with replacing(self.trajectory) as beside:
            create_trajectory(beside, self.packing.diameter, self.packing.kind.astype(np.int64), attributes)

    # --- shear ---------------------------------------------------------------------------------------------------

    def shear(self) -> None:
        """Advance from checkpoint to checkpoint until the strain is reached or a stop is asked for.

        Each stretch starts from the file of the checkpoint before it, whether the run was interrupted there or not:
        an interrupted run and an uninterrupted one take the same steps, to the last bit.
        """
        per_sample, per_checkpoint = self.per_sample, self.config.samples_per_checkpoint
        last = self.config.n_samples - 1
        while self.last_sample < last:
            self.load(read_json(self.folder / "checkpoint.json"))
            self._commands(
                deck.contact_output() if self.config.recording.contacts else "",
                f"fix sample all external pf/callback {per_sample} {per_sample}",
                deck.servo(self.config),
                deck.shear(self.config, self.height),
            )
            self.reader.call_back("sample", self._sample_safely)
            following = min((max(self.last_sample, 0) // per_checkpoint + 1) * per_checkpoint, last)
            steps = following * per_sample - int(self.lmp.extract_global("ntimestep"))
            self.lmp.command(f"run {steps} post no")
            if self.failure is not None:
                raise self.failure
            self.checkpoint()

    def _sample_safely(self, step: int) -> None:
        # an exception cannot cross LAMMPS: it is kept, and the run is told to end
        try:
            self._sample(step)
        except BaseException as problem:
            self.failure = problem
            self.lmp.force_timeout()

    def _sample(self, step: int) -> None:
        sample = step // self.per_sample
        if sample <= self.last_sample:  # LAMMPS calls once more when a run is set up
            return
        self.reader.walls(self.local, self.n_bulk, self.n_wall, -self.reach, self.top + self.reach)
        self.local[N_READ] = self._stop_asked_here()
        self.comm.Allreduce(self.local, self.total)
        *forces, top_sum, found, outside, stop = self.total.tolist()
        strain = sample * self.strain_step
        if found != self.n_grains or outside > 0:
            raise MicroslipError(
                f"{self.n_grains - int(found) + int(outside)} grains have left the cell at a strain of {strain:g}:"
                " lower loading.rayleigh_fraction or cell.wall_spacing"
            )
        bottom_x, _, bottom_z, top_x, _, top_z = (force / self.full_load for force in forces)
        stress = 0.5 * (top_x - bottom_x)
        if not math.isfinite(stress):
            raise MicroslipError(f"the stress is {stress} at a strain of {strain:g}: lower loading.rayleigh_fraction")
        self.top = top_sum / self.n_wall
        # centres of the bottom wall lie at −d̄/2, so that its inner face is z = 0
        height = self.top / self.config.grains.mean_diameter - 0.5
        solid = self.bulk_volume / (self.area * height)
        row = (strain, stress, -bottom_x, top_x, 0.5 * (top_z - bottom_z), height, solid)
        self.samples.append(row)
        self.last_sample = sample
        turning = self.watch.feed(sample, stress, self._grains_here)
        if turning is not None:
            self._keep_frame(*turning)
        if stop > 0:
            raise KeyboardInterrupt
        self._report("shear")

    def _stop_asked_here(self) -> bool:
        """On rank 0, four times a second: a look at a file costs as much as a sample."""
        now = time.monotonic()
        if self.rank or now - self.last_look < SECONDS_BETWEEN_LOOKS:
            return False
        self.last_look = now
        return stop_asked(self.folder)

    def _keep_frame(self, sample: int, grains: LocalGrains) -> None:
        position, values = self._gather(grains), self._sum_values(grains)
        self.n_frames += 1
        if position is not None:
            self.frames.append((sample, position, values))
            held = position.nbytes + (0 if values is None else values.nbytes)
            if len(self.frames) * held > BUFFER_BYTES:
                self._flush()

    def _sum_values(self, grains: LocalGrains) -> np.ndarray | None:
        """Stress, energy and contacts of every grain over all ranks, on rank 0; None where they are not asked for."""
        if not self.config.recording.contacts:
            return None
        values = grains.values
        if values is None:
            assert grains.contacts is not None
            values = contact_values(grains.contacts, self.packing.diameter, self.config)
        total = np.empty_like(values) if self.rank == 0 else None
        self.comm.Reduce(values, total)
        return total

    def _gather(self, grains: LocalGrains) -> np.ndarray | None:
        """All grains in the order of their ids, in reduced units, on rank 0."""
        parts = self.comm.gather((grains.tag, grains.position))
        if parts is None:
            return None
        position = np.full((self.n_grains, 3), np.nan)
        for tag, part in parts:
            position[tag - 1] = part
        if np.isnan(position).any():
            raise MicroslipError(f"{int(np.isnan(position[:, 0]).sum())} grains left the cell: lower rayleigh_fraction")
        return position / self.config.grains.mean_diameter

    # --- checkpoints ---------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Commit series, frames, the watch and LAMMPS' own restart; the pointer file is renamed into place last."""
        step = int(self.lmp.extract_global("ntimestep"))
        name = f"checkpoint-{step}"
        # without noinit, LAMMPS reorders the grains first and then stores contact histories by their old numbers:
        # tangential forces are lost, and the stress falls by a tenth at every checkpoint (LAMMPS 22Jul2025; its issue
        # 3022 is akin)
        self.lmp.command(f'write_restart "{self.folder / name}.restart" noinit')
        extremes = {"highest": self.watch.highest, "lowest": self.watch.lowest}
        held = {extreme: None if grains is None else self._gather(grains) for extreme, grains in extremes.items()}
        values = {extreme: None if grains is None else self._sum_values(grains) for extreme, grains in extremes.items()}
        if self.rank == 0:
            self._flush()
            state: dict[str, Any] = {f"held_{key}": value for key, value in held.items() if value is not None}
            state.update({f"values_{key}": value for key, value in values.items() if value is not None})
            state["recent"] = np.array(self.watch.smoother.recent)
            if self.watch.state is not None:
                state["watch"] = self.watch.state
            np.savez(self.folder / f"{name}.npz", **state)
            phase = "prepare" if self.last_sample < 0 else "shear"
            self.seconds[phase] += time.monotonic() - self.clock
            self.clock = time.monotonic()
            pointer = {
                "name": name,
                "engine_version": int(self.lmp.version()),
                "last_sample": self.last_sample,
                "n_frames": self.n_frames,
                "height": self.height,
                "seconds": self.seconds,
            }
            write_json(self.folder / "checkpoint.json", pointer)
            for old in self.folder.glob("checkpoint-*"):
                if old.stem != name:
                    old.unlink()
        self.comm.Barrier()  # no rank may look for the pointer before it stands
        self._report("shear", force=True)

    def load(self, pointer: dict[str, Any]) -> None:
        """Take up the state of a checkpoint, whatever the state before."""
        name, d = pointer["name"], self.config.grains.mean_diameter
        self.lmp.command("clear")
        header = deck.header(self.config.parallel.processors)
        self._commands(header, f'read_restart "{self.folder / name}.restart"', deck.contacts(self.config))
        self.last_sample, self.n_frames = pointer["last_sample"], pointer["n_frames"]
        self.height, self.seconds = pointer["height"], pointer["seconds"]
        self.top = 2 * self.height  # a bound until the first sample
        self.watch = TurningPointWatch(self.config)
        with np.load(self.folder / f"{name}.npz") as state:
            self.watch.smoother.recent.extend(float(value) for value in state["recent"])
            if "watch" in state:
                self.watch.state = initial_state(0.0, 0)
                self.watch.state[:] = state["watch"]
            mine = np.arange(self.n_grains)[self.rank :: self.comm.size]
            for extreme in ("highest", "lowest"):
                if f"held_{extreme}" in state:
                    position = state[f"held_{extreme}"][mine] * d
                    values = None
                    if self.config.recording.contacts:
                        # summed before: one rank brings them back, the others add nothing
                        values = state[f"values_{extreme}"] * float(self.rank == 0)
                    setattr(self.watch, extreme, LocalGrains(mine + 1, position, values=values))

    def drop_unfinished(self, pointer: dict[str, Any]) -> None:
        """Cut off what an earlier process wrote after its last checkpoint: it will be made again, the same."""
        self.clock = time.monotonic()  # starting up is not shearing
        self.last_sample = pointer["last_sample"]
        if self.rank == 0:
            TrajectoryWriter(self.trajectory).cut(pointer["last_sample"] + 1, pointer["n_frames"])
        self.comm.Barrier()

    def _flush(self) -> None:
        """Rank 0 writes what it holds."""
        if self.writer is None:
            self.writer = TrajectoryWriter(self.trajectory)
        if self.samples:
            columns = np.array(self.samples).T
            self.writer.add_samples(dict(zip(SERIES, columns, strict=True)))
        if self.frames:
            sample, position, values = zip(*self.frames, strict=True)
            contacts = np.array(values) if self.config.recording.contacts else None
            self.writer.add_frames(np.array(sample, dtype=np.int64), np.array(position), contacts)
        self.samples.clear()
        self.frames.clear()

    # --- LAMMPS' arrays ------------------------------------------------------------------------------------------

    def _commands(self, *commands: str) -> None:
        for command in commands:
            self.lmp.commands_string(command)

    def _array(self, name: str) -> np.ndarray:
        array: np.ndarray = self.lmp.numpy.extract_atom(name)
        return array

    def _kinds(self) -> np.ndarray:
        return self._array("type")[: int(self.lmp.extract_global("nlocal"))] - 1

    def _grains_here(self) -> LocalGrains:
        """A copy of this rank's grains and contacts."""
        return LocalGrains(*self.reader.grains(), self._contacts_here())

    def _contacts_here(self) -> LocalContacts | None:
        """A copy of this rank's contacts; LAMMPS' dx is the first centre less the second, its force is on the first."""
        if not self.config.recording.contacts:
            return None
        pairs, forces = (
            self.lmp.numpy.extract_compute(name, LMP_STYLE_LOCAL, LMP_TYPE_ARRAY)
            for name in ("contact_pairs", "contact_forces")
        )
        if pairs is None or forces is None:  # a rank that never had a contact
            pairs, forces = np.empty((0, 2)), np.empty((0, 9))
        return LocalContacts(pairs.astype(np.int64), -forces[:, :3], forces[:, 3:6] + forces[:, 6:])

    def _wall_distance(self) -> float:
        """Between the walls' inner faces [m]."""
        kinds = self._kinds()
        z = self._array("x")[: len(kinds), 2]
        sums = np.array([z[kinds == TOP].sum(), z[kinds == BOTTOM].sum()])
        total = np.empty(2)
        self.comm.Allreduce(sums, total)
        return float((total[0] - total[1]) / self.n_wall - self.config.grains.mean_diameter)

    # --- the process that started this one -----------------------------------------------------------------------

    def _stop_asked(self) -> bool:
        return bool(self.comm.bcast(stop_asked(self.folder) if self.rank == 0 else None))

    def _report(self, phase: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if self.rank == 0 and (force or now - self.last_report > 1):
            self.last_report = now
            content = {
                "phase": phase,
                "sample": self.last_sample,
                "n_frames": self.n_frames,
                "stress": self.samples[-1][1] if self.samples else None,
                "n_grains": self.n_grains,
            }
            report(content)


def main(folder: Path, config: ShearCell) -> int:
    """Prepare or resume, shear, and say how it ended."""
    simulation = Simulation(folder, config)
    pointer = folder / "dem" / "checkpoint.json"
    try:
        if pointer.exists():
            simulation.drop_unfinished(read_json(pointer))
        else:
            simulation.prepare()
        simulation.shear()
    except KeyboardInterrupt:
        return STOPPED
    return FINISHED


if __name__ == "__main__":
    run_rank(main, Path(sys.argv[1]))
