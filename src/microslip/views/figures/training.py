"""How the network learned: sets, loss, predicted against true stress changes, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from microslip.data.run import Run
from microslip.views.figures.record import NODES, SETS, STAGE_ENDS, RunFigure
from microslip.views.names import RULES, SPLIT_COLOUR
from microslip.views.panels import Drawing, panel, table_panel
from microslip.views.style import (
    INK,
    NEW_AXES,
    SKY,
    TWO_COLUMNS,
    VERMILLION,
    add_letters,
    draws_panel,
    few_log_labels,
    journal_style,
    new_figure,
)
from microslip.views.tables import read, read_predictions, score


def _r2(metrics: dict[str, Any], rule: str, split: str, digits: int) -> str:
    """R² of the network as the training measured it, behind a comma; empty where it has no value."""
    value = score(metrics, rule, "network", split)
    return f", $R^2$ = {value:.{digits}f}".replace("-", "−") if np.isfinite(value) else ""


@draws_panel(height=1.2)
def split_stripes(predictions: pd.DataFrame, stages: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Which set each stage belongs to, as stripes along the strain, one row per split rule; stages left out are white.

    Parameters
    ----------
    predictions
        Columns stage, rule and split; predictions.csv.
    stages
        Columns stage, start_strain and end_strain; stages.csv.
    """
    table = split_table(predictions, stages)
    for row, rule in enumerate(RULES):
        of_rule = table[table["rule"] == rule]
        for split, colour in SPLIT_COLOUR.items():
            part = of_rule[of_rule["split"] == split]
            spans = list(zip(part["start_strain"], part["end_strain"] - part["start_strain"], strict=True))
            axes.broken_barh(
                spans, (-row - 0.4, 0.8), facecolors=colour, linewidth=0, rasterized=len(part) > 1000,
                label=split if row == 0 else None,
            )  # fmt: skip
    if len(table):
        axes.set_xlim(float(table["start_strain"].min()), float(table["end_strain"].max()))
    axes.set_ylim(-1.45, 0.45)
    axes.set_yticks([0, -1], RULES)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(r"shear strain $\gamma$ [1]")
    sizes = table[table["rule"] == RULES[0]].groupby("split").size()
    handles = [Patch(facecolor=SPLIT_COLOUR[name], label=f"{name}, {sizes.get(name, 0)}") for name in SPLIT_COLOUR]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, handlelength=1.0,
                columnspacing=1.2, borderaxespad=0.1)  # fmt: skip


def split_table(predictions: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """rule, stage, split and the strains at both ends, in order."""
    strains = stages[["stage", "start_strain", "end_strain"]]
    table = predictions[["rule", "stage", "split"]].merge(strains, on="stage", how="inner")
    return table.sort_values(["rule", "stage"], ascending=[False, True], ignore_index=True)


@draws_panel()
def loss_curves(history: pd.DataFrame, rule: str, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Training and validation loss against epoch under one split rule; table of history.csv."""
    of_rule = history[history["rule"] == rule]
    axes.plot(of_rule["epoch"], of_rule["train_loss"], color=INK, label="train")
    axes.plot(of_rule["epoch"], of_rule["validation_loss"], color=SPLIT_COLOUR["validation"], label="validation")
    if len(of_rule):
        best = of_rule.loc[of_rule["validation_loss"].idxmin()]
        axes.plot(
            best["epoch"], best["validation_loss"], "o", color=SPLIT_COLOUR["validation"], markersize=4, label="best"
        )
    axes.set_yscale("log")
    few_log_labels(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlabel("epoch [1]")
    axes.set_ylabel(r"loss [target variances]")
    axes.legend()


@draws_panel(height=3.2)
def predicted_against_true(
    predictions: pd.DataFrame,
    metrics: dict[str, Any],
    rule: str,
    *,
    splits: tuple[str, ...] = ("train", "test"),
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """Predicted against true stress fluctuation [p] under one split rule, with the R² of each set.

    `predictions` and `metrics` are the contents of predictions.csv and metrics.json; a set of too few stages, or of
    equal ones, has no R².
    """
    of_rule = predictions[predictions["rule"] == rule]
    shown = of_rule[of_rule["split"].isin(splits)]
    for split in splits:
        part = shown[shown["split"] == split]
        axes.plot(
            part["target"], part["prediction"], "o", color=SPLIT_COLOUR[split],
            alpha=0.30 if split == "train" else 0.65,
            markersize=2.4 if split == "train" else 3.0, markeredgewidth=0, rasterized=len(part) > 3000,
            label=split + _r2(metrics, rule, split, 3),
        )  # fmt: skip
    _square(axes, shown)


@draws_panel(height=3.2)
def both_test_sets(
    predictions: pd.DataFrame, metrics: dict[str, Any], *, title: str = "", axes: Axes = NEW_AXES
) -> None:
    """Predicted against true stress fluctuation [p] of the test sets of all rules; as `predicted_against_true`."""
    tests = predictions[predictions["split"] == "test"]
    for rule, colour, marker in zip(RULES, (SKY, VERMILLION), "os", strict=True):
        part = tests[tests["rule"] == rule]
        if part.empty:
            continue
        axes.plot(
            part["target"], part["prediction"], marker, color=colour, alpha=0.6, markersize=3.2, markeredgewidth=0,
            label=f"{rule} split" + _r2(metrics, rule, "test", 2),
        )  # fmt: skip
    _square(axes, tests)


def _square(axes: Axes, shown: pd.DataFrame) -> None:
    """Equal limits on both axes, the 1:1 line, labels and legend."""
    values = shown[["target", "prediction"]].to_numpy()
    low, high = (float(values.min()), float(values.max())) if values.size else (-1.0, 1.0)
    # room above the points for the legend
    low, high = low - 0.04 * (high - low), high + 0.16 * (high - low)
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=3)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel(r"true $\Delta s$ [$p$]")
    axes.set_ylabel(r"predicted $\Delta s$ [$p$]")
    if values.size:
        axes.legend(loc="upper left", handletextpad=0.1, borderaxespad=0.1, markerscale=1.6)


@draws_panel()
def error_histogram(
    errors: pd.DataFrame, metrics: dict[str, Any], rule: str, *, title: str = "", axes: Axes = NEW_AXES
) -> None:
    """Density of predicted minus true [p] on training and test set under one split rule; tables of errors.csv.

    `metrics` is the content of metrics.json: the root of the mean square is over all stages, those beyond the bins too.
    """
    of_rule = errors[errors["rule"] == rule]
    for split in ("train", "test"):
        part = of_rule[of_rule["split"] == split]
        if part.empty:
            continue
        rmse = score(metrics, rule, "network", split, "rmse")
        axes.stairs(
            part["density"], [*part["error_low"], part["error_high"].iloc[-1]], color=SPLIT_COLOUR[split],
            linewidth=1.2, fill=split == "train", alpha=0.45 if split == "train" else 1.0,
            label=f"{split}\nrmse {rmse:.2g} $p$" if np.isfinite(rmse) else split,
        )  # fmt: skip
    axes.set_ylim(0, axes.get_ylim()[1] * 1.5)
    axes.axvline(0, ymax=0.66, color=INK, linewidth=0.7)
    axes.xaxis.set_major_locator(MaxNLocator(2, symmetric=True))
    axes.set_xlabel(r"predicted − true [$p$]")
    axes.set_ylabel(r"density [$1/p$]")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", borderaxespad=0.1, handlelength=1.2, frameon=True, framealpha=1, edgecolor="none")


@journal_style()
def draw(run: Run) -> Drawing:
    """Loss, predicted against true, and errors, under the random split (above) and the blocked split (below)."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 6.0))
    top, bottom = np.asarray(drawing.figure.subfigures(2, 1, height_ratios=[1.0, 4.9]), dtype=object)
    sets = top.subplots()
    grid = bottom.subplots(2, 3, width_ratios=[1.0, 1.15, 1.0])
    with panel(sets, run, "model/predictions.csv", "Sets"):
        predictions = read_predictions(run)
        split_stripes(predictions, run.stages, title="Sets", axes=sets)
        drawing.tables["sets"] = split_table(predictions, run.stages)
    for (loss, scatter, errors), rule in zip(grid, RULES, strict=True):
        columns = "rule epoch train_loss validation_loss"
        table_panel(drawing, loss, run, "model/history.csv", columns, f"Loss, {rule} split", loss_curves, rule)
        with panel(scatter, run, "model/predictions.csv", f"Prediction, {rule} split"):
            drawing.tables["predictions"] = read_predictions(run)
            predicted_against_true(
                drawing.tables["predictions"], run.metrics, rule, title=f"Prediction, {rule} split", axes=scatter
            )
        with panel(errors, run, "model/errors.csv", f"Errors, {rule} split"):
            drawing.tables["errors"] = read(run, "model/errors.csv", "rule split error_low error_high density")
            error_histogram(drawing.tables["errors"], run.metrics, rule, title=f"Errors, {rule} split", axes=errors)
    add_letters([sets, *grid.flat])
    return drawing


FIGURE = RunFigure(
    name="training",
    title="Learning the stress change from the pattern",
    draw=draw,
    caption=(
        "(a) Sets of the stages along the strain under both split rules; white, left out. (b to d) Loss, predicted "
        "against true change of stress, and errors (the 1 % largest not drawn), under the random split; (e to g) under "
        "the blocked one."
    ),
    alternative=(
        "Stripes of training, validation and test stages; loss curves, predicted against true stress change, and "
        "histograms of errors, for each split."
    ),
    needs="model/history.csv",
    settings=(STAGE_ENDS, *SETS, *NODES),
    counterpart="5",
)
