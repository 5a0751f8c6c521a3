"""Power laws of real sizes, such as energies or stress drops: a density from a smallest size up, and its rivals.

With an upper end b every law is cut at both ends and normalised between them, and its exponent may be any number.

All is worked out for t = x/x_min from 1 up, so that no unit matters; densities of t and of x differ by one factor,
which cancels where two laws are compared.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from scipy.optimize import brentq
from scipy.special import log_ndtr

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.statistics.heavy_tails import (
    BINS_PER_OCTAVE,
    FEWEST_CLUSTERS,
    HIGHEST,
    PowerLaw,
    fit_lognormal,
    fit_truncated,
    nested,
    pinned,
    vuong,
)

# Of more sizes than this, so many are tried as x_min, evenly from the smallest to the largest: a search of all of them
# takes a time that grows with the square of their number.
MOST_TRIED = 5000

# The integral of a truncated law is taken over ln t, where it is smooth, at so many points of Gauss and Legendre.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(256)

# Rates of a truncated law that are searched, in units of 1/x_min.
SLOWEST, FASTEST = 1e-12, 50.0


def fit_continuous(
    x: Float[np.ndarray, "size"], n: Int64[np.ndarray, "size"], smallest: Any = None, upper: Any = None
) -> PowerLaw:
    """The density (η − 1)/x_min (x/x_min)^−η of sizes that occur, rising, and how often each does.

    Up to an upper end b x_min the density is larger by 1/(1 − b^(1 − η)). Parameters and errors as in `fit_power_law`.

    Source: Clauset, Shalizi & Newman, SIAM Rev. 51 (2009) 661, eqs 3.1 and 3.2; Aban, Meerschaert & Panorska, J. Am.
    Stat. Assoc. 101 (2006) 270, for two ends.
    """
    if upper is not None:
        upper = arguments.real("upper", upper, "positive", low=1 / arguments.LARGEST)
        x, n = x[x <= upper], n[x <= upper]
    if n.sum() < FEWEST_CLUSTERS:
        raise MicroslipError(f"{n.sum()} values are too few for a power law: it takes {FEWEST_CLUSTERS}")
    if smallest is None:
        smallest = _best_start(x, n, upper)
    smallest = arguments.real("smallest", smallest, "positive", low=1 / arguments.LARGEST)
    end = np.inf if upper is None else float(np.log(upper / smallest))
    t, n = x[x >= smallest] / smallest, n[x >= smallest]
    if n.sum() < FEWEST_CLUSTERS or len(t) < 2:
        raise MicroslipError(
            f"{n.sum()} values of {len(t)} sizes from {smallest:g} up are too few for a power law:"
            f" it takes {FEWEST_CLUSTERS} of two sizes"
        )
    exponent = _most_likely(t, n, end)
    if _at_the_end(exponent, end):
        raise MicroslipError(
            f"the likelihood of these is largest at an exponent of {exponent:.4g}, none of a power law:"
            " they follow no power law"
        )
    likelihood = -exponent * np.log(t) - _log_total(exponent, end)
    truncated = _fit_truncated(t, n, exponent, end)
    return PowerLaw(
        exponent=exponent,
        standard_error=_spread_of_logs(exponent, end) ** -1 / float(np.sqrt(n.sum())),
        smallest=smallest,
        n_tail=int(n.sum()),
        distance=_distance(t, n, exponent, end),
        log_log_exponent=_log_log_exponent(t, n),
        against_lognormal=vuong(likelihood - _fit_lognormal(t, n, likelihood, end), n),
        against_truncated=nested(float(n @ (_log_truncated(t, *truncated, end) - likelihood))),
        truncated_exponent=truncated[0],
        truncated_rate=truncated[1] / smallest,
        upper=upper,
    )


def _best_start(x: np.ndarray, n: np.ndarray, upper: float | None) -> float:
    """x_min of the least distance; the tail must hold ten values of two sizes."""
    above = np.cumsum(n[::-1])[::-1]
    candidates = np.flatnonzero(above[:-1] >= FEWEST_CLUSTERS)
    if not len(candidates):
        raise MicroslipError("the values are of one size, or all but a few: they follow no power law")
    if len(candidates) > MOST_TRIED:
        candidates = candidates[np.linspace(0, len(candidates) - 1, MOST_TRIED).round().astype(int)]
    distances = []
    for at in candidates:
        t, of_tail = x[at:] / x[at], n[at:]
        end = np.inf if upper is None else float(np.log(upper / x[at]))
        exponent = _most_likely(t, of_tail, end)
        distances.append(np.inf if _at_the_end(exponent, end) else _distance(t, of_tail, exponent, end))
    return float(x[candidates[int(np.argmin(distances))]])


def _most_likely(t: np.ndarray, n: np.ndarray, end: float) -> float:
    """The exponent whose law between 0 and `end` of ln t has the mean of ln t that the sizes have."""
    total = float(n @ np.log(t))
    mean = total / float(n.sum())
    if np.isinf(end):
        return 1 + 1 / mean if total > 0 else np.inf

    def excess(exponent: float) -> float:
        u = (1 - exponent) * end
        # near u = 0, where both terms diverge, their difference is 1/2 + u/12
        share = 0.5 + u / 12 if abs(u) < 1e-4 else 1 / -np.expm1(-u) - 1 / u
        return share * end - mean

    with np.errstate(over="ignore"):
        if excess(HIGHEST) > 0:
            return HIGHEST
        return -HIGHEST if excess(-HIGHEST) < 0 else float(brentq(excess, -HIGHEST, HIGHEST, xtol=1e-10))


def _at_the_end(exponent: float, end: float) -> bool:
    """Whether an exponent is an end of the search: between two ends it may lie below 1."""
    return pinned(exponent) if np.isinf(end) else abs(exponent) >= HIGHEST


def _log_total(exponent: float, end: float) -> float:
    """ln ∫ t^−η dt from 1 to exp(end)."""
    if np.isinf(end):
        return -float(np.log(exponent - 1))
    u = (1 - exponent) * end
    if abs(u) < 1e-8:
        return float(np.log(end))
    # the larger of the two powers is taken out, so that none overflows
    return float(max(u, 0) + np.log(-np.expm1(-abs(u)) / abs(u)) + np.log(end))


def _spread_of_logs(exponent: float, end: float) -> float:
    """Standard deviation of ln t under the law: the curvature of the likelihood per size."""
    if np.isinf(end):
        return 1 / (exponent - 1)
    u = abs(1 - exponent) * end
    if u < 1e-2:
        return end / float(np.sqrt(12))
    return end * float(np.sqrt(1 / u**2 - np.exp(-u) / np.expm1(-u) ** 2))


def _distance(t: np.ndarray, n: np.ndarray, exponent: float, end: float) -> float:
    """Largest gap between the cumulative distributions, at the sizes that occur and just before them."""
    below = np.cumsum(n) / n.sum()
    logs, slope = np.log(t), 1 - exponent
    if np.isinf(end):
        law = 1 - t**slope
    elif abs(slope) * end < 1e-8:
        law = logs / end
    else:
        law = np.expm1(slope * logs) / np.expm1(slope * end)
    return float(max(np.abs(law - below).max(), np.abs(law[1:] - below[:-1]).max()))


def _log_log_exponent(t: np.ndarray, n: np.ndarray) -> float:
    n_bins = int(np.ceil(np.log2(t[-1]) * BINS_PER_OCTAVE)) + 1
    edges = 2 ** (np.arange(n_bins + 1) / BINS_PER_OCTAVE)
    inside, _ = np.histogram(t, edges, weights=n)
    filled = inside > 0
    if filled.sum() < 3:
        return float("nan")
    centre, density = np.sqrt(edges[:-1] * edges[1:])[filled], (inside / np.diff(edges))[filled]
    return -float(np.polyfit(np.log(centre), np.log(density), 1)[0])


def _fit_lognormal(t: np.ndarray, n: np.ndarray, power_law: np.ndarray, end: float) -> np.ndarray:
    """Log-densities of the best lognormal cut at both ends, or of the power law, which ever wider ones approach."""
    logs = np.log(t)

    def log_density(mean: float, width: float) -> np.ndarray:
        # over the share of the law beyond 1, of which the logarithm keeps its digits far in the tail
        scaled = (logs - mean) / width
        inside = log_ndtr(mean / width)
        if np.isfinite(end):
            inside += np.log(-np.expm1(log_ndtr((mean - end) / width) - inside))
        return np.asarray(-logs - scaled**2 / 2 - np.log(width * np.sqrt(2 * np.pi)) - inside)

    return fit_lognormal(logs, n, log_density, power_law, 1e-3, lambda width: 4 * width)


def log_cut_total(exponent: float, rate: float, end: float = np.inf) -> float:
    """ln ∫ t^−α exp(−λ (t − 1)) dt from 1 to exp(end)."""
    # beyond that e^(−λ t) is nothing; by ln t the integrand is t^(1 − α) exp(−λ (t − 1))
    end = min(np.log1p(700 / rate), end)
    logs = end * (NODES + 1) / 2
    heights = (1 - exponent) * logs - rate * np.expm1(logs)
    highest = heights.max()
    return float(highest + np.log(WEIGHTS @ np.exp(heights - highest) * end / 2))


def _log_truncated(t: np.ndarray, exponent: float, rate: float, end: float = np.inf) -> np.ndarray:
    """Log-density ∝ t^−α exp(−λ t) from 1 up to exp(end)."""
    return np.asarray(-exponent * np.log(t) - rate * (t - 1) - log_cut_total(exponent, rate, end))


def _fit_truncated(t: np.ndarray, n: np.ndarray, exponent: float, end: float) -> tuple[float, float]:
    """Exponent and rate of the best t^−α exp(−λ t), λ ≥ 0."""
    rate = max(0.1 / (float(n @ t) / n.sum()), 10 * SLOWEST)
    return fit_truncated(n, partial(_log_truncated, t, end=end), exponent, rate, (SLOWEST, FASTEST))
