"""Scores of predicted against true fluctuations, with intervals, and the tables that show where they come from."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from microslip.grids.splits import SplitSets
from microslip.statistics.intervals import coverage_by_size, wilson
from microslip.statistics.ranks import spearman
from microslip.statistics.resampling import (
    FEWEST_BLOCKS,
    MOST_BLOCKS,
    N_RESAMPLES,
    SCORE_COVERAGE,
    block_sums,
    draws,
    interval,
    resample,
)

SIZE_BINS_PER_DECADE = 4

# Bins of the error histograms, to the 99th percentile of the errors' sizes.
ERROR_BINS = 60


def r_squared(target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"]) -> float:
    """R² = 1 − Σ(t − p)²/Σ(t − ⟨t⟩)²: 0 for the mean, negative below it; NaN where the target does not vary."""
    # by its ends: the mean of equal numbers can differ from them by rounding
    if len(target) == 0 or np.ptp(target) == 0:
        return float("nan")
    return 1 - float(np.sum((target - prediction) ** 2) / np.sum((target - target.mean()) ** 2))


def scores(target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"]) -> dict[str, float]:
    """How well fluctuations are predicted.

    Parameters
    ----------
    target, prediction
        Shape (stage,) [p]; slips are positive, sticks negative.

    Returns
    -------
    `r2` over all stages, `r2_stick` and `r2_slip` within each kind; `rmse` and `bias`, the mean error [p];
    `sign_accuracy`, the share of stages whose sign is right; `spearman`; `log_error`, the mean of
    |log₁₀(|p|/|t|)| over stages of right sign; `slope` and `intercept` [p] of the least-squares line of the true on the
    predicted, 1 and 0 for calibrated predictions; `n`.
    """
    stick, slip = target < 0, target > 0
    right = (np.sign(target) == np.sign(prediction)) & (target != 0)
    error = prediction - target
    slope, intercept = _line(prediction, target)
    return {
        "r2": r_squared(target, prediction),
        "r2_stick": r_squared(target[stick], prediction[stick]),
        "r2_slip": r_squared(target[slip], prediction[slip]),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "bias": float(error.mean()),
        "sign_accuracy": float(np.mean(np.sign(target) == np.sign(prediction))),
        "spearman": spearman(target, prediction),
        "log_error": float(np.mean(np.abs(np.log10(np.abs(prediction[right] / target[right])))))
        if right.any()
        else np.nan,
        "slope": slope,
        "intercept": intercept,
        "n": len(target),
    }


def _line(x: Float[np.ndarray, "stage"], y: Float[np.ndarray, "stage"]) -> tuple[float, float]:
    """Slope and intercept of the least-squares line; NaN where x does not vary beyond rounding."""
    x_mean, y_mean = x.mean(), y.mean()
    spread = float(np.sum((x - x_mean) ** 2))
    if len(x) < 2 or spread <= 1e-24 * float(np.sum(x**2)):
        return float("nan"), float("nan")
    slope = float(np.sum((x - x_mean) * (y - y_mean))) / spread
    return slope, float(y_mean - slope * x_mean)


def score_intervals(
    target: Float[np.ndarray, "stage"],
    prediction: Float[np.ndarray, "stage"],
    cycle: Int[np.ndarray, "stage"],
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, float]:
    """90 % bootstrap intervals of R² and of the sign accuracy; whole cycles are drawn, stick and slip together.

    Parameters
    ----------
    target, prediction
        Shape (stage,) [p].
    cycle
        Number of the stick-slip cycle, shape (stage,).
    seed, n_resamples
        Of the bootstrap.

    Returns
    -------
    `r2_low`, `r2_high`, `sign_accuracy_low`, `sign_accuracy_high`; NaN for fewer than five cycles, or where
    more than a tenth of the draws have no value.
    """
    names, belongs = np.unique(cycle, return_inverse=True)
    keys = ("r2_low", "r2_high", "sign_accuracy_low", "sign_accuracy_high")
    if len(names) < FEWEST_BLOCKS:
        return dict.fromkeys(keys, float("nan"))
    right = np.sign(target) == np.sign(prediction)
    parts = (np.ones(len(target)), target, target**2, (target - prediction) ** 2, right)
    sums = np.stack([np.bincount(belongs, weights=part, minlength=len(names)) for part in parts], axis=1)
    n, total, squares, errors, hits = (draws(len(names), n_resamples, seed) @ sums).T
    spread = squares - total**2 / n
    # what is left of equal numbers is rounding of their squares
    r2 = 1 - errors / np.where(spread > 1e-12 * squares, spread, np.nan)
    low, high = interval(np.stack([r2, hits / n], axis=1), SCORE_COVERAGE)
    return dict(zip(keys, map(float, (low[0], high[0], low[1], high[1])), strict=True))


def all_scores(
    target: Float[np.ndarray, "stage"],
    prediction: Float[np.ndarray, "stage"],
    cycle: Int[np.ndarray, "stage"],
    seed: int,
) -> dict[str, float]:
    """`scores` and their `score_intervals`."""
    return scores(target, prediction) | score_intervals(target, prediction, cycle, seed)


def paired_difference(
    target: Float[np.ndarray, "stage"],
    first: Float[np.ndarray, "*n stage"],
    second: Float[np.ndarray, "*m stage"],
    cycle: Int[np.ndarray, "stage"],
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, float]:
    """R² of one method less that of another on the same stages, with its 90 % interval from a paired bootstrap.

    .. math:: \\Delta R^2 = \\frac{\\sum (t - p_2)^2 - \\sum (t - p_1)^2}{\\sum (t - \\langle t \\rangle)^2}

    Both methods miss the same large stages, so that the difference is known far better than either R²: two intervals
    that overlap do not say that two methods are alike. Blocks of consecutive cycles are drawn, up to 32, both methods'
    errors with them.

    Parameters
    ----------
    target
        Shape (stage,) [p].
    first, second
        Predictions [p], shape (stage,), or (seed, stage) for networks of several seeds: the mean over seeds of their
        R² is compared. One of either kind can be compared with several of the other.
    cycle
        Number of the stick-slip cycle, shape (stage,).
    seed, n_resamples
        Of the bootstrap.

    Returns
    -------
    `difference`, `difference_low`, `difference_high`; NaN where the target does not vary, the ends also for fewer than
    five cycles.

    Source: Künsch, Ann. Statist. 17 (1989) 1217, for blocks.
    """
    errors = [np.mean(np.atleast_2d((target - each) ** 2), axis=0) for each in (first, second)]
    names, number = np.unique(cycle, return_inverse=True)
    # as many consecutive cycles in each as divide evenly
    block = number * min(MOST_BLOCKS, len(names)) // max(len(names), 1)
    parts = np.stack([np.ones(len(target)), target, target**2, errors[1] - errors[0]], axis=1)
    sums = block_sums(parts, block, np.ones((len(target), 1)))

    def difference(of: np.ndarray) -> np.ndarray:
        n, total, squares, gained = np.moveaxis(of, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = squares - total**2 / n
            # what is left of equal numbers is rounding of their squares
            return np.asarray(gained / np.where(spread > 1e-12 * squares, spread, np.nan))

    value, low, high = float(difference(sums.sum(axis=(0, 1)))), float("nan"), float("nan")
    if len(names) >= FEWEST_BLOCKS:
        samples = difference(resample(sums, draws(len(sums), n_resamples, seed))[:, 0])
        low, high = map(float, interval(samples, SCORE_COVERAGE))
    return {"difference": value, "difference_low": low, "difference_high": high}


def transfer_scores(
    target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"], cycle: Int[np.ndarray, "stage"]
) -> dict[str, float]:
    """`all_scores`, and `rescaled_r2`: R² after the best straight line, which forgives a wrong scale of the stress."""
    rescaled = float(np.corrcoef(target, prediction)[0, 1] ** 2) if np.ptp(prediction) > 0 else float("nan")
    return all_scores(target, prediction, cycle, 1) | {"rescaled_r2": rescaled}


def score_all(
    by_method: dict[str, np.ndarray],
    target: Float[np.ndarray, "stage"],
    cycle: Int[np.ndarray, "stage"],
    sets: SplitSets,
    seed: int,
) -> dict[str, Any]:
    """`all_scores` of every method's predictions on every set; of each but the network what it is worse by.

    `less_than_network` with `_low` and `_high`: the `paired_difference` of the network's R² and its own.
    """

    def of(method: str, values: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
        own = all_scores(target[chosen], values[chosen], cycle[chosen], seed)
        if method == "network" or "network" not in by_method:
            return own
        paired = paired_difference(target[chosen], by_method["network"][chosen], values[chosen], cycle[chosen], seed)
        return own | {name.replace("difference", "less_than_network"): value for name, value in paired.items()}

    return {
        method: {name: of(method, values, chosen) for name, chosen in sets.items()}
        for method, values in by_method.items()
    }


def evidence_tables(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`sign_by_size`, `calibration`, `errors` and `coverage_by_size` of the network, for every rule and set.

    `predictions` has the columns rule, split, target, prediction, low, high.
    """
    sizes = size_edges(predictions["target"].to_numpy())
    error = np.abs(predictions["prediction"] - predictions["target"]).to_numpy()
    limit = float(np.quantile(error, 0.99)) or 1.0
    edges = np.linspace(-limit, limit, ERROR_BINS + 1)
    tables: dict[str, list[pd.DataFrame]] = {
        "sign_by_size": [],
        "calibration": [],
        "errors": [],
        "coverage_by_size": [],
    }
    for (rule, split), part in predictions.groupby(["rule", "split"], sort=False):
        target, prediction = part["target"].to_numpy(), part["prediction"].to_numpy()
        for name, table in (
            ("sign_by_size", sign_by_size(target, prediction, sizes)),
            ("calibration", calibration(target, prediction)),
            ("errors", error_histogram(target, prediction, edges)),
            ("coverage_by_size", coverage_tables(target, prediction, part["low"].to_numpy(), part["high"].to_numpy())),
        ):
            table.insert(0, "rule", rule)
            table.insert(1, "split", split)
            tables[name].append(table)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}


def coverage_tables(
    target: Float[np.ndarray, "stage"],
    prediction: Float[np.ndarray, "stage"],
    low: Float[np.ndarray, "stage"],
    high: Float[np.ndarray, "stage"],
) -> pd.DataFrame:
    """`coverage_by_size` by the size of the prediction and by that of the target, as a column `by` says [p]."""
    sizes = {"prediction": np.abs(prediction), "target": np.abs(target)}
    parts = [coverage_by_size(target, low, high, size) for size in sizes.values()]
    return pd.concat([part.assign(by=name)[["by", *part]] for name, part in zip(sizes, parts, strict=True)])


def size_edges(target: Float[np.ndarray, "stage"]) -> Float[np.ndarray, "edge"]:
    """Logarithmic bins of |fluctuation| [p], four a decade, that hold all stages."""
    size = np.abs(target[target != 0])
    low, high = (np.floor(np.log10(size.min())), np.ceil(np.log10(size.max()))) if len(size) else (-5.0, -4.0)
    n_bins = max(1, round(float(high - low) * SIZE_BINS_PER_DECADE))
    edges = np.logspace(low, max(high, low + 1 / SIZE_BINS_PER_DECADE), n_bins + 1)
    if len(size):
        # powers of ten are rounded: the outer ones must not cut off a stage of exactly that size
        edges[0], edges[-1] = min(edges[0], size.min()), max(edges[-1], size.max())
    return edges


def sign_by_size(
    target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"], edges: Float[np.ndarray, "edge"]
) -> pd.DataFrame:
    """Share of stages whose sign is right, in bins of |fluctuation|: a coin gives one half.

    Returns
    -------
    Columns size_low, size_high [p], n, sign_accuracy with its 90 % Wilson interval low to high, median_error, the
    median of |p − t|/|t|; empty bins are left out.
    """
    size, rows = np.abs(target), []
    right = np.sign(target) == np.sign(prediction)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.abs(prediction - target) / size
    for low, high in pairwise(edges):
        inside = (size >= low) & (size < high if high < edges[-1] else size <= high)
        if not inside.any():
            continue
        lower, upper = wilson(int(right[inside].sum()), int(inside.sum()))
        rows.append((low, high, int(inside.sum()), right[inside].mean(), lower, upper, np.median(relative[inside])))
    columns = ["size_low", "size_high", "n", "sign_accuracy", "low", "high", "median_error"]
    return pd.DataFrame(rows, columns=columns)


def calibration(
    target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"], n_bins: int = 10
) -> pd.DataFrame:
    """Mean true fluctuation where the network predicts so much, in bins of equally many stages.

    Returns
    -------
    Columns predicted, true, their means [p], standard_error of the true mean [p], n.
    """
    order = np.argsort(prediction, kind="stable")
    parts = [part for part in np.array_split(order, min(n_bins, len(order))) if len(part)]
    rows = [
        (prediction[part].mean(), target[part].mean(), target[part].std() / np.sqrt(len(part)), len(part))
        for part in parts
    ]
    return pd.DataFrame(rows, columns=["predicted", "true", "standard_error", "n"])


def error_histogram(
    target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"], edges: Float[np.ndarray, "edge"]
) -> pd.DataFrame:
    """Density of the error p − t over all stages, those beyond the edges counted in the total (figs 5d and f).

    Returns
    -------
    Columns error_low, error_high [p], n, density [1/p].
    """
    counts, _ = np.histogram(prediction - target, edges)
    density = counts / (max(len(target), 1) * np.diff(edges))
    return pd.DataFrame({"error_low": edges[:-1], "error_high": edges[1:], "n": counts, "density": density})


def covered(
    target: Float[np.ndarray, "stage"], low: Float[np.ndarray, "stage"], high: Float[np.ndarray, "stage"]
) -> float:
    """Share of stages inside their intervals; NaN where a stage has none, or there is no stage."""
    inside: Bool[np.ndarray, "stage"] = (low <= target) & (target <= high)
    return float(inside.mean()) if len(inside) and np.isfinite(low + high).all() else float("nan")
