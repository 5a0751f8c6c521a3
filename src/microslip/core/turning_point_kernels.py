"""The rule of turning points, compiled: the same for a running simulation and a stored series."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def advance(state, value, sample, threshold):  # type: ignore[no-untyped-def]
    """Feed one value; return the sample of the turning point that it confirms, or −1.

    A running extreme becomes a turning point when the swing that follows it exceeds the threshold; points at a larger
    threshold are therefore among those at a smaller one. Of equal extremes the first counts.
    """
    confirmed = -1
    if state[0] >= 0 and value > state[1]:
        state[1], state[2] = value, sample
    if state[0] <= 0 and value < state[3]:
        state[3], state[4] = value, sample
    if state[0] >= 0 and state[1] - value > threshold:
        confirmed = int(state[2])
        state[0], state[3], state[4] = -1.0, value, sample
    elif state[0] <= 0 and value - state[3] > threshold:
        confirmed = int(state[4])
        state[0], state[1], state[2] = 1.0, value, sample
    return confirmed


@numba.njit(cache=True)
def scan(values, threshold):  # type: ignore[no-untyped-def]
    state = np.array([0.0, values[0], 0.0, values[0], 0.0])
    points = np.empty(len(values), dtype=np.int64)
    n_points = 0
    for sample in range(1, len(values)):
        confirmed = advance(state, values[sample], sample, threshold)
        if confirmed >= 0:
            points[n_points] = confirmed
            n_points += 1
    return points[:n_points]
