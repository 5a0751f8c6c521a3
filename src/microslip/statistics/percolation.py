"""Percolation: how many grains must be active before a cluster of them reaches around the cell, and along which axis.

Grains become active one by one, the most active first, and links between active grains join their clusters. The share
of grains that are active when a cluster first reaches around an axis is the stage's threshold; the share of stages with
a threshold of at most φ is the share in which a cluster wraps at an active fraction φ: the percolation curve.

Source: Newman & Ziff, Phys. Rev. Lett. 85 (2000) 4104, for the algorithm; Machta et al., Phys. Rev. E 54 (1996) 1332,
for clusters that wrap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64

from microslip.core.box import Box
from microslip.statistics.cluster_kernels import first_wrapping

AXES = ("x", "y", "z")

# Active fractions at which the curve is tabulated.
FRACTIONS = np.round(np.arange(0.02, 0.621, 0.02), 2)

# Of the stages of a cell, drawn again for the error of a crossing.
_BLOCKS = 40


def wrapping_fractions(
    score: Float[np.ndarray, "grain"],
    pairs: Int64[np.ndarray, "pair 2"],
    vectors: Float64[np.ndarray, "pair 3"],
    box: Box,
) -> Float64[np.ndarray, "3"]:
    """The share of grains that are active when a cluster of the highest scores first wraps around x, y and z.

    Parameters
    ----------
    score
        Of every grain, such as its D²min, shape (grain,); grains with NaN are left out.
    pairs, vectors
        Linked grains, all of which have a score, and the way from the first to the nearest copy of the second [d̄].
    box
        The cell.

    Returns
    -------
    Shape (axis,); NaN along an axis that does not repeat, or where not even all grains together wrap.
    """
    measured = np.flatnonzero(np.isfinite(score))
    rank = np.full(len(score), -1)
    rank[measured[np.argsort(-score[measured], kind="stable")]] = np.arange(len(measured))
    number = first_wrapping(rank, pairs, vectors, box.nearest_tilt / box.lengths[2])
    wraps = (number > 0) & np.asarray(box.periodic)
    return np.where(wraps, number / max(len(measured), 1), np.nan)


def percolation_curve(
    kinds: Sequence[str], thresholds: Mapping[tuple[str, str], Float[np.ndarray, "stage"]]
) -> pd.DataFrame:
    """The share of stages of each kind in which a cluster wraps, against the active fraction.

    Parameters
    ----------
    kinds
        Of every stage.
    thresholds
        From `wrapping_fractions`, by which grains are active and the axis.

    Returns
    -------
    DataFrame
        kind, active (how they are chosen), axis, fraction, share, n_stages, and the threshold, its mean over stages
        [share of grains], with its standard deviation between stages; kinds and axes without a threshold are left out.
    """
    rows = []
    for (active, axis), values in thresholds.items():
        for kind in dict.fromkeys(kinds):
            own = values[(np.asarray(kinds) == kind) & np.isfinite(values)]
            if not len(own):
                continue
            share = np.searchsorted(np.sort(own), FRACTIONS + 1e-12, side="right") / len(own)
            columns = {"kind": kind, "active": active, "axis": axis, "fraction": FRACTIONS, "share": share}
            about = {"n_stages": len(own), "threshold": own.mean(), "deviation": own.std()}
            rows.append(pd.DataFrame(columns).assign(**about))
    names = ["kind", "active", "axis", "fraction", "share", "n_stages", "threshold", "deviation"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=names)


def curve_crossing(
    small: Float[np.ndarray, "stage"], large: Float[np.ndarray, "other_stage"], n_samples: int = 200, seed: int = 1
) -> tuple[float, float]:
    """Where the percolation curves of a small and of a large cell cross, and its standard error.

    The curve of the larger cell is the steeper one: below the threshold of an endless packing fewer of its stages wrap,
    above it more. The crossing is where the area between the curves, from 0 on, is largest. Of cells of one shape it
    nears that threshold faster than the mean of either does; cells of different shapes wrap at different fractions
    anyway, and their curves need not cross.

    Parameters
    ----------
    small, large
        Thresholds of the stages from `wrapping_fractions`; NaN is left out.
    n_samples, seed
        Of the draws of blocks of consecutive stages, forty of each cell, whose scatter is the error.

    Returns
    -------
    Both shares of grains; NaN with fewer than two thresholds of either, or where the smaller cell never wraps first.
    """
    small, large = small[np.isfinite(small)], large[np.isfinite(large)]
    if min(len(small), len(large)) < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)

    def drawn(values: np.ndarray) -> np.ndarray:
        blocks = np.array_split(values, min(_BLOCKS, len(values)))
        return np.concatenate([blocks[number] for number in rng.integers(0, len(blocks), len(blocks))])

    samples = [_largest_area(drawn(small), drawn(large)) for _ in range(n_samples)]
    return _largest_area(small, large), float(np.nanstd(samples)) if np.isfinite(samples).any() else np.nan


def _largest_area(small: np.ndarray, large: np.ndarray) -> float:
    at = np.sort(np.concatenate([small, large]))

    def area(thresholds: np.ndarray) -> np.ndarray:
        # ∫ of the share up to φ is the mean of max(φ − threshold, 0)
        own = np.sort(thresholds)
        below = np.searchsorted(own, at, side="right")
        return np.asarray((below * at - np.concatenate([[0.0], np.cumsum(own)])[below]) / len(own))

    between = area(small) - area(large)
    best = int(np.argmax(between))
    return float(at[best]) if between[best] > 0 else np.nan
