"""Splits and folds on which several seeds are judged."""

from __future__ import annotations

import pandas as pd

from microslip.grids.config import Split
from microslip.grids.splits import RULES, SplitSets, rolling_folds, split_stages
from microslip.learn.config import Assessment

# The rule of the folds, as tables name it.
ROLLING = "rolling"

# An embargo takes no more of a part of the strain.
MOST_OF_A_PART = 0.25


def longest_embargo(first_strain: float, last_strain: float, settings: Assessment) -> float:
    """The strain between sets of a fold: `assessment.embargo`, or in a short run a quarter of a part of the strain."""
    return min(settings.embargo, MOST_OF_A_PART * (last_strain - first_strain) / (settings.folds + 2))


def assessed_splits(
    stages: pd.DataFrame, split: Split, settings: Assessment, seed: int
) -> dict[tuple[str, int], SplitSets]:
    """The sets of every line, by rule and fold; the rules of a training have the fold 0, the rolling ones 1, 2, …"""
    wanted: list[str] = [rule for rule in RULES if rule in settings.rules]
    sets: dict[tuple[str, int], SplitSets] = {
        (rule, 0): split_stages(rule, len(stages), split, seed) for rule in wanted
    }
    if settings.folds:
        start, end = (stages[f"{name}_strain"].to_numpy() for name in ("start", "end"))
        embargo = longest_embargo(float(start[0]), float(end[-1]), settings)
        share = split.validation / (split.train + split.validation)
        folds = rolling_folds(start, end, settings.folds, share, embargo)
        sets |= {(ROLLING, number): fold for number, fold in enumerate(folds, start=1)}
    return sets
