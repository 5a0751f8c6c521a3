"""Attributions in clusters of active grains, beside nodes that are like them but for lying in none."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views.figures.record import ACTIVE, RunFigure, explained_network
from microslip.views.names import CONTROL_NAME, NETWORK_COLOUR, NETWORK_NAME
from microslip.views.panels import Drawing, table_panel
from microslip.views.style import GREY, NEW_AXES, TWO_COLUMNS, add_letters, draws_panel, journal_style, new_figure

_COLUMNS = "network clusters control n share_nodes share_size ratio ratio_low ratio_high"


@draws_panel()
def cluster_ratios(clusters: pd.DataFrame, which: str = "all", *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Median of |attribution| in clusters over that of like nodes, with 90 % intervals; interpretation/clusters.csv.

    `which`: `all` clusters, those that are `wrapping` around the cell, or `bounded`.
    """
    part = clusters[clusters["clusters"] == which]
    names = [name for name in NETWORK_COLOUR if name in set(part["network"])]
    for place, control in enumerate(CONTROL_NAME):
        for number, name in enumerate(names):
            x = place + 0.16 * (number - (len(names) - 1) / 2)
            for row in part[(part["network"] == name) & (part["control"] == control)].itertuples():
                # of too few stages there is no interval
                below, above = (np.nan_to_num(abs(end - row.ratio)) for end in (row.ratio_low, row.ratio_high))
                axes.errorbar(x, row.ratio, [[below], [above]], fmt="o", color=NETWORK_COLOUR[name], markersize=3.5)
    for name in names:
        axes.plot([], [], "o", color=NETWORK_COLOUR[name], markersize=3.5, label=NETWORK_NAME[name])
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.set_xticks(range(len(CONTROL_NAME)), list(CONTROL_NAME.values()))
    axes.set_xlim(-0.5, len(CONTROL_NAME) - 0.5)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("|attribution| in clusters over outside [1]")
    if names:
        axes.legend(fontsize=7, loc="upper right")


@draws_panel()
def cluster_shares(clusters: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Share of |attribution| in clusters beside their share of the nodes, by network; interpretation/clusters.csv."""
    part = clusters[clusters["control"] == "number"]
    kinds = [kind for kind in ("all", "bounded", "wrapping") if part.loc[part["clusters"] == kind, "n"].gt(0).any()]
    names = [name for name in NETWORK_COLOUR if name in set(part["network"])]
    for place, kind in enumerate(kinds):
        rows = part[part["clusters"] == kind].set_index("network")
        for number, name in enumerate(names):
            x = place + 0.18 * (number - (len(names) - 1) / 2)
            axes.bar(x, rows["share_size"].get(name, np.nan), 0.16, color=NETWORK_COLOUR[name])
        nodes = float(rows["share_nodes"].median())
        axes.plot([place - 0.42, place + 0.42], [nodes, nodes], color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_xlim(-0.6, max(len(kinds), 1) - 0.4)
    axes.set_ylabel("share of |attribution| [1]")


@journal_style()
def draw(run: Run) -> Drawing:
    """Attributions in clusters of active grains, beside nodes that are like them but for lying in none."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.8))
    left, right = drawing.figure.subplots(1, 2)
    path = "interpretation/clusters.csv"
    table_panel(drawing, left, run, path, _COLUMNS, "Share in clusters", cluster_shares)
    table_panel(drawing, right, run, path, _COLUMNS, "Beside like nodes", cluster_ratios)
    add_letters([left, right])
    return drawing


FIGURE = RunFigure(
    name="attribution_clusters",
    title="Attributions at the clusters",
    draw=draw,
    caption=(
        "(a) Share of |attribution| at nodes whose nearest grain is in a cluster, median over stages; dashed, the "
        "share of these nodes. Clusters that wrap around the cell are apart from the bounded ones. (b) Mean "
        "|attribution| in clusters over that of nodes in none: any, at equal height, and of equal D²min to 0.05 of "
        "a decade; median over stages with 90 % bootstrap intervals. What is left above 1 at equal D²min, and above "
        "what the network trained on noise has, is beyond amplitude."
    ),
    alternative="Shares and ratios of the attribution in clusters, for the network and its nulls.",
    needs="interpretation/clusters.csv",
    settings=(ACTIVE,),
    closing=explained_network,
    in_pressure=False,
)
