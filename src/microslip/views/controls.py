"""What remains of a prediction and of an attribution under controls: sign by size, ablations, nulls, ellipses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from microslip.learn.evaluate import NORMAL
from microslip.views.learning import R2_FLOOR
from microslip.views.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    KIND_COLOUR,
    KIND_MARKER,
    ORANGE,
    PURPLE,
    SIZE_MAP,
    VERMILLION,
    axes_or_new,
    journal_style,
)  # fmt: skip

RULE_COLOUR = {"random": BLUE, "blocked": VERMILLION}
# The two rules often agree: in grey print they are told apart by marker and line.
RULE_MARKER = {"random": "o", "blocked": "s"}
RULE_LINE: dict[str, Any] = {"random": "-", "blocked": (0, (4, 1.5))}
# Blue and vermilion are sticks and slips.
NETWORK_COLOUR = {"trained": INK, "untrained": ORANGE, "shuffled": PURPLE, "input": GREEN}
NETWORK_NAME = {
    "trained": "trained",
    "untrained": "untrained",
    "shuffled": "trained on noise",
    "input": "no network: the input",
}
ORDER_COLOUR = {"attribution": BLUE, "size of attribution": PURPLE, "d2min": GREEN, "random": GREY}
ORDER_LINE: dict[str, Any] = {
    "attribution": "-", "size of attribution": (0, (5, 1.5)), "d2min": (0, (5, 1.2, 1, 1.2)), "random": (0, (1, 1))
}  # fmt: skip
# Other markers than those of the kinds of stages.
FIELD_MARKER = {"signed": "D", "size": "v"}
FIELD_NAME = {"signed": "with its sign", "size": "its size"}
# A covariance over fewer stages says little of a bin.
ELLIPSE_FROM = 8
ORDER_NAME = {
    "attribution": "attribution",
    "size of attribution": "its size",
    "d2min": r"$D^2_\mathrm{min}$",
    "random": "at random",
}


@journal_style()
def sign_accuracy(table: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Share of test stages whose sign is right against |fluctuation| [p], with 90 % intervals; sign_by_size.csv."""
    figure, axes = axes_or_new(axes)
    tests = table[table["split"] == "test"]
    for rule, colour in RULE_COLOUR.items():
        part = tests[tests["rule"] == rule]
        if part.empty:
            continue
        size = np.sqrt(part["size_low"] * part["size_high"])
        axes.fill_between(size, part["low"], part["high"], color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            size, part["sign_accuracy"], marker=RULE_MARKER[rule], linestyle=RULE_LINE[rule], color=colour,
            markersize=3.5, label=f"{rule} split",
        )  # fmt: skip
    axes.axhline(0.5, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.annotate("a coin", (0.99, 0.485), xycoords=("axes fraction", "data"), xytext=(0, 2), fontsize=7,
                  textcoords="offset points", ha="right", va="top", color=GREY)  # fmt: skip
    axes.set_xscale("log")
    axes.set_ylim(min(0.3, float(tests["low"].min())) if len(tests) else 0.3, 1.03)
    axes.set_xlabel(r"size of the stage $|\Delta s|$ [$p$]")
    axes.set_ylabel("stick or slip told right [1]")
    if len(tests):
        axes.legend(loc="upper left")
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def calibration(table: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Mean true against mean predicted fluctuation [p] of the test sets, in bins of the prediction; calibration.csv."""
    figure, axes = axes_or_new(axes)
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
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def ablation_bars(
    summary: pd.DataFrame, families: tuple[str, ...], *, title: str = "", axes: Axes | None = None
) -> Figure:
    """R² on the test set for each line of some families under each split, with 90 % intervals; summary.csv."""
    figure, axes = axes_or_new(axes)
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
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def sweep(
    summary: pd.DataFrame,
    family: str,
    own_value: float,
    label: str,
    *,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """R² on the test set against a quantity that was varied, the untouched run at its own value (figs 3c, d).

    Parameters
    ----------
    summary
        ablations/summary.csv.
    family, own_value
        The quantity that varied, and its value in the untouched run.
    label, title, axes
        The quantity on the axis; the panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
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
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def attribution_correlation(
    table: pd.DataFrame, *, network: str = "trained", field: str = "size", title: str = "", axes: Axes | None = None
) -> Figure:
    """C(r) of D²min (lines) and of the attribution (points) by bin of the fluctuation; correlation.csv."""
    figure, axes = axes_or_new(axes)
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
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def length_plane(
    ellipses: pd.DataFrame, networks: tuple[str, ...], *, field: str = "size", title: str = "", axes: Axes | None = None
) -> Figure:
    """Correlation length of the attribution against that of D²min, by bin, with 1σ ellipses over stages (fig. 7c).

    Colours are the kinds of stages of a single network, or the networks, which then have no ellipses.

    Parameters
    ----------
    ellipses
        interpretation/ellipses.csv.
    networks, field
        Whose attributions; as they are ("signed") or their "size".
    title, axes
        The panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes, height=3.2)
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
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def ratio_bars(claim: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Median ξ_Attr/ξ_D of every network with its 90 % interval: 1 is the paper's claim; interpretation/claim.csv."""
    figure, axes = axes_or_new(axes)
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
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def randomised_layers(layers: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """How like the trained network's attributions stay while layer after layer is made random; layers.csv."""
    figure, axes = axes_or_new(axes)
    number = np.concatenate([[0], layers["n_layers"]])
    alike = np.concatenate([[1.0], layers["spearman"]])
    spread = np.concatenate([[0.0], layers["deviation"]])
    axes.errorbar(number, alike, spread, fmt="o-", color=BLUE, markersize=3)
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_ylim(min(-0.1, float(np.nanmin(alike - spread))), 1.05)
    axes.set_xlabel("random layers from the output [1]")
    axes.set_ylabel("rank correlation [1]")
    axes.set_title(title, loc="left")
    return figure


# Ticks of shares of a prediction: 0 and 1, and what lies beyond.
_SHARES = [-100, -50, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100]


@journal_style()
def deletion_curves(deletion: pd.DataFrame, mode: str, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Median prediction while nodes are taken out or put in, in several orders, with quartiles; deletion.csv."""
    figure, axes = axes_or_new(axes)
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
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def transfer_map(table: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """R² of the network of each run (rows) on the stages of each run (columns); table of transfer.csv."""
    trained = list(dict.fromkeys(table["trained_on"]))
    tested = list(dict.fromkeys(table["tested_on"]))
    figure, axes = axes_or_new(axes, 1.2 + 0.75 * len(tested), 0.9 + 0.42 * len(trained))
    values = table.pivot(index="trained_on", columns="tested_on", values="r2").loc[trained, tested].to_numpy()
    shown = np.ma.masked_invalid(values)
    axes.imshow(shown, cmap=SIZE_MAP, vmin=R2_FLOOR, vmax=1.0, aspect="auto")
    for row in range(len(trained)):
        for column in range(len(tested)):
            value = values[row, column]
            if np.isfinite(value):
                axes.text(
                    column, row, f"{value:.2f}".replace("-", "−"), ha="center", va="center", fontsize=7.5,
                    color="white" if value < 0.4 else INK,
                )  # fmt: skip
    axes.set_xticks(range(len(tested)), tested, rotation=30, ha="right")
    axes.set_yticks(range(len(trained)), trained)
    axes.set_xlabel("tested on")
    axes.set_ylabel("trained on")
    axes.set_title(title, loc="left")
    return figure
