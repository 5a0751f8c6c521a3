"""Spatial correlation of a grain field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from microslip.core import arguments
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import Cells, check_cutoff, check_positions, refuse_lost, sort_into_cells
from microslip.statistics.config import Correlation
from microslip.statistics.correlation_kernels import sum_pairs
from microslip.statistics.layers import layer_means, layer_numbers

CORRELATIONS = {
    "raw": "",
    "profile": "with the profile in z subtracted",
    "in_plane": "with the profile in z subtracted, along planes of flow",
}
"""What C(r) and ξ are measured of: name, and in words."""

# Heights of two grains near one plane differ by at most this [d̄].
NEAR_PLANE = 0.5


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
    fluctuation, cells, edges = _checked(positions, values, box, edges)[:3]
    fluctuation = fluctuation - fluctuation.mean()
    ((curve, *_), (n_pairs, _)) = _normalised_sums(cells, fluctuation, np.empty(0), edges)
    return SpatialCorrelation((edges[:-1] + edges[1:]) / 2, curve, n_pairs)


def layered_correlation(
    positions: Float[np.ndarray, "grain 3"],
    values: Float[np.ndarray, "grain"],
    box: Box,
    edges: Float[np.ndarray, "edge"],
) -> dict[str, SpatialCorrelation]:
    """C(r) as it is, with the profile in z subtracted, and of the latter within planes of flow, in one pass.

    .. math:: C(r) = \\frac{\\langle \\Delta D_i \\Delta D_j \\rangle_{r_{ij} = r}}{\\langle \\Delta D_i^2 \\rangle},
        \\qquad \\Delta D_i = D_i - \\langle D \\rangle_{\\text{layer of } i}

    A band of shear alone gives `raw` a length, its own height. The mean over the n grains of a layer holds the grains
    themselves: it lowers C of pairs of one layer by 1/n of uncorrelated grains, and by the number of grains that one
    moves with over n of correlated ones. Layers are about 1 d̄ high, see `statistics.layers`.

    Parameters
    ----------
    positions, values, box, edges
        As in `spatial_correlation`.

    Returns
    -------
    `raw`: as `spatial_correlation`. `profile`: of the fluctuation about the mean of the layer. `in_plane`: of the same,
    over pairs whose heights differ by at most 0.5 d̄, against their distance along x and y. NaN where all grains are
    like the mean of their layer.

    Raises
    ------
    MicroslipError
        As `spatial_correlation`.
    """
    own, cells, edges, chosen = _checked(positions, values, box, edges)
    spread = np.full(len(positions), np.nan)
    spread[chosen] = own
    about_profile = own - layer_means(spread, layer_numbers(positions, np.isfinite(spread), box))[chosen]
    curves, (n_pairs, n_near) = _normalised_sums(cells, own - own.mean(), about_profile, edges)
    r = (edges[:-1] + edges[1:]) / 2
    counts = {"raw": n_pairs, "profile": n_pairs, "in_plane": n_near}
    return {name: SpatialCorrelation(r, curve, counts[name]) for name, curve in zip(CORRELATIONS, curves, strict=True)}


def _checked(
    positions: Float[np.ndarray, "grain 3"],
    values: Float[np.ndarray, "grain"],
    box: Box,
    edges: Float[np.ndarray, "edge"],
) -> tuple[Float64[np.ndarray, "measured"], Cells, Float64[np.ndarray, "edge"], Int64[np.ndarray, "measured"]]:
    """The values of measured grains, scaled, from the lowest up; the grains in cells, the edges, and their numbers."""
    edges, positions = check_edges(edges), check_positions("positions", positions, box, missing=True)
    farthest = check_cutoff("edges", float(edges[-1]), box)
    values = arguments.reals("values", values, (("grain", len(positions), "positions"),), missing=True, marks=True)
    measured = np.isfinite(values)
    refuse_lost(positions, measured)
    if measured.sum() < 2:
        raise MicroslipError(f"values: {int(measured.sum())} grains have a value: a correlation needs two or more")
    # upwards, as `sum_pairs` takes them: sorting into cells keeps the order within a column
    chosen = np.flatnonzero(measured)
    chosen = chosen[np.argsort(box.wrap(positions[chosen])[:, 2], kind="stable")]
    own = values[chosen]
    # not by the variance: the mean of equal numbers can differ from them by rounding
    if own.max() == own.min():
        raise MicroslipError("values: all grains have the same value: there is no fluctuation to correlate")
    own = own - own.mean()
    # by a power of two, which changes no digit: squares of tiny numbers would be nothing
    own = np.ldexp(own, -np.frexp(np.abs(own).max())[1])
    return own, sort_into_cells(positions[chosen], box, farthest), edges, chosen


def _normalised_sums(
    cells: Cells, values: Float[np.ndarray, "grain"], others: Float[np.ndarray, "other"], edges: np.ndarray
) -> tuple[Float64[np.ndarray, "3 bin"], Int64[np.ndarray, "2 bin"]]:
    """The three means over pairs that `sum_pairs` sums, over the variances, and the numbers of pairs."""
    low, width = float(edges[0]), float(edges[1] - edges[0])
    sorted_others = others[cells.order] if len(others) else others
    sums, counts = sum_pairs(cells, values[cells.order], sorted_others, len(edges) - 1, low, width, NEAR_PLANE)
    n_pairs = counts[[0, 0, 1]]
    variance = np.full((3, 1), np.mean(values**2))
    # what rounding leaves of layers without a fluctuation is none
    spread = float(np.mean(others**2)) if len(others) else 0.0
    variance[1:] = spread if spread > 1e-24 * variance[0, 0] else np.nan
    return np.where(n_pairs > 0, sums / np.maximum(n_pairs, 1), np.nan) / variance, counts
