"""What stands beside exported frames, so that they can be imported again: the series, and a [source] section."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.data.attributes import pressure_known
from microslip.data.run import Run


def frame_numbers(run: Run) -> np.ndarray:
    """The time step of each frame: its sample; of an imported run, which may keep several frames at one, its own."""
    frames = run.frames
    return np.asarray(frames["step" if "step" in frames else "sample"])


def series_table(run: Run) -> pd.DataFrame:
    """Step, strain and the stresses that are known, of every sample."""
    series, frames = run.series, run.frames
    step = np.arange(series.sizes["sample"], dtype=float)
    if "step" in frames:
        step = steps_at(series["strain"].to_numpy(), frames["strain"].to_numpy(), frame_numbers(run).astype(float))
    columns = {name: series[name].to_numpy() for name in ("strain", *known_stresses(run))}
    return pd.DataFrame({"step": step, **columns})


def known_stresses(run: Run) -> list[str]:
    """Columns of the series that hold a stress."""
    names = ("stress", "stress_volume", "normal_stress")
    return [name for name in names if name in run.series and np.isfinite(run.series[name]).any()]


def steps_at(strain: np.ndarray, frame_strain: np.ndarray, frame_step: np.ndarray) -> np.ndarray:
    """The files' time steps of samples at these strains; beyond the frames at the mean pace of all of them."""
    step: np.ndarray = np.interp(strain, frame_strain, frame_step)
    if len(frame_strain) > 1:
        pace = (frame_step[-1] - frame_step[0]) / (frame_strain[-1] - frame_strain[0])
        for end, beyond in ((0, strain < frame_strain[0]), (-1, strain > frame_strain[-1])):
            step[beyond] = frame_step[end] + pace * (strain[beyond] - frame_strain[end])
    return step


def source_of(run: Run, dump: Path, series: Path) -> dict[str, Any]:
    """The [source] section that reads a dump of the run's frames, and its series, back."""
    names = known_stresses(run)
    source: dict[str, Any] = {
        "files": [dump.name],
        "format": "lammps",
        "series": series.name,
        "step_column": "step",
        "strain_column": "strain",
        "shear_stress": [name for name in names if name == "stress"],
        "normal_stress": [name for name in names if name == "normal_stress"],
        "length": 1.0,
        "pressure": 1.0 if pressure_known(run.attributes) else "none",
        "wall_types": [2, 3] if (run.grains["kind"] > 0).any() else [],
        "periodic": list(run.box.periodic),
        "planar": run.box.planar,
        "origin": 0.0,
    }
    if run.attributes.get("imported"):
        # what is rounded to a step has an error of the step over √12
        source["position_error"] = run.attributes["position_resolution"] / math.sqrt(12)
    if "cell" not in run.frames:
        source["box"] = list(run.box.lengths)
    return source
