"""How often the sign of a stage is right, by its size; whether predictions are calibrated, and what intervals hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from microslip.data.run import Run
from microslip.statistics.intervals import NORMAL
from microslip.statistics.resampling import SCORE_COVERAGE
from microslip.views.figures.record import RunFigure
from microslip.views.names import LINE_COLOUR, LINE_MARKER, LINE_NAME, LINE_STYLE, RULE_COLOUR, RULE_MARKER
from microslip.views.panels import Drawing, table_panel
from microslip.views.style import GREY, INK, NEW_AXES, TWO_COLUMNS, add_letters, draws_panel, journal_style, new_figure


@draws_panel()
def sign_accuracy(table: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Share of test stages whose sign is right against |fluctuation| [p], with 90 % intervals; sign_by_size.csv."""
    tests = table[table["split"] == "test"]
    for rule, colour in LINE_COLOUR.items():
        part = tests[tests["rule"] == rule]
        if part.empty:
            continue
        size = np.sqrt(part["size_low"] * part["size_high"])
        axes.fill_between(size, part["low"], part["high"], color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            size, part["sign_accuracy"], marker=LINE_MARKER[rule], linestyle=LINE_STYLE[rule], color=colour,
            markersize=3.5, label=LINE_NAME[rule],
        )  # fmt: skip
    axes.axhline(0.5, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.annotate("a coin", (0.99, 0.485), xycoords=("axes fraction", "data"), xytext=(0, 2), fontsize=7,
                  textcoords="offset points", ha="right", va="top", color=GREY)  # fmt: skip
    axes.set_xscale("log")
    axes.set_ylim(min(0.3, float(tests["low"].min())) if len(tests) else 0.3, 1.03)
    axes.set_xlabel(r"size of the stage $|\Delta s|$ [$p$]")
    axes.set_ylabel("share with the right sign [1]")
    if len(tests):
        axes.legend(loc="upper left")


@draws_panel()
def calibration(table: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Mean true against mean predicted fluctuation [p] of the test sets, in bins of the prediction; calibration.csv."""
    tests = table[table["split"] == "test"]
    for rule, colour in RULE_COLOUR.items():
        part = tests[tests["rule"] == rule]
        if len(part):
            axes.errorbar(
                part["predicted"], part["true"], NORMAL * part["standard_error"], fmt=RULE_MARKER[rule], color=colour,
                markersize=3.5, linewidth=0.9, label=f"{rule} split",
            )  # fmt: skip
    if len(tests):
        low, high = tests[["predicted", "true"]].to_numpy().min(), tests[["predicted", "true"]].to_numpy().max()
        line = np.linspace(low, high, 200)
        axes.plot(line, line, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.legend(loc="upper left")
    largest = float(tests[["predicted", "true"]].abs().to_numpy().max()) if len(tests) else 0.0
    # what the network says of small stages would be one point on a linear scale
    linear = 0.01 * largest or 1.0
    axes.set_xscale("symlog", linthresh=linear)
    axes.set_yscale("symlog", linthresh=linear)
    # powers of ten beyond the linear part alone: those within it lie on top of each other
    powers = 10.0 ** np.arange(np.ceil(np.log10(linear) - 1e-9), np.floor(np.log10(largest or 1.0)) + 1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator([*(-powers[::-1]), 0.0, *powers]))
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel(r"mean predicted $\Delta s$ [$p$]")
    axes.set_ylabel(r"mean true $\Delta s$ [$p$]")


@draws_panel()
def coverage(table: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Share of test stages inside their 90 % interval, by predicted size (filled) and by true size (open)."""
    tests = table[table["split"] == "test"]
    for (rule, by), part in tests.groupby(["rule", "by"], sort=False):
        # a tenth that reaches down to nothing stands at its upper end alone
        size = np.sqrt(np.maximum(part["size_low"], part["size_high"] / 10) * part["size_high"])
        predicted = by == "prediction"
        # at a share of 1, rounding may leave the upper end below it
        bars = [(part["coverage"] - part["low"]).clip(lower=0), (part["high"] - part["coverage"]).clip(lower=0)]
        axes.errorbar(
            size, part["coverage"], bars,
            marker=LINE_MARKER[rule], linestyle="-" if predicted else ":", color=LINE_COLOUR[rule], markersize=3.5,
            markerfacecolor=None if predicted else "white", linewidth=0.9, elinewidth=0.5,
            label=f"{rule}, by {'predicted' if predicted else 'true'} size",
        )  # fmt: skip
    axes.axhline(SCORE_COVERAGE, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.axhspan(SCORE_COVERAGE - 0.05, SCORE_COVERAGE + 0.05, color=GREY, alpha=0.15, linewidth=0)
    if (tests["size_high"] > 0).any():
        # of a network that predicts nothing at all no size has a logarithm
        axes.set_xscale("log")
    axes.set_ylim(min(0.4, float(tests["low"].min())) if len(tests) else 0.4, 1.03)
    axes.set_xlabel("predicted or true size [$p$]")
    axes.set_ylabel("share inside the 90 % interval [1]")
    if len(tests):
        axes.legend(loc="lower left", fontsize=5.5, handlelength=2.2)


@journal_style()
def draw(run: Run) -> Drawing:
    """How often the sign of a stage is right, by its size; whether predictions are calibrated; what intervals hold."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.3))
    all_three = drawing.figure.subplots(1, 3)
    table_panel(
        drawing, all_three[0], run, "model/sign_by_size.csv", "rule split size_low sign_accuracy", "Stick or slip?",
        sign_accuracy,
    )  # fmt: skip
    table_panel(
        drawing, all_three[1], run, "model/calibration.csv", "rule split predicted true", "Calibration", calibration
    )
    table_panel(
        drawing, all_three[2], run, "model/coverage_by_size.csv", "rule split by size_low size_high coverage low high",
        "Intervals", coverage,
    )  # fmt: skip
    add_letters(all_three)
    return drawing


FIGURE = RunFigure(
    name="reliability",
    title="What the predictions are worth",
    draw=draw,
    caption=(
        "(a) Share of test stages whose sign is right, by size, with 90 % Wilson intervals. (b) Mean true against mean "
        "predicted change of stress in bins of the prediction; bars are 1.645 standard errors. (c) Share of test "
        "stages inside their 90 % interval, in tenths by predicted size (filled) and by true size (open); bars are "
        "90 % Wilson intervals, the band is 5 % about 90 %. By predicted size the intervals are made to hold; by true "
        "size no interval about a prediction can promise to."
    ),
    alternative=(
        "Share of right signs against size of the stage; true against predicted stress change in bins; share of stages "
        "inside their interval against size."
    ),
    needs="model/predictions.csv",
)
