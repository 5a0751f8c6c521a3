"""Recording of the shear: every sample's row of the series, and the grains at turning points and between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from microslip.core.grain_values import GrainValues
from microslip.core.smoothing import Smoother
from microslip.core.turning_point_kernels import advance
from microslip.core.turning_points import initial_state
from microslip.data.files import replacing
from microslip.data.trajectory import INSIDE, SERIES, TURNING_POINT, TrajectoryWriter
from microslip.dem.config import ShearCell
from microslip.dem.inside import Candidates, evenly_inside
from microslip.dem.seam import Engine, Frame

# Frames held in memory between two checkpoints [bytes].
BUFFER_BYTES = 64 * 2**20


# The two extremes of the stress, and where the rule of turning points keeps the sample of each.
EXTREMES = {"highest": 2, "lowest": 4}
# Stretches of samples that are held.
STRETCHES = ("before", "after_highest", "after_lowest")


class Turning(NamedTuple):
    """A turning point that is confirmed: its sample, the grains there, and those inside the stage that it ends."""

    sample: int
    grains: Any
    inside: dict[int, Any]


@dataclass
class TurningPointWatch:
    """Finds turning points as samples arrive, holding the grains at the running extremes until one is confirmed.

    Every process feeds the same stress and takes the same decisions; what is held is the engine's own. Where frames
    inside the stages are asked for, it holds some more of the stretch up to the running extreme, `before`, which will
    lie in the stage if the stress turns there, and of the one after it, which will lie in the next. While nothing tells
    whether the stress rises or falls, both extremes are running and have a stretch after them.
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
        self.n_inside = recording.frames_per_stage
        self.before, self.after_highest, self.after_lowest = (self._stretch() for _ in STRETCHES)

    def _stretch(self) -> Candidates:
        return Candidates(2 * self.n_inside)

    def feed(self, sample: int, stress: float, hold: Callable[[], Any]) -> Turning | None:
        """Feed one sample; return the turning point that it confirms, with the grains at that moment.

        `hold` has the engine keep its grains; it is called only at a running extreme, and where frames inside the
        stages are asked for.
        """
        value = self.smoother.feed(stress)
        if sample < self.first:
            return None
        if self.state is None:
            self.state = initial_state(value, sample)
            self.highest = self.lowest = hold()
            return None
        earlier = self.state.copy()
        direction = earlier[0]
        confirmed = int(advance(self.state, value, sample, self.threshold))
        turning = None
        if confirmed >= 0:
            extreme = "highest" if self.state[0] < 0 else "lowest"
            start = int(earlier[4] if direction > 0 else earlier[2])
            # what comes before the first turning point is no stage, as `detect_stages` has it
            of_stage = [*self.before.held] if direction and start > self.first else []
            inside = {at: self.before.held[at] for at in evenly_inside(of_stage, start, confirmed, self.n_inside)}
            turning = Turning(confirmed, getattr(self, extreme), inside)
            self.highest = self.lowest = None  # the one that is sought from here on is held below
            self.before = getattr(self, f"after_{extreme}")
            self.after_highest, self.after_lowest = self._stretch(), self._stretch()
        for extreme, place in EXTREMES.items():
            after: Candidates = getattr(self, f"after_{extreme}")
            if self.state[place] == sample:
                if turning is None and direction:
                    self.before.add(int(earlier[place]), getattr(self, extreme))
                    self.before.join(after)
                setattr(self, extreme, hold())
                setattr(self, f"after_{extreme}", self._stretch())
            elif turning is None and getattr(self, extreme) is not None and after.wants(sample):
                after.add(sample, hold())
        return turning


class Recorder:
    """Collects samples and frames, and writes them to the trajectory; rank by rank alike, the first one writes."""

    def __init__(self, config: ShearCell, engine: Engine, trajectory: Path) -> None:
        self.config, self.engine, self.trajectory = config, engine, trajectory
        self.watch = TurningPointWatch(config)
        self.writer: TrajectoryWriter | None = None
        self.rows: list[tuple[float, ...]] = []
        self.frames: list[tuple[int, int, Frame]] = []
        self.n_frames = 0

    def add(self, sample: int, row: tuple[float, ...], stress: float) -> None:
        """Take up a sample, and the frames that it confirms."""
        self.rows.append(row)
        turning = self.watch.feed(sample, stress, self.engine.hold)
        if turning is None:
            return
        for at, held in turning.inside.items():
            self._keep(at, INSIDE, held)
        self._keep(turning.sample, TURNING_POINT, turning.grains)

    def _keep(self, sample: int, kind: int, held: Any) -> None:
        self.n_frames += 1
        frame = self._frame(held)
        if frame is not None:
            self.frames.append((sample, kind, frame))
            n_bytes = frame.position.nbytes + (0 if frame.values is None else frame.values.table.nbytes)
            if len(self.frames) * n_bytes > BUFFER_BYTES:
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
            samples, kinds, kept = zip(*self.frames, strict=True)
            self.writer.add_frames(
                np.array(samples, dtype=np.int64),
                np.array([frame.position for frame in kept]),
                GrainValues.of(np.array([frame.values.table for frame in kept if frame.values is not None]))
                if self.config.recording.contacts
                else None,
                np.array([frame.cell for frame in kept]) if kept[0].cell is not None else None,
                np.array(kinds, dtype=np.int8),
            )
        self.rows.clear()
        self.frames.clear()

    def save(self, path: Path) -> None:
        """Write what is held beside a checkpoint, and all samples and frames before it."""
        watch = self.watch
        held = {extreme: getattr(watch, extreme) for extreme in EXTREMES}
        stretches: dict[str, Candidates] = {name: getattr(watch, name) for name in STRETCHES}
        for name, stretch in stretches.items():
            held |= {f"{name}_{sample}": grains for sample, grains in stretch.held.items()}
        state: dict[str, Any] = {}
        for name, grains in held.items():
            frame = None if grains is None else self._frame(grains)
            if frame is None:
                continue
            values = None if frame.values is None else frame.values.table
            parts = {"held": frame.position, "values": values, "cell": frame.cell}
            state |= {f"{part}_{name}": value for part, value in parts.items() if value is not None}
        if not self.engine.first:
            return
        self.flush()
        state |= {f"{name}_spacing": stretch.spacing for name, stretch in stretches.items() if watch.n_inside}
        state["recent"] = np.array(watch.smoother.recent)
        if watch.state is not None:
            state["watch"] = watch.state
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
            for extreme in EXTREMES:
                setattr(self.watch, extreme, _frame_in(state, extreme))
            for name in STRETCHES:
                if f"{name}_spacing" in state:
                    stretch: Candidates = getattr(self.watch, name)
                    stretch.spacing = int(state[f"{name}_spacing"])
                    keys = [key.removeprefix(f"held_{name}_") for key in state if key.startswith(f"held_{name}_")]
                    stretch.held = {sample: _frame_in(state, f"{name}_{sample}") for sample in sorted(map(int, keys))}

    def drop_unfinished(self, n_samples: int, n_frames: int) -> None:
        """Cut off what an earlier process wrote after its last checkpoint: it will be made again, the same."""
        TrajectoryWriter(self.trajectory).cut(n_samples, n_frames)


def _frame_in(state: Mapping[str, np.ndarray], name: str) -> Frame | None:
    """The grains that were held under this name; None where there were none."""
    if f"held_{name}" not in state:
        return None
    values, cell = (state.get(f"{part}_{name}") for part in ("values", "cell"))
    return Frame(state[f"held_{name}"], None if values is None else GrainValues.of(values), cell)
