"""What intervals say: whether two ratios are apart, and how often values lie inside theirs, by size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import ndtri

from microslip.statistics.resampling import SCORE_COVERAGE

# Errors of a normal quantity to either side of an interval of this confidence.
NORMAL = float(ndtri(0.5 + SCORE_COVERAGE / 2))


def intervals_apart(own: tuple[float, float, float], other: tuple[float, float, float]) -> bool | None:
    """Whether two values differ by more than their intervals: True, False, or None where this is not decided.

    Comparing intervals is no test of a difference. True where they do not overlap; False where the other value lies
    within the own interval; None in between, or where a number is not known.

    Parameters
    ----------
    own, other
        Value, lower and upper end, in one unit.
    """
    (_, low, high), (value, other_low, other_high) = own, other
    if not np.isfinite([low, high, value, other_low, other_high]).all():
        return None
    if low > other_high or high < other_low:
        return True
    return False if low <= value <= high else None


@dataclass(frozen=True)
class Coverage:
    """Share of the `n` largest values that lie inside their intervals, and the smallest size among them."""

    share: float
    n: int
    smallest: float


def coverage_of_largest(
    target: Float[np.ndarray, "stage"],
    low: Float[np.ndarray, "stage"],
    high: Float[np.ndarray, "stage"],
    *,
    fraction: float,
    fewest: int,
) -> Coverage | None:
    """How often the largest values lie inside their intervals.

    Intervals of split conformal prediction promise coverage of all stages together, not of the large ones
    (Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, Springer 2005).

    Parameters
    ----------
    target, low, high
        True values and the ends of their intervals, shape (stage,) [p]; stages with a NaN are left out.
    fraction, fewest
        The share of the stages that counts as large, and no fewer than this number.

    Returns
    -------
    Coverage or None
        None where the large ones would be more than half of all.
    """
    finite = np.isfinite(target) & np.isfinite(low) & np.isfinite(high)
    target, low, high = target[finite], low[finite], high[finite]
    n = max(fewest, int(np.ceil(fraction * len(target))))
    if len(target) < 2 * n:
        return None
    largest = np.argsort(-np.abs(target), kind="stable")[:n]
    inside = (low[largest] <= target[largest]) & (target[largest] <= high[largest])
    return Coverage(float(inside.mean()), n, float(np.abs(target[largest]).min()))


def coverage_by_size(
    target: Float[np.ndarray, "stage"],
    low: Float[np.ndarray, "stage"],
    high: Float[np.ndarray, "stage"],
    size: Float[np.ndarray, "stage"],
    n_bins: int = 10,
) -> pd.DataFrame:
    """How often values lie inside their intervals, in bins of equally many by size.

    By the size of a prediction an interval can be made to cover equally often everywhere. By the size of the true
    value it cannot without becoming a set in pieces: what lies outside is what was taken for another size, and among
    the truly large ones those that were taken for small are more (Vovk, Asian Conf. Machine Learning, 2012).

    Parameters
    ----------
    target, low, high
        True values and the ends of their intervals, shape (stage,) [p]; stages with a NaN are left out.
    size
        What the bins are by, shape (stage,) [p]: |prediction|, or |target|.
    n_bins
        Fewer where there are not so many stages.

    Returns
    -------
    Columns size_low, size_high, the smallest and largest size of a bin [p]; n; coverage with its 90 % Wilson interval,
    low to high; width, the median of the intervals' [p].
    """
    columns = ["size_low", "size_high", "n", "coverage", "low", "high", "width"]
    finite = np.isfinite(target) & np.isfinite(low) & np.isfinite(high)
    order = np.flatnonzero(finite)[np.argsort(size[finite], kind="stable")]
    rows = []
    for part in np.array_split(order, max(1, min(n_bins, len(order)))):
        if not len(part):
            continue
        inside = (low[part] <= target[part]) & (target[part] <= high[part])
        width = float(np.median(high[part] - low[part]))
        own = (float(size[part].min()), float(size[part].max()), len(part), float(inside.mean()))
        rows.append((*own, *wilson(int(inside.sum()), len(part)), width))
    return pd.DataFrame(rows, columns=columns)


def coverage_apart(table: pd.DataFrame, nominal: float, tolerance: float) -> bool | None:
    """Whether coverage in the bins of `coverage_by_size` departs from a nominal one by more than a tolerance.

    False where every bin lies within it, True where the interval of some bin lies beyond it, None in between: so few
    stages do not decide it.
    """
    least, most = nominal - tolerance, nominal + tolerance
    if table.empty:
        return None
    if ((table["high"] < least) | (table["low"] > most)).any():
        return True
    return False if table["coverage"].between(least - 1e-9, most + 1e-9).all() else None


def wilson(hits: int, n: int, z: float = NORMAL) -> tuple[float, float]:
    """Wilson's interval of a share; 90 % where z is left out."""
    share, centre = hits / n, (hits + z**2 / 2) / (n + z**2)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return float(centre - half), float(centre + half)
