"""Correlation of attributions against that of D²min, for the trained network and for networks that know nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from microslip.data.run import Run
from microslip.views.figures.record import RunFigure, explained_network
from microslip.views.names import FIELD_MARKER, FIELD_NAME, NETWORK_COLOUR, NETWORK_NAME
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
    journal_style,
    new_figure,
)

# A covariance over fewer stages says little of a bin.
ELLIPSE_FROM = 8


@draws_panel()
def attribution_correlation(
    table: pd.DataFrame, *, network: str = "trained", field: str = "size", title: str = "", axes: Axes = NEW_AXES
) -> None:
    """C(r) of D²min (lines) and of the attribution (points) by bin of the fluctuation; correlation.csv."""
    part = table[(table["network"] == network) & (table["field"] == field)]
    groups = list(dict.fromkeys(part["group"]))
    for number, group in enumerate(groups):
        curve = part[part["group"] == group]
        kind = curve["kind"].iloc[0]
        colour = KIND_COLOUR[kind]
        alpha = 0.35 + 0.65 * (number % max(1, len(groups) // 2)) / max(1, len(groups) // 2)
        axes.plot(curve["r"], curve["c_d2min"], color=colour, alpha=alpha, linewidth=0.9)
        axes.plot(curve["r"], curve["c_attribution"], KIND_MARKER[kind], color=colour, alpha=alpha, markersize=2.6)
    axes.plot([], [], color=INK, linewidth=0.9, label=r"$D^2_\mathrm{min}$")
    for kind in dict.fromkeys(part["kind"]):
        axes.plot([], [], KIND_MARKER[kind], color=KIND_COLOUR[kind], markersize=2.6, label=f"{kind}, attribution")
    axes.legend(fontsize=7)
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.set_xlabel(r"$r$ [$\bar d$]")
    axes.set_ylabel(r"$C(r)$ [1]")


@draws_panel(height=3.2)
def length_plane(
    ellipses: pd.DataFrame, networks: tuple[str, ...], *, field: str = "size", title: str = "", axes: Axes = NEW_AXES
) -> None:
    """Correlation length of the attribution against that of D²min, by bin, with 1σ ellipses over stages (fig. 7c).

    Colours are the kinds of stages of a single network, or the networks, which then have no ellipses.

    Parameters
    ----------
    ellipses
        interpretation/ellipses.csv.
    networks, field
        Whose attributions; as they are ("signed") or their "size".
    """
    of_field = ellipses[ellipses["field"] == field]
    kinds = [kind for kind in KIND_MARKER if (of_field["kind"] == kind).any()]
    across, up = [], []
    for network in networks:
        part = of_field[of_field["network"] == network]
        for row in part.itertuples():
            colour = KIND_COLOUR[row.kind] if len(networks) == 1 else NETWORK_COLOUR[network]
            centre = (row.mean_xi_d2min, row.mean_xi_attribution)
            if not np.isfinite(centre).all():
                continue
            axes.plot(*centre, KIND_MARKER[row.kind], color=colour, markersize=4, markeredgewidth=0)
            reach = np.zeros(2)
            covariance = np.array([[row.var_d2min, row.covariance], [row.covariance, row.var_attribution]])
            # those of several networks on top of each other cannot be told apart
            if len(networks) == 1 and row.n >= ELLIPSE_FROM and np.isfinite(covariance).all():
                values, vectors = np.linalg.eigh(covariance)
                angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
                axes.add_patch(
                    Ellipse(
                        centre, *(2 * np.sqrt(np.maximum(values[::-1], 0))), angle=angle, fill=False,
                        edgecolor=colour, linewidth=0.5, alpha=0.7,
                    )
                )  # fmt: skip
                reach = np.sqrt(np.maximum(np.diag(covariance), 0))
            across.append(float(centre[0] + reach[0]))
            up.append(float(centre[1] + reach[1]))
        if len(networks) > 1:
            axes.plot([], [], "o", color=NETWORK_COLOUR[network], markersize=4, label=NETWORK_NAME[network])
    for kind in kinds:
        colour = KIND_COLOUR[kind] if len(networks) == 1 else GREY
        axes.plot([], [], KIND_MARKER[kind], color=colour, markersize=4, label=kind)
    wide, high = 1.06 * max(across, default=1.0), 1.06 * max(up, default=1.0)
    longest = max(wide, high)
    axes.plot([0, longest], [0, longest], color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.set_xlim(0, wide)
    # a legend above all ellipses
    axes.set_ylim(0, (1.22 if len(networks) == 1 else 1.4) * high)
    axes.set_xlabel(r"$\xi$ of $D^2_\mathrm{min}$ on the nodes [$\bar d$]")
    axes.set_ylabel(r"$\xi$ of the attribution [$\bar d$]")
    if kinds:
        axes.legend(loc="upper left", fontsize=7, ncols=2, borderaxespad=0.1, columnspacing=1.0, handletextpad=0.2)


@draws_panel()
def ratio_bars(claim: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Median ξ_Attr/ξ_D of every network with its 90 % interval: 1 is the paper's claim; interpretation/claim.csv."""
    names = [name for name in NETWORK_COLOUR if name in set(claim["network"])]
    for shift, (field, marker) in zip((-0.2, 0.2), FIELD_MARKER.items(), strict=True):
        for place, name in enumerate(names):
            for row in claim[(claim["network"] == name) & (claim["field"] == field)].itertuples():
                spread = [[max(row.ratio - row.low, 0)], [max(row.high - row.ratio, 0)]]
                axes.errorbar(
                    place + shift, row.ratio, spread, fmt=marker, color=NETWORK_COLOUR[name], markersize=4,
                )  # fmt: skip
                top = next((value for value in (row.high, row.ratio) if np.isfinite(value)), 0.0)
                axes.annotate(
                    f"{row.n}/{row.n_stages}", (place + shift, top), xytext=(0, 3), textcoords="offset points",
                    ha="center", fontsize=5, color=GREY, zorder=3,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
                )  # fmt: skip
        axes.plot([], [], marker, color=GREY, markersize=4, label=FIELD_NAME[field])
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.set_xticks(
        range(len(names)), [NETWORK_NAME[name].replace(": ", ":\n").replace("on ", "on\n") for name in names]
    )
    axes.set_xlim(-0.5, max(len(names), 1) - 0.5)
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
    axes.set_ylabel(r"$\xi_\mathrm{Attr} / \xi_D$ [1]")
    axes.legend(loc="upper left", fontsize=7)


@journal_style()
def draw(run: Run) -> Drawing:
    """Correlation of attributions against that of D²min, for the trained network and for networks that know nothing."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 7.4))
    a, b, c, d, e, f = drawing.figure.subplots(3, 2).flat
    columns = "network field group kind"
    for axes, title, field in ((a, "C(r), with sign", "signed"), (b, "C(r), size", "size")):
        table_panel(
            drawing, axes, run, "interpretation/correlation.csv", f"{columns} r c_attribution", title,
            attribution_correlation, field=field,
        )  # fmt: skip
    for axes, title, field, networks in (
        (c, "Lengths, with sign", "signed", ("trained",)),
        (d, "Lengths, size", "size", ("trained",)),
        (e, "Lengths of nulls, size", "size", ("untrained", "shuffled", "input")),
    ):
        table_panel(
            drawing, axes, run, "interpretation/ellipses.csv", f"{columns} mean_xi_attribution", title, length_plane,
            networks, field=field,
        )  # fmt: skip
    table_panel(
        drawing, f, run, "interpretation/claim.csv", "network field n n_stages ratio low high",
        "What is the ratio worth?", ratio_bars,
    )  # fmt: skip
    add_letters([a, b, c, d, e, f])
    return drawing


FIGURE = RunFigure(
    name="lengths",
    title="Size of the attributions and of the motion",
    draw=draw,
    caption=(
        "(a, b) C(r) of D²min (lines) and of the trained network's attribution (points) on the same nodes, by bin of "
        "the change of stress, sticks blue, slips orange, large ones dark: (a) of the attribution with its sign, (b) of"
        " its size. (c, d) Correlation lengths of stages, mean by bin, of the same two fields; ellipses, 1σ where a bin"
        " has 8 stages or more; dashed, ratio 1. (e) As d without ellipses, of networks that learned nothing and of the"
        " input. (f) Median ratio of both fields with its 90 % interval, and in how many of the stages both lengths can"
        " be fitted."
    ),
    alternative="Correlation curves, lengths with ellipses, ratios of lengths for trained and null networks.",
    needs="interpretation/claim.csv",
    closing=explained_network,
    counterpart="7b, c",
)
