"""Intervals of predictions: as wide as the errors of held-out stages of like scale were."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from microslip.statistics.resampling import SCORE_COVERAGE

# Held-out stages that set the width of a group: of fewer than fifty the 90 % error hangs on five. More groups than five
# would follow errors that the scale follows already, each with a coarser width.
STAGES_PER_GROUP = 50
MOST_GROUPS = 5

# Quantiles of the predicted sizes that are tried as the floor of the scale.
FLOORS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Combined(NamedTuple):
    """What networks predict together [p]: their mean, standard deviation, and the ends of the interval of 90 %."""

    prediction: Float64[np.ndarray, "stage"]
    spread: Float64[np.ndarray, "stage"]
    low: Float64[np.ndarray, "stage"]
    high: Float64[np.ndarray, "stage"]


def combine(
    predictions: Float[np.ndarray, "member stage"],
    target: Float[np.ndarray, "stage"],
    held: Int[np.ndarray, "held"],
    expected: Float[np.ndarray, "member stage"] | None = None,
) -> Combined:
    """Mean of networks that differ by their seed, with an interval from the errors of held-out stages.

    Parameters
    ----------
    predictions
        Of each network, shape (member, stage) [p]; the spread of a single one is NaN.
    target
        Shape (stage,) [p]; those of held-out stages alone are looked at.
    held
        Numbers of the stages of the validation set.
    expected
        Scale of the error that each network expects [p], where they learnt with the loss likelihood.
    """
    prediction = np.mean(predictions, axis=0, dtype=float)
    single = len(predictions) == 1
    spread = np.full(len(prediction), np.nan) if single else np.std(predictions, axis=0, ddof=1, dtype=float)
    residual = target[held] - prediction[held]
    given = None if expected is None or np.isnan(expected).any() else expected.mean(axis=0)
    scale = interval_scale(prediction, spread, residual, held, given)
    return Combined(prediction, spread, *conformal_interval(residual, scale[held], prediction, scale))


def interval_scale(
    prediction: Float[np.ndarray, "stage"],
    spread: Float[np.ndarray, "stage"],
    residual: Float[np.ndarray, "held"],
    held: Int[np.ndarray, "held"],
    expected: Float[np.ndarray, "stage"] | None = None,
) -> Float64[np.ndarray, "stage"]:
    """How wide the interval of each stage is, but for a factor [p].

    .. math:: u = |p| + s + a

    Errors grow with the size of what is predicted, p, and with the spread s of the ensemble; the floor a is the error
    of what is predicted to be nothing. It is the one under which the errors of held-out stages are likeliest, if they
    follow Laplace's law with a scale in proportion to u: the smallest ⟨log u⟩ + log⟨|t − p|/u⟩. Of networks that say
    what error they expect, that error stands for |p| where it makes those errors likelier.

    Parameters
    ----------
    prediction
        Shape (stage,) [p].
    spread
        Standard deviation over the ensemble, NaN of a single network, shape (stage,) [p].
    residual, held
        True minus predicted of the validation set [p], and its stages.
    expected
        Scale of the error that the networks expect, shape (stage,) [p].

    Returns
    -------
    array
        Shape (stage,) [p]; 1 everywhere where all held-out stages are predicted to change by nothing.
    """
    error, best, least = np.abs(residual), np.ones(len(prediction)), np.inf
    for first in [np.abs(prediction)] + ([] if expected is None else [expected]):
        size = first + np.nan_to_num(spread)
        of_held = size[held]
        if not (of_held > 0).any():
            continue
        # the last: as good as one width for all
        floors = np.append(np.quantile(of_held, FLOORS), 10 * of_held.max())
        for floor in floors[floors > 0]:
            cost = np.mean(np.log(of_held + floor)) + np.log(np.mean(error / (of_held + floor)) or 1.0)
            if cost < least:
                best, least = np.asarray(size + floor, dtype=float), cost
    return best


def conformal_interval(
    residual: Float[np.ndarray, "held"],
    held_scale: Float[np.ndarray, "held"],
    prediction: Float[np.ndarray, "stage"],
    scale: Float[np.ndarray, "stage"],
) -> tuple[Float64[np.ndarray, "stage"], Float64[np.ndarray, "stage"]]:
    """Interval of 90 % about each prediction, as wide as the errors of stages held out of the training were.

    .. math:: p \\pm q_g u, \\qquad q_g = \\text{the } \\lceil 0.9 (n_g + 1) \\rceil\\text{-th smallest }
        |t_j - p_j| / u_j \\text{ of the group } g

    Held-out stages are parted into groups of like scale u, equally many in each: up to five, of 50 or more. A stage
    has the q of the group that its own scale lies in. So the coverage holds within each group, not only over all
    stages: where the scale grows with the predicted size, it holds for the stages that are predicted to be large.

    Parameters
    ----------
    residual, held_scale
        True minus predicted of the validation set [p], and the scale u of each [p].
    prediction, scale
        Of the stages that want an interval [p].

    The coverage holds for stages drawn like the validation set; that of adjacent blocks is measured, not promised. It
    is one given the prediction. Given the true size no interval about a prediction has it: a stage that was taken for
    a small one lies outside. NaN with fewer than nine held out, of whose errors none is the 90 % one.

    Sources: split conformal prediction with a local scale, Lei et al., J. Am. Stat. Assoc. 113 (2018) 1094, section
    5.2; by group, Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (Springer 2005), section 4.5.
    """
    edges = group_edges(held_scale)
    of_held, of_stage = (np.searchsorted(edges, values, side="right") for values in (held_scale, scale))
    factors = [_factor(np.abs(residual[of_held == g]) / held_scale[of_held == g]) for g in range(len(edges) + 1)]
    half = np.array(factors)[of_stage] * scale
    return prediction - half, prediction + half


def group_edges(held_scale: Float[np.ndarray, "held"]) -> Float64[np.ndarray, "edge"]:
    """The scales that part held-out stages into groups [p]; none where they do not suffice, or are all alike."""
    n_groups = min(MOST_GROUPS, len(held_scale) // STAGES_PER_GROUP)
    if n_groups < 2:
        return np.empty(0)
    edges = np.unique(np.quantile(held_scale, np.linspace(0, 1, n_groups + 1)[1:-1]))
    # equal scales fall into one group, and may leave another one with too few
    while len(edges):
        sizes = np.bincount(np.searchsorted(edges, held_scale, side="right"), minlength=len(edges) + 1)
        smallest = int(np.argmin(sizes))
        if sizes[smallest] >= STAGES_PER_GROUP // 2:
            break
        edges = np.delete(edges, min(smallest, len(edges) - 1))
    return np.asarray(edges, dtype=float)


def _factor(score: Float[np.ndarray, "held"]) -> float:
    """The smallest number that 90 % of so many scores and one more do not exceed; NaN of fewer than nine."""
    rank = int(np.ceil(SCORE_COVERAGE * (len(score) + 1)))
    return float(np.sort(score)[rank - 1]) if rank <= len(score) else float("nan")
