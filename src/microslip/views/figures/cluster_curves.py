"""Curves of clusters: distributions of their sizes, radii of gyration, and how a quantity follows |Δs|."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from microslip.statistics.cluster_sizes import binned_radii, binned_sizes
from microslip.statistics.power_law import log_power_law
from microslip.statistics.statistic import null_name
from microslip.views.groups import bins_by_size, each_group, fluctuation_limits, kinds_in, shifted_suffix
from microslip.views.names import FLUCTUATION_LABEL
from microslip.views.style import GREY, INK, KIND_COLOUR, KIND_MARKER, NEW_AXES, draws_panel, few_log_labels

BESIDE_LINE: dict[str, Any] = {
    "height": (0, (4, 1.5)), "random": "-", "layered": (0, (1, 1)), "points": (0, (5, 1.5, 1, 1.5))
}  # fmt: skip
BESIDE_NAME = {
    "height": "relative to the height",
    "random": "as many grains at random",
    "layered": "permuted within layers",
    "points": "as many nodes at random",
}
"""What curves are held against, by suffix of the statistic: how its line is drawn, and its name."""


def beside_line(suffix: str, kind: str) -> dict[str, Any]:
    """How the line of a null is drawn, grey, and that of another choice of active grains, in the kind's colour."""
    colour = KIND_COLOUR[kind] if suffix == "height" else GREY
    return {"color": colour, "linestyle": BESIDE_LINE[suffix], "linewidth": 0.9}


def beside_handles() -> list[Line2D]:
    """Keys to these lines for a legend."""
    return [
        Line2D([], [], label=name, **{**beside_line(suffix, "slip"), "color": INK if suffix == "height" else GREY})
        for suffix, name in BESIDE_NAME.items()
    ]


@draws_panel()
def percolation_curves(
    percolation: pd.DataFrame, axis: str, *, fraction: float | None = None, title: str = "", axes: Axes = NEW_AXES
) -> None:
    """The share of stages in which a cluster wraps around an axis against the active fraction, beside its nulls.

    Parameters
    ----------
    percolation
        Table of statistics/percolation.csv.
    axis
        x, y or z.
    fraction
        That of the settings, marked.
    """
    of_axis = percolation[percolation["axis"] == axis]
    for (kind, active), rows in of_axis.groupby(["kind", "active"], sort=False):
        look = {"color": KIND_COLOUR[kind], "linewidth": 1.2} if active == "d2min" else beside_line(active, kind)
        axes.plot(rows["fraction"], rows["share"], **look)
    if fraction is not None:
        axes.axvline(fraction, color=INK, linewidth=0.6)
    axes.set_xlabel("active fraction [1]")
    axes.set_ylabel(rf"stages that wrap ${axis}$ [1]")


@draws_panel()
def size_distribution(
    cluster_sizes: pd.DataFrame,
    power_law: pd.DataFrame,
    *,
    limits: tuple[float, float] | None = None,
    shift: float = 10.0,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """P(N) of the groups of one kind, with the power laws fitted from the smallest cluster that counts.

    Parameters
    ----------
    cluster_sizes, power_law
        Tables of statistics/cluster_sizes.csv and power_law.csv, rows of the groups that are drawn.
    limits
        Ends of the colour scale of |Δs| [p].
    shift
        Factor between one group and the next, so that they can be told apart.
    """
    points = binned_sizes(cluster_sizes)
    limits = limits or fluctuation_limits(cluster_sizes)
    laws = power_law[power_law["x_min_rule"] == "fixed"] if len(power_law) else power_law
    for number, (group, kind, colour, rows) in enumerate(each_group(points, limits)):
        factor = shift**number
        axes.plot(
            rows["size"], factor * rows["density"], KIND_MARKER[kind], color=colour, markersize=3, markeredgewidth=0
        )
        counted = cluster_sizes[cluster_sizes["group"] == group]
        for law in laws[laws["group"] == group].itertuples():
            if not np.isfinite(getattr(law, "eta", np.nan)):
                continue
            share = counted.loc[counted["size"] >= law.x_min, "n_clusters"].sum() / counted["n_clusters"].sum()
            n = np.geomspace(law.x_min, counted["size"].max(), 50)
            axes.plot(n, factor * share * np.exp(log_power_law(n, law.eta, law.x_min)), color=colour, linewidth=0.9)
    _logarithmic(axes)
    axes.set_ylabel(r"$P(N)$ [1]" + shifted_suffix(points, shift))


@draws_panel()
def radius_curves(
    cluster_sizes: pd.DataFrame,
    evolution: pd.DataFrame,
    *,
    smallest: int = 3,
    shift: float = 1.6,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """R_g [d̄] against cluster size, mean of ln R_g at every size, with the fits R_g ∝ N^(1/D).

    Parameters
    ----------
    cluster_sizes, evolution
        Tables of statistics/cluster_sizes.csv and evolution.csv, rows of the groups that are drawn.
    smallest
        Smallest cluster of the fit.
    shift
        Factor between one group and the next.
    """
    dimensions = evolution[evolution["quantity"] == "fractal_dimension"].set_index("group")["value"]
    points = binned_radii(cluster_sizes)
    for number, (group, kind, colour, rows) in enumerate(each_group(points, fluctuation_limits(cluster_sizes))):
        factor = shift**number
        axes.plot(
            rows["size"], factor * rows["radius"], KIND_MARKER[kind], color=colour, markersize=3, markeredgewidth=0
        )
        dimension = float(dimensions.get(group, np.nan))
        used = cluster_sizes[(cluster_sizes["group"] == group) & (cluster_sizes["size"] >= max(smallest, 2))]
        used = used[used["n_shaped"] > 0]
        if not np.isfinite(dimension) or used.empty:
            continue
        # a line of least squares passes through the mean of its points
        at, height = (np.average(np.log(used[name]), weights=used["n_shaped"]) for name in ("size", "radius"))
        n = np.array([used["size"].min(), used["size"].max()], dtype=float)
        axes.plot(n, factor * np.exp(height + (np.log(n) - at) / dimension), color=colour, linewidth=0.9)
    _logarithmic(axes)
    kinds = kinds_in(points)
    if len(kinds) > 1:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.12)
        handles = [
            Line2D([], [], color=INK, marker=KIND_MARKER[kind], markersize=3, linestyle="none", label=kind)
            for kind in kinds
        ]
        axes.legend(handles=handles, loc="upper left", ncols=2, fontsize=7, handletextpad=0.1, borderaxespad=0.1)
    axes.set_ylabel(r"$R_g$ [$\bar d$]" + shifted_suffix(points, shift))


def _logarithmic(axes: Axes) -> None:
    """Both axes logarithmic, the size of the cluster across."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    few_log_labels(axes.xaxis)
    few_log_labels(axes.yaxis)
    axes.set_xlabel("cluster size $N$ [grains]")


@draws_panel()
def evolution_curve(
    evolution: pd.DataFrame,
    quantity: str,
    label: str,
    *,
    beside: Collection[str] = (),
    legend: bool = False,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """A quantity against mean |Δs| [p] of the bins, one band per kind of stage; table of statistics/evolution.csv.

    Parameters
    ----------
    evolution
        Columns group, kind, by, mean_fluctuation, quantity, value, value_low, value_high; fixed, where it is there, is
        drawn as a thin line.
    quantity, label
        Which rows, and the axis with its unit.
    beside
        Nulls and other choices of active grains whose lines are drawn too, by suffix, those of `BESIDE_LINE`.
    legend
        Whether kinds are named.
    """
    chosen = evolution[(evolution["quantity"] == quantity) & np.isfinite(evolution["value"])]
    for kind in kinds_in(chosen):
        of_kind = chosen[chosen["kind"] == kind]
        bins = bins_by_size(of_kind)
        colour, marker = KIND_COLOUR[kind], KIND_MARKER[kind]
        if bins.empty:
            # windows without a stress have no size to stand at
            for row in of_kind.itertuples():
                axes.axhspan(row.value_low, row.value_high, color=colour, alpha=0.16, linewidth=0)
                axes.axhline(row.value, color=colour, label=f"all {kind}s")
            continue
        axes.fill_between(bins["at"], bins["value_low"], bins["value_high"], color=colour, alpha=0.18, linewidth=0)
        axes.plot(bins["at"], bins["value"], marker + "-", color=colour, markersize=3.6, linewidth=1.0, label=kind)
        if "fixed" in bins:
            axes.plot(bins["at"], bins["fixed"], color=colour, linewidth=0.6)
        axes.set_xscale("log")
    for suffix in beside:
        other = evolution[(evolution["quantity"] == null_name(quantity, suffix)) & np.isfinite(evolution["value"])]
        for kind in kinds_in(other):
            bins = bins_by_size(other[other["kind"] == kind])
            axes.plot(bins["at"], bins["value"], **beside_line(suffix, kind))
    axes.set_xlabel(FLUCTUATION_LABEL)
    if axes.get_xscale() == "linear":
        axes.set_xticks([])
        axes.set_xlabel("of any size")
    else:
        few_log_labels(axes.xaxis)
    axes.set_ylabel(label)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", handlelength=1.4, borderaxespad=0.2)
