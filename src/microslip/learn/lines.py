"""Lines of a table of scores: networks of several seeds, their mean and baselines on one test set, in one layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.learn.assessment import ROLLING
from microslip.learn.conformal import combine
from microslip.learn.evaluate import (
    all_scores,
    coverage_tables,
    covered,
    paired_difference,
    sign_by_size,
    size_edges,
)
from microslip.statistics.intervals import wilson

LINE = ["rule", "fold"]
KEY = [*LINE, "seed", "stage", "target"]

# Methods of a line that are no baselines, and the columns of their intervals.
NETWORK, ENSEMBLE = "network", "ensemble"
INTERVALS = {NETWORK: ("low", "high"), ENSEMBLE: ("ensemble_low", "ensemble_high")}
ENDS = [end for ends in INTERVALS.values() for end in ends]

# Rules by which networks learnt from several other runs.
LEFT_OUT, FEWER = "leave one out", "fewer runs"

# The number of the fold that stands for all of them together.
ALL_FOLDS = 0


def line_predictions(
    predictions: Float[np.ndarray, "seed stage"],
    target: Float[np.ndarray, "stage"],
    n_held: int,
    seeds: Sequence[int],
    stages: Int[np.ndarray, "test"],
    baselines: Mapping[str, Float[np.ndarray, "test"]],
    expected: Float[np.ndarray, "seed stage"] | None = None,
) -> pd.DataFrame:
    """Predictions of one test set: of each network, of the mean of all, with intervals, and of the baselines.

    Parameters
    ----------
    predictions
        Of each network [p]: of the validation set first, which sets the widths, then of the test set.
    target
        Of the same stages [p].
    n_held
        Stages of the validation set.
    seeds
        Of the networks.
    stages, baselines
        Numbers of the test stages, and what each baseline predicts of them [p].
    expected
        Scale of the error that each network expects of the same stages [p], for the loss likelihood.

    Returns
    -------
    One row per seed and test stage: seed, stage, target, network, low, high, ensemble, ensemble_low, ensemble_high,
    and a column for each baseline.
    """
    held = np.arange(n_held)
    together = combine(predictions, target, held, expected)
    parts = []
    for number, (seed, own) in enumerate(zip(seeds, predictions, strict=True)):
        own_expected = None if expected is None else expected[number][None]
        columns = {"seed": seed, "stage": stages, "target": target[n_held:]}
        for name, of in ((NETWORK, combine(own[None], target, held, own_expected)), (ENSEMBLE, together)):
            low, high = INTERVALS[name]
            columns |= {name: of.prediction[n_held:], low: of.low[n_held:], high: of.high[n_held:]}
        parts.append(pd.DataFrame(columns | dict(baselines)))
    return pd.concat(parts, ignore_index=True)


def methods_of(predictions: pd.DataFrame) -> list[str]:
    """The methods of a table of predictions: the network first, then the mean over its seeds, then the baselines."""
    return [name for name in predictions if name not in KEY and name not in ENDS]


def score_lines(
    predictions: pd.DataFrame, cycle: Int[np.ndarray, "stage"], above: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of every seed, and their summary with paired differences.

    Parameters
    ----------
    predictions
        Test stages: rule, fold and the columns of `line_predictions`.
    cycle
        Of every stage of the run, shape (stage,).
    above
        Size of a stage [p] from which on the share of right signs is given apart.
    seed
        Of the bootstraps.

    Returns
    -------
    Scores: rule, fold, method, seed, and those of `all_scores`. Summary: rule, fold, method, seeds, n; r2 and
    sign_accuracy, means over seeds, r2_low, r2_high, the interval's mean ends, and r2_spread, the deviation over seeds;
    n_above and sign_above, of the stages of such a size; n_intervals, the stages that have one, coverage of these, and
    coverage_least and coverage_most, of their tenths by predicted size; less_than_network, the mean R² of the network
    less this one, with its paired interval. The mean of the networks and the baselines count as one seed. The fold 0 of
    the rolling ones holds the test stages of all folds together.
    """
    scored: list[dict[str, Any]] = []
    summary: list[dict[str, Any]] = []
    for line, method, part in _by_method(predictions):
        values = part.pivot(index="seed", columns="stage", values=method)
        first = part.drop_duplicates("stage").set_index("stage").loc[values.columns]
        target, cycles = first["target"].to_numpy(), cycle[values.columns.to_numpy()]
        rows = [
            line | {"method": method, "seed": number} | all_scores(target, of_seed.to_numpy(), cycles, seed)
            for number, of_seed in values.iterrows()
        ]
        scored += rows
        row = line | {"method": method} | _means(pd.DataFrame(rows)) | _sign_above(target, values.to_numpy(), above)
        row |= _covered(part, method)
        if method == NETWORK:
            network = values.to_numpy()
        else:
            paired = paired_difference(target, network, values.to_numpy(), cycles, seed)
            row |= {name.replace("difference", "less_than_network"): value for name, value in paired.items()}
        summary.append(row)
    return pd.DataFrame(scored), pd.DataFrame(summary)


def in_words(line: pd.DataFrame) -> str:
    """R² of the networks of one line of a summary, of their mean, and what they have more than the best baseline."""
    by_method = line.set_index("method")
    own, baselines = by_method.loc[NETWORK], by_method.drop(index=list(INTERVALS), errors="ignore")
    text = f"{own['seeds']} seed{'s' if own['seeds'] != 1 else ''}: test R² {own['r2']:.3f}"
    text += f" [{own['r2_low']:.3f}, {own['r2_high']:.3f}]"
    if own["seeds"] > 1:
        text += f", {by_method.loc[ENSEMBLE, 'r2']:.3f} of their mean"
    if baselines["r2"].notna().any():
        best = baselines.loc[baselines["r2"].idxmax()]
        text += f", more than {str(best.name).replace('_', ' ')} by {best['less_than_network']:.3f}"
        text += f" [{best['less_than_network_low']:.3f}, {best['less_than_network_high']:.3f}]"
    return text


def size_lines(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`sign_by_size` of every method and `coverage_by_size` of those with intervals, means over the seeds.

    Returns
    -------
    rule, fold, method, seeds, and the columns of these tables; sign_spread and coverage_spread, the deviation over
    seeds. The Wilson intervals are of the mean over seeds on so many stages: seeds see the same ones.
    """
    edges = size_edges(predictions["target"].to_numpy())
    signs, coverages = [], []
    for line, method, part in _by_method(predictions):
        about = line | {"method": method}
        tables = [
            sign_by_size(own["target"].to_numpy(), own[method].to_numpy(), edges) for _, own in part.groupby("seed")
        ]
        signs.append(_over_seeds(tables, "sign_accuracy", about))
        if method in INTERVALS:
            coverages.append(_over_seeds(_coverages(part, method), "coverage", about))
    by_name = {"sign_by_size": signs, "coverage_by_size": coverages}
    return {name: pd.concat(parts, ignore_index=True) for name, parts in by_name.items()}


def _by_method(predictions: pd.DataFrame) -> Iterator[tuple[dict[str, Any], str, pd.DataFrame]]:
    """Rule and fold, method, and its rows: of every seed for the network, of the first one for the others."""
    rolling = predictions[predictions["rule"] == ROLLING]
    lines = pd.concat([predictions, rolling.assign(fold=ALL_FOLDS)], ignore_index=True)
    for (rule, fold), line in lines.groupby(LINE, sort=False):
        # every fold has its rows of the first seed
        once = line[line["seed"] == line["seed"].min()]
        for method in methods_of(predictions):
            yield {"rule": rule, "fold": fold}, method, line if method == NETWORK else once


def _means(rows: pd.DataFrame) -> dict[str, float]:
    means = rows[["r2", "r2_low", "r2_high", "sign_accuracy"]].mean()
    spread = float(rows["r2"].std())
    return {"seeds": len(rows), "n": int(rows["n"].iloc[0]), **means.to_dict(), "r2_spread": spread}


def _sign_above(
    target: Float[np.ndarray, "stage"], values: Float[np.ndarray, "seed stage"], above: float
) -> dict[str, float]:
    large = np.abs(target) >= above
    right = np.sign(values[:, large]) == np.sign(target[large])
    return {"n_above": int(large.sum()), "sign_above": float(right.mean()) if large.any() else float("nan")}


def _coverages(part: pd.DataFrame, method: str) -> list[pd.DataFrame]:
    """Coverage by size of a method's intervals, a table for each seed."""
    columns = ["target", method, *INTERVALS[method]]
    return [coverage_tables(*(own[name].to_numpy() for name in columns)) for _, own in part.groupby("seed")]


def _covered(part: pd.DataFrame, method: str) -> dict[str, float]:
    """Coverage of the stages with an interval, and of their tenths by predicted size where it is least and most."""
    if method not in INTERVALS:
        return {}
    known = part.dropna(subset=list(INTERVALS[method]))
    mean = np.array([np.nan])
    if len(known):
        mean = np.mean([table.query("by == 'prediction'")["coverage"] for table in _coverages(known, method)], axis=0)
    ends = (known[name].to_numpy() for name in INTERVALS[method])
    whole = {"n_intervals": known["stage"].nunique(), "coverage": covered(known["target"].to_numpy(), *ends)}
    return whole | {"coverage_least": float(mean.min()), "coverage_most": float(mean.max())}


def _over_seeds(tables: list[pd.DataFrame], value: str, about: dict[str, Any]) -> pd.DataFrame:
    """Means over tables that have their rows in the same order, and the deviation of one column."""
    first = tables[0]
    numbers = first.select_dtypes("number").columns
    mean = first.copy()
    mean[numbers] = np.mean([table[numbers].to_numpy(dtype=float) for table in tables], axis=0)
    mean["n"] = first["n"]
    if len(mean):
        ends = [wilson(round(share * n), n) for share, n in zip(mean[value], mean["n"], strict=True)]
        mean["low"], mean["high"] = zip(*ends, strict=True)
    spread = np.std([table[value] for table in tables], axis=0, ddof=1) if len(tables) > 1 else np.nan
    mean.insert(mean.columns.get_loc(value) + 1, f"{value.removesuffix('_accuracy')}_spread", spread)
    for place, (name, content) in enumerate({**about, "seeds": len(tables)}.items()):
        mean.insert(place, name, content)
    return mean
