"""How far each system of a study is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.dem.checkpoints import POINTER, read_pointer
from microslip.dem.checks import refuse_other_simulation
from microslip.states import is_current
from microslip.study.plan import System

DONE = "done"


def progress(system: System, steps: Sequence[str], folder: Path) -> str:
    """How far a system is: not begun, simulate 43 %, the next step, done, or that its folder is of something else."""
    if system.run is not None:
        return _progress_elsewhere(system, system.run)
    run = folder / system.name
    if not run.is_dir() or not any(run.iterdir()):
        return "not begun"
    if not (run / "config.toml").exists():
        return "other content"
    try:
        waiting = [verb for verb in steps if not is_current(verb, run, system.config)]
        if not waiting:
            return DONE
        if waiting[0] != "simulate":
            return f"{waiting[0]} next"
        begun = (run / "dem" / POINTER).exists()
        sample = read_pointer(run / "dem")["last_sample"] if begun else 0
    except MicroslipError:
        return "damaged"
    try:
        refuse_other_simulation(system.config.simulation, run / "dem")
    except MicroslipError:
        return "other settings"
    return f"simulate {100 * sample // max(1, system.config.simulation.n_samples - 1)} %"


def _progress_elsewhere(system: System, run: Path) -> str:
    """How far a run from elsewhere is; what it holds beyond the simulation is its owner's affair."""
    try:
        n_samples = Run(run).series.sizes["sample"]
    except MicroslipError:
        return "damaged"
    wanted = system.config.simulation.n_samples
    return DONE if n_samples >= wanted else f"simulate {100 * n_samples // wanted} %"
