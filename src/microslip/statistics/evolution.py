"""Statistics of stages → their values in groups of stages, with intervals: as they are, and at one Δγ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.statistics.bins import log_sizes, membership
from microslip.statistics.conditioning import SLOPES, Conditioned, measure
from microslip.statistics.resampling import FEWEST_BLOCKS, estimate
from microslip.statistics.statistic import Quantity

_ON_LENGTH = SLOPES.index("of_length")


def of_single_stages(followed: Mapping[str, Quantity]) -> dict[str, np.ndarray]:
    """Every quantity of every stage alone, a group of one, shape (stage,)."""
    return {name: quantity.value(quantity.columns) for name, quantity in followed.items()}


def evolution(
    groups: pd.DataFrame,
    stages: pd.DataFrame,
    followed: Mapping[str, Quantity],
    conditioned: Mapping[tuple[str, str], Conditioned],
    block: Int[np.ndarray, "stage"],
    confidence: float = 0.95,
) -> tuple[pd.DataFrame, dict[str, Float[np.ndarray, "sample group"]]]:
    """Every quantity in every group with its interval from blocks left out; see `estimate`.

    Parameters
    ----------
    groups
        From `bin_stages`.
    stages
        Table of stages.
    followed, conditioned
        From `quantities` and `condition`.
    block
        From `strain_blocks`, shape (stage,).
    confidence
        Of the intervals.

    Returns
    -------
    DataFrame
        group, kind, by, low, high, n_stages, mean_fluctuation [p], quantity, value, value_low, value_high; fixed,
        fixed_low, fixed_high: the value at the mean log₁₀Δγ of all stages of the kind, moved there along the slope on
        log₁₀Δγ at fixed |Δs|; n_known. Intervals are NaN of a group that lies in fewer than five blocks. `n_known` is
        the number of stages that the value rests on: those in which something of it was measured.
    dict
        The values by quantity, of all blocks first and then without each, shape (1 + block, group).
    """
    member, sizes = membership(groups, len(stages)), np.nan_to_num(log_sizes(stages))
    # a group that lies in few blocks is hardly varied by leaving them out
    few = [len(np.unique(block[here > 0])) < FEWEST_BLOCKS for here in member.T]
    about = groups.drop(columns="members")
    whole = {
        kind: column for column, (kind, by) in enumerate(zip(groups["kind"], groups["by"], strict=True)) if by == "kind"
    }
    tables, samples = [], {}
    for name, quantity in followed.items():
        measured = measure(quantity, member, sizes, block)
        fixed = np.full_like(measured.value, np.nan)
        for column, kind in enumerate(groups["kind"]):
            if (name, kind) in conditioned:
                away = measured.sizes[:, column, 1] - measured.sizes[:, whole[kind], 1]
                fixed[:, column] = measured.value[:, column] - conditioned[name, kind].slopes[:, _ON_LENGTH] * away
        columns: dict[str, np.ndarray] = {}
        for label, values in (("value", measured.value), ("fixed", fixed)):
            values[1:, few] = np.nan
            of = estimate(values[0], values[1:], confidence)
            columns |= {label: of.value, f"{label}_low": of.low, f"{label}_high": of.high}
        samples[name] = measured.value
        tables.append(about.assign(quantity=name, **columns, n_known=measured.n[0].astype(int)))
    return pd.concat(tables, ignore_index=True), samples
