"""What the measuring steps read of a trajectory: checked grains, and each frame of a batch once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xarray as xr

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.run import Run


def check_grains(run: Run) -> None:
    """Refuse a trajectory whose frames and grains do not belong together.

    Raises
    ------
    MicroslipError
        Frames of another number of grains, a grain that is named twice, a diameter that is not positive, a stage whose
        frames do not exist.
    """
    grains, frames, stages = run.grains, run.frames, run.stages
    where = run.folder / "trajectory.zarr"
    n = grains.sizes["grain"]
    if frames.sizes["grain"] != n:
        raise MicroslipError(f"{where} holds {n} grains, its frames {frames.sizes['grain']}: it is damaged")
    named, times = np.unique(grains["id"].to_numpy(), return_counts=True)
    if (times > 1).any():
        raise MicroslipError(f"{where} names grain {named[times > 1][0]} {times[times > 1][0]} times: it is damaged")
    diameter = grains["diameter"].to_numpy()
    if not (np.isfinite(diameter) & (diameter > 0)).all():
        bad = int(np.argmin(np.isfinite(diameter) & (diameter > 0)))
        raise MicroslipError(f"{where} gives grain {bad} the diameter {diameter[bad]:g}: diameters are positive")
    again = f"run `microslip stages {quoted(run.folder)}` again"
    if stages.empty:
        raise MicroslipError(f"stages.csv holds no stage: {again}")
    start, end = stages["start_frame"].to_numpy(), stages["end_frame"].to_numpy()
    for named in (start, end):
        missing = (named < 0) | (named >= frames.sizes["frame"])
        if missing.any():
            raise MicroslipError(
                f"stages.csv names frame {named[missing][0]}, {where} has {frames.sizes['frame']}: {again}"
            )
    if (end <= start).any():
        raise MicroslipError(f"stage {int(np.argmax(end <= start))} of stages.csv ends before it starts: {again}")


def elsewhere(run: Run) -> Run:
    """The run under a path that also a process with another working folder understands."""
    return Run(run.folder.resolve())


def read_frames(values: xr.DataArray, frames: np.ndarray) -> dict[int, np.ndarray]:
    """A quantity in the named frames, each chunk read once, by frame number.

    Raises
    ------
    MicroslipError
        A frame cannot be read.
    """
    wanted = np.unique(frames)
    try:
        found = values[wanted].to_numpy()
    except (ValueError, RuntimeError, OSError) as problem:
        raise MicroslipError(
            f"frames {wanted[0]} to {wanted[-1]} of {values.name} cannot be read ({problem}): a chunk is damaged"
        ) from None
    return dict(zip(wanted.tolist(), found, strict=True))


class Start(NamedTuple):
    """The start of a stage: positions (grain, axis) [d̄], NaN of grains that are not there, and the cell."""

    position: np.ndarray
    box: Box

    @property
    def here(self) -> np.ndarray:
        """Which grains are there."""
        return np.asarray(np.isfinite(self.position).all(axis=1))


def read_starts(run: Run, batch: slice) -> list[Start]:
    """The start of each stage of a batch."""
    start = run.stages["start_frame"].iloc[batch].to_numpy()
    frames, box = read_frames(run.frames["position"], start), run.boxes()
    return [Start(frames[frame], box(frame)) for frame in start.tolist()]


def reader_of(values: xr.DataArray) -> Callable[[int], np.ndarray]:
    """A function that reads a quantity in a frame by its number: whole chunks, of which it keeps the last two."""
    per_chunk, n_frames = values.encoding["chunks"][0], len(values)

    @lru_cache(maxsize=2)
    def read_chunk(number: int) -> dict[int, np.ndarray]:
        return read_frames(values, np.arange(number * per_chunk, min((number + 1) * per_chunk, n_frames)))

    return lambda frame: read_chunk(frame // per_chunk)[frame]
