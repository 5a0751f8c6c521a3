"""Start an engine's processes, follow them, and stop them in an orderly way."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from microslip.core import arguments
from microslip.core.disk import naming
from microslip.core.errors import MicroslipError
from microslip.core.stopping import SAME, check, when_asked
from microslip.data.files import read_json, write_json
from microslip.data.store import check_store, finish_store, open_dataset
from microslip.dem.checkpoints import POINTER, read_pointer
from microslip.dem.config import ShearCell
from microslip.dem.cost import installed_memory, memory_of
from microslip.dem.engines import engine_module
from microslip.dem.lammps.config import Lammps
from microslip.dem.lammps.installed import check_installed, rank_environment, ranks_command
from microslip.dem.worker_codes import FINISHED, STOPPED

Progress = Callable[[dict[str, Any]], None]


def simulate(
    config: ShearCell,
    run: Path,
    ranks: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Shear the cell until its strain is reached, resuming from the run's last checkpoint where there is one.

    Parameters
    ----------
    config
        The shear cell.
    run
        The run folder; `trajectory.zarr` and `dem/` are written there.
    ranks
        MPI processes in place of `config.engine.ranks`, of LAMMPS.
    progress
        Called with `phase`, `sample`, `n_frames`, `stress`, `n_grains` about once a second.

    Raises
    ------
    MicroslipError
        The engine is not there or lacks something, the disk is too small, the run folder holds another simulation, or
        the simulation fails.
    KeyboardInterrupt
        When interrupted; the next call goes on from the last checkpoint.
    """
    arguments.record("config", config, ShearCell, "give a ShearCell, such as load_config(path).shear_cell")
    run = arguments.path("run", run)
    content = config.model_dump(mode="json")
    if ranks is not None:
        if not isinstance(config.engine, Lammps):
            raise MicroslipError(
                f'ranks are LAMMPS\', and engine.kind = {config.engine.kind}: set engine.kind = "lammps"'
            )
        content["engine"]["ranks"] = arguments.whole("ranks", ranks, 1, 1_000_000)
    config = ShearCell.model_validate(content)
    launch = engine_module(config.engine.kind, "launch")
    command, version = launch.command(config), launch.check(config)["version"]
    if config.recording.cell_volumes:
        cells_engine = _voronoi_ranks(config)
        cells = _cells_command(cells_engine, "recording.cell_volumes")
    folder = run / "dem"
    refuse_other_simulation(config, folder, version)
    check_disk(config, run)
    check_memory(config)
    folder.mkdir(parents=True, exist_ok=True)
    _wait_for_predecessor(folder)
    write_json(folder / "config.json", config.model_dump(mode="json"))
    _run([*command, str(run)], launch.environment(config), folder, progress)
    if config.recording.cell_volumes:
        _run([*cells, str(run)], rank_environment(engine=cells_engine), folder, progress)
    finish_store(run / "trajectory.zarr")


def voronoi_cells(run: Path, ranks: int, progress: Progress | None = None) -> None:
    """Fill in the radical Voronoi cells of every frame of a trajectory, as an imported one; frames that have them stay.

    `ranks`: MPI processes of LAMMPS, each with whole chunks of frames. Errors as in `simulate`.
    """
    folder = Path(run) / "dem"
    folder.mkdir(parents=True, exist_ok=True)
    engine = Lammps(ranks=ranks)
    command = _cells_command(engine, "voxels of free volume")
    _wait_for_predecessor(folder)
    write_json(folder / "config.json", ShearCell(engine=engine).model_dump(mode="json"))
    _run([*command, str(run)], rank_environment(), folder, progress)
    finish_store(Path(run) / "trajectory.zarr")


def _voronoi_ranks(config: ShearCell) -> Lammps:
    """The ranks that measure Voronoi cells: the run's own, or as many as the native engine has threads."""
    if isinstance(config.engine, Lammps):
        return config.engine
    return Lammps(ranks=config.engine.n_threads(config.n_grains))


def _cells_command(engine: Lammps, purpose: str) -> list[str]:
    """What starts the ranks that measure Voronoi cells, after a look at LAMMPS and its Voro++."""
    check_installed(engine, {"VORONOI": purpose})
    return [*ranks_command(engine), sys.executable, "-m", "microslip.dem.lammps.cells"]


def _run(command: list[str], environment: dict[str, str], folder: Path, progress: Progress | None) -> None:
    """Start the engine's processes, follow them to their end, and say what went wrong."""
    error, mark = folder / "error.json", folder / "driver.pid"
    error.unlink(missing_ok=True)
    with naming(mark):
        mark.write_text(f"{os.getpid()} {socket.gethostname()}")
    with (folder / "stderr.log").open("w") as log:
        # a session of its own: a Ctrl-C reaches this process alone, which then asks the others to stop
        running = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            start_new_session=True,
        )
        try:
            with when_asked(lambda: mark.unlink(missing_ok=True)):
                reason = _follow(running, progress)
        except BaseException:
            mark.unlink(missing_ok=True)
            _follow(running, None)
            raise
        finally:
            mark.unlink(missing_ok=True)
            if running.stdout is not None:
                running.stdout.close()
    if running.returncode == STOPPED:
        raise KeyboardInterrupt
    if running.returncode != FINISHED:
        # a scheduler sends its signal to all processes of a job, and this one's may be the last to come
        time.sleep(SAME)
        check()
        raise MicroslipError(_explain(reason, folder, running.returncode))


def _follow(process: subprocess.Popen[str], progress: Progress | None) -> dict[str, str] | None:
    """Pass on what is told until the end; the reason, where it was told that it failed."""
    assert process.stdout is not None
    reason = None
    for line in process.stdout:
        if not line.startswith("{"):
            continue
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            # two ranks at once
            continue
        reason = reason or told.get("failure")
        if progress is not None and "failure" not in told:
            progress(told)
    process.wait()
    return reason


def refuse_other_simulation(config: ShearCell, folder: Path, engine_version: int | None = None) -> None:
    """A trajectory took long to make: settings that would make another one never overwrite it.

    Raises
    ------
    MicroslipError
        The run was made with other settings or by another version of its engine, went further than is asked for, or
        has lost its trajectory or its checkpoint.
    """
    trajectory, remedy = folder.parent / "trajectory.zarr", "choose another run folder with --into, or remove this one"
    begun, kept = (folder / POINTER).exists(), trajectory.is_dir()
    strain = open_dataset(trajectory, "series")["strain"].to_numpy() if kept else np.empty(0)
    if not begun:
        if len(strain):
            raise MicroslipError(
                f"{trajectory} holds {len(strain)} samples, and {folder / POINTER}, from which the simulation would go"
                f" on, is gone: restore it, or {remedy}"
            )
        return
    pointer = read_pointer(folder)
    if not kept:
        raise MicroslipError(f"{trajectory} is gone, and {folder} alone cannot bring it back: restore it, or {remedy}")
    try:
        # a setting that is newer than the run has its default, under which the run was made
        before = ShearCell.model_validate(check_store(trajectory).attrs.get("config"))
    except ValidationError:
        raise MicroslipError(f"{folder.parent} was made by another version with other settings: {remedy}") from None
    changed = [
        f"{section}.{key} = {value} where the run has {old_section.get(key)}".removeprefix(".")
        for section, new_section in sections_of(config).items()
        for key, value in new_section.items()
        if (old_section := sections_of(before)[section]).get(key) != value
    ]
    if changed:
        raise MicroslipError(f"{folder.parent} holds a simulation with other settings ({changed[0]}): {remedy}")
    if engine_version is not None and pointer.get("engine_version") != engine_version:
        raise MicroslipError(
            f"{folder.parent} was begun with {config.engine.title} {pointer.get('engine_version')}, this one is"
            f" {engine_version} and would go on differently: install that version, or {remedy}"
        )
    if pointer["last_sample"] >= config.n_samples:
        raise MicroslipError(
            f"{folder.parent} was sheared to a strain of {strain[-1]:g}, beyond loading.strain ="
            f" {config.loading.strain:g}: {remedy}"
        )


def check_disk(config: ShearCell, run: Path) -> None:
    """Refuse to begin a trajectory that the disk has no room for.

    Raises
    ------
    MicroslipError
        Less is free than the frames are expected to take, beyond what the run folder holds already.
    """
    place = next(folder for folder in (run, *run.absolute().parents) if folder.exists())
    held = sum(file.stat().st_size for file in (run / "trajectory.zarr").rglob("*") if file.is_file())
    wanted, free = config.bytes_on_disk() - held, shutil.disk_usage(place).free
    if wanted > free:
        raise MicroslipError(
            f"the frames may take {config.bytes_on_disk() / 1e9:.1f} GB and {place} has {free / 1e9:.1f} GB free: free"
            " some, raise recording.threshold, lower loading.strain or set recording.contacts = false"
        )


def check_memory(config: ShearCell) -> None:
    """Refuse a cell that this machine's memory cannot hold; the ranks of LAMMPS may be on others.

    Raises
    ------
    MicroslipError
        The native engine would take more than is installed.
    """
    wanted, there = memory_of(config.n_grains, config.n_samples), installed_memory()
    if config.engine.kind == "native" and wanted > there:
        raise MicroslipError(
            f"{config.n_grains} grains and {config.n_samples} samples take some {wanted / 1e9:.3g} GB of memory, and"
            f" this machine has {there / 1e9:.3g} GB: use a smaller cell or a larger recording.strain_step, or"
            " engine.kind = lammps on several machines"
        )


def time_spent(run: Path) -> dict[str, float]:
    """Seconds of `prepare` and `shear` up to the last checkpoint, over all the times that the run was taken up."""
    seconds: dict[str, float] = read_pointer(Path(run) / "dem")["seconds"]
    return seconds


def sections_of(config: ShearCell) -> dict[str, dict[str, Any]]:
    """What makes it this simulation, by section; the seed stands in a section without a name."""
    content = config.identity()
    return {"": {"seed": content.pop("seed")}, **content}


def _wait_for_predecessor(folder: Path) -> None:
    """Processes whose starter was killed may still be writing their last checkpoint."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def _explain(reason: dict[str, str] | None, folder: Path, code: int) -> str:
    logs = [str(log) for log in (folder / "stderr.log", folder / "lammps.log") if log.exists()]
    where = f"see {' and '.join(logs)}; the run resumes from its last checkpoint"
    error = folder / "error.json"
    if reason is None and error.exists():
        reason = read_json(error)
    if reason is None:
        return f"the simulation ended with code {code} and left no reason: {where}"
    if reason["kind"] == "microslip":
        return reason["text"]
    return f"the simulation failed ({reason['text'].strip().splitlines()[-1]}): {where}"
