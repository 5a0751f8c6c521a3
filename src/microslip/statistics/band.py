"""Where along the height the active grains are, as two numbers of a stage, so that a band's stay can be measured."""

from __future__ import annotations

import math

import numpy as np

from microslip.statistics.statistic import StageGrains

# The two parts of the first harmonic of the height, by the statistic's name.
BAND = {"band_cosine": np.cos, "band_sine": np.sin}


def harmonic(grains: StageGrains, part: str) -> float:
    """Mean over the active grains of the cosine or sine of their height, less that over all measured ones.

    .. math:: c = \\langle \\cos k z \\rangle_{active} - \\langle \\cos k z \\rangle

    with k = 2π/H where the cell repeats in z, and π/H between walls, where top and bottom are not the same place.
    Activity that is spread evenly over the height has 0. The strain over which the two forget themselves is how long a
    band stays (`memory`).
    """
    period = (2 if grains.box.periodic[2] else 1) * math.pi / grains.box.lengths[2]
    values = BAND[part](period * grains.position[:, 2])
    return float(values[grains.active].mean() - values[grains.measured].mean())
