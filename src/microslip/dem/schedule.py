"""How fast the cell is sheared, sample by sample: the warm-up's rate, the slowing down, the rate aimed at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int64


@dataclass(frozen=True)
class Schedule:
    """Time steps between two samples, and rate and strain at each: `rate` changes evenly in time in between.

    `steps` (interval), `rate` (sample) [1/s], `strain` (sample); one interval fewer than samples. `first_steady`: the
    first sample from which the rate is the one aimed at.
    """

    steps: Int64[np.ndarray, "interval"]
    rate: Float64[np.ndarray, "sample"]
    strain: Float64[np.ndarray, "sample"]
    first_steady: int


@lru_cache(maxsize=8)
def shear_schedule(
    timestep: float,
    steps_per_sample: int,
    strain_step: float,
    shear_rate: float,
    strain: float,
    fast_rate: float | None = None,
    fast_strain: float = 0.0,
    slow_down: float = 0.0,
) -> Schedule:
    """Sample the shear every `strain_step` of strain, each time after a whole number of equal time steps.

    Until `fast_strain` the rate is `fast_rate`, or the nearest with whole steps between samples. Over `slow_down` it
    then goes to `shear_rate`: its logarithm follows 3p² − 2p³ in the share p of that strain, so that the wall's
    acceleration begins and ends at zero and sends no wave. While the rate changes, samples are not exactly
    `strain_step` apart.
    """
    if fast_rate is None:
        n = round(strain / strain_step)
        return Schedule(np.full(n, steps_per_sample), np.full(n + 1, shear_rate), np.arange(n + 1) * strain_step, 0)
    n_fast = round(fast_strain / strain_step)
    fast_steps = max(1, round(strain_step / (fast_rate * timestep)))
    begun = strain_step / (fast_steps * timestep)
    steps, rates, strains = [], [begun], [n_fast * strain_step]
    reached = begun
    changing = True
    while changing:
        share = min((strains[-1] - strains[0] + strain_step) / slow_down, 1.0) if slow_down > 0 else 1.0
        changing = share < 1 - 1e-9
        following = begun * (shear_rate / begun) ** (share * share * (3 - 2 * share)) if changing else shear_rate
        mean = (reached + following) / 2
        steps.append(max(1, round(strain_step / (mean * timestep))))
        strains.append(strains[-1] + steps[-1] * timestep * mean)
        rates.append(following)
        reached = following
    n_slow = len(steps)
    n_last = max(1, round((strain - strains[-1]) / strain_step))
    return Schedule(
        np.concatenate(
            [np.full(n_fast, fast_steps), np.array(steps, dtype=np.int64), np.full(n_last, steps_per_sample)]
        ),
        np.concatenate([np.full(n_fast, begun), rates, np.full(n_last, shear_rate)]),
        np.concatenate(
            [np.arange(n_fast) * strain_step, strains, strains[-1] + np.arange(1, n_last + 1) * strain_step]
        ),
        n_fast + n_slow,
    )
