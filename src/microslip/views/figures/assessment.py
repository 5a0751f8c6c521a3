"""Several seeds under each split and on folds in strain: R² beside the baselines, signs and intervals by size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views.figures.record import SETS, RunFigure, Sentence
from microslip.views.figures.reliability import coverage, sign_accuracy
from microslip.views.names import LINE_COLOUR, LINE_MARKER, LINE_NAME, MODEL_NAME, R2_FLOOR
from microslip.views.panels import Drawing, table_panel
from microslip.views.style import INK, NEW_AXES, TWO_COLUMNS, add_letters, draws_panel, journal_style, new_figure


@draws_panel()
def assessed_scores(summary: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """R² on test stages of every method under each split, and on all folds together, with 90 % intervals.

    `summary` is assessment/summary.csv. Of the network the mean over its seeds, with the mean of their intervals.
    """
    whole = summary[summary["fold"] == 0]
    methods = [name for name in MODEL_NAME if (whole["method"] == name).any()]
    lines = [rule for rule in LINE_COLOUR if (whole["rule"] == rule).any()]
    for number, rule in enumerate(lines):
        part = whole[whole["rule"] == rule].set_index("method").reindex(methods)
        places = np.arange(len(methods))[::-1] + 0.22 * ((len(lines) - 1) / 2 - number)
        r2, low, high = (np.maximum(part[name].to_numpy(), R2_FLOOR) for name in ("r2", "r2_low", "r2_high"))
        spread = np.nan_to_num(np.clip([r2 - low, high - r2], 0, None))
        axes.errorbar(
            r2, places, xerr=spread, fmt=LINE_MARKER[rule], color=LINE_COLOUR[rule], markersize=3.5, linewidth=0,
            elinewidth=0.9, label=LINE_NAME[rule],
        )  # fmt: skip
    axes.set_yticks(range(len(methods)), [MODEL_NAME[name] for name in methods][::-1])
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color=INK, linewidth=0.7)
    axes.set_xlim(R2_FLOOR - 0.03, 1.03)
    axes.set_xlabel(r"$R^2$ on test stages [1]")
    if lines:
        axes.set_ylim(-0.6 - 0.32 * len(lines), len(methods) - 0.5)
        axes.legend(loc="lower left", fontsize=6.5, borderaxespad=0.2)


def _of_network(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the single networks, all folds together."""
    return table[(table["method"] == "network") & (table["fold"] == 0)].assign(split="test")


@draws_panel()
def signs_of_seeds(table: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Share of test stages whose sign is right by size, mean over seeds; assessment/sign_by_size.csv."""
    sign_accuracy(_of_network(table), axes=axes)


@draws_panel()
def coverage_of_seeds(table: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Share of test stages inside their 90 % interval by predicted size; assessment/coverage_by_size.csv."""
    coverage(_of_network(table[table["by"] == "prediction"]), axes=axes)


@journal_style()
def draw(run: Run) -> Drawing:
    """R² of several seeds beside the baselines; signs and intervals by size."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.6))
    three = drawing.figure.subplots(1, 3, width_ratios=[1.1, 1, 1])
    shared = "rule fold method size_low size_high low high"
    table_panel(
        drawing, three[0], run, "assessment/summary.csv", "rule fold method r2 r2_low r2_high", "Seeds and folds",
        assessed_scores,
    )  # fmt: skip
    table_panel(
        drawing, three[1], run, "assessment/sign_by_size.csv", f"{shared} sign_accuracy", "Stick or slip?",
        signs_of_seeds,
    )  # fmt: skip
    table_panel(
        drawing, three[2], run, "assessment/coverage_by_size.csv", f"{shared} by coverage", "Intervals",
        coverage_of_seeds,
    )  # fmt: skip
    add_letters(three)
    return drawing


FIGURE = RunFigure(
    name="assessment",
    title="Seeds, splits and folds",
    draw=draw,
    caption=(
        "Test stages under the random and the blocked split, and on folds that train on the strain so far and test on "
        "what follows, all folds together. (a) R² with 90 % bootstrap intervals over cycles: of the networks the mean "
        "over seeds, of the mean of their predictions, and of baselines that know how much grains move, or how long "
        "the stage lasts, or a straight line on nodes. Below −0.25 it stands at −0.25. (b) Share of stages whose sign "
        "is right, by size, and (c) share inside their 90 % interval, in tenths by predicted size: means over seeds, "
        "with 90 % Wilson intervals of as many stages; the band is 5 % about 90 %."
    ),
    alternative=(
        "R² with intervals of networks and baselines under each split and on folds; share of right signs against size; "
        "share of stages inside their interval against predicted size."
    ),
    needs="assessment/summary.csv",
    settings=(*SETS, Sentence("{} seeds, {} folds.", ("assessment.seeds", "assessment.folds"))),
    of_few_runs=True,
)
