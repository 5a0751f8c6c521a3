"""Clusters of the grains that move the most: where they are, how large, how compact, how close to each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.statistics.cluster_sizes import binned_radii, binned_sizes, sizes_of_grains
from microslip.statistics.power_law import log_power_law
from microslip.views.choose import TYPICAL, choose_cycle, cycles, largest_slip, typical_stages
from microslip.views.figures.record import ACTIVE, NEIGHBOURS, STAGE_ENDS, About, RunFigure, Sentence
from microslip.views.groups import (
    binned,
    bins_by_size,
    each_group,
    fluctuation_limits,
    kinds_in,
    shifted_suffix,
    size_bar,
)
from microslip.views.names import FLUCTUATION_LABEL
from microslip.views.panels import Drawing, FrameOfGrains, panel, stage_title
from microslip.views.render.cell import camera_of, cell_corners, draw_cell
from microslip.views.render.spheres import render_spheres
from microslip.views.settings import Config, setting
from microslip.views.style import (
    INK,
    KIND_COLOUR,
    KIND_MARKER,
    NEW_AXES,
    SIZE_MAP,
    TWO_COLUMNS,
    add_colour_bar,
    add_letters,
    draws_panel,
    few_log_labels,
    journal_style,
    new_figure,
)
from microslip.views.tables import GROUP, read


@draws_panel(3.5, 2.2)
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
    axes: Axes = NEW_AXES,
) -> None:
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
    pixels
        Width of the picture.
    """
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
    evolution: pd.DataFrame, quantity: str, label: str, *, legend: bool = False, title: str = "", axes: Axes = NEW_AXES
) -> None:
    """A quantity against mean |Δs| [p] of the bins, one band per kind of stage; table of statistics/evolution.csv.

    Parameters
    ----------
    evolution
        Columns group, kind, by, mean_fluctuation, quantity, value, value_low, value_high.
    quantity, label
        Which rows, and the axis with its unit.
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
        axes.set_xscale("log")
    axes.set_xlabel(FLUCTUATION_LABEL)
    if axes.get_xscale() == "linear":
        axes.set_xticks([])
        axes.set_xlabel("of any size")
    else:
        few_log_labels(axes.xaxis)
    axes.set_ylabel(label)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", handlelength=1.4, borderaxespad=0.2)


# Quantity, title of its panel, label of its axis.
EVOLUTIONS = (
    ("eta", "Exponent", r"$\eta$ of $P(N)\propto N^{-\eta}$ [1]"),
    ("fractal_dimension", "Dimension", r"$D$ of $R_g\propto N^{1/D}$ [1]"),
    ("moran_i", "Moran's I", "Moran's $I$ [1]"),
    ("efficiency", "Efficiency", r"$E(G)$ [$1/\bar d$]"),
)

_SIZES = ("statistics/cluster_sizes.csv", f"{GROUP} size n_clusters n_shaped radius")
_EVOLUTION = ("statistics/evolution.csv", f"{GROUP} quantity value value_low value_high")


@journal_style()
def draw(run: Run) -> Drawing:
    """Active clusters in space, their sizes and radii, and how they change with the stress fluctuation."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 6.0))
    tables = drawing.tables
    top, middle, bottom = np.asarray(drawing.figure.subfigures(3, 1, height_ratios=[1.35, 1.5, 1.2]), dtype=object)
    above = _cluster_snapshots(run, top, drawing)
    try:
        kinds = kinds_in(binned(read(run, "statistics/cluster_sizes.csv", GROUP)))
    except MicroslipError:
        kinds = ["stick", "slip"]
    *of_kinds, radii = between = list(middle.subplots(1, len(kinds) + 1))
    limits = None
    for axes, kind in zip(of_kinds, kinds, strict=True):
        title = f"Cluster sizes, {kind}s"
        with panel(axes, run, "statistics/cluster_sizes.csv", title):
            sizes = binned(read(run, *_SIZES))
            laws = read(run, "statistics/power_law.csv", "group x_min_rule")
            limits = fluctuation_limits(sizes)
            size_distribution(sizes[sizes["kind"] == kind], laws, limits=limits, title=title, axes=axes)
            tables["sizes"], tables["power_law"] = binned_sizes(sizes), laws
    with panel(radii, run, "statistics/cluster_sizes.csv", "Radius of gyration"):
        sizes = binned(read(run, *_SIZES))
        radius_curves(sizes, read(run, *_EVOLUTION), title="Radius of gyration", axes=radii)
        tables["radii"] = binned_radii(sizes)
    if limits is not None and kinds != ["window"]:
        size_bar(between, limits, fraction=0.03, pad=0.01, aspect=25)
    below = list(bottom.subplots(1, 4))
    for axes, (quantity, title, label) in zip(below, EVOLUTIONS, strict=True):
        with panel(axes, run, "statistics/evolution.csv", title):
            evolution = read(run, *_EVOLUTION)
            evolution_curve(evolution, quantity, label, legend=axes is below[0], title=title, axes=axes)
            tables["evolution"] = evolution[evolution["quantity"].isin([name for name, _, _ in EVOLUTIONS])]
            if axes.get_xlabel() == FLUCTUATION_LABEL:
                # once for all four: they are too narrow for a long unit
                axes.set_xlabel("")
                bottom.supxlabel(FLUCTUATION_LABEL, fontsize=8)
    add_letters([*above, *between, *below])
    return drawing


def _cluster_snapshots(run: Run, part: SubFigure, drawing: Drawing) -> list[Axes]:
    """The stick and the slip of a typical cycle, and the largest slip, with one camera and one colour scale."""
    row = list(part.subplots(1, 3))
    titles = ("Clusters, stick", "Clusters, slip", "Clusters, largest slip")
    for number, (axes, title) in enumerate(zip(row, titles, strict=True)):
        with panel(axes, run, "statistics/clusters.zarr", title):
            store = open_dataset(run.folder / "statistics" / "clusters.zarr")
            smallest = int(store.attrs["smallest"])
            rows = looked_at(run.stages)
            largest = max(int(store["size"][each].max()) for each in rows)
            limits = (float(smallest), float(max(largest, 2 * smallest)))
            stage, label = run.stages.iloc[rows[number]], store["label"][rows[number]].to_numpy()
            grains = FrameOfGrains.of(run, int(stage["start_frame"]))
            cluster_snapshot(
                grains.position, grains.diameter, label, grains.box, limits=limits, smallest=smallest,
                heights=grains.heights, title=stage_title(stage, length=False), axes=axes,
            )  # fmt: skip
            table = grains.table(cluster=label, cluster_size=sizes_of_grains(label))
            drawing.tables[f"grains_{number + 1}"] = table[table["cluster"] > 0]
    if len(drawing.tables) == len(row):
        bar = add_colour_bar(
            row, LogNorm(*limits), SIZE_MAP, rf"grains in the cluster, {smallest} or more", fraction=0.06,
            aspect=50, shrink=0.5, pad=0.02,
        )  # fmt: skip
        few_log_labels(bar.ax.xaxis)
    return row


def looked_at(stages: pd.DataFrame) -> tuple[int, int, int]:
    """Rows of the stages whose clusters are drawn: a typical stick and slip and the largest slip, or three windows."""
    first, second = typical_stages(stages, TYPICAL)
    windows = np.flatnonzero(stages["kind"] == "window")
    if len(windows) > 1:
        return first, second, int(windows[-1])
    largest = largest_slip(stages)[1]
    if second == largest and len(cycles(stages)) > 1:
        # of few cycles the typical one may be the largest, and would be seen twice
        first, second = choose_cycle(stages, TYPICAL, without=largest)
    return first, second, largest


def _by_distance(config: Config) -> bool:
    return bool(setting(config, "clusters.link") == "distance")


_SETTINGS = (
    Sentence("Linked: centres within {} d̄.", ("clusters.link_distance",), _by_distance),
    Sentence(
        "Linked: distance at most the sum of the radii, by “{}”.", ("clusters.link",),
        lambda config: not _by_distance(config),
    ),
    Sentence("Smaller clusters than {} grains are not shown, and count in no fit.", ("clusters.smallest",)),
    Sentence(
        "Neighbours of Moran's I: grains within {} d̄; graph of the efficiency: {} nearest clusters.",
        ("clusters.moran_distance", "clusters.n_neighbours"),
    ),
    Sentence(
        "Intervals: {} from {} draws of {} blocks.",
        ("bootstrap.confidence", "bootstrap.n_samples", "bootstrap.n_blocks"),
    ),
)  # fmt: skip


def _caption(about: About) -> str:
    if not about.stress:
        return (
            "(a to c) Active grains of three windows of strain, coloured by the number of grains in their cluster; one "
            "camera. (d) P(N) over all windows in bins of two an octave; line, discrete power law by maximum "
            "likelihood. (e) Mean of ln R_g; line, R_g ∝ N^(1/D). (f to i) η, D, Moran's I of being active and global "
            "efficiency over all windows; bands, bootstrap intervals over blocks of consecutive windows."
        )
    return (
        "(a, b) Active grains of a stick and of the slip after it, (c) of the largest slip, coloured by the number of "
        "grains in their cluster; one camera. (d, e) P(N) in bins of two an octave, curves of rising |Δs| shifted by a "
        "factor of 10 each; lines, discrete power laws by maximum likelihood. (f) Mean of ln R_g, sticks as circles, "
        "slips as squares, shifted by 1.6 each; lines, R_g ∝ N^(1/D). (g to j) η, D, Moran's I of being active and "
        "global efficiency; bands, bootstrap intervals over blocks of consecutive stages."
    )


FIGURE = RunFigure(
    name="clusters",
    title="Clusters of active grains",
    draw=draw,
    caption=_caption,
    alternative=(
        "Three pictures of clusters in the cell; cluster sizes and radii on logarithmic axes; four quantities against "
        "the stress fluctuation with bands."
    ),
    needs="statistics/clusters.zarr",
    settings=(STAGE_ENDS, NEIGHBOURS, ACTIVE, *_SETTINGS),
    counterpart="8",
)
