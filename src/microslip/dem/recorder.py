"""What each MPI rank does with the stress of a sample: watch for turning points, keep the grains at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.turning_points import Smoother, advance, initial_state
from microslip.dem.config import ShearCell


@dataclass(frozen=True)
class LocalGrains:
    """A rank's own grains at one sample: ids from 1, centres unwrapped in x and y [m]."""

    tag: Int64[np.ndarray, "grain"]
    position: Float64[np.ndarray, "grain 3"]


@dataclass
class TurningPointWatch:
    """Finds turning points as samples arrive, holding the grains at the running extremes until one is confirmed.

    Every rank feeds the same stress and takes the same decisions; only the grains held differ.
    """

    config: ShearCell
    state: Float64[np.ndarray, "5"] | None = None
    highest: LocalGrains | None = None
    lowest: LocalGrains | None = None
    smoother: Smoother = field(init=False)

    def __post_init__(self) -> None:
        recording = self.config.recording
        self.smoother = Smoother(recording.smoothing, recording.smoothing_span)

    def feed(self, sample: int, stress: float, grab: Callable[[], LocalGrains]) -> tuple[int, LocalGrains] | None:
        """Feed one sample; return the turning point that it confirms, with the grains at that moment.

        `grab` copies the grains out of the engine; it is called only at a running extreme.
        """
        value = self.smoother.feed(stress)
        if sample < self.config.first_stage_sample:
            return None
        if self.state is None:
            self.state = initial_state(value, sample)
            self.highest = self.lowest = grab()
            return None
        confirmed = int(advance(self.state, value, sample, self.config.recording.threshold))
        found = None
        if confirmed >= 0:
            kept = self.highest if self.state[0] < 0 else self.lowest
            assert kept is not None
            found = (confirmed, kept)
        if self.state[2] == sample:
            self.highest = grab()
        if self.state[4] == sample:
            self.lowest = grab()
        return found
