"""What the pattern adds to the amplitude, and what grid, radius, cell and number of stages do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views.figures.record import RunFigure
from microslip.views.names import R2_FLOOR, RADIUS_LABEL, RULE_COLOUR, RULE_LINE, RULE_MARKER, SPACING_LABEL
from microslip.views.panels import Drawing, table_panel
from microslip.views.settings import own_voxels
from microslip.views.style import GREY, INK, NEW_AXES, TWO_COLUMNS, add_letters, draws_panel, journal_style, new_figure
from microslip.views.tables import ABLATIONS


@draws_panel()
def ablation_bars(summary: pd.DataFrame, families: tuple[str, ...], *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """R² on the test set for each line of some families under each split, with 90 % intervals; summary.csv."""
    chosen = summary[summary["family"].isin(families)]
    names = list(dict.fromkeys(zip(chosen["family"], chosen["value"], strict=True)))
    for shift, (rule, colour) in zip((0.19, -0.19), RULE_COLOUR.items(), strict=True):
        part = chosen[chosen["rule"] == rule]
        places = np.array(
            [len(names) - 1 - names.index(key) for key in zip(part["family"], part["value"], strict=True)]
        )
        r2 = part["r2"].to_numpy()
        shown = np.maximum(r2, R2_FLOOR)
        axes.barh(
            places + shift, shown, 0.36, facecolor=colour, edgecolor="white", linewidth=0, label=f"{rule} split",
            hatch="////" if rule == "blocked" else None,
        )  # fmt: skip
        low, high = (np.maximum(part[name].to_numpy(), R2_FLOOR) for name in ("r2_low", "r2_high"))
        spread = np.clip([shown - low, high - shown], 0, None)
        axes.errorbar(shown, places + shift, xerr=spread, fmt="none", ecolor=INK, elinewidth=0.7)
        for place, value, end in zip(places + shift, r2, high, strict=True):
            axes.annotate(
                f"{value:.2f}".replace("-", "−"), (max(end, 0), place), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize=6.5,
            )  # fmt: skip
    labels = [value if family == "input" else f"{family}: {value.replace('_', ' ')}" for family, value in names]
    axes.set_yticks(range(len(names)), labels[::-1])
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color=INK, linewidth=0.7)
    axes.set_xlim(R2_FLOOR - 0.02, 1.18)
    axes.set_xlabel(r"$R^2$ on the test set [1]")
    if names:
        axes.set_ylim(-1.9, len(names) - 0.4)
        axes.legend(loc="lower right", fontsize=7, ncols=2)


@draws_panel()
def sweep(
    summary: pd.DataFrame, family: str, own_value: float, label: str, *, title: str = "", axes: Axes = NEW_AXES
) -> None:
    """R² on the test set against a quantity that was varied, the untouched run at its own value (figs 3c, d).

    Parameters
    ----------
    summary
        ablations/summary.csv.
    family, own_value
        The quantity that varied, and its value in the untouched run.
    label
        The quantity on the axis.
    """
    full = summary[(summary["family"] == "input") & (summary["value"] == "full")].assign(at=own_value)
    varied = summary[summary["family"] == family]
    both = pd.concat([varied.assign(at=pd.to_numeric(varied["value"])), full]).sort_values("at")
    for rule, colour in RULE_COLOUR.items():
        part = both[both["rule"] == rule]
        if len(part):
            spread = np.clip([part["r2"] - part["r2_low"], part["r2_high"] - part["r2"]], 0, None)
            axes.errorbar(
                part["at"], part["r2"], spread, marker=RULE_MARKER[rule], linestyle=RULE_LINE[rule], color=colour,
                markersize=3, label=f"{rule} split",
            )  # fmt: skip
    axes.axvline(own_value, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_xlabel(label)
    axes.set_ylabel(r"$R^2$ on the test set [1]")
    if len(both):
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.28 * (high - low))
        axes.legend(loc="upper right", fontsize=7, borderaxespad=0.1)


FAMILIES = ("input", "boosting")


@journal_style()
def draw(run: Run) -> Drawing:
    """What the pattern adds to the amplitude, and what grid, radius, cell and number of stages do."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 5.0))
    left, right = np.asarray(drawing.figure.subfigures(1, 2, width_ratios=[1.05, 1.0]), dtype=object)
    bars = left.subplots()
    table_panel(
        drawing, bars, run, "ablations/summary.csv", ABLATIONS, "What the network sees", ablation_bars, FAMILIES
    )
    if not drawing.tables:
        return drawing
    spacing, radius = own_voxels(run)
    varied = [
        ("Grid", "spacing", spacing, SPACING_LABEL),
        ("Radius", "radius", radius, RADIUS_LABEL),
        ("Cell", "cell share", 1.0, "part of the length [1]"),
        ("Training set", "training share", 1.0, "part of the stages [1]"),
    ]
    four = right.subplots(2, 2).ravel()
    for axes, (name, family, own, label) in zip(four, varied, strict=True):
        sweep(drawing.tables["summary"], family, own, label, title=name, axes=axes)
        if (legend := axes.get_legend()) is not None:
            # the colours are those of the first panel
            legend.remove()
    add_letters([bars, *four])
    return drawing


FIGURE = RunFigure(
    name="ablations",
    title="What the pattern adds",
    draw=draw,
    caption=(
        "R² on the test set with 90 % bootstrap intervals over cycles. (a) Networks trained on changed inputs, and "
        "boosted trees on hand-made numbers; bars end at −0.25, the numbers do not. (b) to (e) One quantity varied at a"
        " time; dashed, the run itself."
    ),
    alternative=("Bars of R² for changed inputs and baselines, and R² against grid, radius, cell and training set."),
    needs="ablations/summary.csv",
    in_pressure=False,
)
