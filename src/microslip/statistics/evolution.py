"""Statistics of stages → their values in groups of stages, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from microslip.statistics.bins import group_sums, membership
from microslip.statistics.config import Bootstrap
from microslip.statistics.resampling import FEWEST_BLOCKS, block_sums, draws, interval, number_blocks, resample
from microslip.statistics.statistic import Quantity


def of_single_stages(followed: Mapping[str, Quantity]) -> dict[str, np.ndarray]:
    """Every quantity of every stage alone, a group of one, shape (stage,)."""
    return {name: quantity.value(quantity.columns) for name, quantity in followed.items()}


def evolution(
    groups: pd.DataFrame, n_stages: int, followed: Mapping[str, Quantity], settings: Bootstrap
) -> tuple[pd.DataFrame, dict[str, Float[np.ndarray, "sample group"]]]:
    """Every quantity in every group with its interval from a bootstrap over blocks of consecutive stages.

    Parameters
    ----------
    groups
        From `bin_stages`.
    n_stages
        Stages of the run.
    followed
        From `quantities`.
    settings
        Draws, blocks, confidence and seed.

    Returns
    -------
    DataFrame
        group, kind, by, low, high, n_stages, mean_fluctuation [p], quantity, value, value_low, value_high, n_known; the
        interval is NaN of a group that lies in fewer than five blocks. `n_known` is the number of stages that the value
        rests on: those in which something of it was measured.
    dict
        The values of all samples by quantity, shape (sample, group).
    """
    block = number_blocks(n_stages, settings.n_blocks)
    n_blocks = int(block[-1]) + 1
    member = membership(groups, n_stages)
    # a group that lies in few blocks is hardly varied by drawing them
    few = [len(np.unique(block[member[:, column] > 0])) < FEWEST_BLOCKS for column in range(member.shape[1])]
    weights = draws(n_blocks, settings.n_samples, settings.seed)
    about = groups.drop(columns="members")
    tables, samples = [], {}
    for name, quantity in followed.items():
        sums = block_sums(quantity.columns, block, member)
        value = quantity.value(group_sums(quantity.columns, member))
        samples[name] = quantity.value(resample(sums, weights))
        samples[name][:, few] = np.nan
        low, high = interval(samples[name], settings.confidence)
        measured = np.nan_to_num(quantity.columns).any(axis=1)
        n_known = (member.T @ measured).astype(int)
        tables.append(about.assign(quantity=name, value=value, value_low=low, value_high=high, n_known=n_known))
    return pd.concat(tables, ignore_index=True), samples
