"""Fractal dimension of clusters: how their radius grows with their size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from microslip.core import arguments
from microslip.core.errors import MicroslipError

# Fewer clusters than this give no exponent.
FEWEST_CLUSTERS = 10

# A spread of ln N that is smaller than this part of its squares is what rounding leaves of none.
_LOST = 1e-12


@dataclass(frozen=True)
class FractalDimension:
    """R_g = prefactor N^(1/D): `dimension` D with its standard error, prefactor [d̄], and the clusters used."""

    dimension: float
    standard_error: float
    prefactor: float
    n_clusters: int


def log_moments(
    size: Int[np.ndarray, "cluster"], radius: Float[np.ndarray, "cluster"], smallest: int = 3
) -> Float64[np.ndarray, "6"]:
    """n, Σx, Σy, Σx², Σxy, Σy² of x = ln N, y = ln R_g: all that the fit needs, and additive over stages.

    Clusters of fewer than `smallest` grains, or without an R_g, are left out.
    """
    used = (size >= max(smallest, 2)) & (radius > 0)
    x, y = np.log(size[used]), np.log(radius[used])
    return np.array([used.sum(), x.sum(), y.sum(), x @ x, x @ y, y @ y])


def dimension_at(moments: Float[np.ndarray, "*n 6"]) -> Float64[np.ndarray, "*n"]:
    """D of many groups at once from the sums of `log_moments`, as a bootstrap wants it; NaN where there is none."""
    n, x, y, xx, xy, yy = np.moveaxis(np.asarray(moments, dtype=float), -1, 0)
    enough = n >= FEWEST_CLUSTERS
    counted = np.where(enough, n, 1.0)
    spread, rise = xx - x * x / counted, xy - x * y / counted
    # clusters of one size leave rounding alone, and so does a radius that does not grow
    good = enough & (spread > _LOST * np.maximum(xx, 1.0))
    good &= rise > 1e-9 * np.sqrt(np.maximum(spread, 0) * np.maximum(yy, y * y / counted))
    return np.asarray(np.where(good, spread / np.where(good, rise, 1.0), np.nan))


def fit_log_moments(moments: Float[np.ndarray, "6"]) -> FractalDimension:
    """Least squares through ln R_g against ln N from the sums of `log_moments`; errors as in `fractal_dimension`."""
    n, x, y, xx, xy, yy = (float(value) for value in moments)
    if n < FEWEST_CLUSTERS:
        raise MicroslipError(f"{n:.0f} clusters are too few for a fractal dimension: it takes {FEWEST_CLUSTERS}")
    dimension = float(dimension_at(moments))
    sxx, sxy, syy = xx - x * x / n, xy - x * y / n, yy - y * y / n
    if sxx <= _LOST * max(xx, 1.0):
        raise MicroslipError("all clusters have the same size: they have no fractal dimension")
    if not np.isfinite(dimension):
        raise MicroslipError("the radius does not grow with the size: these clusters have no fractal dimension")
    slope = 1 / dimension
    error = float(np.sqrt(max(syy - slope * sxy, 0.0) / max(n - 2, 1) / sxx))
    return FractalDimension(dimension, error / slope**2, float(np.exp((y - slope * x) / n)), int(n))


def fractal_dimension(
    size: Int[np.ndarray, "cluster"], radius: Float[np.ndarray, "cluster"], smallest: int = 3
) -> FractalDimension:
    """D of R_g ∝ N^(1/D), by least squares of ln R_g against ln N over single clusters.

    Parameters
    ----------
    size, radius
        Grains and radius of gyration [d̄] of every cluster, shape (cluster,); clusters whose radius is NaN are left out.
    smallest
        Smallest cluster that counts.

    Raises
    ------
    MicroslipError
        Sizes that are no whole numbers, radii that are negative or infinite, fewer than ten clusters, clusters of one
        size alone, or a radius that does not grow.

    Source: Mei et al. 2023, section 4.2.
    """
    size = arguments.wholes("size", size, ("cluster",), 1)
    radius = arguments.reals("radius", radius, (("cluster", len(size), "size"),), missing=True)
    if (radius < 0).any():
        raise MicroslipError(
            f"the radius is {radius.min():g} at cluster {np.nanargmin(radius)}: a radius is not negative"
        )
    return fit_log_moments(log_moments(size, radius, arguments.whole("smallest", smallest, 1)))
