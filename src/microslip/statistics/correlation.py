"""Spatial correlation of a grain field."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from jaxtyping import Float, Float64, Int64

from microslip.core import arguments
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import (
    check_cutoff,
    check_positions,
    most_runs,
    refuse_lost,
    runs_about,
    sort_into_cells,
)


@dataclass(frozen=True)
class SpatialCorrelation:
    """C(r) in distance bins: `r` bin centres [d̄], `correlation`, NaN in a bin without pairs, and `n_pairs`."""

    r: Float64[np.ndarray, "bin"]
    correlation: Float64[np.ndarray, "bin"]
    n_pairs: Int64[np.ndarray, "bin"]


# Grains are shared out in this many blocks, each with sums of its own, added in order: the result does not depend on
# the number of threads.
N_BLOCKS = 32

# The distances of this many neighbours are worked out at a time, in vector registers, before they are sorted into bins.
ROW = 64


@numba.njit(cache=True, error_model="numpy")
def _bins_of(x, y, z, x0, y0, z0, offset, per_width, n_bins, bins):  # type: ignore[no-untyped-def]
    """The distance bin of each point as seen from (x0, y0, z0); n_bins for those beyond the last."""
    for k in range(len(x)):
        dx, dy, dz = x[k] - x0, y[k] - y0, z[k] - z0
        place = np.sqrt(dx * dx + dy * dy + dz * dz) * per_width - offset
        bins[k] = np.int32(min(max(place, -1.0), np.float64(n_bins)) + 1.0)


@numba.njit(cache=True, parallel=True, error_model="numpy")
def sum_pairs(cells, values, n_bins, low, width):  # type: ignore[no-untyped-def]
    """Σ v_i v_j and the number of pairs in each distance bin, every pair once."""
    n = len(cells.x)
    sums = np.zeros((N_BLOCKS, n_bins))
    counts = np.zeros((N_BLOCKS, n_bins), dtype=np.int64)
    for block in numba.prange(N_BLOCKS):
        bounds = np.empty((most_runs(cells), 2), dtype=np.int64)
        shifts = np.empty((len(bounds), 3))
        bins = np.empty(ROW, dtype=np.int32)
        # two sets of bins, used in turn: an addition need not wait for the one before it; the first and the last bin of
        # each take what is nearer or farther than asked
        sums_i = np.zeros((2, n_bins + 2))
        counts_i = np.zeros((2, n_bins + 2), dtype=np.int64)
        for s in range(block * n // N_BLOCKS, (block + 1) * n // N_BLOCKS):
            sums_i[:] = 0.0
            for m in range(runs_about(cells, s, True, bounds, shifts)):
                x0, y0, z0 = cells.x[s] - shifts[m, 0], cells.y[s] - shifts[m, 1], cells.z[s] - shifts[m, 2]
                for first in range(bounds[m, 0], bounds[m, 1], ROW):
                    last = min(first + ROW, bounds[m, 1])
                    x, y, z = cells.x[first:last], cells.y[first:last], cells.z[first:last]
                    _bins_of(x, y, z, x0, y0, z0, low / width, 1 / width, n_bins, bins)
                    v = values[first:last]
                    for k in range(0, len(v) - 1, 2):
                        sums_i[0, bins[k]] += v[k]
                        counts_i[0, bins[k]] += 1
                        sums_i[1, bins[k + 1]] += v[k + 1]
                        counts_i[1, bins[k + 1]] += 1
                    if len(v) % 2:
                        k = len(v) - 1
                        sums_i[0, bins[k]] += v[k]
                        counts_i[0, bins[k]] += 1
            for b in range(n_bins):
                sums[block, b] += values[s] * (sums_i[0, b + 1] + sums_i[1, b + 1])
        for b in range(n_bins):
            counts[block, b] = counts_i[0, b + 1] + counts_i[1, b + 1]
    return sums.sum(axis=0), counts.sum(axis=0)


def check_edges(edges: Float[np.ndarray, "edge"]) -> Float64[np.ndarray, "edge"]:
    """The edges of distance bins as numbers; refused unless equally spaced, rising and not negative."""
    edges = arguments.reals("edges", edges, ("edge",))
    widths = np.diff(edges)
    if len(edges) < 2 or edges[0] < 0 or widths[0] <= 0 or not np.allclose(widths, widths[0]):
        raise MicroslipError(
            "edges: the edges of the distance bins are not equally spaced and rising: use numpy.linspace"
        )
    return edges


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
        One value per grain, shape (grain,), or marks, which count as 1 and 0; grains with NaN (walls) are left out.
    box
        The cell; distances wrap along the axes that repeat, which z between walls does not.
    edges
        Equally wide distance bins, shape (bin + 1,) [d̄], up to half the smallest periodic length.

    Raises
    ------
    MicroslipError
        Positions or values that are not finite, arrays of other grains; edges that are not equally spaced and rising,
        or beyond half the cell; fewer than two values, or constant ones.

    Source: Mei et al. 2023, eqs 5 and 6, normalised by the variance.
    """
    edges, positions = check_edges(edges), check_positions("positions", positions, box, missing=True)
    farthest = check_cutoff("edges", float(edges[-1]), box)
    values = arguments.reals("values", values, (("grain", len(positions), "positions"),), missing=True, marks=True)
    known = np.isfinite(values)
    refuse_lost(positions, known)
    if known.sum() < 2:
        raise MicroslipError(f"values: {int(known.sum())} grains have a value: a correlation needs two or more")
    cells = sort_into_cells(positions[known], box, farthest)
    fluctuation = values[known]
    # not by the variance: the mean of equal numbers can differ from them by rounding
    if fluctuation.max() == fluctuation.min():
        raise MicroslipError("values: all grains have the same value: there is no fluctuation to correlate")
    fluctuation = fluctuation - fluctuation.mean()
    # by a power of two, which changes no digit: squares of tiny numbers would be nothing
    fluctuation = np.ldexp(fluctuation, -np.frexp(np.abs(fluctuation).max())[1])
    variance = float(np.mean(fluctuation**2))
    sums, counts = sum_pairs(
        cells, fluctuation[cells.order], len(edges) - 1, float(edges[0]), float(edges[1] - edges[0])
    )
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return SpatialCorrelation((edges[:-1] + edges[1:]) / 2, mean / variance, counts)
