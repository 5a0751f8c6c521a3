"""Spatial correlation of a grain field, and the length that it decays over."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.optimize import OptimizeWarning, curve_fit

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import cell_grid, cells_around, check_positions, check_values, sort_into_cells


@dataclass(frozen=True)
class SpatialCorrelation:
    """C(r) in distance bins: `r` bin centres [d̄], `correlation`, NaN in a bin without pairs, and `n_pairs`."""

    r: Float64[np.ndarray, "bin"]
    correlation: Float64[np.ndarray, "bin"]
    n_pairs: Int64[np.ndarray, "bin"]


@dataclass(frozen=True)
class OrnsteinZernike:
    """A r^−m exp(−r/ξ): `xi` [d̄] with its interval `xi_low` to `xi_high`, amplitude A, exponent m, and the range."""

    xi: float
    xi_low: float
    xi_high: float
    amplitude: float
    exponent: float
    r_min: float
    r_max: float

    def __call__(self, r: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """The fitted curve at distances r [d̄]."""
        return self.amplitude * r**-self.exponent * np.exp(-r / self.xi)


# Grains are shared out in this many blocks, each with sums of its own, added in order: the result does not depend on
# the number of threads.
N_BLOCKS = 32


@numba.njit(cache=True, parallel=True)
def _sum_pairs(positions, values, periods, n_bins, r_low, width, lower, n_cells, cell_size, start, order):  # type: ignore[no-untyped-def]
    n = len(positions)
    sums = np.zeros((N_BLOCKS, n_bins))
    counts = np.zeros((N_BLOCKS, n_bins), dtype=np.int64)
    r_high2 = (r_low + n_bins * width) ** 2
    for block in numba.prange(N_BLOCKS):
        first = np.empty(3, dtype=np.int64)
        last = np.empty(3, dtype=np.int64)
        cell = np.empty(3, dtype=np.int64)
        for i in range(block * n // N_BLOCKS, (block + 1) * n // N_BLOCKS):
            cells_around(positions[i], lower, n_cells, cell_size, periods, cell, first, last)
            for ix in range(first[0], last[0] + 1):
                cx = (cell[0] + ix) % n_cells[0]
                for iy in range(first[1], last[1] + 1):
                    cy = (cell[1] + iy) % n_cells[1]
                    for iz in range(first[2], last[2] + 1):
                        c = (cx * n_cells[1] + cy) * n_cells[2] + (cell[2] + iz) % n_cells[2]
                        for k in range(start[c], start[c + 1]):
                            j = order[k]
                            if j <= i:
                                continue
                            dx = positions[j, 0] - positions[i, 0]
                            dy = positions[j, 1] - positions[i, 1]
                            dz = positions[j, 2] - positions[i, 2]
                            if periods[0] > 0:
                                dx -= periods[0] * np.rint(dx / periods[0])
                            if periods[1] > 0:
                                dy -= periods[1] * np.rint(dy / periods[1])
                            if periods[2] > 0:
                                dz -= periods[2] * np.rint(dz / periods[2])
                            r2 = dx * dx + dy * dy + dz * dz
                            if r2 < r_high2:
                                b = int(np.floor((np.sqrt(r2) - r_low) / width))
                                if 0 <= b < n_bins:
                                    sums[block, b] += values[i] * values[j]
                                    counts[block, b] += 1
    return sums.sum(axis=0), counts.sum(axis=0)


def spatial_correlation(
    positions: Float[np.ndarray, "grain 3"],
    values: Float[np.ndarray, "grain"],
    box: Box,
    edges: Float[np.ndarray, "edge"],
) -> SpatialCorrelation:
    """Correlation of the values' fluctuations over pairs of grains at distance r, 1 for a grain with itself.

    .. math:: C(r) = \\frac{\\langle \\Delta D_i \\Delta D_j \\rangle_{r_{ij} = r}}{\\langle \\Delta D_i^2 \\rangle},
        \\qquad \\Delta D_i = D_i - \\langle D \\rangle

    Parameters
    ----------
    positions
        Centres, shape (grain, 3) [d̄].
    values
        One value per grain, shape (grain,); grains with NaN (walls) are left out.
    box
        The cell; distances do not wrap in z.
    edges
        Equally wide distance bins, shape (bin + 1,) [d̄], up to half the smallest periodic length.

    Raises
    ------
    MicroslipError
        Edges that are not equally spaced and rising, or beyond half the cell; fewer than two values, or constant ones.

    Source: Mei et al. 2023, eqs 5 and 6, normalised by the variance.
    """
    edges = np.asarray(edges, dtype=float)
    widths = np.diff(edges)
    if len(edges) < 2 or widths[0] <= 0 or not np.allclose(widths, widths[0]):
        raise MicroslipError("the edges of the distance bins are not equally spaced and rising: use numpy.linspace")
    check_values(positions, values)
    known = np.isfinite(values)
    if known.sum() < 2:
        raise MicroslipError(f"{int(known.sum())} grains have a value: a correlation needs two or more")
    positions = box.wrap(np.asarray(positions, dtype=float)[known])
    check_positions(positions, box, float(edges[-1]))
    fluctuation = np.asarray(values, dtype=float)[known]
    fluctuation = fluctuation - fluctuation.mean()
    variance = float(np.mean(fluctuation**2))
    if variance == 0:
        raise MicroslipError("all grains have the same value: there is no fluctuation to correlate")
    lower, n_cells, cell_size = cell_grid(positions, box, float(edges[-1]))
    start, order = sort_into_cells(positions, n_cells, lower, cell_size)
    sums, counts = _sum_pairs(
        positions, fluctuation, box.periods, len(widths), edges[0], widths[0], lower, n_cells, cell_size, start, order
    )
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return SpatialCorrelation(edges[:-1] + widths / 2, mean / variance, counts)


def fit_ornstein_zernike(
    r: Float[np.ndarray, "bin"],
    correlation: Float[np.ndarray, "bin"],
    standard_error: Float[np.ndarray, "bin"] | None = None,
    exponent: float = 0.5,
    r_min: float = 1.0,
) -> OrnsteinZernike:
    """Weighted least-squares fit of C(r) = A r^−m exp(−r/ξ).

    Parameters
    ----------
    r, correlation
        Bin centres [d̄] and C(r), shape (bin,); bins with NaN or below `r_min` are left out.
    standard_error
        Of C(r) over stages, shape (bin,), used as weights; equal weights where left out.
    exponent
        m; the paper's is 0.5.
    r_min
        Smallest distance [d̄].

    Returns
    -------
    OrnsteinZernike
        ξ with the interval of ±1.96 standard errors of the fit on log ξ. Bins share pairs of grains, so the interval
        is of the fit, not of the sampling of stages.

    Raises
    ------
    MicroslipError
        Fewer than four bins, or no decaying correlation in them.
    """
    used = np.isfinite(correlation) & (r >= r_min)
    sigma = None
    if standard_error is not None:
        used &= np.isfinite(standard_error) & (standard_error > 0)
        sigma = standard_error[used]
    if used.sum() < 4:
        raise MicroslipError(f"{int(used.sum())} distance bins are too few to fit ξ: use finer bins or a larger cell")
    x, y = r[used], correlation[used]

    def curve(x: np.ndarray, log_amplitude: float, log_xi: float) -> np.ndarray:
        return np.asarray(np.exp(log_amplitude - x / np.exp(log_xi)) * x**-exponent)

    try:
        with np.errstate(over="ignore"), warnings.catch_warnings():
            # a covariance that cannot be had is infinite, and answered below
            warnings.simplefilter("ignore", OptimizeWarning)
            best, covariance = curve_fit(curve, x, y, p0=[np.log(max(y[0], 1e-6)), 0.0], sigma=sigma, maxfev=5000)
    except RuntimeError:
        raise MicroslipError("C(r) does not decay like r^−m exp(−r/ξ): no ξ can be given") from None
    error = 1.96 * np.sqrt(covariance[1, 1])
    # a length far beyond the distances seen, or known to no better than an order of magnitude, is no result
    if not np.isfinite(error) or error > np.log(10) or np.exp(best[1]) > 10 * x[-1]:
        raise MicroslipError("C(r) does not fix ξ within these distances: use a larger cell or more stages")
    return OrnsteinZernike(
        xi=float(np.exp(best[1])),
        xi_low=float(np.exp(best[1] - error)),
        xi_high=float(np.exp(best[1] + error)),
        amplitude=float(np.exp(best[0])),
        exponent=exponent,
        r_min=float(x[0]),
        r_max=float(x[-1]),
    )
