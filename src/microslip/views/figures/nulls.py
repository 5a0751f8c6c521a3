"""Attributions while the network forgets, and predictions while nodes are taken out or put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from microslip.data.run import Run
from microslip.views.figures.record import About, RunFigure, explained_network
from microslip.views.names import AREA_MARKER, AREA_NAME, ORDER_COLOUR, ORDER_LINE, ORDER_NAME
from microslip.views.panels import Drawing, table_panel
from microslip.views.style import (
    BLUE,
    GREY,
    INK,
    NEW_AXES,
    TWO_COLUMNS,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
)


@draws_panel()
def randomised_layers(layers: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Rank correlation with the trained network's attributions while layer after layer is made random; layers.csv."""
    number = np.concatenate([[0], layers["n_layers"]])
    alike = np.concatenate([[1.0], layers["spearman"]])
    spread = np.concatenate([[0.0], layers["deviation"]])
    axes.errorbar(number, alike, spread, fmt="o-", color=BLUE, markersize=3)
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_ylim(min(-0.1, float(np.nanmin(alike - spread))), 1.05)
    axes.set_xlabel("random layers from the output [1]")
    axes.set_ylabel("rank correlation [1]")


# Ticks of shares of a prediction: 0 and 1, and what lies beyond.
_SHARES = [-100, -50, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100]


def _label_shares(axis: Axis) -> None:
    axis.set_major_locator(FixedLocator(_SHARES))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    axis.set_minor_locator(NullLocator())


@draws_panel()
def deletion_curves(deletion: pd.DataFrame, mode: str, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Median prediction while nodes are taken out or put in, in several orders, with quartiles; deletion.csv."""
    part = deletion[deletion["mode"] == mode]
    for order, colour in ORDER_COLOUR.items():
        curve = part[part["order"] == order]
        if curve.empty and len(part):
            continue
        axes.plot(
            curve["fraction"], curve["median"], color=colour, linestyle=ORDER_LINE[order], label=ORDER_NAME[order]
        )
        if order in ("attribution", "random"):
            axes.fill_between(
                curve["fraction"], curve["low"], curve["high"], facecolor=(colour, 0.07), edgecolor=(colour, 0.6),
                linewidth=0.5, linestyle=ORDER_LINE[order],
            )  # fmt: skip
    axes.axhline(0, color=INK, linewidth=0.7)
    # single stages overshoot by a factor of ten, and 0 and 1 are what counts
    axes.set_yscale("symlog", linthresh=2.0)
    _label_shares(axes.yaxis)
    drawn = part[part["order"].isin(["attribution", "random"])][["low", "high"]].to_numpy()
    shown = np.concatenate([part["median"].to_numpy(), drawn.ravel(), [0.0, 1.0]])
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    axes.set_ylim(1.15 * low - 0.1, 1.15 * high + 0.1)
    if len(part):
        axes.legend(fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.24))
    axes.set_xlabel(f"nodes {'put in' if mode == 'insertion' else 'taken out'} [1]")
    axes.set_ylabel("share of the prediction [1]")


@draws_panel()
def deletion_areas(areas: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Median area under the deletion curve of each order, with 90 % intervals; interpretation/areas.csv."""
    part = areas[areas["mode"] == "deletion"]
    orders = [order for order in ORDER_COLOUR if order in set(part["order"])]
    for shift, (replacement, marker) in zip((-0.14, 0.14), AREA_MARKER.items(), strict=True):
        rows = part[part["replacement"] == replacement].drop_duplicates("order").set_index("order")
        for place, order in enumerate(orders):
            if order not in rows.index:
                continue
            row = rows.loc[order]
            ends = [[np.nan_to_num(abs(row[f"area_{end}"] - row["area"]))] for end in ("low", "high")]
            axes.errorbar(row["area"], place + shift, xerr=ends, fmt=marker, color=ORDER_COLOUR[order], markersize=3.5)
        axes.plot([], [], marker, color=GREY, markersize=3.5, label=AREA_NAME[replacement])
    axes.set_yticks(range(len(orders)), [ORDER_NAME[order] for order in orders], fontsize=7)
    axes.set_ylim(max(len(orders), 1) - 0.5, -0.5)
    # a single stage overshoots by a factor of ten
    axes.set_xscale("symlog", linthresh=2.0)
    _label_shares(axes.xaxis)
    axes.set_xlabel("area under the deletion curve [1]")
    if orders:
        axes.legend(fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.24))


@journal_style()
def draw(run: Run) -> Drawing:
    """Attributions while the network forgets, and predictions while nodes are taken out or put in."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 5.4))
    (first, *by_stages), (areas, *by_baseline) = drawing.figure.subplots(2, 3)
    table_panel(
        drawing, first, run, "interpretation/layers.csv", "n_layers spearman deviation", "Random layers",
        randomised_layers,
    )  # fmt: skip
    table_panel(
        drawing, areas, run, "interpretation/areas.csv", "replacement mode order area area_low area_high", "Areas",
        deletion_areas,
    )  # fmt: skip
    for row, table, what in ((by_stages, "replacement", "others"), (by_baseline, "deletion", "baseline")):
        for axes, mode in zip(row, ("deletion", "insertion"), strict=True):
            table_panel(
                drawing, axes, run, f"interpretation/{table}.csv", "mode order fraction low median high",
                f"{mode.capitalize()}, {what}", deletion_curves, mode,
            )  # fmt: skip
    curves = [*by_stages, *by_baseline]
    # one for all panels, of one that has lines
    handles = next((axes.get_legend_handles_labels() for axes in curves if axes.get_legend() is not None), None)
    if handles is not None:
        drawing.figure.legend(*handles, loc="outside lower right", ncols=4, fontsize=7)
    for axes in curves:
        if (legend := axes.get_legend()) is not None:
            legend.remove()
    add_letters([first, *by_stages, areas, *by_baseline])
    return drawing


def _closing(about: About) -> str:
    """How many stages the deletion curves are of, and whose attributions."""
    if about.n_deleted is None:
        return explained_network(about)
    return (
        f"(b to f) are of {about.n_deleted} stages: of those explained, the ones whose prediction lies furthest from "
        f"that of the baseline. {explained_network(about)}"
    ).strip()


FIGURE = RunFigure(
    name="nulls",
    title="Attributions under controls",
    draw=draw,
    caption=(
        "(a) Rank correlation of |attribution| with the trained network's while layers get random weights, from the "
        "output. (b, c) Median of the prediction while nodes take the values that stages of the training set have "
        "there, or those of the stage are put in, the most important first, as a share of the way from the mean "
        "prediction of "
        "these stages; bands, quartiles over stages, for the orders by attribution and at random. (e, f) The same with "
        "the baseline's values, which the network may never have seen. The scale is linear to ±2, logarithmic beyond. "
        "(d) Areas under the deletion curves, median over stages with 90 % intervals; the verdict is that of "
        "other stages."
    ),
    alternative="Rank correlation against randomised layers, deletion and insertion curves, and areas under them.",
    needs="interpretation/layers.csv",
    closing=_closing,
    in_pressure=False,
)
