"""Simulate a shear cell, and measure the Voronoi cells of a trajectory, both in other processes."""

from __future__ import annotations

import sys
from pathlib import Path

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.data.files import write_json
from microslip.data.store import finish_store
from microslip.dem.checkpoints import read_pointer
from microslip.dem.checks import check_disk, check_memory, refuse_other_simulation
from microslip.dem.config import ShearCell
from microslip.dem.engines import ENGINES
from microslip.dem.following import Progress, run_processes, wait_for_predecessor
from microslip.dem.lammps.config import Lammps
from microslip.dem.lammps.installed import check_installed, rank_environment, ranks_command


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
        if "ranks" not in type(config.engine).model_fields:
            raise MicroslipError(
                f'ranks are LAMMPS\', and engine.kind = {config.engine.kind}: set engine.kind = "lammps"'
            )
        content["engine"]["ranks"] = arguments.whole("ranks", ranks, 1, 1_000_000)
    config = ShearCell.model_validate(content)
    engine = ENGINES[config.engine.kind]
    command, version = engine.command(config), engine.version(config)
    if config.recording.cell_volumes:
        ranks_of_cells = _voronoi_ranks(config)
        cells = _cells_command(ranks_of_cells, "recording.cell_volumes")
    folder = run / "dem"
    refuse_other_simulation(config, folder, version)
    check_disk(config, run)
    check_memory(config)
    folder.mkdir(parents=True, exist_ok=True)
    wait_for_predecessor(folder)
    write_json(folder / "config.json", config.model_dump(mode="json"))
    run_processes([*command, str(run)], engine.environment(config), folder, progress)
    if config.recording.cell_volumes:
        run_processes([*cells, str(run)], rank_environment(engine=ranks_of_cells), folder, progress)
    finish_store(run / "trajectory.zarr")


def voronoi_cells(run: Path, ranks: int, progress: Progress | None = None) -> None:
    """Fill in the radical Voronoi cells of every frame of a trajectory, as an imported one; frames that have them stay.

    `ranks`: MPI processes of LAMMPS, each with whole chunks of frames. Errors as in `simulate`.
    """
    folder = Path(run) / "dem"
    folder.mkdir(parents=True, exist_ok=True)
    engine = Lammps(ranks=ranks)
    command = _cells_command(engine, "voxels of free volume")
    wait_for_predecessor(folder)
    write_json(folder / "config.json", ShearCell(engine=engine).model_dump(mode="json"))
    run_processes([*command, str(run)], rank_environment(), folder, progress)
    finish_store(Path(run) / "trajectory.zarr")


def _voronoi_ranks(config: ShearCell) -> Lammps:
    """The ranks that measure Voronoi cells: the run's own, or as many as the native engine has threads."""
    if isinstance(config.engine, Lammps):
        return config.engine
    return Lammps(ranks=config.engine.n_threads(config.n_grains))


def _cells_command(engine: Lammps, purpose: str) -> list[str]:
    """The command of the ranks that measure Voronoi cells; refused where LAMMPS or its Voro++ is missing."""
    check_installed(engine, {"VORONOI": purpose})
    return [*ranks_command(engine), sys.executable, "-m", "microslip.dem.lammps.cells"]


def time_spent(run: Path, config: ShearCell) -> tuple[dict[str, float], int]:
    """Seconds of `prepare` and `shear` up to the last checkpoint, over all the times that the run was taken up, and the
    time steps of the shear."""
    pointer = read_pointer(Path(run) / "dem")
    # a run before there were other drives took those of its schedule
    return pointer["seconds"], int(pointer.get("n_steps") or config.schedule.steps.sum())
