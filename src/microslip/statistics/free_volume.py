"""Free volume before and after a stage, of the grains that are active in it beside the others: does it grow first?

The free volume of a grain is that of its radical Voronoi cell less its own. The same grains are followed over frames at
fixed lags, counted in stages from the start of the one that they are active in.

Grains whose cells are large at the start had smaller ones before and will have smaller ones after, whatever the reason:
regression to the mean. So growth is compared at equal height, and once more at equal free volume at the start. The
second is strict. Where active grains have larger cells at the start, and whatever was before tells no more of who is
active, it is 0: that they grew there and that they happened to be large cannot be told apart then, but by what follows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64

# Stages from the start of a stage to the frame that it is compared with: below 0 before it, above 0 after; ½ is the
# middle of a stage that holds frames there. 0 is the start itself.
LAGS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)

COMPARISONS = {
    "plain": "with all others",
    "layered": "with others at the same height",
    "matched": "with others at the same height, of the same diameter and the same free volume at the start",
    "shuffled": "as layered, for the active grains of a stage of the same kind half the run away",
}
"""What active grains are compared with, in words."""


def lagged_frames(
    start: Int[np.ndarray, "stage"],
    end: Int[np.ndarray, "stage"],
    sample: Int[np.ndarray, "frame"],
) -> Int64[np.ndarray, "stage lag"]:
    """The frame at every lag of `LAGS` from the start of each stage; −1 where stages do not join or no frame is.

    Parameters
    ----------
    start, end
        First and last frame of each stage, in order.
    sample
        Of every frame.
    """
    n = len(start)
    frames = np.full((n, len(LAGS)), -1, dtype=np.int64)
    # stages of one chain follow each other without a gap
    chain = np.cumsum(np.append(True, start[1:] != end[:-1]))
    for column, lag in enumerate(LAGS):
        # the stage that begins there, ends there, or holds the frame
        other = np.arange(n) + int(np.floor(lag) if lag <= 0 else np.ceil(lag) - 1)
        stages = np.flatnonzero((other >= 0) & (other < n))
        stages = stages[chain[other[stages]] == chain[stages]]
        there = other[stages]
        if lag == int(lag):
            frames[stages, column] = start[there] if lag <= 0 else end[there]
            continue
        for stage, of in zip(stages, there, strict=True):
            inside = np.arange(start[of] + 1, end[of])
            if len(inside):
                middle = (sample[start[of]] + sample[end[of]]) / 2
                frames[stage, column] = inside[np.argmin(np.abs(sample[inside] - middle))]
    return frames


def shuffled_stages(kind: np.ndarray) -> Int64[np.ndarray, "stage"]:
    """For each stage another one of the same kind, half the run away; −1 of the only one of its kind."""
    other = np.full(len(kind), -1, dtype=np.int64)
    for each in np.unique(kind):
        stages = np.flatnonzero(kind == each)
        if len(stages) > 1:
            other[stages] = np.roll(stages, -(len(stages) // 2))
    return other


def excess(
    values: Float[np.ndarray, "grain"],
    marked: Bool[np.ndarray, "grain"],
    layer: Int[np.ndarray, "grain"] | None = None,
    covariates: Float[np.ndarray, "grain k"] | None = None,
) -> float:
    """Mean of the values over marked grains less that over the others, at equal layer and covariates.

    .. math:: v_i = a_{\\mathrm{layer}(i)} + \\sum_k b_k x_{ik} + e \\, m_i

    e by least squares, with m = 1 of marked grains and 0 of others. Without covariates it is the mean over layers of
    the difference, each with the weight n_marked n_others/n. A covariate that the values return from by chance, such as
    the same quantity at another time, takes this regression to the mean with it.

    Parameters
    ----------
    values
        NaN is left out.
    marked
        The grains that are compared with the others.
    layer
        Number of each grain's layer; one for all where left out.
    covariates
        NaN is left out.

    Returns
    -------
    float
        In the unit of the values; NaN where no layer holds both marked and other grains.

    Source: analysis of covariance; Barnett, van der Pols & Dobson, Int. J. Epidemiol. 34 (2005) 215.
    """
    # a row each, which lies together in memory
    table = np.stack([values, marked, *(() if covariates is None else covariates.T)]).astype(float)
    known = np.isfinite(table).all(axis=0)
    if not known.any():
        return float("nan")
    table = table[:, known]
    numbers = np.zeros(table.shape[1], dtype=np.int64) if layer is None else layer[known]
    n = np.maximum(np.bincount(numbers), 1)
    for row in table:
        row -= (np.bincount(numbers, row) / n)[numbers]
    products = table @ table.T
    if products[1, 1] <= 1e-9:
        return float("nan")
    # what is left of the marks beside the covariates tells e alone
    beside = np.eye(len(products))
    beside[2:, :2] = -np.linalg.pinv(products[2:, 2:], hermitian=True) @ products[2:, :2]
    left = beside.T @ products @ beside
    return float(left[0, 1] / left[1, 1]) if left[1, 1] > 1e-9 * products[1, 1] else float("nan")


def free_volume_growth(
    free: Float64[np.ndarray, "lag grain"],
    diameter: Float[np.ndarray, "grain"],
    layer: Int[np.ndarray, "grain"],
    active: Bool[np.ndarray, "grain"],
    shuffled: Bool[np.ndarray, "grain"],
) -> Mapping[str, Float64[np.ndarray, "lag"]]:
    """How much more the free volume of active grains grows than that of others, at every lag of `LAGS`.

    Growth is from the earlier of the two frames to the later one: from the lag to the start of the stage before it,
    from the start to the lag after it. At lag 0 it is the free volume itself, matched by diameter alone.

    Parameters
    ----------
    free
        Free volume of every grain at every lag [d̄³], NaN of walls' grains and where there is no frame.
    diameter
        [d̄].
    layer
        The layer of height of each grain at the start of the stage.
    active, shuffled
        Grains that are active in the stage, and those that are in another one.

    Returns
    -------
    dict
        By `COMPARISONS`, shape (lag,) [d̄³]; NaN where it is not known.
    """
    start = free[LAGS.index(0.0)]
    size = np.column_stack([diameter, diameter**2])
    growth: dict[str, np.ndarray] = {name: np.full(len(LAGS), np.nan) for name in COMPARISONS}
    for number, lag in enumerate(LAGS):
        values = start if lag == 0 else np.sign(lag) * (free[number] - start)
        if not np.isfinite(values).any():
            continue
        covariates = size if lag == 0 else np.column_stack([size, start])
        growth["plain"][number] = excess(values, active)
        growth["layered"][number] = excess(values, active, layer)
        growth["matched"][number] = excess(values, active, layer, covariates)
        growth["shuffled"][number] = excess(values, shuffled, layer)
    return growth
