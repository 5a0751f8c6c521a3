"""The walls' stress beside the volume's: where they agree by stages, and whether momentum accounts for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float

# Edges of the bins of |fluctuation| [p].
SIZES = (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, np.inf)
# Of a correlation: fewer stages tell none.
FEWEST_STAGES = 3


def wall_agreement(
    stages: pd.DataFrame,
    bottom: Float[np.ndarray, "sample"],
    top: Float[np.ndarray, "sample"],
    volume: Float[np.ndarray, "sample"],
) -> pd.DataFrame:
    """How the changes of both walls' stress over the stages go together, by size of the stage.

    Parameters
    ----------
    stages
        With `start_sample`, `end_sample` and `fluctuation` [p].
    bottom, top, volume
        Shear stress of each wall and of the volume [p]; NaN where it is not known.

    Returns
    -------
    DataFrame
        `low`, `high` of |fluctuation| [p]; `n_stages`; `same_sign`, the share of them in which both walls change in one
        direction; `correlation` of the volume's change with that of the mean of both walls, NaN of fewer than three
        stages. Bins without a stage are left out.
    """
    start, end = (stages[f"{name}_sample"].to_numpy(dtype=np.int64) for name in ("start", "end"))
    below, above, within = (series[end] - series[start] for series in (bottom, top, volume))
    size, walls = stages["fluctuation"].abs().to_numpy(), (below + above) / 2
    known = np.isfinite(walls) & np.isfinite(size)
    rows = []
    for low, high in pairwise(SIZES):
        chosen = known & (size >= low) & (size < high)
        if chosen.any():
            same = np.sign(below[chosen]) == np.sign(above[chosen])
            rows.append((low, high, int(chosen.sum()), float(same.mean()), _correlation(within[chosen], walls[chosen])))
    return pd.DataFrame(rows, columns=["low", "high", "n_stages", "same_sign", "correlation"])


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < FEWEST_STAGES or np.ptp(first[both]) == 0 or np.ptp(second[both]) == 0:
        return float("nan")
    return float(np.corrcoef(first[both], second[both])[0, 1])


@dataclass(frozen=True)
class MomentumBalance:
    """How well s_walls = ratio · s_volume + momentum rate holds; standard deviations [p].

    `ratio` is fitted: the walls' forces act beside the planes that bound the volume. `difference` of s_walls − ratio ·
    s_volume, `residual` of the same less the momentum rate. `n` means over `block` samples were looked at.
    """

    ratio: float
    difference: float
    residual: float
    n: int
    block: int


def momentum_balance(
    walls: Float[np.ndarray, "sample"],
    volume: Float[np.ndarray, "sample"],
    momentum_rate: Float[np.ndarray, "sample"],
    block: int = 1,
) -> MomentumBalance | None:
    """Momentum of the cell: s_walls = ratio · s_volume + (1/V) d/dt Σ m v_x (z − H₀/2); None of fewer than three means.

    Parameters
    ----------
    walls, volume, momentum_rate
        Mean stress of both walls, stress of the volume, and the rate in the same units [p].
    block
        Samples in a mean: more than one where samples do not resolve the waves.
    """
    known = np.isfinite(walls) & np.isfinite(volume) & np.isfinite(momentum_rate)
    n = int(known.sum()) // block
    if n < FEWEST_STAGES:
        return None
    s, v, rate = (
        values[known][: n * block].reshape(n, block).mean(axis=1) for values in (walls, volume, momentum_rate)
    )
    squares = float(v @ v)
    if squares == 0:
        return None
    ratio = float(v @ (s - rate)) / squares
    difference = s - ratio * v
    return MomentumBalance(ratio, float(difference.std()), float((difference - rate).std()), n, block)
