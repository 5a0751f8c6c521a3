"""Causal filters of a signal, fed sample by sample: the same while the DEM runs and for a stored series."""

from __future__ import annotations

from collections import deque
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from microslip.core.errors import MicroslipError

Smoothing = Literal["none", "ewma", "median"]
SMOOTHINGS = get_args(Smoothing)

# Longer filters than this take hours for a long series [samples].
LONGEST_SPAN = 10_000


class Smoother:
    """A causal filter fed one sample at a time: the running state that a simulation carries from sample to sample.

    `ewma` is the exponentially weighted mean with weight 2/(span + 1) for the newest sample; `median` the median of the
    last `span` samples; `none` passes values through.
    """

    def __init__(self, kind: Smoothing, span: int) -> None:
        if kind != "none" and span < 1:
            raise MicroslipError(f"smoothing_span = {span} is below 1: give the number of samples to smooth over")
        self.kind = kind
        self.recent: deque[float] = deque(maxlen=1 if kind != "median" else span)
        self._weight = 2.0 / (span + 1)

    def feed(self, value: float) -> float:
        """The smoothed value at this sample."""
        if self.kind == "ewma" and self.recent:
            value = self.recent[-1] + self._weight * (value - self.recent[-1])
        self.recent.append(value)
        return float(np.median(self.recent)) if self.kind == "median" else value


def smooth(values: Float[np.ndarray, "sample"], kind: Smoothing, span: int) -> Float[np.ndarray, "sample"]:
    """The whole series through `Smoother`."""
    if kind == "none":
        return values
    smoother = Smoother(kind, span)
    return np.array([smoother.feed(float(value)) for value in values])
