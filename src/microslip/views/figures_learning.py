"""Figures of what the network learned and where it looks, put together from a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views import attribution, dynamics, learning
from microslip.views.choose import choose_explained
from microslip.views.compose import Drawing, panel, read_errors, read_history, read_predictions
from microslip.views.style import GREY, ONE_COLUMN, TWO_COLUMNS, journal_style, letter, new_figure, scientific


@journal_style()
def training(run: Run) -> Drawing:
    """Loss, predicted against true, and errors, under the random split (above) and the blocked split (below)."""
    figure = new_figure(TWO_COLUMNS, 6.0)
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=[1.0, 4.9]), dtype=object)
    sets = top.subplots()
    grid = bottom.subplots(2, 3, width_ratios=[1.0, 1.15, 1.0])
    tables: dict[str, pd.DataFrame] = {}
    with panel(sets, run, "train", "Sets"):
        predictions = read_predictions(run)
        learning.split_stripes(predictions, run.stages, title="Sets", axes=sets)
        tables["sets"] = learning.split_table(predictions, run.stages)
    for row, rule in zip(grid, learning.RULES, strict=True):
        with panel(row[0], run, "train", f"Loss, {rule} split"):
            tables["history"] = read_history(run)
            learning.loss_curves(tables["history"], rule, title=f"Loss, {rule} split", axes=row[0])
        with panel(row[1], run, "train", f"Prediction, {rule} split"):
            tables["predictions"] = read_predictions(run)
            learning.predicted_against_true(
                tables["predictions"], run.metrics, rule, title=f"Prediction, {rule} split", axes=row[1]
            )
        with panel(row[2], run, "train", f"Errors, {rule} split"):
            tables["errors"] = read_errors(run)
            learning.error_histogram(tables["errors"], run.metrics, rule, title=f"Errors, {rule} split", axes=row[2])
    for axes, name in zip([sets, *grid.flat], "abcdefg", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


@journal_style()
def scores(run: Run) -> Drawing:
    """R² on the test set of the network and of two baselines without pattern, under both split rules."""
    figure = new_figure(ONE_COLUMN, 2.6)
    axes = figure.subplots()
    rows = []
    with panel(axes, run, "train", "Network and baselines"):
        metrics = run.metrics
        learning.score_bars(metrics, title="Network and baselines", axes=axes)
        rows = [
            {"rule": rule, "model": model, "split": split, **values}
            for rule in learning.RULES
            for model, splits in metrics.get(rule, {}).items()
            if isinstance(splits, dict)
            for split, values in splits.items()
            if isinstance(values, dict)
        ]
    return Drawing(figure, {"scores": pd.DataFrame(rows)} if rows else {})


@journal_style()
def attributions(run: Run) -> Drawing:
    """D²min beside the attribution, for the largest slip and the largest stick explained."""
    figure = new_figure(TWO_COLUMNS, 4.1)
    tables: dict[str, pd.DataFrame] = {}
    drawn: list[Axes] = []
    for part, kind in zip(np.asarray(figure.subfigures(2, 1), dtype=object), ("slip", "stick"), strict=True):
        row = part.subplots(1, 4)
        planes: list[tuple[str, np.ndarray, bool]] = []
        with panel(row[0], run, "explain", kind.capitalize()):
            explained, stages, voxels = run.attributions, run.stages, run.voxels
            numbers = explained["stage"].to_numpy()
            chosen = choose_explained(stages, numbers)
            at = chosen[kind == "stick"]
            logs = attribution.log_nodes(voxels["d2min"][int(numbers[at])].to_numpy())
            given = explained["attribution"][at].to_numpy()
            x, z = voxels["x"].to_numpy(), voxels["z"].to_numpy()
            change = float(stages.set_index("stage")["fluctuation"][numbers[at]])
            name = rf"{kind.capitalize()}, $\Delta s$ = {scientific(change)} $p$"
            planes = [
                ("mid-depth", attribution.mid_depth(logs), False),
                ("mid-depth", attribution.mid_depth(given), True),
                ("largest over depth", attribution.largest_over_depth(logs), False),
                ("mean over depth", attribution.mean_over_depth(given), True),
            ]
            for axes, (title, plane, signed) in zip(row, planes, strict=True):
                label, unit = ("attribution", "p") if signed else (dynamics.LOG_D2MIN_LABEL, "")
                attribution.node_map(plane, x, z, signed=signed, label=label, unit=unit, axes=axes)
                axes.set_title(title, loc="right", fontsize=7.5, fontweight="normal", color=GREY)
                if axes is not row[0]:
                    axes.set_ylabel("")
                    axes.tick_params(labelleft=False)
            part.suptitle(name, x=0.02, ha="left", fontsize=8.5, fontweight="bold")
            tables[kind] = _plane_table(x, z, [plane for _, plane, _ in planes])
            drawn += list(row)
        if not planes:
            drawn.append(row[0])
            for axes in row[1:]:
                axes.set_axis_off()
    for axes, name in zip(drawn, "abcdefgh", strict=False):
        letter(axes, name)
    return Drawing(figure, tables)


def _plane_table(x: np.ndarray, z: np.ndarray, planes: list[np.ndarray]) -> pd.DataFrame:
    names = ["log10_d2min_mid_depth", "attribution_mid_depth", "log10_d2min_largest", "attribution_mean"]
    columns = {name: plane.ravel() for name, plane in zip(names, planes, strict=True)}
    return pd.DataFrame({"x": np.repeat(x, len(z)), "z": np.tile(z, len(x)), **columns})


@journal_style()
def completeness(run: Run) -> Drawing:
    """How far the attributions of a stage are from adding up to what the network predicted."""
    figure = new_figure(ONE_COLUMN, 2.3)
    axes = figure.subplots()
    tables: dict[str, pd.DataFrame] = {}
    with panel(axes, run, "explain", "Completeness of the attributions"):
        explained = run.attributions
        errors = explained["completeness_error"].to_numpy()
        attribution.completeness_histogram(errors, title="Completeness of the attributions", axes=axes)
        tables["errors"] = pd.DataFrame({"stage": explained["stage"].to_numpy(), "completeness_error": errors})
    return Drawing(figure, tables)
