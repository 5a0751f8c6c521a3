"""Recording of the shear: every sample's row of the series, and the grains at the turning points of the stress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from microslip.core.grain_values import GrainValues
from microslip.core.smoothing import Smoother
from microslip.core.turning_point_kernels import advance
from microslip.core.turning_points import initial_state
from microslip.data.files import replacing
from microslip.data.trajectory import SERIES, TrajectoryWriter
from microslip.dem.config import ShearCell
from microslip.dem.seam import Engine, Frame

# Frames held in memory between two checkpoints [bytes].
BUFFER_BYTES = 64 * 2**20


@dataclass
class TurningPointWatch:
    """Finds turning points as samples arrive, holding the grains at the running extremes until one is confirmed.

    Every process feeds the same stress and takes the same decisions; what is held is the engine's own.
    """

    config: ShearCell
    state: Float64[np.ndarray, "5"] | None = None
    highest: Any = None
    lowest: Any = None
    smoother: Smoother = field(init=False)

    def __post_init__(self) -> None:
        recording = self.config.recording
        self.smoother = Smoother(recording.smoothing, recording.smoothing_span)
        # worked out once: a property of the settings costs as much as a step of a few grains
        self.first, self.threshold = self.config.first_stage_sample, recording.threshold

    def feed(self, sample: int, stress: float, hold: Callable[[], Any]) -> tuple[int, Any] | None:
        """Feed one sample; return the turning point that it confirms, with the grains at that moment.

        `hold` has the engine keep its grains; it is called only at a running extreme.
        """
        value = self.smoother.feed(stress)
        if sample < self.first:
            return None
        if self.state is None:
            self.state = initial_state(value, sample)
            self.highest = self.lowest = hold()
            return None
        confirmed = int(advance(self.state, value, sample, self.threshold))
        turning = None
        if confirmed >= 0:
            turning = (confirmed, self.highest if self.state[0] < 0 else self.lowest)
            self.highest = self.lowest = None  # the one that is sought from here on is held below
        if self.state[2] == sample:
            self.highest = hold()
        if self.state[4] == sample:
            self.lowest = hold()
        return turning


class Recorder:
    """Collects samples and frames, and writes them to the trajectory; rank by rank alike, the first one writes."""

    def __init__(self, config: ShearCell, engine: Engine, trajectory: Path) -> None:
        self.config, self.engine, self.trajectory = config, engine, trajectory
        self.watch = TurningPointWatch(config)
        self.writer: TrajectoryWriter | None = None
        self.rows: list[tuple[float, ...]] = []
        self.frames: list[tuple[int, Frame]] = []
        self.n_frames = 0

    def add(self, sample: int, row: tuple[float, ...], stress: float) -> None:
        """Take up a sample, and the frame that it confirms."""
        self.rows.append(row)
        turning = self.watch.feed(sample, stress, self.engine.hold)
        if turning is None:
            return
        self.n_frames += 1
        frame = self._frame(turning[1])
        if frame is not None:
            self.frames.append((turning[0], frame))
            held = frame.position.nbytes + (0 if frame.values is None else frame.values.table.nbytes)
            if len(self.frames) * held > BUFFER_BYTES:
                self.flush()

    def _frame(self, held: Any) -> Frame | None:
        # what a checkpoint brought back is a frame already
        return held if isinstance(held, Frame) else self.engine.frame(held)

    def flush(self) -> None:
        """Write what is held; on the first process."""
        if self.writer is None:
            self.writer = TrajectoryWriter(self.trajectory)
        if self.rows:
            columns = np.array(self.rows).T
            self.writer.add_samples(dict(zip(SERIES, columns, strict=True)))
        if self.frames:
            samples = np.array([sample for sample, _ in self.frames], dtype=np.int64)
            kept = [frame for _, frame in self.frames]
            self.writer.add_frames(
                samples,
                np.array([frame.position for frame in kept]),
                GrainValues.of(np.array([frame.values.table for frame in kept if frame.values is not None]))
                if self.config.recording.contacts
                else None,
                np.array([frame.cell for frame in kept]) if kept[0].cell is not None else None,
            )
        self.rows.clear()
        self.frames.clear()

    def save(self, path: Path) -> None:
        """Write what is held at the running extremes beside a checkpoint, and all samples and frames before it."""
        state: dict[str, Any] = {}
        for extreme in ("highest", "lowest"):
            held = getattr(self.watch, extreme)
            frame = None if held is None else self._frame(held)
            if frame is None:
                continue
            values = None if frame.values is None else frame.values.table
            parts = {"held": frame.position, "values": values, "cell": frame.cell}
            state |= {f"{part}_{extreme}": value for part, value in parts.items() if value is not None}
        if not self.engine.first:
            return
        self.flush()
        state["recent"] = np.array(self.watch.smoother.recent)
        if self.watch.state is not None:
            state["watch"] = self.watch.state
        with replacing(path) as beside:
            np.savez(beside, **state)

    def load(self, path: Path, n_frames: int) -> None:
        """Go on from what `save` wrote."""
        self.n_frames = n_frames
        self.watch = TurningPointWatch(self.config)
        with np.load(path) as state:
            self.watch.smoother.recent.extend(float(value) for value in state["recent"])
            if "watch" in state:
                self.watch.state = initial_state(0.0, 0)
                self.watch.state[:] = state["watch"]
            for extreme in ("highest", "lowest"):
                if f"held_{extreme}" in state:
                    values, cell = (state.get(f"{part}_{extreme}") for part in ("values", "cell"))
                    carried = None if values is None else GrainValues.of(values)
                    setattr(self.watch, extreme, Frame(state[f"held_{extreme}"], carried, cell))

    def drop_unfinished(self, n_samples: int, n_frames: int) -> None:
        """Cut off what an earlier process wrote after its last checkpoint: it will be made again, the same."""
        TrajectoryWriter(self.trajectory).cut(n_samples, n_frames)
