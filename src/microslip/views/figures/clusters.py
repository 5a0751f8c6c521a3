"""Clusters of the grains that move the most: where they are, how large, how compact, how close to each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import SubFigure

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.statistics.cluster_sizes import binned_radii, binned_sizes, sizes_of_grains
from microslip.statistics.statistic import null_name
from microslip.views.choose import TYPICAL, choose_cycle, cycles, largest_slip, typical_stages
from microslip.views.figures.cluster_curves import (
    BESIDE_LINE,
    beside_handles,
    evolution_curve,
    percolation_curves,
    radius_curves,
    size_distribution,
)
from microslip.views.figures.record import ACTIVE, NEIGHBOURS, STAGE_ENDS, About, RunFigure, Sentence
from microslip.views.groups import (
    binned,
    fluctuation_limits,
    kinds_in,
    size_bar,
)
from microslip.views.panels import Drawing, FrameOfGrains, panel, stage_title
from microslip.views.render.cell import camera_of, cell_corners, draw_cell
from microslip.views.render.spheres import render_spheres
from microslip.views.settings import Config, setting
from microslip.views.style import (
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


# Quantity, title of its panel, label of its axis.
EVOLUTIONS = (
    ("eta", "Exponent", r"$\eta$ of $P(N)\propto N^{-\eta}$ [1]"),
    ("fractal_dimension", "Dimension", r"$D$ of $R_g\propto N^{1/D}$ [1]"),
    ("moran_i", "Moran's I", "Moran's $I$ [1]"),
    ("efficiency", "Efficiency", r"$E(G)$ [$1/\bar d$]"),
)

_SIZES = ("statistics/cluster_sizes.csv", f"{GROUP} size n_clusters n_shaped radius")
_EVOLUTION = ("statistics/evolution.csv", f"{GROUP} quantity value value_low value_high fixed")


@journal_style()
def draw(run: Run) -> Drawing:
    """Active clusters in space, their sizes and radii, and how they change with the stress fluctuation."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 7.9))
    tables = drawing.tables
    parts = drawing.figure.subfigures(3, 1, height_ratios=[1.35, 1.5, 2.9])
    top, middle, bottom = np.asarray(parts, dtype=object)
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
    below = list(bottom.subplots(2, 3).ravel())
    for axes, (quantity, title, label) in zip(below, EVOLUTIONS, strict=False):
        with panel(axes, run, "statistics/evolution.csv", title):
            evolution = read(run, *_EVOLUTION)
            legend = axes is below[0]
            evolution_curve(evolution, quantity, label, beside=BESIDE_LINE, legend=legend, title=title, axes=axes)
            shown = [null_name(name, suffix) for name, _, _ in EVOLUTIONS for suffix in ("", *BESIDE_LINE)]
            tables["evolution"] = evolution[evolution["quantity"].isin(shown)]
    for axes, axis in zip(below[len(EVOLUTIONS) :], "xy", strict=True):
        title = f"Percolation along {axis}"
        with panel(axes, run, "statistics/percolation.csv", title):
            tables["percolation"] = read(run, "statistics/percolation.csv", "kind active axis fraction share")
            fraction = float(open_dataset(run.folder / "statistics" / "clusters.zarr").attrs["fraction"])
            percolation_curves(tables["percolation"], axis, fraction=fraction, title=title, axes=axes)
    bottom.legend(handles=beside_handles(), loc="outside lower center", ncols=4, fontsize=7)
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
        "Intervals: {} from blocks of {} strain, each left out once.",
        ("bootstrap.confidence", "bootstrap.block_strain"),
    ),
)  # fmt: skip


_PERCOLATION = (
    "Share of the stages in which a cluster reaches around the cell along x (flow) and along y, against the share of "
    "grains that are active; the vertical line is at the share of the other panels."
)


def _caption(about: About) -> str:
    if not about.stress:
        return (
            "(a to c) Active grains of three windows of strain, coloured by the number of grains in their cluster; one "
            "camera. (d) P(N) over all windows in bins of two an octave; line, discrete power law by maximum "
            "likelihood. (e) Mean of ln R_g; line, R_g ∝ N^(1/D). (f to i) η, D, Moran's I of being active and global "
            "efficiency over all windows; bands, intervals over blocks of strain. (j, k) "
            f"{_PERCOLATION}"
        )
    return (
        "(a, b) Active grains of a stick and of the slip after it, (c) of the largest slip, coloured by the number of "
        "grains in their cluster; one camera. (d, e) P(N) in bins of two an octave, curves of rising |Δs| shifted by a "
        "factor of 10 each; lines, discrete power laws by maximum likelihood. (f) Mean of ln R_g, sticks as circles, "
        "slips as squares, shifted by 1.6 each; lines, R_g ∝ N^(1/D). (g to j) η, D, Moran's I of being active and "
        "global efficiency; bands, intervals over blocks of strain; thin, at equal Δγ. Dashed in "
        "colour, of grains active beside the mean at their height; grey, nulls at equal number: drawn through, as many "
        "grains at random; dotted, D²min permuted within layers of height; dash-dotted, as many points at random as "
        f"there are nodes. (k, l) {_PERCOLATION}"
    )


FIGURE = RunFigure(
    name="clusters",
    title="Clusters of active grains",
    draw=draw,
    caption=_caption,
    alternative=(
        "Three pictures of clusters in the cell; cluster sizes and radii on logarithmic axes; four quantities against "
        "the stress fluctuation with bands and grey nulls; two curves of percolation."
    ),
    needs="statistics/clusters.zarr",
    settings=(STAGE_ENDS, NEIGHBOURS, ACTIVE, *_SETTINGS),
    counterpart="8",
)
