"""What several independent packings say together: their mean, and how far packings differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class Together:
    """A mean over packings.

    `value` with its interval, its error, and the two-sided p-value of zero; `n` packings; `spread` τ, the standard
    deviation between packings beyond the errors of each, and `heterogeneity` I², the share of the scatter that is no
    error of a single one.
    """

    value: float
    error: float
    low: float
    high: float
    p_value: float
    n: int
    spread: float
    heterogeneity: float


def combine(
    values: Float[np.ndarray, "packing"], errors: Float[np.ndarray, "packing"], confidence: float = 0.95
) -> Together:
    """The mean over packings that may differ, with an interval that few of them deserve.

    .. math:: \\hat\\theta = \\frac{\\sum_k w_k \\theta_k}{\\sum_k w_k}, \\qquad
        w_k = \\frac{1}{\\sigma_k^2 + \\tau^2}, \\qquad s^2 = \\frac{\\max(1, q)}{\\sum_k w_k}, \\qquad
        q = \\frac{\\sum_k w_k (\\theta_k - \\hat\\theta)^2}{n - 1}

    with Student's t of n − 1 degrees. τ² is that of the moments. Without the bound of q at one, packings that agree by
    chance would make the interval narrower than the errors allow.

    Parameters
    ----------
    values, errors
        Of each packing with its standard error, shape (packing,); those without both are left out.
    confidence
        Of the interval.

    Returns
    -------
    Together
        NaN but for `n` and, of a single packing, its `value`: one packing tells nothing of how packings differ.

    Source: DerSimonian & Laird, Control. Clin. Trials 7 (1986) 177; Hartung & Knapp, Stat. Med. 20 (2001) 1771; Röver,
    Knapp & Friede, BMC Med. Res. Methodol. 15 (2015) 99.
    """
    known = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    value, variance = values[known], errors[known] ** 2
    n, nan = len(value), float("nan")
    if n < 2:
        return Together(float(value[0]) if n else nan, nan, nan, nan, nan, n, nan, nan)
    fixed = 1 / variance
    scatter = float(fixed @ (value - np.average(value, weights=fixed)) ** 2)
    between = max(0.0, (scatter - (n - 1)) / (fixed.sum() - (fixed**2).sum() / fixed.sum()))
    weight = 1 / (variance + between)
    mean = float(np.average(value, weights=weight))
    q = float(weight @ (value - mean) ** 2) / (n - 1)
    error = float(np.sqrt(max(1.0, q) / weight.sum()))
    half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * error
    heterogeneity = max(0.0, 1 - (n - 1) / scatter) if scatter > 0 else 0.0
    p_value = 2 * float(stdtr(n - 1, -abs(mean / error)))
    return Together(mean, error, mean - half, mean + half, p_value, n, float(np.sqrt(between)), heterogeneity)
