"""How the measuring steps read a trajectory: its grains are checked, and each start is read once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.frames import read_frames
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
    trajectory = run.folder / "trajectory.zarr"
    n_grains, n_frames = grains.sizes["grain"], frames.sizes["frame"]
    if frames.sizes["grain"] != n_grains:
        raise MicroslipError(f"{trajectory} holds {n_grains} grains, its frames {frames.sizes['grain']}: it is damaged")
    ids, times = np.unique(grains["id"].to_numpy(), return_counts=True)
    if (times > 1).any():
        raise MicroslipError(f"{trajectory} names grain {ids[times > 1][0]} {times[times > 1][0]} times: it is damaged")
    diameter = grains["diameter"].to_numpy()
    positive = np.isfinite(diameter) & (diameter > 0)
    if not positive.all():
        bad = int(np.argmin(positive))
        raise MicroslipError(f"{trajectory} gives grain {bad} the diameter {diameter[bad]:g}: diameters are positive")
    remedy = f"run `microslip stages {quoted(run.folder)}` again"
    if stages.empty:
        raise MicroslipError(f"stages.csv holds no stage: {remedy}")
    start, end = stages["start_frame"].to_numpy(), stages["end_frame"].to_numpy()
    for frame in (start, end):
        missing = (frame < 0) | (frame >= n_frames)
        if missing.any():
            raise MicroslipError(f"stages.csv names frame {frame[missing][0]}, {trajectory} has {n_frames}: {remedy}")
    if (end <= start).any():
        raise MicroslipError(f"stage {int(np.argmax(end <= start))} of stages.csv ends before it starts: {remedy}")


def elsewhere(run: Run) -> Run:
    """The run under its absolute path, for a process with another working folder."""
    return Run(run.folder.resolve())


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
