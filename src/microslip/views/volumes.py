"""A field on nodes in space: as a cloud in the edges of the cell, and as horizontal slices one above the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from microslip.core.box import Box
from microslip.views.cell import AZIMUTH, FACE_ON, camera_of, cell_corners, draw_cell
from microslip.views.spheres import camera_axes
from microslip.views.style import GREY, INK, SIGNED_MAP, SIZE_MAP, axes_or_new, journal_style
from microslip.views.volume import render_volume

# Steeper than that of snapshots: slices lie on top of each other as seen from the side.
SLICE_ELEVATION = 30.0

_LEVELS = 256


@dataclass(frozen=True)
class Scale:
    """Colour scale of a field: ends, and whether values are signed."""

    low: float
    high: float
    signed: bool

    @property
    def colour_map(self) -> str:
        """Its name in matplotlib."""
        return SIGNED_MAP if self.signed else SIZE_MAP

    @property
    def norm(self) -> Normalize:
        """Values to [0, 1]."""
        return Normalize(self.low, self.high)

    def opacity(self) -> Float[np.ndarray, "level"]:
        """What each level of the scale takes of the light [1/d̄]: more the larger |value|, or the larger a size is."""
        level = np.linspace(0.0, 1.0, _LEVELS)
        if self.signed:
            # attributions change sign from node to node: what is thin must be dense to be seen
            return 12.0 * np.clip((np.abs(2 * level - 1) - 0.25) / 0.75, 0.0, 1.0)
        return 4.0 * np.clip(2 * level - 1, 0.0, 1.0) ** 1.8


@journal_style()
def draw_volume(
    nodes: Float[np.ndarray, "x y z"],
    box: Box,
    scale: Scale,
    *,
    elevation: float = SLICE_ELEVATION,
    pixels: int = 700,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Draw a field as a cloud: what is weak is transparent.

    Parameters
    ----------
    nodes
        Values, shape (x, y, z), NaN for empty nodes.
    box, scale
        The cell, and the colour scale, such as log₁₀ of D²min or attribution [p].
    elevation, pixels
        Height of the camera [degrees] and width of the picture.
    title, axes
        The panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes, 3.5, 2.2)
    shown = np.clip(np.asarray(scale.norm(np.where(np.isnan(nodes), 0.5 * scale.signed, nodes)), dtype=float), 0.0, 1.0)
    if not scale.signed:
        shown = np.where(np.isnan(nodes), 0.0, shown)
    colours = colormaps[scale.colour_map](np.linspace(0, 1, _LEVELS))[:, :3]
    corners = cell_corners(box)
    azimuth, elevation = camera_of(box, AZIMUTH, elevation)
    image, extent = render_volume(
        shown, box.lengths, colours, scale.opacity(), azimuth=azimuth, elevation=elevation, view=corners, pixels=pixels
    )
    axes.imshow(image, extent=extent, interpolation="antialiased")
    draw_cell(axes, corners, azimuth=azimuth, elevation=elevation)
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def draw_slices(
    nodes: Float[np.ndarray, "x y z"],
    box: Box,
    scale: Scale,
    *,
    fractions: tuple[float, ...] = (0.1, 0.5, 0.9),
    elevation: float = SLICE_ELEVATION,
    azimuth: float = AZIMUTH,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Draw horizontal planes of nodes where they lie, with the camera of `draw_volume`; the plane of a planar field.

    Parameters
    ----------
    nodes, box, scale
        As in `draw_volume`.
    fractions
        Which planes, as parts of the number of nodes in height.
    elevation, azimuth
        Direction of the camera [degrees].
    title, axes
        The panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes, 3.5, 2.2)
    colours = colormaps[scale.colour_map].with_extremes(bad="#E4E7EB")
    if box.planar:
        _draw_plane(np.asarray(nodes)[:, 0], box, scale.norm, colours, axes)
        axes.set_title(title, loc="left")
        return figure
    camera = camera_axes(azimuth, elevation)
    n_x, n_y, n_z = nodes.shape
    x, y = np.meshgrid(np.linspace(0, box.lengths[0], n_x + 1), np.linspace(0, box.lengths[1], n_y + 1), indexing="ij")
    for number in slice_numbers(n_z, fractions):
        z = np.full_like(x, (number + 0.5) * box.lengths[2] / n_z)
        flat = np.stack([x, y, z], axis=-1) @ camera[:2].T
        axes.pcolormesh(
            flat[..., 0], flat[..., 1], np.ma.masked_invalid(nodes[:, :, number]), cmap=colours, norm=scale.norm,
            edgecolors="face", linewidth=0.1, zorder=1,
        )  # fmt: skip
        rim = flat[[0, -1, -1, 0, 0], [0, 0, -1, -1, 0]]
        axes.plot(*rim.T, color=INK, linewidth=0.6, zorder=2)
        axes.annotate(
            rf"$z$ = {z[0, 0]:.0f} $\bar d$", rim[0], xytext=(-2, 0), textcoords="offset points", fontsize=6.5,
            color=GREY, ha="right", va="center", annotation_clip=False,
        )  # fmt: skip
    draw_cell(axes, cell_corners(box), azimuth=azimuth, elevation=elevation)
    axes.set_title(title, loc="left")
    return figure


def _draw_plane(plane: np.ndarray, box: Box, norm: Normalize, colours: Colormap, axes: Axes) -> None:
    """The nodes (x, z) of a planar field, face on."""
    x, z = (np.linspace(0, box.lengths[axis], n + 1) for axis, n in zip((0, 2), plane.shape, strict=True))
    axes.pcolormesh(x, z, np.ma.masked_invalid(plane).T, cmap=colours, norm=norm, edgecolors="face", linewidth=0.1)
    draw_cell(axes, cell_corners(box), azimuth=FACE_ON[0], elevation=FACE_ON[1])


def slice_numbers(n_z: int, fractions: tuple[float, ...] = (0.1, 0.5, 0.9)) -> list[int]:
    """Numbers of the planes of nodes nearest to some parts of the height, from below, each once."""
    return sorted({min(int(fraction * n_z), n_z - 1) for fraction in fractions})
