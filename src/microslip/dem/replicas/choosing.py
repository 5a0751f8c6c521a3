"""Which stages of a stretch are done again: of both kinds, and of all sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64


def choose_stages(stages: pd.DataFrame, n: int) -> pd.DataFrame:
    """Up to `n` stages, half of each kind, with the number of stages that each stands for as `weight`.

    Parameters
    ----------
    stages
        Columns kind and fluctuation [p].
    n
        Fewer are chosen where a kind has fewer, or where single stages make up several strata.
    """
    parts = []
    for kind, part in stages.groupby("kind", sort=False):
        share = n - n // 2 if kind == "slip" else n // 2
        rows, weight = over_sizes(part["fluctuation"].abs().to_numpy(), share)
        parts.append(part.iloc[rows].assign(weight=weight))
    return pd.concat(parts).sort_index() if parts else stages.assign(weight=0)


def over_sizes(
    size: Float[np.ndarray, "stage"], n: int
) -> tuple[Int64[np.ndarray, "chosen"], Int64[np.ndarray, "chosen"]]:
    """Stages over all sizes: those in the middle of strata with equal sums of √size, and how many each stratum holds.

    Small stages are many and large ones hold the variance; by the root of their size both are looked at. A mean over
    all stages is the weighted mean over the chosen ones.
    """
    order = np.argsort(size, kind="stable")
    reached: Float64[np.ndarray, "stage"] = np.cumsum(np.sqrt(size[order]))
    if not len(size) or not reached[-1] > 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    middle = reached - np.sqrt(size[order]) / 2
    stratum = np.minimum((middle / reached[-1] * n).astype(np.int64), n - 1)
    held = [np.flatnonzero(stratum == number) for number in range(n)]
    held = [rows for rows in held if len(rows)]
    return order[[rows[len(rows) // 2] for rows in held]], np.array([len(rows) for rows in held], dtype=np.int64)
