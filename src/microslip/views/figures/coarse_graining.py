"""From grains to nodes as one sees it in a slice, and the distances that the grid is measured against."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LogNorm
from matplotlib.patches import Circle, Rectangle

from microslip.data.files import read_json
from microslip.data.run import Run
from microslip.views.choose import TYPICAL, typical_stages
from microslip.views.figures.ablations import sweep
from microslip.views.figures.record import NEIGHBOURS, About, RunFigure, Sentence
from microslip.views.names import D2MIN_LABEL, RADIUS_LABEL, SPACING_LABEL
from microslip.views.panels import Drawing, NotMeasured, half_spacing, panel, show_nodes
from microslip.views.render.snapshot import log_limits
from microslip.views.settings import own_voxels
from microslip.views.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    NEW_AXES,
    SIZE_MAP,
    TWO_COLUMNS,
    VERMILLION,
    add_colour_bar,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
)
from microslip.views.tables import grid_sweeps, read

# Nodes across and up in the part of a slice that is shown.
_ACROSS, _UP = 10, 7
Extent = tuple[float, float, float, float]


def choose_patch(nodes: Float[np.ndarray, "x y z"], x: Float[np.ndarray, "x"], z: Float[np.ndarray, "z"]) -> Extent:
    """Part of the slice in the middle of the depth about its strongest node: left, right, bottom, top [d̄]."""
    plane = nodes[:, nodes.shape[1] // 2, :]
    i, k = np.unravel_index(int(np.argmax(plane)), plane.shape)
    ends = []
    for at, axis, n in ((int(i), x, _ACROSS), (int(k), z, _UP)):
        n = min(n, len(axis))
        first = int(np.clip(at - n // 2, 0, len(axis) - n))
        half = half_spacing(axis)
        ends.append((float(axis[first] - half), float(axis[first + n - 1] + half)))
    return (*ends[0], *ends[1])


def slab_of_grains(
    positions: Float[np.ndarray, "grain 3"],
    diameters: Float[np.ndarray, "grain"],
    values: Float[np.ndarray, "grain"],
    y: float,
    patch: Extent,
) -> pd.DataFrame:
    """Grains that the plane at depth y cuts within a part of it.

    Parameters
    ----------
    positions, diameters, values
        Centres, wrapped, (grain, 3) [d̄], diameters (grain,) [d̄] and D²min (grain,) [d̄²], NaN for none.
    y
        Depth of the plane [d̄].
    patch
        Left, right, bottom, top [d̄].

    Returns
    -------
    DataFrame
        x, z, radius of the circle in which the plane cuts the grain [d̄], d2min [d̄²].
    """
    aside = positions[:, 1] - y
    reach = (diameters / 2) ** 2 - aside**2
    near = (positions[:, 0] > patch[0] - 1) & (positions[:, 0] < patch[1] + 1)
    near &= (positions[:, 2] > patch[2] - 1) & (positions[:, 2] < patch[3] + 1)
    cut = (reach > 0) & near
    return pd.DataFrame(
        {"x": positions[cut, 0], "z": positions[cut, 2], "radius": np.sqrt(reach[cut]), "d2min": values[cut]}
    )


def node_table(plane: Float[np.ndarray, "x z"], x: Float[np.ndarray, "x"], z: Float[np.ndarray, "z"]) -> pd.DataFrame:
    """x, z [d̄] and d2min [d̄²] of every node of a slice."""
    return pd.DataFrame({"x": np.repeat(x, len(z)), "z": np.tile(z, len(x)), "d2min": plane.ravel()})


@draws_panel(3.5, 2.6)
def draw_grains(
    slab: pd.DataFrame,
    x: Float[np.ndarray, "x"],
    z: Float[np.ndarray, "z"],
    patch: Extent,
    *,
    radius: float,
    limits: tuple[float, float],
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """Grains of a slice coloured by D²min, the nodes as crosses, and one node with the grains that it averages.

    Parameters
    ----------
    slab
        As from `slab_of_grains`.
    x, z
        Coordinates of the nodes [d̄].
    patch, radius, limits
        What is shown [d̄], δ [d̄], and the ends of the colour scale [d̄²].
    """
    positive = slab["d2min"].notna() & (slab["d2min"] > 0)
    colours = np.tile([0.82, 0.85, 0.88, 1.0], (len(slab), 1))
    colours[positive] = colormaps[SIZE_MAP](LogNorm(*limits)(np.clip(slab.loc[positive, "d2min"], *limits)))
    diameter = 2 * slab["radius"].to_numpy()
    axes.add_collection(
        EllipseCollection(
            diameter, diameter, np.zeros(len(slab)), units="x", offsets=slab[["x", "z"]].to_numpy(),
            transOffset=axes.transData, facecolors=colours, edgecolors="white", linewidths=0.4,
        )
    )  # fmt: skip
    xs, zs = np.meshgrid(_inside(x, patch[:2]), _inside(z, patch[2:]), indexing="ij")
    axes.plot(xs.ravel(), zs.ravel(), "+", color=INK, markersize=3.5, markeredgewidth=0.7)
    centre = _marked_node(x, z, patch)
    for colour, width in (("white", 2.6), (INK, 1.3)):
        axes.add_patch(Circle(centre, radius, facecolor="none", edgecolor=colour, linewidth=width, zorder=4))
    step = float(x[1] - x[0]) if len(x) > 1 else 1.0
    text: dict[str, Any] = {"fontsize": 8, "color": INK, "zorder": 6, "ha": "center", "va": "center"}
    behind: dict[str, Any] = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    arrow = {"arrowstyle": "<|-|>", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
    up = 0.72 * radius
    axes.annotate("", centre, (centre[0] + up, centre[1] + up), arrowprops={**arrow, "arrowstyle": "<|-"}, zorder=5)
    axes.text(centre[0] + up + 0.45, centre[1] + up + 0.35, r"$\delta$", bbox=behind, **text)
    low = (xs[1, 0], zs[0, 0]) if len(xs) > 1 else centre
    axes.annotate("", (low[0] + step, low[1]), low, arrowprops=arrow, zorder=5)
    axes.text(low[0] + 0.5 * step, low[1] + 0.75, r"$L_\mathrm{grid}$", bbox=behind, **text)
    _frame(axes, patch)


@draws_panel(3.5, 2.6)
def draw_nodes(
    plane: Float[np.ndarray, "x z"],
    x: Float[np.ndarray, "x"],
    z: Float[np.ndarray, "z"],
    patch: Extent,
    *,
    limits: tuple[float, float],
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """The same part of the slice as nodes, each with the mean D²min of the grains within δ; parameters as above."""
    shown = np.ma.masked_less_equal(plane, 0.0)
    half = [half_spacing(axis) for axis in (x, z)]
    show_nodes(axes, shown, x, z, SIZE_MAP, LogNorm(*limits))
    centre = _marked_node(x, z, patch)
    for colour, width in (("white", 2.6), (INK, 1.3)):
        corner = (centre[0] - half[0], centre[1] - half[1])
        axes.add_patch(
            Rectangle(corner, 2 * half[0], 2 * half[1], facecolor="none", edgecolor=colour, linewidth=width, zorder=4)
        )
    _frame(axes, patch)


@draws_panel()
def pair_correlation_curve(
    curve: pd.DataFrame,
    minima: tuple[float, float],
    *,
    spacing: float,
    radius: float,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """g(r) with its first two minima, and where L_grid and δ lie.

    Parameters
    ----------
    curve
        Columns r [d̄] and g [1], statistics/pair_correlation.csv.
    minima
        First and second minimum [d̄], NaN where there is none.
    spacing, radius
        L_grid and δ [d̄].
    """
    farthest = min(5.0, float(curve["r"].max())) if len(curve) else 5.0
    near = curve[curve["r"] <= farthest]
    axes.plot(near["r"], near["g"], color=INK, linewidth=1.0)
    axes.axhline(1, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    top = float(near["g"].max()) if len(near) else 1.0
    places = [place for place in minima if place is not None and np.isfinite(place)]
    if places:
        heights = np.interp(places, near["r"], near["g"])
        text = " and ".join(f"{place:.2f}" for place in places)
        axes.plot(places, heights, "v", color=VERMILLION, markersize=4.5, zorder=4, label=f"minima, {text}")
    for place, name, colour, line in (
        (spacing, r"$L_\mathrm{grid}$", BLUE, (0, (4, 2))),
        (radius, r"$\delta$", GREEN, (0, (1, 1))),
    ):
        axes.axvline(place, color=colour, linewidth=1.0, linestyle=line, label=f"{name}, {place:g}", zorder=0)
    axes.set_xlim(0, farthest)
    axes.set_ylim(0, 1.1 * top)
    axes.set_xlabel(r"distance $r$ [$\bar d$]")
    axes.set_ylabel(r"$g(r)$ [1]")
    axes.legend(loc="upper right", fontsize=6.5, handlelength=1.6, borderaxespad=0.1)


def _inside(axis: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    inside: np.ndarray = axis[(axis > ends[0]) & (axis < ends[1])]
    return inside


def _marked_node(x: np.ndarray, z: np.ndarray, patch: Extent) -> tuple[float, float]:
    """The node in the middle of what is shown."""
    columns, rows = _inside(x, patch[:2]), _inside(z, patch[2:])
    return float(columns[len(columns) // 2]), float(rows[len(rows) // 2])


def _frame(axes: Axes, patch: Extent) -> None:
    axes.set_xlim(*patch[:2])
    axes.set_ylim(*patch[2:])
    axes.set_aspect("equal", anchor="N")
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    axes.set_xlabel(r"$x$ [$\bar d$]")
    axes.set_ylabel(r"$z$ [$\bar d$]")


@journal_style()
def draw(run: Run) -> Drawing:
    """From grains to nodes, g(r) with its minima, and, where known, the score against spacing and radius."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 4.9))
    top, bottom = np.asarray(drawing.figure.subfigures(2, 1, height_ratios=[1.15, 1.0]), dtype=object)
    sweeps = grid_sweeps(run)
    above, below = list(top.subplots(1, 2)), list(bottom.subplots(1, 1 if sweeps is None else 3, squeeze=False).flat)
    spacing, radius = own_voxels(run)
    with panel(above[0], run, "voxels.zarr", "Grains"):
        stages, voxels = run.stages, run.voxels
        row = typical_stages(stages, TYPICAL)[1]
        frame = int(stages["start_frame"].iloc[row])
        x, y, z = (voxels[axis].to_numpy() for axis in "xyz")
        nodes = voxels["d2min"][row].to_numpy().astype(float)
        patch = choose_patch(nodes, x, z)
        position = run.box_at(frame).wrapped_onto(run.box, run.frames["position"][frame].to_numpy())
        diameter, values = run.grains["diameter"].to_numpy(), run.fields["d2min"][row].to_numpy()
        slab = slab_of_grains(position, diameter, values, float(y[len(y) // 2]), patch)
        limits = log_limits(slab["d2min"].to_numpy(), 0.02, 0.98)
        plane = nodes[:, len(y) // 2, :]
        draw_grains(slab, x, z, patch, radius=radius, limits=limits, title="Grains", axes=above[0])
        draw_nodes(plane, x, z, patch, limits=limits, title="Nodes", axes=above[1])
        add_colour_bar(
            above, LogNorm(*limits), SIZE_MAP, D2MIN_LABEL, orientation="vertical", fraction=0.03, aspect=25,
            extend="both",
        )  # fmt: skip
        drawing.tables["grains"], drawing.tables["nodes"] = slab, node_table(plane, x, z)
    if not drawing.tables:
        above[1].set_axis_off()
    with panel(below[0], run, "statistics/pair_correlation.csv", "Pair correlation"):
        if not run.box.repeats_across:
            raise NotMeasured("g(r) is normalised for cells that repeat in x and y; this one does not.")
        curve = read(run, "statistics/pair_correlation.csv", "r g")
        about = read_json(run.folder / "statistics" / "pair_correlation.json", numbers=True)
        pair_correlation_curve(
            curve, (about["first_minimum"], about["second_minimum"]), spacing=spacing, radius=radius,
            title="Pair correlation", axes=below[0],
        )  # fmt: skip
        drawing.tables["pair_correlation"] = curve
    varied = (("Spacing", "spacing", spacing, SPACING_LABEL), ("Radius", "radius", radius, RADIUS_LABEL))
    if sweeps is not None:
        for axes, (title, family, own, label) in zip(below[1:], varied, strict=True):
            sweep(sweeps, family, own, label, title=title, axes=axes)
        drawing.tables["sweeps"] = sweeps
    add_letters([*above, *below])
    return drawing


_GRID = Sentence(
    "L_grid = {} d₅₀, δ = {} d₅₀, d₅₀ = d̄; g(r) over {} frames.",
    ("voxels.spacing", "voxels.radius", "correlation.pair_frames"),
)


def _closing(about: About) -> str:
    """What R² on other grids adds, or which command would add it."""
    if about.sweeps:
        return (
            "(d, e) R² on the test set with 90 % bootstrap intervals for other spacings and radii; dashed, the run "
            "itself."
        )
    return "`microslip ablate` adds panels of R² for other spacings and radii." if about.stress else ""


FIGURE = RunFigure(
    name="coarse_graining",
    title="From grains to a grid",
    draw=draw,
    caption=(
        "(a) Grains that a vertical plane in the middle of the depth cuts, in one stage, coloured by D²min; crosses, "
        "nodes; the circle, what one node averages, in depth too. (b) The nodes of that plane. (c) g(r) of bulk grains,"
        " the spacing L_grid and the radius δ of the grid."
    ),
    alternative="Grains of a slice beside the nodes made of them, and the pair correlation.",
    needs="voxels.zarr",
    settings=(NEIGHBOURS, _GRID),
    closing=_closing,
    counterpart="3",
    in_pressure=False,
)
