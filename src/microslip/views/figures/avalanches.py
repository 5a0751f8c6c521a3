"""Slips as avalanches: how often each size and duration occurs, and how a slip runs, beside mean field."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views.figures.record import RunFigure, Sentence
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

LAWS, SHAPES = "statistics/avalanches.csv", "statistics/avalanche_shapes.csv"
_COLOURS = (BLUE, ORANGE, VERMILLION)


@draws_panel()
def exponents(avalanches: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """τ of sizes, durations and energies against x_min, at every threshold of slips; dashed, mean field's.

    Parameters
    ----------
    avalanches
        Table of statistics/avalanches.csv.
    """
    if not np.isfinite(avalanches["exponent"]).any():
        axes.text(0.5, 0.5, "too few slips for a law", color=GREY, ha="center", transform=axes.transAxes)
        return
    for colour, (quantity, rows) in zip(_COLOURS, avalanches.groupby("quantity", sort=False), strict=False):
        axes.axhline(float(rows["mean_field"].iloc[0]), color=colour, linewidth=0.8, linestyle=(0, (4, 3)))
        first = float(rows["x_min"].iloc[0])
        for number, (_, same) in enumerate(rows.groupby("threshold")):
            bars = np.nan_to_num(
                np.abs(same[["exponent_low", "exponent_high"]].to_numpy().T - same["exponent"].to_numpy())
            )
            axes.errorbar(
                same["x_min"] / first * 1.06**number, same["exponent"], yerr=bars, fmt="os^"[number], color=colour,
                markersize=3.5, elinewidth=0.8, label=str(quantity) if number == 0 else None,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("start of the law over the least [1]")
    axes.set_ylabel(r"exponent $\tau$ [1]")
    axes.legend(fontsize=6.5)


@draws_panel()
def shape_curves(shapes: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """The mean rate of the fall over the course of a slip, by duration, and mean field's parabola.

    Parameters
    ----------
    shapes
        Table of statistics/avalanche_shapes.csv.
    """
    for colour, (_, rows) in zip(_COLOURS, shapes.groupby("group"), strict=False):
        axes.fill_between(rows["u"], rows["rate_low"], rows["rate_high"], color=colour, alpha=0.2, linewidth=0)
        axes.plot(
            rows["u"], rows["rate"], color=colour, label=f"{rows['duration'].iloc[0]:.2g}, {rows['n'].iloc[0]} slips"
        )
    if len(shapes):
        one = shapes.drop_duplicates("u")
        axes.plot(one["u"], one["parabola"], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.legend(fontsize=6.5, title="median duration", title_fontsize=6.5)
    else:
        axes.text(0.5, 0.5, "too few slips of enough samples", color=GREY, ha="center", transform=axes.transAxes)
    axes.set_xlabel("time over duration [1]")
    axes.set_ylabel("rate of the fall over its mean [1]")


@journal_style()
def draw(run: Run) -> Drawing:
    """Exponents by threshold, and mean shapes."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.8))
    panels = drawing.figure.subplots(1, 2)
    columns = "quantity threshold x_min exponent exponent_low exponent_high mean_field"
    table_panel(drawing, panels[0], run, LAWS, columns, "Exponents", exponents)
    columns = "group duration n u rate rate_low rate_high parabola"
    table_panel(drawing, panels[1], run, SHAPES, columns, "Mean shape", shape_curves)
    add_letters(panels)
    return drawing


FIGURE = RunFigure(
    name="avalanches",
    title="Slips as avalanches",
    draw=draw,
    caption=(
        "(a) Exponents τ of the densities x^−τ exp(−x/cutoff) of sizes (falls of the stress), durations and elastic "
        "energies of slips, by maximum likelihood, against the start of the law over the least one; slips at the run's "
        "threshold as circles, at 3 and 10 times it as squares and triangles; bars, intervals over blocks of strain; "
        "dashed, mean field's 3/2, 2 and 4/3. (b) Mean rate of the fall over the course of a slip, scaled to one "
        "duration and size, for three equal numbers of slips by duration; dashed, mean field's parabola."
    ),
    alternative="Exponents with bars beside dashed lines; three curves over the course of a slip beside a parabola.",
    needs=LAWS,
    settings=(Sentence("Threshold of slips: {} p.", ("stages.threshold",)),),
)
