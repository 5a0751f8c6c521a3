"""From another program's axes, units and types to ours: decided at the first frame, and said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from jaxtyping import Bool, Float64, Int64

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.frame import Frame, places
from microslip.data.source import Source

# An edge that leans by less than this share of its length stands upright.
UPRIGHT = 1e-9


@dataclass(frozen=True)
class Cell:
    """A frame's cell in our axes, the file's lengths: lower corner (axis), edge lengths (axis), tilt of z along x."""

    origin: Float64[np.ndarray, "3"]
    lengths: Float64[np.ndarray, "3"]
    tilt: float


@dataclass(frozen=True)
class Layout:
    """How a file's numbers become ours.

    `axes`: the file's axes that are our x, y, z. `length`: d̄ in the file's lengths. `periodic`: along our axes.
    `origin`, `lengths`: of the cell along axes that do not repeat, in the file's lengths. `middle`: height that parts
    the walls. `said`: what was decided and why, as sentences. `turn`: takes vectors of a cell that lies askew in the
    file's axes to one that stands along them. `first`: the frame that was looked at.
    """

    axes: tuple[int, int, int]
    length: float
    periodic: tuple[bool, bool, bool]
    origin: Float64[np.ndarray, "3"]
    lengths: Float64[np.ndarray, "3"]
    middle: float
    source: Source
    said: tuple[str, ...]
    first: Frame
    turn: Float64[np.ndarray, "3 3"] | None = None

    def in_our_axes(self, vectors: Float64[np.ndarray, "any 3"]) -> Float64[np.ndarray, "any 3"]:
        """Vectors of the file along our axes."""
        return (vectors if self.turn is None else vectors @ self.turn)[:, list(self.axes)]

    def cell(self, frame: Frame) -> Cell:
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
        found = cell_in_our_axes(frame, self.source, self.turn)
        if found is None:
            return Cell(self.origin, self.lengths, 0.0)
        repeats = np.asarray(self.periodic)
        if self.source.box is not None:
            found = replace(found, lengths=self.lengths)
        if found.tilt and not (repeats[0] and repeats[2]):
            raise MicroslipError(
                f"{frame.where}: the box leans along {self.source.flow}, but it does not repeat along"
                f" {self.source.flow} and {self.source.gradient}: correct source.periodic"
            )
        return Cell(
            np.where(repeats, found.origin, self.origin), np.where(repeats, found.lengths, self.lengths), found.tilt
        )

    def box(self, cell: Cell) -> Box:
        """A frame's cell in our lengths."""
        return Box(tuple(cell.lengths / self.length), self.periodic, cell.tilt / self.length)

    def diameters(self, frame: Frame) -> Float64[np.ndarray, "grain"]:
        """Of a frame's grains, in the file's lengths; all d̄ where nothing is known."""
        known = diameters_of(frame, self.source)
        return np.full(frame.n_grains, self.length) if known is None else known

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


def _standing(
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
    _, edges, _ = _standing(frame.origin, frame.edges)
    lengths = np.diag(edges)
    leaning = np.abs(edges - np.diag(lengths)) > UPRIGHT * np.abs(edges).max()
    if leaning.sum() < 2 or not leaning[np.triu_indices(3, 1)].any():
        return None
    right_handed = frame.edges * np.array([1, 1, np.sign(np.linalg.det(frame.edges))])[:, None]
    turn, lower = np.linalg.qr(right_handed.T)
    return np.asarray(turn * np.sign(np.diag(lower)))


def cell_in_our_axes(frame: Frame, source: Source, turn: Float64[np.ndarray, "3 3"] | None = None) -> Cell | None:
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
    if not np.isfinite(edges).all() or not abs(np.linalg.det(edges)) > 0:
        raise MicroslipError(f"{frame.where}: the box has no volume, its edges are {edges.tolist()}")
    origin, edges, _ = _standing(origin, edges)
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
    return Cell(origin[axes], lengths, tilt)


def diameters_of(frame: Frame, source: Source) -> Float64[np.ndarray, "grain"] | None:
    """Diameters in the file's lengths, from the file or by type.

    Raises
    ------
    MicroslipError
        A type without one, a diameter that is not positive.
    """
    columns = frame.columns
    if source.diameters:
        types = _types(frame, "source.diameters gives a diameter to each type")
        missing = sorted(set(np.unique(types).tolist()) - {int(name) for name in source.diameters if name.isdigit()})
        if missing:
            raise MicroslipError(f"{frame.where} holds type {missing[0]}, to which source.diameters gives none")
        found = np.zeros(frame.n_grains)
        for name, diameter in source.diameters.items():
            if name.isdigit():
                found[types == int(name)] = diameter
        return found
    if "diameter" in columns:
        found = np.asarray(columns["diameter"], dtype=float)
    elif "radius" in columns:
        found = 2 * np.asarray(columns["radius"], dtype=float)
    else:
        return None
    bad = ~(np.isfinite(found) & (found > 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise MicroslipError(f"{frame.where}, grain {row + 1}: its diameter is {found[row]:g}; diameters are positive")
    return found


def _types(frame: Frame, why: str) -> np.ndarray:
    if "type" not in frame.columns:
        raise MicroslipError(f"{frame.where} has no column type, and {why}: write it, or name it with source.columns")
    return np.asarray(frame.columns["type"])


def walls_of(frame: Frame, source: Source) -> Bool[np.ndarray, "grain"]:
    """Which of the frame's grains belong to a wall."""
    if not source.wall_types:
        return np.zeros(frame.n_grains, dtype=bool)
    return np.isin(_types(frame, "source.wall_types names types"), source.wall_types)


def lay_out(frame: Frame, source: Source) -> Layout:
    """Decide units, axes, cell and roles from the first frame and what the settings say.

    Raises
    ------
    MicroslipError
        The frame holds no grains, or does not fit what the settings say of it.
    """
    found = places(frame)
    if not frame.n_grains:
        raise MicroslipError(f"{frame.where} holds no grain: name the first frame that does with source.first_step")
    said: list[str] = []
    axes = source.axes
    turn = turn_of(frame)
    position = (found.position if turn is None else found.position @ turn)[:, list(axes)]
    if turn is not None:
        said.append("the cell lies askew in the file's axes: x is taken along its first edge, y towards its second")
    wall = walls_of(frame, source)
    if source.wall_types and not wall.any():
        raise MicroslipError(f"{frame.where} holds no grain of source.wall_types = {list(source.wall_types)}")
    if wall.all():
        raise MicroslipError(f"{frame.where}: all grains are of source.wall_types: there is no bulk to measure")
    diameter = diameters_of(frame, source)
    length = source.length
    if length is None:
        length = 1.0 if diameter is None else float(diameter[~wall].mean())
        said.append(
            f"d̄ = {length:.6g} in the file's lengths, "
            + ("for want of diameters: give --length" if diameter is None else "the mean diameter of the bulk grains")
        )
    if diameter is not None and not 1 / 3 < float(diameter[~wall].mean()) / length < 3:
        said.append(
            f"warning: the bulk grains have a mean diameter of {float(diameter[~wall].mean()):.4g}, and d̄ ="
            f" {length:.4g} is given: check the unit of source.length"
        )
    radius = (np.full(len(position), length) if diameter is None else diameter) / 2
    periodic = _periodic(frame, source, said)
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
        said.append(f"walls: {bottom.sum()} grains below, {top.sum()} above, {(~wall).sum()} grains between them")
    origin = np.where(periodic, np.zeros(3) if cell is None else cell.origin, low)
    if source.origin is not None:
        origin[2] = source.origin
    lengths = np.where(periodic, high - origin if cell is None else cell.lengths, high - origin)
    if source.box is not None:
        lengths = np.array(source.box)
    if not (lengths > 0).all():
        raise MicroslipError(
            f"{frame.where}: the cell would measure {' × '.join(f'{one:g}' for one in lengths)}: check"
            " source.wall_types, source.origin and source.box"
        )
    repeats = ", ".join(
        f"{'repeats' if flag else 'ends'} in {name}" for name, flag in zip("xyz", periodic, strict=True)
    )
    said.append(
        f"axes: our x is the file's {'xyz'[axes[0]]} (flow), y its {'xyz'[axes[1]]}, z its {'xyz'[axes[2]]} (gradient);"
        f" the cell measures {' × '.join(f'{one / length:.4g}' for one in lengths)} d̄ and {repeats}"
    )
    return Layout(axes, length, periodic, origin, lengths, middle, source, tuple(said), frame, turn)


def _periodic(frame: Frame, source: Source, said: list[str]) -> tuple[bool, bool, bool]:
    if source.periodic is not None:
        return source.periodic
    if frame.periodic is not None:
        order = (0, 1, 2)
        if frame.edges is not None and turn_of(frame) is None:
            _, _, order = _standing(frame.origin, frame.edges)
        first, second, third = (bool(frame.periodic[order[axis]]) for axis in source.axes)
        return first, second, third
    said.append("the file does not say whether the cell repeats, so it does not: else give source.periodic")
    return False, False, False
