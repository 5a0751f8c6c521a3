"""Attributions while the network forgets, and predictions while nodes are taken out or put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from microslip.data.run import Run
from microslip.views.figures.record import About, RunFigure, explained_network
from microslip.views.names import ORDER_COLOUR, ORDER_LINE, ORDER_NAME
from microslip.views.panels import Drawing, table_panel
from microslip.views.style import BLUE, INK, NEW_AXES, TWO_COLUMNS, add_letters, draws_panel, journal_style, new_figure


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


@draws_panel()
def deletion_curves(deletion: pd.DataFrame, mode: str, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Median prediction while nodes are taken out or put in, in several orders, with quartiles; deletion.csv."""
    part = deletion[deletion["mode"] == mode]
    for order, colour in ORDER_COLOUR.items():
        curve = part[part["order"] == order]
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
    axes.yaxis.set_major_locator(FixedLocator(_SHARES))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    axes.yaxis.set_minor_locator(NullLocator())
    drawn = part[part["order"].isin(["attribution", "random"])][["low", "high"]].to_numpy()
    shown = np.concatenate([part["median"].to_numpy(), drawn.ravel(), [0.0, 1.0]])
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    axes.set_ylim(1.15 * low - 0.1, 1.15 * high + 0.1)
    if len(part):
        axes.legend(fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.24))
    axes.set_xlabel(f"nodes {'put in' if mode == 'insertion' else 'taken out'} [1]")
    axes.set_ylabel("share of the prediction [1]")


@journal_style()
def draw(run: Run) -> Drawing:
    """Attributions while the network forgets, and predictions while nodes are taken out or put in."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.8))
    first, *others = drawing.figure.subplots(1, 3)
    table_panel(
        drawing, first, run, "interpretation/layers.csv", "n_layers spearman deviation", "Random layers",
        randomised_layers,
    )  # fmt: skip
    for axes, mode in zip(others, ("deletion", "insertion"), strict=True):
        table_panel(
            drawing, axes, run, "interpretation/deletion.csv", "mode order fraction median", mode.capitalize(),
            deletion_curves, mode,
        )  # fmt: skip
    if "deletion" in drawing.tables:
        # one for both panels, beside the lines
        handles = others[0].get_legend_handles_labels()
        drawing.figure.legend(*handles, loc="outside lower right", ncols=4, fontsize=7)
        for axes in others:
            if (legend := axes.get_legend()) is not None:
                legend.remove()
    add_letters([first, *others])
    return drawing


def _closing(about: About) -> str:
    """How many stages the deletion curves are of, and whose attributions."""
    if about.n_deleted is None:
        return explained_network(about)
    return (
        f"(b, c) are of {about.n_deleted} stages: of those explained, the ones whose prediction lies furthest from "
        f"that of the baseline. {explained_network(about)}"
    ).strip()


FIGURE = RunFigure(
    name="nulls",
    title="Attributions under controls",
    draw=draw,
    caption=(
        "(a) Rank correlation of |attribution| with the trained network's while layers get random weights, from the "
        "output. (b, c) Median of the prediction while nodes are set to the baseline, or put in, the most important "
        "first, as a share of the way from the prediction of the baseline to that of the stage; bands, quartiles over "
        "stages, for the orders by attribution and at random. The scale is linear to ±2, logarithmic beyond."
    ),
    alternative="Rank correlation against randomised layers, and deletion and insertion curves.",
    needs="interpretation/layers.csv",
    closing=_closing,
    in_pressure=False,
)
