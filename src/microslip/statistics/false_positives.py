"""How often a slope is found where there is none: stages' sizes moved along the run against their statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Int

from microslip.statistics.conditioning import SLOPES, condition
from microslip.statistics.resampling import estimate
from microslip.statistics.statistic import Quantity

JUDGED = ("plain", "conditioned", "matched")


def shifted(stages: pd.DataFrame, cycles: int) -> pd.DataFrame:
    """The stages with |Δs| and Δγ of those of their kind so many cycles later; the run is closed to a circle.

    What stages remember of each other, and how |Δs| goes with Δγ, stays; what they have to do with the statistics of
    the stages is gone.
    """
    moved = stages.copy()
    for kind in ("stick", "slip"):
        here = np.flatnonzero((stages["kind"] == kind).to_numpy())
        for name in ("fluctuation", "strain_increment"):
            column = moved.columns.get_loc(name)
            moved.iloc[here, column] = np.roll(stages[name].to_numpy()[here], -cycles)
    return moved


def false_positives(
    stages: pd.DataFrame,
    followed: Mapping[str, Quantity],
    block: Int[np.ndarray, "stage"],
    cycles: Iterable[int],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The slopes of every statistic after circular shifts, and which of them are called different from zero.

    Parameters
    ----------
    stages
        Table of stages.
    followed
        From `quantities`.
    block
        From `strain_blocks`, shape (stage,).
    cycles
        Shifts.
    confidence
        Of the intervals: 1 − it is the rate that is due.

    Returns
    -------
    DataFrame
        quantity, kind, cycles, slope (one of `JUDGED`), value, p_value, positive; slopes without a p-value left out.

    Shifts of series that drift still find slopes where there are none: a run must be steady.
    """
    rows = []
    for shift in cycles:
        for (name, kind), of in condition(shifted(stages, shift), followed, block).items():
            found = estimate(of.slopes[0], of.slopes[1:], confidence)
            for slope in JUDGED:
                number = SLOPES.index(slope)
                value, p_value = float(found.value[number]), float(found.p_value[number])
                if np.isfinite(p_value):
                    positive = p_value < 1 - confidence
                    rows.append((name, kind, shift, slope, value, p_value, positive))
    return pd.DataFrame(rows, columns=["quantity", "kind", "cycles", "slope", "value", "p_value", "positive"])
