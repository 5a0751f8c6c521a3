"""A frame's cell along our axes, however it lies in the file's."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Float64

from microslip.core.errors import MicroslipError
from microslip.formats.frame import Frame
from microslip.formats.source import Source

# An edge that leans by less than this share of its length stands upright.
UPRIGHT = 1e-9


@dataclass(frozen=True)
class FrameCell:
    """A frame's cell in our axes, the file's lengths: lower corner (axis), edge lengths (axis), tilt of z along x."""

    origin: Float64[np.ndarray, "3"]
    lengths: Float64[np.ndarray, "3"]
    tilt: float


def standing(
    origin: Float64[np.ndarray, "3"], edges: Float64[np.ndarray, "3 3"]
) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3 3"], tuple[int, int, int]]:
    """The same cell with its edges along x, y, z in this order and sense, and which edge each of them was."""
    diagonal = np.abs(np.diag(edges))
    order = (0, 1, 2)
    if not (diagonal > UPRIGHT * np.abs(edges).max()).all():
        first, second, third = max(
            permutations((0, 1, 2)), key=lambda one: np.prod(np.abs(edges[list(one), [0, 1, 2]]))
        )
        order = (first, second, third)
    edges = edges[list(order)]
    back = np.diag(edges) < 0
    # an edge that points back, from the other end of the cell
    return origin + edges[back].sum(axis=0), np.where(back[:, None], -edges, edges), order


def turn_of(frame: Frame) -> Float64[np.ndarray, "3 3"] | None:
    """What takes the frame's vectors to axes of which x is along its first edge, and y in the plane of the first two;
    None where the cell stands already, or only one edge leans, so that another choice of axes may do.
    """
    if frame.edges is None or not np.isfinite(frame.edges).all() or not abs(np.linalg.det(frame.edges)) > 0:
        return None
    _, edges, _ = standing(frame.origin, frame.edges)
    lengths = np.diag(edges)
    leaning = np.abs(edges - np.diag(lengths)) > UPRIGHT * np.abs(edges).max()
    if leaning.sum() < 2 or not leaning[np.triu_indices(3, 1)].any():
        return None
    right_handed = frame.edges * np.array([1, 1, np.sign(np.linalg.det(frame.edges))])[:, None]
    turn, lower = np.linalg.qr(right_handed.T)
    return np.asarray(turn * np.sign(np.diag(lower)))


def cell_in_our_axes(frame: Frame, source: Source, turn: Float64[np.ndarray, "3 3"] | None = None) -> FrameCell | None:
    """The frame's cell along our axes, after a turn or as it lies, or None where the file holds none.

    Raises
    ------
    MicroslipError
        An edge leans that simple shear along source.flow and source.gradient leaves upright.
    """
    if frame.edges is None:
        return None
    axes = list(source.axes)
    origin, edges = frame.origin, frame.edges
    if turn is not None:
        origin, edges = origin @ turn, edges @ turn
    if source.planar:
        # what the file has for the axis that a planar packing lacks means nothing
        edges = edges.copy()
        edges[axes[1]], edges[:, axes[1]] = 0.0, 0.0
        edges[axes[1], axes[1]] = edges[axes[::2], axes[::2]].min()
    if not np.isfinite(edges).all() or not abs(np.linalg.det(edges)) > 0:
        raise MicroslipError(f"{frame.where}: the box has no volume, its edges are {edges.tolist()}")
    origin, edges, _ = standing(origin, edges)
    edges = edges[axes][:, axes]
    lengths = np.diag(edges).copy()
    leaning = edges - np.diag(lengths)
    tilt = float(leaning[2, 0])
    leaning[2, 0] = 0
    if np.abs(leaning).max() > UPRIGHT * lengths.min():
        edge, along = np.unravel_index(int(np.abs(leaning).argmax()), (3, 3))
        names = "xyz"[axes[edge]], "xyz"[axes[along]]
        if turn is not None:
            raise MicroslipError(
                f"{frame.where}: the box lies askew in the file's axes; turned so that its first edge in the first"
                f" frame is x and its second towards y, its edge along {names[0]} leans by"
                f" {leaning[edge, along]:.4g} along {names[1]}: this is no simple shear along source.flow ="
                f" {source.flow} with source.gradient = {source.gradient}, or the box rotates as it is sheared"
            )
        raise MicroslipError(
            f"{frame.where}: the box's edge along {names[0]} leans by {leaning[edge, along]:.4g} along {names[1]}; with"
            f" source.flow = {source.flow} and source.gradient = {source.gradient} only the one along"
            f" {source.gradient} may lean, and only along {source.flow}: name the axes of the shear"
        )
    if abs(tilt) <= UPRIGHT * lengths.min():
        tilt = 0.0
    return FrameCell(origin[axes], lengths, tilt)
