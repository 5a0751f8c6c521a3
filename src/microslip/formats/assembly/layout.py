"""From another program's axes, units and types to ours: decided at the first frame, and said."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.formats.assembly.cell import FrameCell, cell_in_our_axes, standing, turn_of
from microslip.formats.assembly.roles import diameters_of, walls_of
from microslip.formats.frame import Frame, places
from microslip.formats.source import Source

# Grains lie in a plane when a coordinate differs between them by less than this share of what they span.
FLAT = 1e-9

# Centres that scatter across a plane by less than this share of d̄ look like a planar packing, and are said to [d̄].
MONOLAYER = 0.5


@dataclass(frozen=True)
class Layout:
    """How a file's numbers become ours.

    `axes`: the file's axes that are our x, y, z. `length`: d̄ in the file's lengths. `periodic`: along our axes.
    `origin`, `lengths`: of the cell along axes that do not repeat, in the file's lengths. `middle`: height that parts
    the walls. `scatter`: how far apart the centres of a planar packing may lie across its plane, in the file's lengths.
    `messages`: what was decided and why. `turn`: takes vectors of a cell that lies askew in the file's axes
    to one that stands along them. `first`: the frame that was looked at.
    """

    axes: tuple[int, int, int]
    length: float
    periodic: tuple[bool, bool, bool]
    origin: Float64[np.ndarray, "3"]
    lengths: Float64[np.ndarray, "3"]
    middle: float
    scatter: float
    source: Source
    messages: tuple[str, ...]
    first: Frame
    turn: Float64[np.ndarray, "3 3"] | None = None

    def in_our_axes(self, vectors: Float64[np.ndarray, "any 3"]) -> Float64[np.ndarray, "any 3"]:
        """Vectors of the file along our axes."""
        return (vectors if self.turn is None else vectors @ self.turn)[:, list(self.axes)]

    @property
    def planar(self) -> bool:
        """Whether the packing is two-dimensional."""
        return bool(self.source.planar)

    @property
    def area(self) -> float:
        """Of a wall, in the file's lengths; of a planar packing its length, for stresses are forces over lengths."""
        return float(self.lengths[0] if self.planar else self.lengths[0] * self.lengths[1])

    def cell(self, frame: Frame) -> FrameCell:
        """The frame's cell.

        Raises
        ------
        MicroslipError
            It has no volume, leans otherwise than simple shear makes it, or repeats otherwise than in the first frame.
        """
        if self.source.periodic is None and frame.periodic != self.first.periodic:
            raise MicroslipError(
                f"{frame.where}: the cell {_repeats(frame)}, and {_repeats(self.first)} in {self.first.where}: import"
                " the two parts as two runs, or give source.periodic"
            )
        if frame.edges is None and self.first.edges is not None and any(self.periodic) and self.source.box is None:
            raise MicroslipError(f"{frame.where} holds no cell, and {self.first.where} does: write it in every frame")
        cell = cell_in_our_axes(frame, self.source, self.turn)
        if cell is None:
            return FrameCell(self.origin, self.lengths, 0.0)
        repeats = np.asarray(self.periodic)
        if self.source.box is not None:
            cell = replace(cell, lengths=self.lengths)
        if cell.tilt and not (repeats[0] and repeats[2]):
            raise MicroslipError(
                f"{frame.where}: the box leans along {self.source.flow}, but it does not repeat along"
                f" {self.source.flow} and {self.source.gradient}: correct source.periodic"
            )
        return FrameCell(
            np.where(repeats, cell.origin, self.origin), np.where(repeats, cell.lengths, self.lengths), cell.tilt
        )

    def box(self, cell: FrameCell) -> Box:
        """A frame's cell in our lengths."""
        lengths = cell.lengths / self.length
        if self.planar:
            lengths[1] = 1.0
        return Box(tuple(lengths), self.periodic, cell.tilt / self.length, self.planar)

    def centres(self, frame: Frame, position: Float64[np.ndarray, "grain 3"], cell: FrameCell) -> np.ndarray:
        """A frame's centres (grain, axis) in our axes and units, from those of the file; of a planar packing y = ½.

        Raises
        ------
        MicroslipError
            The grains of a planar packing leave its plane.
        """
        ours = self.in_our_axes(position)
        centres = (ours - cell.origin) / self.length
        if not self.planar:
            return np.asarray(centres)
        across = ours[:, 1]
        if len(across) and np.ptp(across) > self.scatter:
            raise MicroslipError(
                f"{frame.where}: the grains of a planar run span {np.ptp(across):.4g} along the file's"
                f" {'xyz'[self.axes[1]]}: they leave its plane; give source.planar = false if the run is one in space"
            )
        centres[:, 1] = 0.5
        return np.asarray(centres)

    @property
    def diameters_known(self) -> bool:
        """Whether the files or the settings tell diameters."""
        return diameters_of(self.first, self.source) is not None

    def diameters(self, frame: Frame) -> Float64[np.ndarray, "grain"]:
        """Of a frame's grains, in the file's lengths; all d̄ where nothing is known."""
        diameter = diameters_of(frame, self.source)
        return np.full(frame.n_grains, self.length) if diameter is None else diameter

    def kinds(self, frame: Frame, height: Float64[np.ndarray, "grain"]) -> Int64[np.ndarray, "grain"]:
        """0 bulk, 1 bottom wall, 2 top wall, of a frame's grains at these heights in the file's lengths."""
        wall = walls_of(frame, self.source)
        return np.where(wall, np.where(height < self.middle, 1, 2), 0)


def _repeats(frame: Frame) -> str:
    if frame.periodic is None:
        return "does not say whether it repeats"
    return "repeats along " + (
        " and ".join(axis for axis, flag in zip("xyz", frame.periodic, strict=True) if flag) or "no axis"
    )


def find_plane(frame: Frame, source: Source) -> Source:
    """The source, of a planar packing with `planar` set and the plane's own axes for flow and gradient.

    A packing is planar where exactly one coordinate is the same for all of three grains or more, or where it is said to
    be: then the coordinate that spans least is dropped. Flow and gradient stay what they are unless one of them is the
    missing axis; it is replaced by the axis that is left, as for LAMMPS' plane of x and y.

    Raises
    ------
    MicroslipError
        The packing is said to be planar and is thicker than a grain along every axis.
    """
    if source.planar is False:
        return source
    position = places(frame).position
    position = position[np.isfinite(position).all(axis=1)]
    if not len(position):
        return source
    span = np.ptp(position, axis=0)
    flat = np.flatnonzero(span <= FLAT * span.max())
    if source.planar is None and not (len(flat) == 1 and len(position) >= 3):
        return source
    diameter = diameters_of(frame, source)
    thickest = source.length or (np.inf if diameter is None else float(diameter.mean()))
    if not len(flat) and span.min() > thickest:
        raise MicroslipError(
            f"{frame.where}: source.planar is given, and the grains span {' × '.join(f'{one:.4g}' for one in span)}:"
            " they lie in no plane"
        )
    # the axis that is neither flow nor gradient takes the place of the missing one
    missing, left = "xyz"[int(np.argmin(span))], "xyz"[source.axes[1]]
    flow, gradient = (left if axis == missing else axis for axis in (source.flow, source.gradient))
    return source.model_copy(update={"planar": True, "flow": flow, "gradient": gradient})


def lay_out(frame: Frame, source: Source) -> Layout:
    """Decide units, axes, cell and roles from the first frame and what the settings say.

    Raises
    ------
    MicroslipError
        The frame holds no grains, or does not fit what the settings say of it.
    """
    centres = places(frame)
    if not frame.n_grains:
        raise MicroslipError(f"{frame.where} holds no grain: name the first frame that does with source.first_step")
    messages: list[str] = []
    undecided = source.planar is None
    source = find_plane(frame, source)
    axes = source.axes
    turn = turn_of(frame)
    position = (centres.position if turn is None else centres.position @ turn)[:, list(axes)]
    if turn is not None:
        messages.append("the cell lies askew in the file's axes: x is taken along its first edge, y towards its second")
    wall = walls_of(frame, source)
    if source.wall_types and not wall.any():
        raise MicroslipError(f"{frame.where} holds no grain of source.wall_types = {list(source.wall_types)}")
    if wall.all():
        raise MicroslipError(f"{frame.where}: all grains are of source.wall_types: there is no bulk to measure")
    diameter = diameters_of(frame, source)
    length = source.length
    if length is None:
        length = 1.0 if diameter is None else float(diameter[~wall].mean())
        messages.append(
            f"d̄ = {length:.6g} in the file's lengths, "
            + ("for want of diameters: give --length" if diameter is None else "the mean diameter of the bulk grains")
        )
    if diameter is not None and not 1 / 3 < float(diameter[~wall].mean()) / length < 3:
        messages.append(
            Caution(
                f"the bulk grains have a mean diameter of {float(diameter[~wall].mean()):.4g}, and d̄ ="
                f" {length:.4g} is given: check the unit of source.length"
            )
        )
    radius = (np.full(len(position), length) if diameter is None else diameter) / 2
    periodic = _periodic(frame, source, messages)
    scatter = _scatter(position, length, source, undecided, messages)
    cell = cell_in_our_axes(frame, source, turn)
    if cell is None and any(periodic) and source.box is None:
        raise MicroslipError(
            f"{frame.where} holds no cell, and the cell repeats: give its lengths, --set 'source.box=[Lx, Ly, H]'"
        )
    low, high = (position - radius[:, None]).min(axis=0), (position + radius[:, None]).max(axis=0)
    middle = float(np.median(position[~wall, 2]))
    bottom, top = wall & (position[:, 2] < middle), wall & (position[:, 2] >= middle)
    if bottom.any():
        low[2] = (position[bottom, 2] + radius[bottom]).mean()
    if top.any():
        high[2] = (position[top, 2] - radius[top]).mean()
    if wall.any() and periodic[2]:
        raise MicroslipError(
            f"{frame.where}: walls are named, and the cell repeats along source.gradient = {source.gradient}, across"
            " them: name the axis on which they face each other, or correct source.periodic"
        )
    if wall.any():
        messages.append(f"walls: {bottom.sum()} grains below, {top.sum()} above, {(~wall).sum()} grains between them")
    origin = np.where(periodic, np.zeros(3) if cell is None else cell.origin, low)
    if source.origin is not None:
        origin[2] = source.origin
    lengths = np.where(periodic, high - origin if cell is None else cell.lengths, high - origin)
    if source.box is not None:
        lengths = np.array(source.box)
    if source.planar:
        lengths[1] = length
    if not (lengths > 0).all():
        raise MicroslipError(
            f"{frame.where}: the cell would measure {' × '.join(f'{one:g}' for one in lengths)}: check"
            " source.wall_types, source.origin and source.box"
        )
    ours = [0, 2] if source.planar else [0, 1, 2]
    repeats = ", ".join(f"{'repeats' if periodic[axis] else 'ends'} in {'xyz'[axis]}" for axis in ours)
    vorticity = "no y" if source.planar else f"y its {'xyz'[axes[1]]}"
    messages.append(
        f"axes: our x is the file's {'xyz'[axes[0]]} (flow), {vorticity}, z its {'xyz'[axes[2]]} (gradient);"
        f" the cell measures {' × '.join(f'{lengths[axis] / length:.4g}' for axis in ours)} d̄ and {repeats}"
    )
    return Layout(axes, length, periodic, origin, lengths, middle, scatter, source, tuple(messages), frame, turn)


def _scatter(
    position: Float64[np.ndarray, "grain 3"], length: float, source: Source, undecided: bool, messages: list[str]
) -> float:
    """How far apart centres may lie across the plane, in the file's lengths; says what is planar or nearly so."""
    span = np.ptp(position, axis=0)
    if source.planar:
        across = "xyz"[source.axes[1]]
        exact = span[1] <= FLAT * span.max()
        how = (
            "is the same for all grains"
            if exact
            else f"scatters by {span[1]:.3g} and is dropped, as source.planar says"
        )
        messages.append(f"planar: the file's {across} {how}; stresses are forces over lengths")
        return float(FLAT * span.max() if exact else length)
    thinnest = int(np.argmin(span))
    rest = np.delete(span, thinnest)
    if undecided and len(position) >= 4 and span[thinnest] < MONOLAYER * length < rest.min() / 4:
        messages.append(
            Caution(
                f"the grains form a single layer, which spans {span[thinnest]:.3g} along the file's"
                f" {'xyz'[source.axes[thinnest]]}; they are taken as grains in space: if the run is two-dimensional,"
                " give --set source.planar=true"
            )
        )
    return 0.0


def _periodic(frame: Frame, source: Source, messages: list[str]) -> tuple[bool, bool, bool]:
    periodic = source.periodic
    if periodic is None and frame.periodic is not None:
        order = (0, 1, 2)
        if frame.edges is not None and turn_of(frame) is None and not source.planar:
            _, _, order = standing(frame.origin, frame.edges)
        first, second, third = (bool(frame.periodic[order[axis]]) for axis in source.axes)
        periodic = first, second, third
    if periodic is not None:
        return periodic[0], periodic[1] and not source.planar, periodic[2]
    messages.append("the file does not say whether the cell repeats, so it does not: else give source.periodic")
    return False, False, False
