"""How often a slope or a difference is found where there is none, and how often one that was planted.

Nothing is there after sizes of stages were moved along the run against their statistics, or after sticks and slips of
cycles drawn at random have changed their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.special import stdtrit

from microslip.statistics.conditioning import SLOPES, cells_of, condition, measure
from microslip.statistics.contrasts import matched_differences
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
        quantity, kind, cycles, n_blocks, slope (one of `JUDGED`), value, error, p_value, positive; slopes without a
        p-value left out.

    Shifts of series that drift still find slopes where there are none: a run must be steady.
    """
    rows, n_blocks = [], int(block.max()) + 1
    for shift in cycles:
        for (name, kind), of in condition(shifted(stages, shift), followed, block).items():
            found = estimate(of.slopes[0], of.slopes[1:], confidence)
            for slope in JUDGED:
                number = SLOPES.index(slope)
                value, error, p_value = (float(each[number]) for each in (found.value, found.error, found.p_value))
                if np.isfinite(p_value):
                    rows.append((name, kind, shift, n_blocks, slope, value, error, p_value, p_value < 1 - confidence))
    names = ["quantity", "kind", "cycles", "n_blocks", "slope", "value", "error", "p_value", "positive"]
    return pd.DataFrame(rows, columns=names)


def planted_power(
    table: pd.DataFrame, planted: Float[np.ndarray, "slope"], confidence: float = 0.95
) -> Bool[np.ndarray, "slope"]:
    """Whether a slope that is planted into a shifted run is found, with its sign.

    Adding b log₁₀|Δs| to what is measured in every group of stages adds b to each of the slopes, of all blocks and
    without any of them, and leaves the errors: so nothing has to be fitted again.

    Parameters
    ----------
    table
        From `false_positives`.
    planted
        b of every row, such as ±`detectable` of its claim.
    confidence
        Of the intervals.
    """
    steps = stdtrit(table["n_blocks"].to_numpy() - 1, 0.5 + confidence / 2) * table["error"].to_numpy()
    return np.asarray(np.sign(planted) * (table["value"].to_numpy() + planted) > steps)


def exchanged(stages: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The stages, the two of half of the cycles named slip for stick and stick for slip: kinds differ in nothing."""
    swapped = (rng.random(int(stages["cycle"].max()) + 1) < 0.5)[stages["cycle"]]
    kind = stages["kind"].to_numpy()
    return stages.assign(kind=np.where(swapped & (kind == "slip"), "stick", np.where(swapped, "slip", kind)))


def false_contrasts(
    stages: pd.DataFrame,
    followed: Mapping[str, Quantity],
    block: Int[np.ndarray, "stage"],
    rng: np.random.Generator,
    n: int,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Differences of kinds at equal |Δs| and Δγ after `n` exchanges of names, and which are called different from zero.

    Returns
    -------
    DataFrame
        quantity, exchange, value, p_value, positive; differences without a p-value left out.
    """
    rows: list[tuple[str, int, float, float, bool]] = []
    columns = ["quantity", "exchange", "value", "p_value", "positive"]
    if (cells := cells_of(stages, ["stick", "slip"])) is None:
        return pd.DataFrame(rows, columns=columns)
    for exchange in range(n):
        named = exchanged(stages, rng)["kind"].to_numpy()
        for name, quantity in followed.items():
            of_kind = [
                measure(quantity, cells.member * (named == kind)[:, None], cells.sizes, block)
                for kind in ("stick", "slip")
            ]
            matched, _ = matched_differences(*of_kind)
            found = estimate(matched[0], matched[1:], confidence)
            if np.isfinite(found.p_value):
                p_value = float(found.p_value)
                rows.append((name, exchange, float(found.value), p_value, p_value < 1 - confidence))
    return pd.DataFrame(rows, columns=columns)
