"""Clusters of the grains that move the most: where they are, how large, how compact, how close to each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import zeta

from microslip.core.box import Box
from microslip.views.cell import camera_of, cell_corners, draw_cell
from microslip.views.groups import each_group, fluctuation_limits, kinds_in, said_shifted
from microslip.views.spheres import render_spheres
from microslip.views.style import INK, KIND_MARKER, SIZE_MAP, axes_or_new, few_log_labels, journal_style

# Bins of the cluster size in an octave: single sizes are too few far out.
_PER_OCTAVE = 2


def sizes_of_grains(label: Int[np.ndarray, "grain"]) -> Int[np.ndarray, "grain"]:
    """Number of grains in the cluster of each grain, shape (grain,); 0 for label 0, which is not active."""
    sizes: np.ndarray = np.bincount(label, minlength=1)[label]
    sizes[label == 0] = 0
    return sizes


@journal_style()
def cluster_snapshot(
    positions: Float[np.ndarray, "grain 3"],
    diameters: Float[np.ndarray, "grain"],
    label: Int[np.ndarray, "grain"],
    box: Box,
    *,
    limits: tuple[float, float],
    smallest: int = 3,
    heights: tuple[float, float] | None = None,
    pixels: int = 800,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Draw the active grains of one stage by the size of their cluster, in the edges of the cell.

    Parameters
    ----------
    positions, diameters
        Centres (grain, 3) [d̄] at the start of the stage, wrapped here, and diameters (grain,) [d̄].
    label
        Number of the grain's cluster, 0 where not active, shape (grain,).
    box
        The cell.
    limits
        Ends of the logarithmic colour scale [grains].
    smallest
        Clusters of fewer grains are left out.
    heights
        Lower and upper end of the cell as drawn [d̄]; those of the box where left out.
    pixels, title, axes
        Width of the picture; the panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes, 3.5, 2.2)
    size = sizes_of_grains(np.asarray(label))
    shown = (size >= smallest) & np.isfinite(positions).all(axis=1)
    corners = cell_corners(box, *(heights or (0.0, box.lengths[2])))
    azimuth, elevation = camera_of(box)
    if shown.any():
        colours = colormaps[SIZE_MAP](LogNorm(*limits)(np.clip(size[shown], *limits)))[:, :3]
        wrapped = box.wrap(np.asarray(positions, dtype=float)[shown])
        image = render_spheres(
            wrapped, np.asarray(diameters)[shown], colours, azimuth=azimuth, elevation=elevation, view=corners,
            pixels=pixels,
        )  # fmt: skip
        axes.imshow(image.rgba, extent=image.extent, interpolation="antialiased")
    draw_cell(axes, corners, azimuth=azimuth, elevation=elevation)
    axes.set_title(title, loc="left")
    return figure


def binned_sizes(cluster_sizes: pd.DataFrame) -> pd.DataFrame:
    """Density of cluster sizes in bins that grow, two an octave, of every group.

    Parameters
    ----------
    cluster_sizes
        Table of statistics/cluster_sizes.csv.

    Returns
    -------
    DataFrame
        group, kind, by, mean_fluctuation, size (geometric mean of the bin's whole numbers), density (probability of a
        single size), n_clusters; bins without a cluster are left out.
    """
    rows = []
    largest = int(cluster_sizes["size"].max()) if len(cluster_sizes) else 1
    # whole numbers from which bins begin: the first ones hold a single size
    edges = np.unique(np.round(2 ** (np.arange(_PER_OCTAVE * np.log2(largest) + 3) / _PER_OCTAVE))).astype(int)
    for name, part in cluster_sizes.groupby("group", sort=False):
        counts = np.zeros(len(edges) - 1)
        np.add.at(counts, np.searchsorted(edges, part["size"], side="right") - 1, part["n_clusters"])
        about = {key: part[key].iloc[0] for key in ("kind", "by", "mean_fluctuation")}
        middle = np.sqrt(edges[:-1] * (edges[1:] - 1.0))
        table = pd.DataFrame(
            {
                "group": name,
                **about,
                "size": middle,
                "density": counts / (counts.sum() * np.diff(edges)),
                "n_clusters": counts.astype(int),
            }
        )
        rows.append(table[table["n_clusters"] > 0])
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


@journal_style()
def size_distribution(
    cluster_sizes: pd.DataFrame,
    power_law: pd.DataFrame,
    *,
    limits: tuple[float, float] | None = None,
    shift: float = 10.0,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """P(N) of the groups of one kind, with the power laws fitted from the smallest cluster that counts.

    Parameters
    ----------
    cluster_sizes, power_law
        Tables of statistics/cluster_sizes.csv and power_law.csv, rows of the groups that are drawn.
    limits
        Ends of the colour scale of |Δs| [p].
    shift
        Factor between one group and the next, so that they can be told apart.
    title, axes
        The panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
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
            axes.plot(n, factor * share * n**-law.eta / zeta(law.eta, law.x_min), color=colour, linewidth=0.9)
    _logarithmic(axes)
    axes.set_ylabel(r"$P(N)$ [1]" + said_shifted(points, shift))
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def radius_curves(
    cluster_sizes: pd.DataFrame,
    evolution: pd.DataFrame,
    *,
    smallest: int = 3,
    shift: float = 1.6,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """R_g [d̄] against cluster size, mean of ln R_g at every size, with the fits R_g ∝ N^(1/D).

    Parameters
    ----------
    cluster_sizes, evolution
        Tables of statistics/cluster_sizes.csv and evolution.csv, rows of the groups that are drawn.
    smallest
        Smallest cluster of the fit.
    shift
        Factor between one group and the next.
    title, axes
        The panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
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
    axes.set_ylabel(r"$R_g$ [$\bar d$]" + said_shifted(points, shift))
    axes.set_title(title, loc="left")
    return figure


def binned_radii(cluster_sizes: pd.DataFrame) -> pd.DataFrame:
    """Mean of ln R_g in bins of the cluster size that grow, two an octave: group, kind, by, size, radius [d̄]."""
    shaped = cluster_sizes[cluster_sizes["n_shaped"] > 0]
    place = np.floor(_PER_OCTAVE * np.log2(shaped["size"]) + 1e-9)
    rows = []
    for (name, _), part in shaped.groupby(["group", place], sort=False):
        size, radius = (np.exp(np.average(np.log(part[key]), weights=part["n_shaped"])) for key in ("size", "radius"))
        about = {key: part[key].iloc[0] for key in ("kind", "by", "mean_fluctuation")}
        rows.append({"group": name, **about, "size": size, "radius": radius, "n_clusters": part["n_shaped"].sum()})
    columns = ["group", "kind", "by", "mean_fluctuation", "size", "radius", "n_clusters"]
    return pd.DataFrame(rows, columns=columns).sort_values("size", kind="stable", ignore_index=True)


def _logarithmic(axes: Axes) -> None:
    """Both axes logarithmic, the size of the cluster across."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    few_log_labels(axes.xaxis)
    few_log_labels(axes.yaxis)
    axes.set_xlabel("cluster size $N$ [grains]")
