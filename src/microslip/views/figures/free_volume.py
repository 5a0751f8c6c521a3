"""Free volume of active grains beside that of others, before and after the stage that they are active in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views.figures.record import ACTIVE, STAGE_ENDS, RunFigure
from microslip.views.panels import Drawing, table_panel
from microslip.views.style import (
    BLUE,
    GREY,
    INK,
    NEW_AXES,
    ORANGE,
    TWO_COLUMNS,
    VERMILLION,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
)

TABLE = "statistics/free_volume.csv"
COLUMNS = "kind by lag comparison value value_low value_high"
# What active grains are compared with: colour, marker and the name in the legend.
SHOWN = {
    "plain": (ORANGE, "^", "all others"),
    "layered": (BLUE, "o", "at equal height"),
    "matched": (VERMILLION, "s", "and equal free volume"),
    "shuffled": (GREY, "x", "active in another stage"),
}


@draws_panel()
def about_the_start(free_volume: pd.DataFrame, kind: str, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Free volume of active grains less that of others, beside its value at the start of the stage.

    Parameters
    ----------
    free_volume
        Table of statistics/free_volume.csv; all stages of the kind are drawn.
    kind
        Of the stages: stick or slip.
    """
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.axvspan(0, 1, color=GREY, alpha=0.12, linewidth=0)
    of_kind = free_volume[(free_volume["kind"] == kind) & (free_volume["by"] == "kind") & (free_volume["lag"] != 0)]
    for number, (name, (colour, marker, label)) in enumerate(SHOWN.items()):
        rows = of_kind[of_kind["comparison"] == name].sort_values("lag")
        # growth up to the start is what was missing before it
        side = np.sign(rows["lag"].to_numpy())
        value = side * rows["value"].to_numpy()
        ends = np.sort(side * rows[["value_low", "value_high"]].to_numpy().T, axis=0)
        bars = np.nan_to_num(np.abs(ends - value))
        aside = 0.05 * (number - 1.5)
        axes.errorbar(
            np.insert(rows["lag"] + aside, (side < 0).sum(), 0), np.insert(value, (side < 0).sum(), 0),
            np.insert(bars, (side < 0).sum(), 0, axis=1), fmt=f"{marker}-", color=colour, markersize=3, linewidth=0.9,
            capsize=1.5, label=label,
        )  # fmt: skip
    axes.set_xlabel("stages from the start [1]")
    axes.set_ylabel(r"free volume less that at the start [$\bar d^3$]")
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
    axes.legend(fontsize=6.5)


@journal_style()
def draw(run: Run) -> Drawing:
    """Before and after sticks, and before and after slips."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.7))
    panels = drawing.figure.subplots(1, 2)
    for axes, kind in zip(panels, ("stick", "slip"), strict=True):
        table_panel(drawing, axes, run, TABLE, COLUMNS, f"Active in a {kind}", about_the_start, kind)
    add_letters(panels)
    return drawing


FIGURE = RunFigure(
    name="free_volume",
    title="Free volume before a stage and after it",
    draw=draw,
    caption=(
        "Volume of the radical Voronoi cell less that of the grain, mean over the grains that are active in a stage "
        "less the mean over others, followed over the turning points before and after the start of the stage and given "
        "beside its value there: (a) sticks, (b) slips; shaded, the stage itself. A line that rises towards 0 is free "
        "volume that grows before grains move. Others: all; those at the same height; those at the same height, of the "
        "same diameter and free volume at the start, from which cells that happen to be large return; and, at equal "
        "height, grains that are active in a stage half the run away in place of the active ones. Bars: intervals from "
        "blocks of stages."
    ),
    alternative="Lines of the free volume of active grains beside that of others, against stages before and after.",
    needs=TABLE,
    settings=(ACTIVE, STAGE_ENDS),
    of_few_runs=True,
    of_stress=True,
)
