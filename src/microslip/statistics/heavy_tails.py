"""The record of a power-law fit and its tests against rival laws, for whole and for real sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfc

# Fewer clusters than this give no exponent.
FEWEST_CLUSTERS = 10

# Exponents that are searched: 1 is where the law can no longer be normalised.
LOWEST, HIGHEST = 1.0005, 20.0

# An exponent this near to an end of the search is that end.
PINNED = 1e-4

# Logarithmic bins of the straight-line fit, per factor of 2.
BINS_PER_OCTAVE = 2


@dataclass(frozen=True)
class Comparison:
    """Log-likelihood ratio of the power law over another law, positive where the power law is better, and its p-value.

    A p-value above 0.05 or so says that the data do not tell the two apart.
    """

    ratio: float
    p_value: float


@dataclass(frozen=True)
class PowerLaw:
    """P(N) ∝ N^−η for N ≥ `smallest`, of whole numbers N or of real ones.

    `exponent` η and its standard error; `smallest` x_min; `n_tail` clusters at or above it; `distance`, the largest gap
    between the cumulative distributions (Kolmogorov–Smirnov); `log_log_exponent`, the slope of a straight line through
    the binned distribution, for comparison alone; the two comparisons, and the truncated law's exponent and rate in
    N^−α exp(−λN).
    """

    exponent: float
    standard_error: float
    smallest: float
    n_tail: int
    distance: float
    log_log_exponent: float
    against_lognormal: Comparison
    against_truncated: Comparison
    truncated_exponent: float
    truncated_rate: float


def pinned(exponent: float) -> bool:
    """Whether an exponent is an end of the search, and no maximum of the likelihood."""
    return not LOWEST + PINNED < exponent < HIGHEST - PINNED


def vuong(difference: np.ndarray, n: np.ndarray) -> Comparison:
    """The test of laws that are not nested, from their log-likelihoods' difference at each size and how often it is.

    Source: Vuong, Econometrica 57 (1989) 307.
    """
    ratio, total = float(n @ difference), n.sum()
    spread = np.sqrt(float(n @ (difference - ratio / total) ** 2) / total)
    return Comparison(ratio, float(erfc(abs(ratio) / (spread * np.sqrt(2 * total)))) if spread > 0 else 1.0)


def nested(gain: float) -> Comparison:
    """The test of a law against a larger one that holds it, by what the larger one gains in log-likelihood."""
    # of nested laws the larger one is never worse, and twice the gain follows χ² of one degree of freedom
    return Comparison(-max(gain, 0.0), float(erfc(np.sqrt(max(gain, 0.0)))))


def search(loss: Callable[[np.ndarray], float], start: list[float]) -> np.ndarray:
    """The parameters of the least loss, searched for from `start`."""
    best = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000})
    return np.asarray(best.x)
