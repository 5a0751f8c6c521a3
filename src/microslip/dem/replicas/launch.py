"""Make replicas of stages beyond a run's end, in a process of their own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.core.smoothing import Smoothing
from microslip.data.files import read_table, replacing, write_json
from microslip.dem.checkpoints import POINTER, check_files, read_pointer
from microslip.dem.checks import check_memory
from microslip.dem.config import ShearCell
from microslip.dem.engines import ENGINES
from microslip.dem.following import Progress, run_processes, wait_for_predecessor
from microslip.dem.native.config import VERSION
from microslip.dem.replicas.config import Replicas
from microslip.dem.replicas.members import StageReplicas, load_replicas
from microslip.dem.replicas.plan import CHOSEN, PLAN, Plan

ENDING = ".state.npz"


def make_replicas(
    run: Path,
    into: Path,
    config: ShearCell,
    settings: Replicas,
    column: str,
    threshold: float,
    smoothing: tuple[Smoothing, int] | None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Shear on from a run's last state, and do stages of that stretch again from their perturbed starts.

    Parameters
    ----------
    run
        The folder of a finished run of the native engine; nothing in it changes.
    into
        A folder for what is made, which an interrupted call leaves and the next one goes on with.
    config, settings
        The shear cell of the run, and what is made.
    column, threshold, smoothing
        The series that is cut into stages, the smallest swing that ends one [p], and the filter before that.
    progress
        Called with `phase`, `done` and `total`.

    Returns
    -------
    The chosen stages as `detect_stages` has them, samples counted from the run's end, with `weight`, the number of
    stages that each stands for, and `n_stages`, those of the whole stretch. `replicas_of` reads those of each.

    Raises
    ------
    MicroslipError
        The run is not one of the native engine, has not reached its strain, or has no checkpoint any more; the stretch
        holds too few stages; or the simulation fails.
    KeyboardInterrupt
        When interrupted.
    """
    if config.engine.kind != "native":
        raise MicroslipError(
            f"{run} was sheared by {config.engine.title}, whose states the native engine cannot take up: replicas need"
            ' a run with engine.kind = "native"'
        )
    if not (run / "dem" / POINTER).exists():
        raise MicroslipError(f"{run} has no checkpoint to go on from (dem/{POINTER} is missing): simulate it again")
    pointer = read_pointer(run / "dem")
    if pointer["last_sample"] < config.n_samples - 1:
        raise MicroslipError(f"{run} has not reached its strain of {config.loading.strain:g}: simulate it to its end")
    if pointer.get("engine", "native") != "native" or pointer["engine_version"] != VERSION:
        raise MicroslipError(
            f"the last state of {run} is of another version of the engine, which would go on differently: simulate it"
            " again"
        )
    check_files(run / "dem", pointer)
    check_memory(config)
    # what is read of the engine are places and stresses
    config = config.model_copy(update={"recording": config.recording.model_copy(update={"contacts": False})})
    folder = into / "dem"
    folder.mkdir(parents=True, exist_ok=True)
    wait_for_predecessor(folder)
    plan = Plan(
        pointer["height"],
        pointer.get("offset", 0.5),
        column,
        float(config.schedule.strain[pointer["last_sample"]]),
        max(2, round(settings.strain / config.recording.strain_step)),
        pointer.get("drive") or {},
    )
    write_json(folder / "config.json", config.model_dump(mode="json"))
    write_json(
        into / PLAN,
        {
            "plan": vars(plan),
            "settings": settings.model_dump(mode="json"),
            "threshold": threshold,
            "smoothing": smoothing,
        },
    )
    with replacing(into / f"origin{ENDING}") as beside:
        shutil.copy2(run / "dem" / f"{pointer['name']}{ENDING}", beside)
    command = [sys.executable, "-m", "microslip.dem.replicas.worker", str(into)]
    run_processes(command, ENGINES["native"].environment(config), folder, progress)
    return read_table(into / CHOSEN, ["stage", "start_sample", "weight"])


def replicas_of(into: Path, start_sample: int) -> StageReplicas:
    """What was made of the stage that starts at a sample."""
    return load_replicas(into / f"stage-{start_sample}.npz")
