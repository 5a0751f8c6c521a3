"""Power laws of real sizes, such as energies or stress drops: a density from a smallest size up, and its rivals.

All is worked out for t = x/x_min from 1 up, so that no unit matters; densities of t and of x differ by one factor,
which cancels where two laws are compared.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from scipy.special import log_ndtr

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.statistics.heavy_tails import (
    BINS_PER_OCTAVE,
    FEWEST_CLUSTERS,
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


def fit_continuous(x: Float[np.ndarray, "size"], n: Int64[np.ndarray, "size"], smallest: Any = None) -> PowerLaw:
    """The density (η − 1)/x_min (x/x_min)^−η of sizes that occur, rising, and how often each does.

    Parameters and errors as in `fit_power_law`.

    Source: Clauset, Shalizi & Newman, SIAM Rev. 51 (2009) 661, eqs 3.1 and 3.2.
    """
    if n.sum() < FEWEST_CLUSTERS:
        raise MicroslipError(f"{n.sum()} values are too few for a power law: it takes {FEWEST_CLUSTERS}")
    if smallest is None:
        smallest = _best_start(x, n)
    smallest = arguments.real("smallest", smallest, "positive", low=1 / arguments.LARGEST)
    t, n = x[x >= smallest] / smallest, n[x >= smallest]
    if n.sum() < FEWEST_CLUSTERS or len(t) < 2:
        raise MicroslipError(
            f"{n.sum()} values of {len(t)} sizes from {smallest:g} up are too few for a power law:"
            f" it takes {FEWEST_CLUSTERS} of two sizes"
        )
    exponent = float(_most_likely(t, n))
    if pinned(exponent):
        raise MicroslipError(
            f"the likelihood of these is largest at an exponent of {exponent:.4g}, none of a power law:"
            " they follow no power law"
        )
    likelihood = np.log(exponent - 1) - exponent * np.log(t)
    truncated = _fit_truncated(t, n, exponent)
    return PowerLaw(
        exponent=exponent,
        standard_error=(exponent - 1) / float(np.sqrt(n.sum())),
        smallest=smallest,
        n_tail=int(n.sum()),
        distance=_distance(t, n, exponent),
        log_log_exponent=_log_log_exponent(t, n),
        against_lognormal=vuong(likelihood - _fit_lognormal(t, n, likelihood), n),
        against_truncated=nested(float(n @ (_log_truncated(t, *truncated) - likelihood))),
        truncated_exponent=truncated[0],
        truncated_rate=truncated[1] / smallest,
    )


def _best_start(x: np.ndarray, n: np.ndarray) -> float:
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
        exponent = float(_most_likely(t, of_tail))
        distances.append(np.inf if pinned(exponent) else _distance(t, of_tail, exponent))
    return float(x[candidates[int(np.argmin(distances))]])


def _most_likely(t: np.ndarray, n: np.ndarray) -> float:
    total = float(n @ np.log(t))
    return 1 + float(n.sum()) / total if total > 0 else np.inf


def _distance(t: np.ndarray, n: np.ndarray, exponent: float) -> float:
    """Largest gap between the cumulative distributions, at the sizes that occur and just before them."""
    below = np.cumsum(n) / n.sum()
    law = 1 - t ** (1 - exponent)
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


def _fit_lognormal(t: np.ndarray, n: np.ndarray, power_law: np.ndarray) -> np.ndarray:
    """Log-densities of the best lognormal cut at t = 1, or of the power law, which ever wider ones approach."""
    logs = np.log(t)

    def log_density(mean: float, width: float) -> np.ndarray:
        # over the share of the law beyond 1, of which the logarithm keeps its digits far in the tail
        scaled = (logs - mean) / width
        return np.asarray(-logs - scaled**2 / 2 - np.log(width * np.sqrt(2 * np.pi)) - log_ndtr(mean / width))

    return fit_lognormal(logs, n, log_density, power_law, 1e-3, lambda width: 4 * width)


def _log_truncated(t: np.ndarray, exponent: float, rate: float) -> np.ndarray:
    """Log-density ∝ t^−α exp(−λ t) from 1 up."""
    # beyond the end e^(−λ t) is nothing; by ln t the integrand is t^(1 − α) exp(−λ (t − 1))
    end = np.log1p(700 / rate)
    logs = end * (NODES + 1) / 2
    heights = (1 - exponent) * logs - rate * np.expm1(logs)
    highest = heights.max()
    total = np.log(end / 2 * (WEIGHTS @ np.exp(heights - highest))) + highest
    return np.asarray(-exponent * np.log(t) - rate * (t - 1) - total)


def _fit_truncated(t: np.ndarray, n: np.ndarray, exponent: float) -> tuple[float, float]:
    """Exponent and rate of the best t^−α exp(−λ t), λ ≥ 0."""
    rate = max(0.1 / (float(n @ t) / n.sum()), 10 * SLOWEST)
    return fit_truncated(n, partial(_log_truncated, t), exponent, rate, (SLOWEST, FASTEST))
