"""Moran's I: how much grains near each other are alike."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_cutoff
from microslip.statistics.correlation import spatial_correlation


def moran_i(
    positions: Float[np.ndarray, "grain 3"], values: Float[np.ndarray, "grain"], box: Box, cutoff: float = 1.5
) -> float:
    """Global Moran's I: whether grains near each other have like values.

    .. math:: I = \\frac{N}{W} \\frac{\\sum_{ij} w_{ij} (a_i - \\bar a)(a_j - \\bar a)}{\\sum_i (a_i - \\bar a)^2}

    with w = 1 for two grains within `cutoff` of each other and 0 otherwise, and W = Σ w. It is the correlation C(r) of
    the values over one wide bin of distance.

    Parameters
    ----------
    positions
        Centres, shape (grain, 3) [d̄].
    values
        One per grain, shape (grain,), such as 1 for the active grains and 0 for the others, or marks; NaN (walls) is
        left out, as if the grain were not there.
    box
        The cell.
    cutoff
        Largest distance of neighbours [d̄]; 1.5 is near the first minimum of g(r).

    Returns
    -------
    About −1/(N − 1) where values are spread at random, towards 1 where like values lie together.

    Raises
    ------
    MicroslipError
        As `spatial_correlation`; or no grain has a neighbour.

    Source: Moran, Biometrika 37 (1950) 17; Mei et al. 2023, eq. 8, where the weights are not given.
    """
    cutoff = check_cutoff("cutoff", cutoff, box)
    moran = float(spatial_correlation(positions, values, box, np.array([0.0, cutoff])).correlation[0])
    if not np.isfinite(moran):
        raise MicroslipError(f"cutoff: no grain has a neighbour within {cutoff:g} d̄: Moran's I needs some")
    return moran


def moran_of_pairs(values: Float[np.ndarray, "grain"], pairs: Int64[np.ndarray, "pair 2"]) -> float:
    """Moran's I of values, none of them missing, over given pairs of neighbours, each once; see `moran_i`.

    Raises
    ------
    MicroslipError
        No pairs, or values that are all alike.
    """
    if not len(pairs) or values.max() == values.min():
        raise MicroslipError("values, pairs: Moran's I takes neighbours, and values that differ")
    fluctuation = values - np.mean(values)
    return float(np.mean(fluctuation[pairs[:, 0]] * fluctuation[pairs[:, 1]]) / np.mean(fluctuation**2))
