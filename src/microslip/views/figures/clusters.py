"""Clusters of the grains that move the most: where they are, how large, how compact, how close to each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from scipy.special import zeta

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.views.choose import TYPICAL, choose_cycle, cycles, largest_slip, typical_stages
from microslip.views.figures.record import ACTIVE, NEIGHBOURS, STAGE_ENDS, About, RunFigure, Sentence
from microslip.views.groups import binned, each_group, fluctuation_limits, kinds_in, said_shifted, size_bar
from microslip.views.names import FLUCTUATION_LABEL
from microslip.views.panels import Drawing, grain_table, panel, stage_title
from microslip.views.render.cell import camera_of, cell_corners, draw_cell
from microslip.views.render.spheres import render_spheres
from microslip.views.settings import Config, setting
from microslip.views.style import (
    INK,
    KIND_COLOUR,
    KIND_MARKER,
    SIZE_MAP,
    TWO_COLUMNS,
    axes_or_new,
    few_log_labels,
    journal_style,
    letter,
    new_figure,
)
from microslip.views.tables import GROUP, read

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


@journal_style()
def evolution_curve(
    evolution: pd.DataFrame,
    quantity: str,
    label: str,
    *,
    legend: bool = False,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """A quantity against mean |Δs| [p] of the bins, one band per kind of stage; table of statistics/evolution.csv.

    Parameters
    ----------
    evolution
        Columns group, kind, by, mean_fluctuation, quantity, value, value_low, value_high.
    quantity, label
        Which rows, and the axis with its unit.
    legend, title, axes
        Whether kinds are named; the panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
    chosen = evolution[(evolution["quantity"] == quantity) & np.isfinite(evolution["value"])]
    for kind in kinds_in(chosen):
        of_kind = chosen[chosen["kind"] == kind]
        bins = of_kind[of_kind["by"] == "bin"].assign(at=lambda table: table["mean_fluctuation"].abs())
        bins = bins.sort_values("at")
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
    axes.set_title(title, loc="left")
    return figure


_SIZES = (*GROUP, "size", "n_clusters", "n_shaped", "radius")

EVOLUTIONS = (
    ("eta", "Exponent", r"$\eta$ of $P(N)\propto N^{-\eta}$ [1]"),
    ("fractal_dimension", "Dimension", r"$D$ of $R_g\propto N^{1/D}$ [1]"),
    ("moran_i", "Moran's I", "Moran's $I$ [1]"),
    ("efficiency", "Efficiency", r"$E(G)$ [$1/\bar d$]"),
)


@dataclass(frozen=True)
class _Moment:
    """Grains at the start of a stage."""

    position: np.ndarray
    diameter: np.ndarray
    kind: np.ndarray
    box: Box
    title: str
    short_title: str

    def table(self, **columns: np.ndarray) -> pd.DataFrame:
        """Every bulk grain that is there, as in `grain_table`."""
        there = (self.kind == 0) & np.isfinite(self.position).all(axis=1)
        return grain_table(self.position, self.diameter, self.box, there, **columns)

    @property
    def heights(self) -> tuple[float, float]:
        """Lower and upper end of what the picture shows [d̄]: the cell, and the grains where they end below or above."""
        bulk = self.position[(self.kind == 0) & np.isfinite(self.position).all(axis=1), 2]
        if self.box.periodic[2] or not len(bulk):
            return 0.0, self.box.lengths[2]
        return min(0.0, float(bulk.min()) - 0.5), max(self.box.lengths[2], float(bulk.max()) + 0.5)


def _moment(run: Run, row: int) -> _Moment:
    stage, grains = run.stages.iloc[row], run.grains
    frame = int(stage["start_frame"])
    return _Moment(
        run.frames["position"][frame].to_numpy(),
        grains["diameter"].to_numpy(),
        grains["kind"].to_numpy(),
        run.box_at(frame),
        stage_title(stage),
        stage_title(stage, length=False),
    )


@journal_style()
def draw(run: Run) -> Drawing:
    """Active clusters in space, their sizes and radii, and how they change with the stress fluctuation."""
    figure = new_figure(TWO_COLUMNS, 6.0)
    top, middle, bottom = np.asarray(figure.subfigures(3, 1, height_ratios=[1.35, 1.5, 1.2]), dtype=object)
    tables: dict[str, pd.DataFrame] = {}
    above = _cluster_snapshots(run, top, tables)
    try:
        kinds = kinds_in(binned(read(run, "statistics/cluster_sizes.csv", *GROUP)))
    except MicroslipError:
        kinds = ["stick", "slip"]
    *between, radii = middle.subplots(1, len(kinds) + 1)
    limits = None
    for axes, kind in zip(between, kinds, strict=True):
        title = f"Cluster sizes, {kind}s"
        with panel(axes, run, "statistics", title):
            sizes = binned(read(run, "statistics/cluster_sizes.csv", *_SIZES))
            laws = read(run, "statistics/power_law.csv", "group", "x_min_rule")
            limits = fluctuation_limits(sizes)
            part = sizes[sizes["kind"] == kind]
            size_distribution(part, laws, limits=limits, title=title, axes=axes)
            tables["sizes"] = binned_sizes(sizes)
            tables["power_law"] = laws
    with panel(radii, run, "statistics", "Radius of gyration"):
        sizes = binned(read(run, "statistics/cluster_sizes.csv", *_SIZES))
        evolution = read(run, "statistics/evolution.csv", *GROUP, "quantity", "value", "value_low", "value_high")
        radius_curves(sizes, evolution, title="Radius of gyration", axes=radii)
        tables["radii"] = binned_radii(sizes)
    between = [*between, radii]
    if limits is not None and kinds != ["window"]:
        size_bar(middle, between, limits, fraction=0.03, pad=0.01, aspect=25)
    below = bottom.subplots(1, 4)
    for number, (axes, (quantity, title, label)) in enumerate(zip(below, EVOLUTIONS, strict=True)):
        with panel(axes, run, "statistics", title):
            evolution = read(run, "statistics/evolution.csv", *GROUP, "quantity", "value", "value_low", "value_high")
            evolution_curve(evolution, quantity, label, legend=number == 0, title=title, axes=axes)
            followed = [name for name, _, _ in EVOLUTIONS]
            tables["evolution"] = evolution[evolution["quantity"].isin(followed)]
            if axes.get_xlabel() == FLUCTUATION_LABEL:
                # once for all four: they are too narrow for a long unit
                axes.set_xlabel("")
                bottom.supxlabel(FLUCTUATION_LABEL, fontsize=8)
    for axes, name in zip([*above, *between, *below], "abcdefghij", strict=False):
        letter(axes, name)
    return Drawing(figure, tables)


def _cluster_snapshots(run: Run, part: SubFigure, tables: dict[str, pd.DataFrame]) -> list[Axes]:
    """The stick and the slip of a typical cycle, and the largest slip, with one camera and one colour scale."""
    row = list(part.subplots(1, 3))
    titles = ("Clusters, stick", "Clusters, slip", "Clusters, largest slip")
    drawn: list[Axes] = []
    for number, (axes, title) in enumerate(zip(row, titles, strict=True)):
        with panel(axes, run, "statistics", title):
            store = open_dataset(run.folder / "statistics" / "clusters.zarr")
            smallest = int(store.attrs["smallest"])
            stages = looked_at(run.stages)
            largest = max(int(store["size"][each].max()) for each in stages)
            limits = (float(smallest), float(max(largest, 2 * smallest)))
            moment = _moment(run, stages[number])
            label = store["label"][stages[number]].to_numpy()
            cluster_snapshot(
                moment.position, moment.diameter, label, moment.box, limits=limits, smallest=smallest,
                heights=moment.heights, title=moment.short_title, axes=axes,
            )  # fmt: skip
            table = moment.table(cluster=label, cluster_size=sizes_of_grains(label))
            tables[f"grains_{number + 1}"] = table[table["cluster"] > 0]
            drawn.append(axes)
    if len(drawn) == len(row):
        mappable = ScalarMappable(LogNorm(*limits), SIZE_MAP)
        bar = part.colorbar(mappable, ax=row, orientation="horizontal", fraction=0.06, aspect=50, shrink=0.5, pad=0.02)
        bar.set_label(rf"grains in the cluster, {smallest} or more")
        few_log_labels(bar.ax.xaxis)
        bar.outline.set_linewidth(0.5)
    return row


def looked_at(stages: pd.DataFrame) -> tuple[int, int, int]:
    """Rows of the stages whose clusters are drawn: a typical stick and slip, and the largest slip; or three windows."""
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
    step="statistics",
    needs="statistics/clusters.zarr",
    settings=(STAGE_ENDS, NEIGHBOURS, ACTIVE, *_SETTINGS),
    counterpart="8",
)
