"""Scores of every method on the same test stages, of all sizes and of each third by size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.statistics.replicas import THIRDS, third_of
from microslip.statistics.resampling import FEWEST_BLOCKS, N_RESAMPLES, SCORE_COVERAGE, draws, interval


def explained(
    target: Float[np.ndarray, "stage"],
    prediction: Float[np.ndarray, "stage"],
    cycle: Int[np.ndarray, "stage"],
    seed: int,
    about: float,
) -> dict[str, float]:
    """1 − Σ(t − p)²/Σ(t − a)² with its 90 % bootstrap interval over cycles.

    R² where a = `about` is the mean; within a size, where sticks and slips lie far apart, a = 0 [p].

    Returns
    -------
    `r2`, `r2_low`, `r2_high`; the ends are NaN for fewer than five cycles.
    """
    names, number = np.unique(cycle, return_inverse=True)
    parts = np.stack([(target - prediction) ** 2, (target - about) ** 2])
    sums = np.stack([np.bincount(number, weights=part, minlength=len(names)) for part in parts], axis=1)

    def of(errors: np.ndarray, squares: np.ndarray) -> np.ndarray:
        return np.asarray(1 - errors / np.where(squares > 0, squares, np.nan))

    low, high = float("nan"), float("nan")
    if len(names) >= FEWEST_BLOCKS:
        drawn = draws(len(names), N_RESAMPLES, seed) @ sums
        low, high = map(float, interval(of(*drawn.T), SCORE_COVERAGE))
    return {"r2": float(of(*sums.sum(axis=0))), "r2_low": low, "r2_high": high}


def scores_by_size(
    predictions: pd.DataFrame,
    methods: list[str],
    fluctuations: Float[np.ndarray, "stage"],
    cycle: Int[np.ndarray, "stage"],
    seed: int,
) -> pd.DataFrame:
    """`explained` of every method under every rule, of all test stages and of each third of the run's sizes.

    Parameters
    ----------
    predictions
        Test stages with columns rule, stage, target and one for each method [p].
    methods
        Their columns.
    fluctuations, cycle
        Of every stage of the run, shape (stage,): the first set the thirds [p].
    seed
        Of the bootstrap.

    Returns
    -------
    Columns rule, method, group, n, r2, r2_low, r2_high, sign_accuracy.
    """
    rows: list[dict[str, Any]] = []
    for rule, part in predictions.groupby("rule", sort=False):
        target, cycles = part["target"].to_numpy(), cycle[part["stage"].to_numpy()]
        third = third_of(np.abs(target), np.abs(fluctuations))
        groups = {"all": np.ones(len(part), dtype=bool)} | {name: third == n for n, name in enumerate(THIRDS)}
        for method in methods:
            values = part[method].to_numpy()
            for name, chosen in groups.items():
                if not chosen.any():
                    continue
                about = float(target.mean()) if name == "all" else 0.0
                right = np.sign(values[chosen]) == np.sign(target[chosen])
                rows.append(
                    {"rule": rule, "method": method, "group": name, "n": int(chosen.sum())}
                    | explained(target[chosen], values[chosen], cycles[chosen], seed, about)
                    | {"sign_accuracy": float(right.mean())}
                )
    return pd.DataFrame(rows)
