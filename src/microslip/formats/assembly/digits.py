"""How finely the files of a run know its positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from microslip.fields.precision import position_resolution
from microslip.formats.assembly.layout import Layout
from microslip.formats.frame import Frame, places

# Frames whose digits are looked at, at most.
FRAMES_LOOKED_AT = 8


class Digits:
    """How finely the files know their positions, from frames spread evenly over the run.

    One frame would not do: a run may begin on a lattice, whose coordinates have few digits.
    """

    def __init__(self, axes: Sequence[int]) -> None:
        self.axes = axes
        self.steps: list[float] = []
        self._every = 1

    def looked_at(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, some of which are looked at on their way."""
        for number, frame in enumerate(frames):
            if number % self._every == 0 and frame.n_grains:
                if len(self.steps) == FRAMES_LOOKED_AT:
                    self.steps, self._every = self.steps[::2], 2 * self._every
                if number % self._every == 0:
                    self.steps.append(_step_of(frame, self.axes))
            yield frame


def _step_of(frame: Frame, axes: Sequence[int]) -> float:
    """The step in which a frame knows its positions along these axes, in the file's lengths."""
    centres = places(frame)
    steps = []
    for axis in axes:
        coordinate = centres.written[:, axis]
        written = coordinate[np.isfinite(coordinate) & (coordinate != 0)]
        if len(written):
            steps.append(position_resolution(np.repeat(written[:, None], 3, axis=1)) * centres.scale[axis])
    return float(np.sqrt(np.mean(np.square(steps or [0.0]))))


def resolution_of(digits: Digits, layout: Layout) -> float:
    """The step in which the files know their positions [d̄]."""
    # the upper of the middle two, for frames of which half are coarse are coarse; of two the second, for the first may
    # lie on a lattice
    n = len(digits.steps)
    step = digits.steps[-1] if n == 2 else sorted(digits.steps)[n // 2] if n else 0.0
    # a rounding to a step is spread evenly over it: its standard deviation is the step over √12
    measured = (layout.source.position_error or 0.0) * np.sqrt(12)
    return float(np.hypot(step, measured)) / layout.length
