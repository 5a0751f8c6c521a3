"""Non-affine motion on the way through a stick and the slip after it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views.figures.record import NEIGHBOURS, STAGE_ENDS, RunFigure
from microslip.views.panels import Drawing, table_panel
from microslip.views.style import (
    GREY,
    INK,
    KIND_COLOUR,
    KIND_MARKER,
    NEW_AXES,
    TWO_COLUMNS,
    add_letters,
    draws_panel,
    few_log_labels,
    journal_style,
    new_figure,
)

TABLE = "statistics/within_stages.csv"
COLUMNS = "kind low high speed speed_error relative relative_error n_stages"
LABELS = {
    "speed": r"non-affine speed $\sqrt{\langle D^2_\mathrm{min}\rangle}\,/\,\Delta\gamma$ [$\bar d$]",
    "relative": "speed / its mean over the stage [1]",
}


@draws_panel()
def through_stages(within_stages: pd.DataFrame, quantity: str, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """A quantity on the way through a stick, from 0 to 1, and through the slip after it, from 1 to 2.

    Parameters
    ----------
    within_stages
        Table of statistics/within_stages.csv.
    quantity
        speed or relative; bars are its standard error.
    """
    axes.axvline(1.0, color=GREY, linewidth=0.8)
    if quantity == "relative":
        axes.axhline(1.0, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    for begun, kind in enumerate(("stick", "slip")):
        rows = within_stages[within_stages["kind"] == kind]
        way = begun + (rows["low"] + rows["high"]) / 2
        error = np.nan_to_num(rows[f"{quantity}_error"])
        axes.errorbar(
            way, rows[quantity], error, fmt=f"{KIND_MARKER[kind]}-", color=KIND_COLOUR[kind], markersize=3,
            linewidth=1, capsize=2, label=kind,
        )  # fmt: skip
    axes.set_xlim(0, 2)
    axes.set_xticks([0, 0.5, 1, 1.5, 2], ["0", "½", "1 | 0", "½", "1"])
    axes.set_xlabel("way through stick | slip, by strain [1]", color=INK)
    axes.set_ylabel(LABELS[quantity])
    if quantity == "speed":
        axes.set_yscale("log")
        few_log_labels(axes.yaxis)
    axes.legend()


@journal_style()
def draw(run: Run) -> Drawing:
    """The non-affine speed, and how it stands to its mean over the stage."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.7))
    panels = drawing.figure.subplots(1, 2)
    for axes, (quantity, title) in zip(panels, {"speed": "Speed", "relative": "Before a slip"}.items(), strict=True):
        table_panel(drawing, axes, run, TABLE, COLUMNS, title, through_stages, quantity)
    add_letters(panels)
    return drawing


CAPTION = (
    "Frames inside the quarter of the slips with the largest change of the stress, and inside the sticks before them. "
    "(a) Root of the mean D²min of the bulk grains from one frame to the next, over the strain between them; geometric "
    "mean over the stages. (b) The same over its mean over the stage; dashed, motion that is even in strain. Bars: "
    "standard errors, blocks of consecutive stages left out in turn."
)

FIGURE = RunFigure(
    name="within_stages",
    title="The way through a stick and a slip",
    draw=draw,
    caption=CAPTION,
    alternative="The speed of the non-affine motion against the way through a stick and through the slip after it.",
    needs=TABLE,
    settings=(NEIGHBOURS, STAGE_ENDS),
    of_few_runs=True,
    of_stress=True,
)
