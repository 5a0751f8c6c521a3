"""Power laws of cluster sizes: the exponent by maximum likelihood, and whether another law does better."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int, Real
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr, zeta

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.statistics.continuous_power_law import fit_continuous
from microslip.statistics.heavy_tails import (
    BINS_PER_OCTAVE,
    FEWEST_CLUSTERS,
    HIGHEST,
    LOWEST,
    PowerLaw,
    fit_lognormal,
    fit_truncated,
    nested,
    pinned,
    vuong,
)

# Sizes up to here are summed one by one in the normalisation of the truncated law, beyond it the sum is an integral.
SUMMED = 4096


def exponent_at(mean_log: Float[np.ndarray, "*n"] | float, smallest: int) -> Float64[np.ndarray, "*n"]:
    """The maximum-likelihood exponent of sizes from `smallest` up whose logarithms have this mean; NaN where none has.

    Solves −ζ′(η, x_min)/ζ(η, x_min) = ⟨ln N⟩ by cubic interpolation in a table, to about 1e-9: the fit of many samples
    at once, as a bootstrap wants it, and of one alike.
    """
    curve = _exponents_by_mean_log(smallest)
    mean_log = np.asarray(mean_log, dtype=float)
    inside = (mean_log > curve.x[0]) & (mean_log < curve.x[-1])
    return np.where(inside, curve(np.where(inside, mean_log, curve.x[0])), np.nan)


@functools.lru_cache(maxsize=1024)
def _exponents_by_mean_log(smallest: int) -> Any:
    exponents = 1 + np.geomspace(LOWEST - 1, HIGHEST - 1, 4000)
    step = 1e-5 * (exponents - 1)
    slope = -(np.log(zeta(exponents + step, smallest)) - np.log(zeta(exponents - step, smallest))) / (2 * step)
    return PchipInterpolator(slope[::-1], exponents[::-1])


def fit_power_law(
    sizes: Float[np.ndarray, "cluster"],
    counts: Int[np.ndarray, "cluster"] | None = None,
    smallest: float | None = None,
    discrete: bool = True,
    upper: float | None = None,
) -> PowerLaw:
    """Power law of cluster sizes, P(N) = N^−η / ζ(η, x_min) of whole numbers, and its rivals.

    η maximises the likelihood; x_min is the size from which the law fits best, in the sense of the least
    Kolmogorov–Smirnov distance. The likelihood-ratio test against the lognormal is Vuong's, that against the truncated
    power law is the one of nested laws.

    Parameters
    ----------
    sizes
        Cluster sizes, or the sizes that occur where `counts` is given, shape (cluster,).
    counts
        How many clusters have each size, whole numbers.
    smallest
        x_min; searched for where left out.
    discrete
        Sizes are numbers of grains. False for real sizes in any unit, such as energies or stress drops: the law is
        then the density (η − 1)/x_min (x/x_min)^−η, and `truncated_rate` is in the inverse of their unit.
    upper
        The end of the law, of real sizes alone: larger ones are left out, and every law is normalised between x_min and
        here. The exponent may then lie below 1. In the unit of the sizes.

    Raises
    ------
    MicroslipError
        Sizes that are no whole numbers from 1 on, or no positive ones of the density; counts that are negative or have
        a fraction; fewer than ten clusters at or above x_min, or all of one size: the reason for no exponent.

    Source: Clauset, Shalizi & Newman, SIAM Rev. 51 (2009) 661, sections 3 and 5; Mei et al. 2023, section 4.2.
    """
    if not arguments.flag("discrete", discrete):
        return fit_continuous(
            *_occurring(arguments.reals("sizes", sizes, ("cluster",), positive=True), counts), smallest, upper
        )
    if upper is not None:
        raise MicroslipError("upper is the end of a law of real sizes: it takes discrete=False")
    remedy = ": a cluster has whole grains, real sizes take discrete=False"
    x, n = _occurring(arguments.wholes("sizes", sizes, ("cluster",), -arguments.MOST, remedy=remedy), counts)
    if len(x) and x[0] < 1:
        raise MicroslipError(f"a cluster of {x[0]} grains cannot be: sizes are counted from 1")
    if smallest is not None:
        smallest = arguments.whole("smallest", smallest, 1)
    if n.sum() < FEWEST_CLUSTERS:
        raise MicroslipError(f"{n.sum()} clusters are too few for a power law: it takes {FEWEST_CLUSTERS}")
    above = np.cumsum(n[::-1])[::-1]
    if smallest is None:
        # the tail must hold ten clusters of two sizes
        candidates = x[:-1][above[:-1] >= FEWEST_CLUSTERS]
        if not len(candidates):
            raise MicroslipError("the clusters have one size, or all but a few: they follow no power law")
        distances = [_tail_distance(x[x >= at], n[x >= at], int(at)) for at in candidates]
        smallest = int(candidates[int(np.argmin(distances))])
    x, n = x[x >= smallest], n[x >= smallest]
    if n.sum() < FEWEST_CLUSTERS or len(x) < 2:
        raise MicroslipError(
            f"{n.sum()} clusters of {len(x)} sizes from {smallest} grains up are too few for a power law:"
            f" it takes {FEWEST_CLUSTERS} of two sizes"
        )
    exponent = _most_likely(x, n, smallest)
    if pinned(exponent):
        raise MicroslipError(
            f"the likelihood of these sizes rises up to an exponent of {exponent:.4g}, the end of the search:"
            " they follow no power law"
        )
    likelihood = log_power_law(x, exponent, smallest)
    truncated = _fit_truncated(x, n, smallest, exponent)
    gain = float(n @ (_log_truncated(x, *truncated, smallest) - likelihood))
    return PowerLaw(
        exponent=exponent,
        standard_error=_standard_error(exponent, smallest, int(n.sum())),
        smallest=smallest,
        n_tail=int(n.sum()),
        distance=_distance(x, n, exponent, smallest),
        log_log_exponent=log_log_exponent(x, n),
        against_lognormal=vuong(likelihood - _fit_lognormal(x, n, smallest), n),
        against_truncated=nested(gain),
        truncated_exponent=truncated[0],
        truncated_rate=truncated[1],
    )


def _occurring(sizes: np.ndarray, counts: Any) -> tuple[np.ndarray, np.ndarray]:
    """The sizes that occur, rising, and how often each does."""
    if counts is None:
        counts = np.ones(len(sizes), dtype=np.int64)
    else:
        counts = arguments.wholes("counts", counts, (("cluster", len(sizes), "sizes"),), 0, floats=False)
    # a size that is given twice counts twice
    occurring, place = np.unique(sizes[counts > 0], return_inverse=True)
    return occurring, np.bincount(place, counts[counts > 0], len(occurring)).astype(np.int64)


def log_log_exponent(sizes: Int[np.ndarray, "size"], counts: Int[np.ndarray, "size"]) -> float:
    """Minus the slope of a straight line through the logarithm of the binned probability density; NaN below three bins.

    It is biased: it weighs the few largest clusters like the many small ones. It stands beside the maximum-likelihood
    exponent because other studies give it.
    """
    n_octaves = np.log2(sizes[-1] / sizes[0]) + 1
    edges = np.unique(np.ceil(sizes[0] * 2 ** (np.arange(n_octaves * BINS_PER_OCTAVE + 1) / BINS_PER_OCTAVE)))
    inside, _ = np.histogram(sizes, edges, weights=counts)
    # a bin of whole numbers from low to high − 1
    centre, density = np.sqrt(edges[:-1] * (edges[1:] - 1)), inside / np.diff(edges)
    if (inside > 0).sum() < 3:
        return float("nan")
    return -float(np.polyfit(np.log(centre[inside > 0]), np.log(density[inside > 0]), 1)[0])


def log_power_law(x: Real[np.ndarray, "*n"], exponent: float, smallest: int) -> Float[np.ndarray, "*n"]:
    """Logarithm of the discrete power law x^−η/ζ(η, x_min), whose sum over whole numbers from x_min on is 1.

    Parameters: sizes x [grains], any shape; `exponent` η; `smallest` x_min. Source: Clauset, Shalizi & Newman 2009.
    """
    return np.asarray(-exponent * np.log(x) - np.log(zeta(exponent, smallest)))


def _most_likely(x: np.ndarray, n: np.ndarray, smallest: int) -> float:
    """The exponent, or the end of the search towards which the likelihood rises."""
    mean_log = float(n @ np.log(x)) / n.sum()
    exponent = float(exponent_at(np.array(mean_log), smallest))
    if np.isfinite(exponent):
        return exponent
    return HIGHEST if mean_log <= np.log(smallest + 1) else LOWEST


def _standard_error(exponent: float, smallest: int, n: int) -> float:
    """From the curvature of the likelihood, (ln ζ)″."""
    step = 1e-3 * (exponent - 1)
    at = np.log(zeta(exponent + step * np.array([-1, 0, 1]), smallest))
    return float(1 / np.sqrt(n * (at[0] - 2 * at[1] + at[2]) / step**2))


def _distance(x: np.ndarray, n: np.ndarray, exponent: float, smallest: int) -> float:
    """Largest gap between the cumulative distributions, at the sizes that occur and just before the next one."""
    below = np.cumsum(n) / n.sum()
    beyond = zeta(exponent, np.append(x + 1, x[1:])) / zeta(exponent, smallest)
    return float(np.abs(1 - beyond - np.append(below, below[:-1])).max())


def _tail_distance(x: np.ndarray, n: np.ndarray, smallest: int) -> float:
    """The distance of the best law from this size up; infinite where the likelihood has no maximum."""
    exponent = _most_likely(x, n, smallest)
    return np.inf if pinned(exponent) else _distance(x, n, exponent, smallest)


def _fit_lognormal(x: np.ndarray, n: np.ndarray, smallest: int) -> np.ndarray:
    """Log-probabilities under the best lognormal, cut at x_min − 1/2 and gathered over [N − 1/2, N + 1/2]."""

    def log_probability(mean: float, width: float) -> np.ndarray:
        low, high = (np.log(x - 0.5) - mean) / width, (np.log(x + 0.5) - mean) / width
        # from the upper tail, where the difference of two survivals keeps its digits
        log_low, log_high = log_ndtr(-low), log_ndtr(-high)
        inside = log_low + np.log1p(-np.exp(np.minimum(log_high - log_low, -1e-300)))
        return np.asarray(inside - log_ndtr((mean - np.log(smallest - 0.5)) / width))

    limit = _widest_lognormal(x, n, smallest)
    return fit_lognormal(np.log(x), n, log_probability, limit, 0.1, lambda width: 4.0)


def _widest_lognormal(x: np.ndarray, n: np.ndarray, smallest: int) -> np.ndarray:
    """The limit of ever wider lognormals, which no search reaches: ∫ t^−α dt over [N − 1/2, N + 1/2]."""

    def log_probability(exponent: float) -> np.ndarray:
        inside = (x - 0.5) ** (1 - exponent) - (x + 0.5) ** (1 - exponent)
        return np.asarray(np.log(np.maximum(inside, 1e-300)) - (1 - exponent) * np.log(smallest - 0.5))

    best = minimize_scalar(
        lambda exponent: -float(n @ log_probability(exponent)), bounds=(LOWEST, 10), method="bounded"
    )
    return log_probability(float(best.x))


def _log_truncated(x: np.ndarray, exponent: float, rate: float, smallest: int) -> np.ndarray:
    summed = np.arange(smallest, smallest + SUMMED)
    end = float(summed[-1]) + 0.5
    total = float(np.sum(summed**-exponent * np.exp(-rate * summed)))
    if rate * end < 50:
        # in units of the end, so that the integrand starts at 1
        rest, _ = quad(lambda t: t**-exponent * np.exp(-rate * end * (t - 1)), 1, np.inf, limit=200)
        total += rest * end ** (1 - exponent) * np.exp(-rate * end)
    return np.asarray(-exponent * np.log(x) - rate * x - np.log(total))


def _fit_truncated(x: np.ndarray, n: np.ndarray, smallest: int, exponent: float) -> tuple[float, float]:
    """Exponent and rate of the best N^−α exp(−λN), λ ≥ 0."""
    rate = 0.1 / (float(n @ x) / n.sum())
    return fit_truncated(n, lambda alpha, decay: _log_truncated(x, alpha, decay, smallest), exponent, rate, (1e-9, 50))
