"""Grains of one frame as spheres: by their role in the cell, or coloured by a value of each."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_rgb

from microslip.core.box import Box
from microslip.views.render.cell import camera_of
from microslip.views.render.spheres import SphereImage, render_spheres
from microslip.views.style import BULK, GREY, INK, NEW_AXES, SIZE_MAP, WALL, add_colour_bar, draws_panel

_NO_VALUE = "#D5DAE0"


def log_limits(values: np.ndarray, low: float = 0.05, high: float = 0.995) -> tuple[float, float]:
    """Limits for a logarithmic colour scale: quantiles of the positive values, (1e-8, 1) where there are none."""
    sizes = np.asarray(values, dtype=float)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if not sizes.size:
        return 1e-8, 1.0
    first, last = (float(limit) for limit in np.quantile(sizes, [low, high]))
    return first, max(last, first * 10)


def notch(
    positions: Float[np.ndarray, "grain 3"], box: Box, fraction: tuple[float, float] = (0.5, 0.5)
) -> Bool[np.ndarray, "grain"]:
    """Which grains stay when a block is cut out of the front right corner, down to the bottom wall's neighbourhood.

    Parameters
    ----------
    positions, box
        Centres, wrapped, shape (grain, 3) [d̄], and the cell.
    fraction
        Parts of the cell's length (x) and depth (y) that the block takes.
    """
    length, depth, _ = box.lengths
    inside = (positions[:, 0] > (1 - fraction[0]) * length) & (positions[:, 1] < fraction[1] * depth)
    floor = positions[:, 2].min() + 0.3 * np.ptp(positions[:, 2])
    removed: np.ndarray = inside & (positions[:, 2] > floor)
    return ~removed


def grain_colours(
    kind: Int[np.ndarray, "grain"],
    values: Float[np.ndarray, "grain"] | None,
    norm: Normalize | None,
    colour_map: str,
    pale: Bool[np.ndarray, "grain"] | None = None,
) -> Float[np.ndarray, "grain 3"]:
    """Red, green, blue of every grain: walls slate, bulk by value, grey without a value, washed out where `pale`."""
    colours = np.empty((len(kind), 3))
    colours[:] = to_rgb(BULK if values is None else _NO_VALUE)
    if values is not None and norm is not None:
        finite = np.isfinite(values)
        shown = np.clip(values[finite], norm.vmin, norm.vmax)
        colours[finite] = colormaps[colour_map](norm(shown))[:, :3]
    colours[kind != 0] = to_rgb(WALL)
    if pale is not None:
        colours[pale] = 0.2 * colours[pale] + 0.8 * np.array(to_rgb("#EDEFF2"))
    return colours


@draws_panel(4.2, 3.0)
def draw_snapshot(
    positions: Float[np.ndarray, "grain 3"],
    diameters: Float[np.ndarray, "grain"],
    kind: Int[np.ndarray, "grain"],
    box: Box,
    *,
    values: Float[np.ndarray, "grain"] | None = None,
    limits: tuple[float, float] | None = None,
    log: bool = True,
    label: str = r"$D^2_\mathrm{min}$ [$\bar d^2$]",
    colour_map: str = SIZE_MAP,
    keep: Bool[np.ndarray, "grain"] | None = None,
    pale: Bool[np.ndarray, "grain"] | None = None,
    azimuth: float = -66.0,
    elevation: float = 17.0,
    pixels: int = 1000,
    colour_bar: bool = True,
    annotate: bool = False,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """Draw the grains of a frame.

    Parameters
    ----------
    positions, diameters, kind
        Centres (grain, 3) [d̄], diameters (grain,) [d̄] and roles (grain,): 0 bulk, 1 bottom wall, 2 top wall.
    box
        The cell; positions are wrapped into it.
    values, limits, log, label
        A value per grain, shape (grain,), NaN for none; the colour scale's ends, whether it is logarithmic, its label.
    keep, pale
        Which grains are drawn at all, and which only faintly, shape (grain,).
    azimuth, elevation, pixels
        Direction of the camera [degrees] and width of the picture; a planar packing is seen face on.
    colour_map, colour_bar
        Name of the colour scale, and whether it is drawn below.
    annotate
        Draw the axes and, where there are walls, the pressure and the lower one's motion.
    """
    positions = np.asarray(positions, dtype=float)
    # tracked grains come and go
    there = np.isfinite(positions).all(axis=1)
    positions = box.wrap(positions[there])
    kind, diameters = np.asarray(kind)[there], np.asarray(diameters)[there]
    values, keep, pale = (None if each is None else np.asarray(each)[there] for each in (values, keep, pale))
    norm: Normalize | None = None
    if values is not None:
        low, high = limits or (log_limits(values) if log else _plain_limits(values))
        norm = LogNorm(low, high) if log else Normalize(low, high)
    colours = grain_colours(kind, values, norm, colour_map, pale)
    shown = np.ones(len(kind), dtype=bool) if keep is None else np.asarray(keep)
    azimuth, elevation = camera_of(box, azimuth, elevation)
    image = render_spheres(
        positions[shown], diameters[shown], colours[shown], azimuth=azimuth, elevation=elevation, pixels=pixels
    )
    axes.imshow(image.rgba, extent=image.extent, interpolation="antialiased")
    axes.set_axis_off()
    axes.set_aspect("equal")
    if annotate:
        _annotate(axes, image, positions, box, walls=bool((kind != 0).any()))
    if colour_bar and norm is not None:
        add_colour_bar(axes, norm, colour_map, label, fraction=0.05, pad=0.01, aspect=36, shrink=0.75)


def _plain_limits(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _annotate(axes: Axes, image: SphereImage, positions: np.ndarray, box: Box, *, walls: bool) -> None:
    """The three axes in a corner, and arrows for the pressure and the moving wall."""
    length = box.lengths[0]
    size = float(np.ptp(positions[:, 2]))
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    left, right, bottom, top = image.extent
    if walls:
        top = max(top + 0.16 * size, _draw_load(axes, image, positions, box, arrow))
    corner = np.array([left + 0.03 * (right - left), bottom - 0.17 * size])
    directions = image.project(np.eye(3)) * 0.2 * size
    for name, direction in zip("xyz", directions, strict=True):
        axes.annotate(
            "", tuple(corner + direction), tuple(corner), arrowprops={**arrow, "color": GREY, "linewidth": 0.9}
        )
        beyond = direction + 0.08 * size * direction / max(float(np.hypot(*direction)), 1e-9)
        at = corner + beyond
        axes.text(at[0], at[1], f"${name}$", fontsize=7, color=GREY, ha="center", va="center")
    axes.set_xlim(left - 0.02 * length, right + 0.02 * length)
    axes.set_ylim(bottom - 0.24 * size, top)


def _draw_load(axes: Axes, image: SphereImage, positions: np.ndarray, box: Box, arrow: dict[str, object]) -> float:
    """Arrows for the pressure on the upper wall and the motion of the lower one; where their picture ends above."""
    length, depth, _ = box.lengths
    low, high = positions[:, 2].min(), positions[:, 2].max()
    size = high - low
    for x in (0.2, 0.5, 0.8):
        tip = image.project(np.array([x * length, depth / 2, high + 0.08 * size]))
        axes.annotate("", tuple(tip), (tip[0], tip[1] + 0.20 * size), arrowprops=arrow)
    above = image.project(np.array([0.5 * length, depth / 2, high + 0.08 * size]))
    axes.text(above[0] + 0.02 * length, above[1] + 0.24 * size, "pressure $p$", fontsize=7.5, ha="center", va="bottom")

    under = low - 0.16 * size
    start, end = image.project(np.array([[0.25 * length, 0.0, under], [0.62 * length, 0.0, under]]))
    axes.annotate("", tuple(end), tuple(start), arrowprops=arrow)
    axes.text(end[0] + 0.02 * length, end[1] - 0.02 * size, r"$\dot\gamma H_0$", fontsize=7.5, va="center")
    # above the line of text
    return float(above[1] + 0.31 * size)
