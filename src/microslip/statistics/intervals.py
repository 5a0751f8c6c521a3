"""What intervals say: whether two ratios are apart, and how often large values lie inside theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


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
