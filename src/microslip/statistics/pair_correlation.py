"""Pair correlation g(r) of a slab between walls or of a cell that repeats in z, and its minima."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.ndimage import gaussian_filter1d

from microslip.core import arguments
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_cutoff, check_positions, refuse_plane, sort_into_cells
from microslip.statistics.correlation import check_edges
from microslip.statistics.correlation_kernels import sum_pairs

# Width of the filter before minima are looked for [d̄]: less than the width of a shell, more than the noise of a bin.
SMOOTHING = 0.05

# A minimum is one of the structure, and not of noise, when the curve rises by this much after it.
PROMINENCE = 0.01


@dataclass(frozen=True)
class PairCorrelation:
    """g(r) in distance bins: `r` bin centres [d̄], `g`, and `n_pairs`, the number of pairs."""

    r: Float64[np.ndarray, "bin"]
    g: Float64[np.ndarray, "bin"]
    n_pairs: Float64[np.ndarray, "bin"]


def pair_correlation(
    positions: Float[np.ndarray, "grain 3"],
    box: Box,
    edges: Float[np.ndarray, "edge"],
    height: float | None = None,
) -> PairCorrelation:
    """Number of pairs at distance r over that of as many grains placed at random in the same cell.

    .. math:: g(r) = \\frac{2 n_{pairs}(r_1, r_2)}{N \\rho V(r_1, r_2)}, \\qquad
        V = \\frac{4 \\pi}{3} (r_2^3 - r_1^3) - \\frac{\\pi}{2 H} (r_2^4 - r_1^4)

    with ρ = N / (Lx Ly H). The second term of V is the part of the shell that lies beyond the walls, averaged over the
    height of the grain at its centre; along a periodic z it is left out. In a planar cell the shell is a ring,

    .. math:: V = \\pi (r_2^2 - r_1^2) - \\frac{4}{3 H} (r_2^3 - r_1^3), \\qquad \\rho = N / (L_x H)

    Parameters
    ----------
    positions
        Centres, shape (grain, 3) [d̄].
    box
        The cell.
    edges
        Equally wide distance bins, shape (bin + 1,) [d̄], up to half the smallest periodic length and up to H.
    height
        H, the height in which centres can lie [d̄]; where left out, that in which they are found, widened by the mean
        gap that a sample leaves at its ends.

    Raises
    ------
    MicroslipError
        Edges that are not equally spaced and rising, too far or beyond H; fewer than two grains; grains in a plane of a
        cell that is not planar; walls along x or y; positions that are not finite.
    """
    edges, positions = check_edges(edges), check_positions("positions", positions, box)
    n = len(positions)
    if n < 2:
        raise MicroslipError(f"positions: {n} grains make no pair: a pair correlation needs two or more")
    if not box.repeats_across:
        raise MicroslipError("box: g(r) is normalised for cells that repeat in x and y: this one does not")
    farthest = check_cutoff("edges", float(edges[-1]), box)
    if height is not None:
        height = arguments.real("height", height, "a positive length", above=0, unit=" d̄")
    if box.periodic[2]:
        height, beyond = box.lengths[2], 0.0
    else:
        if height is None:
            height = float(np.ptp(positions[:, 2])) * (n + 1) / (n - 1)
        if height < np.ptp(positions[:, 2]):
            raise MicroslipError(f"height = {height:g} d̄ is less than the grains span: give that of their centres")
        if not height > 0:
            raise MicroslipError("positions: all grains lie at one height: their slab has no volume")
        if edges[-1] > height:
            raise MicroslipError(
                f"edges: distances up to {edges[-1]:g} d̄ exceed the height of the grains, {height:g} d̄: use"
                " smaller ones"
            )
        beyond = 4 / (3 * height) if box.planar else np.pi / (2 * height)
    refuse_plane(positions, box)
    cells = sort_into_cells(positions, box, farthest)
    low, width = float(edges[0]), float(edges[1] - edges[0])
    counts = sum_pairs(cells, np.zeros(n), np.empty(0), len(edges) - 1, low, width, 0.0)[1][0]
    whole, power = (np.pi, 2) if box.planar else (4 * np.pi / 3, 3)
    shell = np.diff(whole * edges**power - beyond * edges ** (power + 1))
    density = n / (box.lengths[0] * box.lengths[1] * height)
    expected = n * density * shell / 2
    return PairCorrelation((edges[:-1] + edges[1:]) / 2, counts / expected, counts.astype(float))


def mean_pair_correlation(
    cells: Iterable[tuple[Float[np.ndarray, "grain 3"], Box]], bin_width: float, farthest: float
) -> PairCorrelation:
    """g(r) averaged over frames, up to the farthest distance [d̄] that all of them allow.

    `cells`: centres of the grains that are there [d̄] and the cell, frame by frame. Errors as in `pair_correlation`.
    """
    curves = []
    for position, box in cells:
        reach = min(farthest, box.half_period, float(np.ptp(position[:, 2])))
        curves.append(pair_correlation(position, box, np.arange(int(reach / bin_width + 1e-9) + 1) * bin_width))
    n_bins = min(len(curve.r) for curve in curves)
    g = np.mean([curve.g[:n_bins] for curve in curves], axis=0)
    return PairCorrelation(curves[0].r[:n_bins], g, np.sum([curve.n_pairs[:n_bins] for curve in curves], axis=0))


def find_minima(r: Float[np.ndarray, "bin"], g: Float[np.ndarray, "bin"]) -> tuple[float, float]:
    """First and second minimum of g(r) after its main peak [d̄]; NaN where there is none.

    The curve is smoothed by a Gaussian of `SMOOTHING`, and a minimum counts where it rises by `PROMINENCE` within the
    next d̄; its place is the vertex of the parabola through it and its two neighbours.
    """
    smooth = gaussian_filter1d(g, SMOOTHING / (r[1] - r[0]))
    peak = int(np.argmax(smooth))
    minima = []
    inner = smooth[1:-1]
    for at in np.flatnonzero((inner < smooth[:-2]) & (inner < smooth[2:])) + 1:
        following = smooth[at : at + max(2, int(1.0 / (r[1] - r[0])))]
        if at > peak and following.max() - smooth[at] > PROMINENCE:
            left, middle, right = smooth[at - 1 : at + 2]
            minima.append(float(r[at] + (r[1] - r[0]) * 0.5 * (left - right) / (left - 2 * middle + right)))
    first, second, *_ = [*minima, np.nan, np.nan]
    return first, second
