"""Statistics of ranks, which no monotonic change of the values alters."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import mannwhitneyu, rankdata


def spearman(x: Float[np.ndarray, "value"], y: Float[np.ndarray, "value"]) -> float:
    """Rank correlation; NaN where either does not vary."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def rank_p_value(x: Float[np.ndarray, "one"], y: Float[np.ndarray, "other"]) -> float:
    """Two-sided p-value of the Mann–Whitney test, which takes values as independent; NaN as nothing."""
    return float(mannwhitneyu(x[np.isfinite(x)], y[np.isfinite(y)]).pvalue)
