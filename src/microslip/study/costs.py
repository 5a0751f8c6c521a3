"""What the systems of a study take of this machine, before they run and after: time, memory and disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.dem.cost import shear_cost
from microslip.study.plan import System
from microslip.study.progress import DONE, progress
from microslip.study.workload import written_time

# Grain-steps a second of one core, recording included, where none is measured yet: 2,063 grains on a busy machine.
ASSUMED_SPEED = 7e6


def taken(run: Path) -> dict[str, float]:
    """Seconds that the steps of a run took, those of its simulation, its speed [grain-steps/s], and its size [bytes].

    NaN where its provenance does not tell. Of a step that was interrupted, the seconds are those of its last stretch.
    """
    try:
        steps = Run(run).provenance.get("steps", {})
    except MicroslipError:
        steps = {}
    seconds = {verb: float(step["seconds"]) for verb, step in steps.items() if step.get("seconds") is not None}
    return {
        "seconds": sum(seconds.values()) if seconds else np.nan,
        "simulation_seconds": seconds.get("simulate", np.nan),
        "speed": float(steps.get("simulate", {}).get("grain_steps_per_second", np.nan)),
        "disk": float(sum(path.stat().st_size for path in run.rglob("*") if path.is_file())),
    }


def expected_costs(systems: Sequence[tuple[int, System]], steps: Sequence[str], folder: Path) -> pd.DataFrame:
    """What every system still takes, by the speed of those that are finished.

    Returns
    -------
    DataFrame
        number, system, state (as of `progress`); grain_steps that are left; seconds: of the shear that is left, and of
        the other steps (the median of the finished systems; 0 before there is one); memory of the engine [bytes], from
        below; disk: what it may write yet [bytes], from above; measured: yes where the speed is that of a finished one.
    """
    states = {system.name: progress(system, steps, folder) for _, system in systems}
    seen = [taken(folder / name) for name, state in states.items() if state == DONE and (folder / name).is_dir()]
    speeds = [each["speed"] for each in seen if np.isfinite(each["speed"])]
    others = [each["seconds"] - each["simulation_seconds"] for each in seen]
    others = [seconds for seconds in others if np.isfinite(seconds)]
    speed, other = (float(np.median(of)) if of else start for of, start in ((speeds, ASSUMED_SPEED), (others, 0.0)))
    rows: list[dict[str, Any]] = []
    for number, system in systems:
        state, cell = states[system.name], system.config.simulation
        finished = state == DONE or system.run is not None
        words = state.split()
        share = float(words[1]) / 100 if words[0] == "simulate" and len(words) == 3 else float(state.endswith("next"))
        left = 0.0 if finished or "simulate" not in steps else shear_cost(cell) * (1 - share)
        written = taken(folder / system.name)["disk"] if not finished and (folder / system.name).is_dir() else 0.0
        rows.append(
            {
                "number": number,
                "system": system.name,
                "state": state,
                "grain_steps": left,
                "seconds": 0.0 if finished else left / speed + other,
                "memory": cell.engine.memory(cell.n_grains, cell.n_samples),
                "disk": 0.0 if finished else max(0.0, cell.bytes_on_disk() - written),
                "measured": "yes" if speeds else "no",
            }
        )
    return pd.DataFrame(rows)


def free_disk(folder: Path) -> float:
    """Bytes that are free where the folder is, or will be."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return float(shutil.disk_usage(place).free)


def check_room(costs: pd.DataFrame, free: float) -> None:
    """Refuse to begin systems that the disk cannot hold together.

    Parameters
    ----------
    costs
        As of `expected_costs`.
    free
        As of `free_disk` [bytes].

    Raises
    ------
    MicroslipError
        They may write more than is free.
    """
    if (needed := float(costs["disk"].sum())) > free:
        largest = costs.loc[costs["disk"].idxmax()]
        raise MicroslipError(
            f"the {int((costs['disk'] > 0).sum())} systems to run may write {needed / 1e9:.3g} GB, {largest['system']}"
            f" alone {largest['disk'] / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free: free some, run some of them with"
            " --only, raise recording.threshold or lower loading.strain"
        )


def costs_in_words(costs: pd.DataFrame, n_jobs: int, free: float) -> str:
    """What the systems still take, in a sentence without an end."""
    waiting = costs[(costs["seconds"] > 0) | (costs["disk"] > 0)]
    if waiting.empty:
        return "nothing is left to run"
    # the last system cannot be shared out
    wall = max(float(waiting["seconds"].sum()) / max(n_jobs, 1), float(waiting["seconds"].max()))
    how = (
        "by the speed of the finished ones"
        if waiting["measured"].iloc[0] == "yes"
        else f"for the shear alone at {ASSUMED_SPEED:.0e} grain-steps a second; none is measured here yet"
    )
    memory, disk = n_jobs * float(waiting["memory"].max()) / 1e9, float(waiting["disk"].sum()) / 1e9
    return (
        f"time: {written_time(wall or None)} with {n_jobs} at once ({how}); memory of the engines: from {memory:.2g} GB"
        f" on; disk: up to {disk:.2g} GB, and {free / 1e9:.3g} GB are free"
    )
