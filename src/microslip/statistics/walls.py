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
    """How well Δs_walls = ratio · Δs_volume − share · Δ(momentum rate) holds from sample to sample; deviations [p].

    `ratio` is near one: the walls' forces act beside the planes that bound the volume. `share` is one by Newton's law.
    `difference`: standard deviation of Δs_walls − Δs_volume; `residual`: of what the fit leaves; `n`: samples.
    """

    ratio: float
    share: float
    difference: float
    residual: float
    n: int


def momentum_balance(
    walls: Float[np.ndarray, "sample"],
    volume: Float[np.ndarray, "sample"],
    momentum_rate: Float[np.ndarray, "sample"],
) -> MomentumBalance | None:
    """Momentum of the cell: s_walls = s_volume − (1/V) d/dt Σ m v_x (z − H₀/2); None of fewer than four samples.

    All three are of one moment, so that samples need not resolve the waves. Changes from sample to sample are fitted by
    least squares: where on a wall its forces act wanders slowly, and would hide the rate.

    Parameters
    ----------
    walls, volume, momentum_rate
        Mean stress of both walls, stress of the volume, and the rate in the same units [p].
    """
    known = np.isfinite(walls) & np.isfinite(volume) & np.isfinite(momentum_rate)
    s, v, rate = (np.diff(values[known]) for values in (walls, volume, momentum_rate))
    if len(s) < FEWEST_STAGES or not v.any() or not rate.any():
        return None
    (ratio, share), *_ = np.linalg.lstsq(np.column_stack([v, -rate]), s, rcond=None)
    residual = s - ratio * v + share * rate
    return MomentumBalance(float(ratio), float(share), float((s - v).std()), float(residual.std()), len(s))
