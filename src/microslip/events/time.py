"""The time at which each sample of a series was taken, from its strain and shear rate."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64


def times(
    strain: Float[np.ndarray, "sample"], shear_rate: Float[np.ndarray, "sample"]
) -> Float64[np.ndarray, "sample"]:
    """Time since the first sample [s], where γ̇ goes evenly in time from each sample to the next.

    .. math:: \\Delta t = \\frac{2 \\Delta\\gamma}{\\dot\\gamma_1 + \\dot\\gamma_2}
    """
    return np.concatenate([[0.0], np.cumsum(2 * np.diff(strain) / (shear_rate[:-1] + shear_rate[1:]))])
