"""Network and baselines on many splits with many seeds: R² with intervals, and what the network adds, paired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.grids.config import Split
from microslip.grids.splits import RULES, SplitSets, rolling_folds, split_stages
from microslip.learn.config import Assessment
from microslip.learn.evaluate import all_scores, paired_difference

# The rule of the folds, as tables name it, and the number that stands for all of them together.
ROLLING, ALL_FOLDS = "rolling", 0

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


def score_lines(
    predictions: pd.DataFrame, methods: list[str], cycle: Int[np.ndarray, "stage"], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of every seed, and their summary with paired differences.

    Parameters
    ----------
    predictions
        Test stages with columns rule, fold, seed, stage, target and one for each method [p]; the baselines are the
        same for all seeds.
    methods
        The network first.
    cycle
        Of every stage of the run, shape (stage,).
    seed
        Of the bootstraps.

    Returns
    -------
    Scores: rule, fold, method, seed, and those of `all_scores`. Summary: rule, fold, method, seeds, n; r2 and
    sign_accuracy, means over seeds, r2_low, r2_high, the interval's mean ends, and r2_spread, the deviation over seeds;
    less_than_network, the mean R² of the network less this one, with its paired interval. The fold 0 of the rolling
    ones holds the test stages of all folds together.
    """
    rolling = predictions[predictions["rule"] == ROLLING]
    lines = pd.concat([predictions, rolling.assign(fold=ALL_FOLDS)], ignore_index=True)
    scored: list[dict[str, Any]] = []
    summary: list[dict[str, Any]] = []
    for (rule, fold), line in lines.groupby(["rule", "fold"], sort=False):
        own = {name: line.pivot(index="seed", columns="stage", values=name) for name in methods}
        stages = own[methods[0]].columns.to_numpy()
        target = line.drop_duplicates("stage").set_index("stage")["target"][stages].to_numpy()
        cycles = cycle[stages]
        for name, table in own.items():
            seeds = table if name == methods[0] else table.iloc[:1]
            rows = [
                {"rule": rule, "fold": fold, "method": name, "seed": number}
                | all_scores(target, values.to_numpy(), cycles, seed)
                for number, values in seeds.iterrows()
            ]
            scored += rows
            summary.append(
                {"rule": rule, "fold": fold, "method": name}
                | _means(pd.DataFrame(rows))
                | (
                    {}
                    if name == methods[0]
                    else _less(target, own[methods[0]].to_numpy(), seeds.to_numpy(), cycles, seed)
                )
            )
    return pd.DataFrame(scored), pd.DataFrame(summary)


def _means(rows: pd.DataFrame) -> dict[str, float]:
    means = rows[["r2", "r2_low", "r2_high", "sign_accuracy"]].mean()
    spread = float(rows["r2"].std())
    return {"seeds": len(rows), "n": int(rows["n"].iloc[0]), **means.to_dict(), "r2_spread": spread}


def _less(
    target: Float[np.ndarray, "stage"],
    network: Float[np.ndarray, "seed stage"],
    other: Float[np.ndarray, "one stage"],
    cycle: Int[np.ndarray, "stage"],
    seed: int,
) -> dict[str, float]:
    paired = paired_difference(target, network, other, cycle, seed)
    return {name.replace("difference", "less_than_network"): value for name, value in paired.items()}
