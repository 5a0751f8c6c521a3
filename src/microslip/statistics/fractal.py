"""Fractal dimension of clusters: how their radius grows with their size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from microslip.core import arguments
from microslip.core.errors import MicroslipError

# Fewer clusters than this give no exponent.
FEWEST_CLUSTERS = 10


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


def fit_log_moments(moments: Float[np.ndarray, "6"]) -> FractalDimension:
    """Least squares through ln R_g against ln N from the sums of `log_moments`; errors as in `fractal_dimension`."""
    n, x, y, xx, xy, yy = (float(value) for value in moments)
    if n < FEWEST_CLUSTERS:
        raise MicroslipError(f"{n:.0f} clusters are too few for a fractal dimension: it takes {FEWEST_CLUSTERS}")
    sxx, sxy, syy = xx - x * x / n, xy - x * y / n, yy - y * y / n
    if sxx <= 1e-12 * max(xx, 1.0):
        raise MicroslipError("all clusters have the same size: they have no fractal dimension")
    slope = sxy / sxx
    # a rise lost in the rounding of the sums is none
    if slope * np.sqrt(sxx) <= 1e-9 * np.sqrt(max(yy, y * y / n)):
        raise MicroslipError("the radius does not grow with the size: these clusters have no fractal dimension")
    error = float(np.sqrt(max(syy - slope * sxy, 0.0) / max(n - 2, 1) / sxx))
    return FractalDimension(1 / slope, error / slope**2, float(np.exp((y - slope * x) / n)), int(n))


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
