"""Predictions while nodes are taken out or put in: does an order of the nodes name those that the network uses?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from microslip.learn.controls import Done, ExplainedStage, Explainer
from microslip.learn.nulls import replaced_in_order
from microslip.statistics.resampling import SCORE_COVERAGE, median_interval

# Shares of nodes that are replaced in the deletion and insertion curves.
FRACTIONS = np.concatenate([[0.0, 0.005, 0.01, 0.02, 0.05], np.linspace(0.1, 1, 10)])

REPLACEMENTS = ("stages", "baseline")
"""What stands at nodes that are taken out: the values of other stages there, or those of the baseline."""

# What an order is held against: one that knows the direction, or one by size alone.
BY_SIZE = ("d2min", "input")

Map = Float64[np.ndarray, "x y z"]


def delete_and_insert(
    explainer: Explainer, stages: Sequence[ExplainedStage], rivals: Mapping[str, Sequence[Map]], done: Done
) -> dict[str, pd.DataFrame]:
    """Predictions while nodes are taken out or put in, as shares of the way from nothing to all nodes.

    In the place of a node that is taken out stand the values that other stages have there, `explainer.donors`, one
    after another, and the mean of the predictions counts: every value is one that the network has seen at that node,
    though the seams between two stages are not. Beside it, as was usual, the baseline's values, which may lead the
    network to where it has never been.

    Parameters
    ----------
    explainer, stages
        The network, and the stages with its attributions.
    rivals
        Other attributions of the same stages, by name; their nodes are ordered as those of the network's own.
    done
        Called after each stage.

    Returns
    -------
    `replacement` (other stages) and `deletion` (the baseline): mode, order, fraction, and over the n stages the
    quartiles of the share, low, median and high. `areas`: see `area_table`.
    """
    rows: dict[str, list[pd.DataFrame]] = {name: [] for name in REPLACEMENTS}
    for number, stage in enumerate(stages):
        orders = _orders(stage, explainer, {name: maps[number] for name, maps in rivals.items()})
        for name, fields in (("stages", explainer.donors), ("baseline", explainer.baseline[None])):
            for order, nodes in orders.items():
                for mode in ("deletion", "insertion"):
                    curve = _mean_curve(explainer, stage, fields, nodes, mode == "insertion")
                    about = {"stage": stage.number, "mode": mode, "order": order}
                    rows[name].append(pd.DataFrame({**about, "fraction": FRACTIONS, "share": curve}))
        done(1)
    curves = {name: pd.concat(parts, ignore_index=True) for name, parts in rows.items()}
    return {
        "replacement": _quartiles(curves["stages"]),
        "deletion": _quartiles(curves["baseline"]),
        "areas": pd.concat(
            [area_table(table, explainer.seed).assign(replacement=name) for name, table in curves.items()],
            ignore_index=True,
        ),
    }


def _mean_curve(
    explainer: Explainer, stage: ExplainedStage, fields: np.ndarray, nodes: np.ndarray, insertion: bool
) -> np.ndarray:
    """Share of the way at every fraction, of the mean prediction over the fields that stand in for the stage."""
    predictions = np.mean(
        [
            replaced_in_order(explainer.network, explainer.scaling, stage.inputs, field, nodes, FRACTIONS, insertion)
            for field in fields
        ],
        axis=0,
    )
    whole, empty = predictions[[-1, 0] if insertion else [0, -1]]
    return np.asarray((predictions - empty) / (whole - empty if whole != empty else np.nan))


def _orders(
    stage: ExplainedStage, explainer: Explainer, rivals: Mapping[str, Map]
) -> dict[str, Int64[np.ndarray, "node"]]:
    """All nodes, the most important first, by what importance may be."""
    scores = {"attribution": _speaks_for(stage.attribution)}
    scores |= {name: _speaks_for(attribution) for name, attribution in rivals.items()}
    scores |= {
        "size of attribution": np.abs(stage.attribution),
        "d2min": stage.inputs[0],
        "input": np.abs(stage.inputs - explainer.baseline).sum(axis=0),
        "random": np.random.default_rng([explainer.seed, stage.number]).random(stage.attribution.shape),
    }
    return {name: np.argsort(-score.ravel(), kind="stable") for name, score in scores.items()}


def _speaks_for(attribution: Map) -> Map:
    """What raises the prediction of a slip, or lowers that of a stick, is what speaks for it."""
    return np.asarray((np.sign(attribution.sum()) or 1.0) * attribution)


def _quartiles(curves: pd.DataFrame) -> pd.DataFrame:
    groups = curves.groupby(["mode", "order", "fraction"], sort=False)["share"]
    quartiles = [groups.quantile(q).rename(name) for q, name in ((0.25, "low"), (0.5, "median"), (0.75, "high"))]
    return pd.concat([*quartiles, groups.count().rename("n")], axis=1).reset_index()


def area_table(curves: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The area under the curve of each order, and how much larger it is than that of the attribution, stage by stage.

    .. math:: a = \\int_0^1 \\frac{F(f) - F_\\mathrm{nothing}}{F_\\mathrm{all} - F_\\mathrm{nothing}} \\, df

    While nodes are taken out, a small area says that the first ones carried the prediction.

    Parameters
    ----------
    curves
        Columns stage, mode, order, fraction and share.
    seed
        Of the resampling of stages.

    Returns
    -------
    mode, order, n; area, the median over the n stages, with its 90 % bootstrap interval, area_low and area_high;
    `than`, the order that it is compared with: the attribution, or its size where the order knows nothing but sizes;
    more, the median of the difference between both areas of a stage, with its interval, more_low and more_high.
    """
    ordered = curves.sort_values("fraction", kind="stable")
    areas = {
        key: np.trapezoid(part["share"], part["fraction"])
        for key, part in ordered.groupby(["mode", "order", "stage"], sort=False)
    }
    wide = pd.Series(areas).unstack(level=2)
    rows = []
    for mode, order in dict.fromkeys(zip(curves["mode"], curves["order"], strict=True)):
        own = wide.loc[(mode, order)]
        than = "size of attribution" if order in BY_SIZE else "attribution"
        row = {"mode": mode, "order": order, "n": int(own.notna().sum()), "than": than}
        for name, values in (("area", own), ("more", own - wide.loc[(mode, than)])):
            some = values.dropna().to_numpy(dtype=float)
            low, high = median_interval(some, seed, SCORE_COVERAGE)
            row |= {name: float(np.median(some)) if len(some) else np.nan, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)
