"""A field on nodes in space: as a cloud in the edges of the cell, and as horizontal slices one above the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize

from microslip.core.box import Box
from microslip.views.render.cell import AZIMUTH, ELEVATION, FACE_ON, camera_of, cell_corners, draw_cell
from microslip.views.render.spheres import camera_axes, picture_limits
from microslip.views.render.volume_kernels import cast_rays
from microslip.views.style import GREY, INK, NEW_AXES, SIGNED_MAP, SIZE_MAP, draws_panel

# Steeper than that of snapshots: slices lie on top of each other as seen from the side.
SLICE_ELEVATION = 30.0
_LEVELS = 256

# Steps along a ray per node.
_STEPS = 3.0


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
        """Absorption of light at each level of the scale [1/d̄]; it grows with |value|, or with the size."""
        level = np.linspace(0.0, 1.0, _LEVELS)
        if self.signed:
            # attributions change sign from node to node: thin regions must absorb much to be seen
            return 12.0 * np.clip((np.abs(2 * level - 1) - 0.25) / 0.75, 0.0, 1.0)
        return 4.0 * np.clip(2 * level - 1, 0.0, 1.0) ** 1.8


def render_volume(
    field: Float[np.ndarray, "x y z"],
    lengths: tuple[float, float, float],
    colours: Float[np.ndarray, "level 3"],
    opacity: Float[np.ndarray, "level"],
    *,
    azimuth: float = AZIMUTH,
    elevation: float = ELEVATION,
    view: Float[np.ndarray, "point 3"] | None = None,
    pixels: int = 700,
) -> tuple[Float[np.ndarray, "row column 4"], tuple[float, float, float, float]]:
    """Picture of a field, and its extent in the camera's plane as `imshow` takes it.

    Parameters
    ----------
    field
        Values on nodes between 0 and 1, shape (x, y, z); the first node lies half a spacing inside the cell.
    lengths
        Edges of the cell [d̄].
    colours, opacity
        Red, green, blue in [0, 1], shape (level, 3), and the absorption of light [1/d̄], shape
        (level,), at evenly spaced values from 0 to 1.
    azimuth, elevation
        Direction of the camera [degrees].
    view
        Points that the picture just holds, shape (point, 3); the cell's corners where left out.
    pixels
        Width of the picture.
    """
    camera = camera_axes(azimuth, elevation)
    size = np.asarray(lengths, dtype=float)
    if view is None:
        view = np.array([[x, y, z] for x in (0, size[0]) for y in (0, size[1]) for z in (0, size[2])])
    lower, upper = picture_limits(view @ camera[:2].T)
    scale = pixels / float(upper[0] - lower[0])
    n_rows = max(1, round(float(upper[1] - lower[1]) * scale))
    step = float((size / np.array(field.shape)).min()) / _STEPS
    image = cast_rays(
        np.ascontiguousarray(field, dtype=float), size, camera, lower, scale, n_rows, pixels,
        np.asarray(colours, dtype=float), np.asarray(opacity, dtype=float), step,
    )  # fmt: skip
    coverage = image[..., 3:]
    rgba = np.concatenate([image[..., :3] / np.maximum(coverage, 1e-6), coverage], axis=2)
    extent = (float(lower[0]), float(upper[0]), float(lower[1]), float(lower[1] + n_rows / scale))
    return np.clip(rgba, 0.0, 1.0), extent


@draws_panel(3.5, 2.2)
def draw_volume(
    nodes: Float[np.ndarray, "x y z"],
    box: Box,
    scale: Scale,
    *,
    elevation: float = SLICE_ELEVATION,
    pixels: int = 700,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """Draw a field as a cloud, transparent where it is weak.

    Parameters
    ----------
    nodes
        Values, shape (x, y, z), NaN for empty nodes.
    box, scale
        The cell, and the colour scale, such as log₁₀ of D²min or attribution [p].
    elevation, pixels
        Height of the camera [degrees] and width of the picture.
    """
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


@draws_panel(3.5, 2.2)
def draw_slices(
    nodes: Float[np.ndarray, "x y z"],
    box: Box,
    scale: Scale,
    *,
    fractions: tuple[float, ...] = (0.1, 0.5, 0.9),
    elevation: float = SLICE_ELEVATION,
    azimuth: float = AZIMUTH,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """Draw horizontal planes of nodes where they lie, with the camera of `draw_volume`; the plane of a planar field.

    Parameters
    ----------
    nodes, box, scale
        As in `draw_volume`.
    fractions
        Which planes, as parts of the number of nodes in height.
    elevation, azimuth
        Direction of the camera [degrees].
    """
    colours = colormaps[scale.colour_map].with_extremes(bad="#E4E7EB")
    if box.planar:
        _draw_plane(np.asarray(nodes)[:, 0], box, scale.norm, colours, axes)
        return
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


def _draw_plane(plane: np.ndarray, box: Box, norm: Normalize, colours: Colormap, axes: Axes) -> None:
    """The nodes (x, z) of a planar field, face on."""
    x, z = (np.linspace(0, box.lengths[axis], n + 1) for axis, n in zip((0, 2), plane.shape, strict=True))
    axes.pcolormesh(x, z, np.ma.masked_invalid(plane).T, cmap=colours, norm=norm, edgecolors="face", linewidth=0.1)
    draw_cell(axes, cell_corners(box), azimuth=FACE_ON[0], elevation=FACE_ON[1])


def slice_numbers(n_z: int, fractions: tuple[float, ...] = (0.1, 0.5, 0.9)) -> list[int]:
    """Numbers of the planes of nodes nearest to some parts of the height, from below, each once."""
    return sorted({min(int(fraction * n_z), n_z - 1) for fraction in fractions})
