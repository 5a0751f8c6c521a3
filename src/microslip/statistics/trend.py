"""What a slope, its interval and the number of claims say of one claim."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Float64
from scipy.special import stdtrit

Expected = Literal["unchanged", "grows", "falls"]

# How often a slope of the size `detectable` is found.
POWER = 0.8


def verdict(expected: Expected, slope: float, differs: bool) -> str:
    """What a slope says of a claim, and whether it differs from zero beyond chance.

    “grows” and “falls”: “yes” where the slope differs and agrees, “no” where it disagrees, else “not decided”.
    “unchanged”: “no” where it differs, else “not contradicted”: its interval says how large a change the data allow.
    """
    if expected == "unchanged":
        return "no" if differs else "not contradicted"
    if not differs:
        return "not decided"
    return "yes" if (slope > 0) == (expected == "grows") else "no"


def holm(p_values: Float[np.ndarray, "claim"]) -> Float64[np.ndarray, "claim"]:
    """p-values such that of all claims together one is wrongly called different in no more than this share of runs.

    .. math:: \\tilde p_{(k)} = \\max_{j \\le k} \\min\\bigl(1, (m - j + 1)\\, p_{(j)}\\bigr)

    NaN counts as no claim.

    Source: Holm, Scand. J. Statist. 6 (1979) 65.
    """
    corrected = np.full(len(p_values), np.nan)
    order = np.argsort(p_values, kind="stable")[: int(np.isfinite(p_values).sum())]
    raised = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return corrected


def detectable(error: float, n_blocks: int, confidence: float = 0.95) -> float:
    """The slope that would differ from zero in 80 % of such runs: (t_{confidence} + t_{80 %}) σ, n − 1 degrees."""
    return float((stdtrit(n_blocks - 1, 0.5 + confidence / 2) + stdtrit(n_blocks - 1, POWER)) * error)
