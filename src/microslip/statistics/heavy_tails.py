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
    N^−α exp(−λN); `upper`, the end up to which real sizes were taken, if any.
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
    upper: float | None = None


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


def fit_lognormal(
    logs: np.ndarray,
    n: np.ndarray,
    log_density: Callable[[float, float], np.ndarray],
    limit: np.ndarray,
    narrowest: float,
    shift: Callable[[float], float],
) -> np.ndarray:
    """Log-densities of the best lognormal, or those of the `limit` that ever wider ones approach, if it does better.

    `log_density`: of mean and width of ln x. The search begins at the mean of the `logs`, and again at a mean that is
    lower by `shift` of their width.
    """

    def loss(parameters: np.ndarray) -> float:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value = -float(n @ log_density(parameters[0], np.exp(parameters[1])))
        # far in the tail a narrower and farther lognormal becomes a power law: the search is held where digits last
        return value if np.isfinite(value) and abs(parameters[0]) < 200 else 1e300

    mean = float(n @ logs) / n.sum()
    width = max(np.sqrt(float(n @ (logs - mean) ** 2) / n.sum()), narrowest)
    tries = [search(loss, start) for start in ([mean, np.log(width)], [mean - shift(width), np.log(3 * width)])]
    best = min(tries, key=loss)
    lognormal = log_density(best[0], np.exp(best[1]))
    return lognormal if n @ lognormal > n @ limit else limit


def fit_truncated(
    n: np.ndarray,
    log_density: Callable[[float, float], np.ndarray],
    exponent: float,
    rate: float,
    rates: tuple[float, float],
) -> tuple[float, float]:
    """Exponent and rate of the best x^−α exp(−λ x) within these `rates`, searched for from an exponent and a rate."""

    def loss(parameters: np.ndarray) -> float:
        with np.errstate(over="ignore"):
            tried = float(np.exp(parameters[1]))
        if not rates[0] < tried < rates[1] or not -5 < parameters[0] < HIGHEST:
            return 1e300
        return -float(n @ log_density(float(parameters[0]), tried))

    best = search(loss, [max(exponent - 0.3, 0.5), np.log(rate)])
    return float(best[0]), float(np.exp(best[1]))
