"""Spatial correlation of a grain field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from microslip.core import arguments
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_cutoff, check_positions, refuse_lost, sort_into_cells
from microslip.statistics.config import Correlation
from microslip.statistics.correlation_kernels import sum_pairs


@dataclass(frozen=True)
class SpatialCorrelation:
    """C(r) in distance bins: `r` bin centres [d̄], `correlation`, NaN in a bin without pairs, and `n_pairs`."""

    r: Float64[np.ndarray, "bin"]
    correlation: Float64[np.ndarray, "bin"]
    n_pairs: Int64[np.ndarray, "bin"]


def check_edges(edges: Float[np.ndarray, "edge"]) -> Float64[np.ndarray, "edge"]:
    """The edges of distance bins as numbers; refused unless equally spaced, rising and not negative."""
    edges = arguments.reals("edges", edges, ("edge",))
    widths = np.diff(edges)
    if len(edges) < 2 or edges[0] < 0 or widths[0] <= 0 or not np.allclose(widths, widths[0]):
        raise MicroslipError(
            "edges: the edges of the distance bins are not equally spaced and rising: use numpy.linspace"
        )
    return edges


def correlation_edges(settings: Correlation, half_period: float) -> Float64[np.ndarray, "edge"]:
    """Distance bins of C(r), up to half the smallest period of any frame [d̄]."""
    farthest = min(settings.farthest, half_period)
    return np.arange(0, int(farthest / settings.bin_width + 1e-9) + 1) * settings.bin_width


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
    measured = np.isfinite(values)
    refuse_lost(positions, measured)
    if measured.sum() < 2:
        raise MicroslipError(f"values: {int(measured.sum())} grains have a value: a correlation needs two or more")
    cells = sort_into_cells(positions[measured], box, farthest)
    fluctuation = values[measured]
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
