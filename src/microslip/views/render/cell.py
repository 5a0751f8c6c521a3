"""The cell as a frame of twelve edges, so that pictures of a few grains, or of a field, show where they are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from microslip.core.box import Box
from microslip.views.render.spheres import camera_axes, picture_limits
from microslip.views.style import GREY

# The camera of every snapshot [degrees], and that of a planar packing, which looks straight at its plane.
AZIMUTH, ELEVATION = -66.0, 17.0
FACE_ON = (-90.0, 0.0)

# Pairs of corners that an edge joins: corners are numbered by 4 (upper in z) + 2 (upper in y) + 1 (upper in x).
_EDGES = [(a, a | bit) for bit in (1, 2, 4) for a in range(8) if not a & bit]


def camera_of(box: Box, azimuth: float = AZIMUTH, elevation: float = ELEVATION) -> tuple[float, float]:
    """Azimuth and elevation [degrees] of the camera on a cell: as given, but face on to a planar one."""
    return FACE_ON if box.planar else (azimuth, elevation)


def cell_corners(box: Box, low: float = 0.0, high: float | None = None) -> Float[np.ndarray, "8 3"]:
    """Corners of the cell between two heights [d̄]; upright, for positions are wrapped into an upright cell.

    Parameters
    ----------
    box
        The cell.
    low, high
        Heights of the lower and the upper face; those of the cell where left out.
    """
    length, depth, height = box.lengths
    top = height if high is None else high
    return np.array([[x, y, z] for z in (low, top) for y in (0.0, depth) for x in (0.0, length)])


def draw_cell(
    axes: Axes,
    corners: Float[np.ndarray, "8 3"],
    *,
    azimuth: float = AZIMUTH,
    elevation: float = ELEVATION,
    set_limits: bool = True,
) -> None:
    """Draw the edges of a cell into a picture of `imshow`: those behind it pale and under it, the others over it.

    Parameters
    ----------
    axes
        Where a picture with this camera is, or will be.
    corners
        As from `cell_corners`.
    azimuth, elevation
        Direction of the camera [degrees].
    set_limits
        Let the axes hold the cell and nothing else.
    """
    camera = camera_axes(azimuth, elevation)
    flat = corners @ camera[:2].T
    # the corner farthest from the camera is hidden, and the three edges that meet in it
    hidden = int(np.argmin(corners @ camera[2]))
    for a, b in _EDGES:
        behind = hidden in (a, b)
        axes.plot(
            *flat[[a, b]].T, color=GREY, linewidth=0.5 if behind else 0.7, alpha=0.6 if behind else 1.0,
            zorder=-1 if behind else 3, solid_capstyle="round",
        )  # fmt: skip
    if set_limits:
        lower, upper = picture_limits(flat)
        axes.set_xlim(lower[0], upper[0])
        axes.set_ylim(lower[1], upper[1])
    # from the top, so that the layout leaves room for the title whatever the shape of the cell
    axes.set_aspect("equal", anchor="N")
    axes.set_axis_off()
