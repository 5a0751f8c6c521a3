"""Turning points of a fluctuating signal, found sample by sample.

The same compiled rule watches the stress while the DEM runs and re-reads a stored series, so both find the same points.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64

from microslip.core.turning_point_kernels import scan


def initial_state(value: float, sample: int) -> Float[np.ndarray, "5"]:
    """State of the rule after its first sample.

    Direction (1 rising, 0 undecided, −1 falling), highest value, its sample, lowest value, its sample.
    """
    return np.array([0, value, sample, value, sample], dtype=float)


def turning_points(values: Float[np.ndarray, "sample"], threshold: float) -> Int64[np.ndarray, "point"]:
    """Samples at which the signal turns: maxima and minima in turn, each followed by a swing above the threshold."""
    if len(values) == 0:
        return np.empty(0, dtype=np.int64)
    samples: np.ndarray = scan(np.asarray(values, dtype=float), float(threshold))
    return samples
