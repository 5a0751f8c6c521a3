"""One frame as another program wrote it, and where its grains are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Float64

from microslip.core.errors import MicroslipError


@dataclass(frozen=True)
class Frame:
    """One frame in its file's own axes, units and order of grains.

    `step`: a number that rises from frame to frame. `columns`: arrays of one value per grain under LAMMPS' names: id,
    type, x y z, xs ys zs (shares of the edges), xu yu zu (unwrapped), xsu ysu zsu (both), ix iy iz (periods to add),
    radius, diameter. `where`: file and place, for messages. `origin` and `edges`: lower corner and edge vectors of the
    cell, one a row; None where the file holds no cell. `periodic`: None where the file does not say. `strain`: where
    the file tells it. `first_line`: that of the first grain in a text. `read`: share of the file that has been read.
    `step_told`: whether the file tells the step, or the reader counts; `time`: what it may tell instead. `units`: those
    of the file, by its own word.
    `ended`: whether the last line of a text has an end.
    """

    step: int
    columns: Mapping[str, np.ndarray]
    where: str
    origin: Float64[np.ndarray, "3"] = field(default_factory=lambda: np.zeros(3))
    edges: Float64[np.ndarray, "3 3"] | None = None
    periodic: tuple[bool, bool, bool] | None = None
    strain: float | None = None
    first_line: int | None = None
    read: float = 1.0
    step_told: bool = True
    time: float | None = None
    units: str = ""
    ended: bool = True

    @property
    def n_grains(self) -> int:
        """Grains in this frame."""
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True)
class Places:
    """Centres of a frame's grains in the file's axes and units.

    `position` (grain, 3). `unwrapped`: whether they go on across the faces of the cell. `written`: the coordinates as
    they stand in the file, under `names`, and `scale` (axis), what one of their units is in the file's lengths.
    """

    position: Float64[np.ndarray, "grain 3"]
    unwrapped: bool
    written: Float[np.ndarray, "grain 3"]
    scale: Float64[np.ndarray, "3"]
    names: tuple[str, ...]


# The sets of coordinates, best first: what is unwrapped needs no guess, what is not scaled no multiplication.
COORDINATES = (("xu", "yu", "zu"), ("x", "y", "z"), ("xsu", "ysu", "zsu"), ("xs", "ys", "zs"))
IMAGES = ("ix", "iy", "iz")


def _coordinates(columns: Mapping[str, np.ndarray]) -> tuple[str, str, str] | None:
    """The best set of coordinates; of a planar file, which knows nothing of z or of y, the set that lacks it."""
    for names in COORDINATES:
        if all(name in columns for name in names):
            return names
    for names in COORDINATES:
        for axis in (1, 2):
            here = [name in columns for name in names]
            if here == [one != axis for one in range(3)] and not any(other[axis] in columns for other in COORDINATES):
                return names
    return None


def places(frame: Frame) -> Places:
    """Centres of the grains, from whichever coordinates the frame holds; 0 along the axis that a planar file lacks.

    Raises
    ------
    MicroslipError
        The frame holds no complete set of coordinates, or shares of a cell that it does not hold.
    """
    columns = frame.columns
    names = _coordinates(columns)
    if names is None:
        raise MicroslipError(
            f"{frame.where} holds the columns {', '.join(columns)}: there are no x y z, xu yu zu, xs ys zs or xsu ysu"
            " zsu among them; name them with source.columns, or write them"
        )
    nothing = np.zeros(frame.n_grains)
    written = np.stack([np.asarray(columns.get(name, nothing)) for name in names], axis=1)
    position = written.astype(float)
    scale = np.ones(3)
    if "s" in names[0]:
        if frame.edges is None:
            raise MicroslipError(f"{frame.where} holds {names[0]}, shares of a cell, but no cell: write x y z instead")
        position = frame.origin + position @ frame.edges
        scale = np.linalg.norm(frame.edges, axis=1)
    images = all(name in columns for name in IMAGES) and frame.edges is not None
    if images and not names[0].endswith("u"):
        assert frame.edges is not None
        turns = np.stack([np.asarray(columns[name]) for name in IMAGES], axis=1).astype(float)
        # a product with a whole number is rounded once; a matrix product would mix in what is zero
        for axis in range(3):
            for edge in range(3):
                if frame.edges[edge, axis]:
                    position[:, axis] += turns[:, edge] * frame.edges[edge, axis]
    return Places(position, images or names[0].endswith("u"), written, scale, names)


def renamed(frames: Iterator[Frame], theirs: Mapping[str, str]) -> Iterator[Frame]:
    """Frames with the file's names replaced by ours: file's → ours, as far as source.columns gives them.

    Raises
    ------
    MicroslipError
        A column that is named is not there.
    """
    ours = set(theirs.values())
    # coordinates that are named go before those that the file has besides
    others = {name for names in COORDINATES for name in names} - {"x", "y", "z"}
    passed = ours | (others if ours & {"x", "y", "z"} else set())
    for frame in frames:
        missing = [name for name in theirs if name not in frame.columns]
        if missing:
            raise MicroslipError(
                f"{frame.where} has no column {missing[0]}, which source.columns names: it has"
                f" {', '.join(frame.columns)}"
            )
        kept = {name: values for name, values in frame.columns.items() if name in theirs or name not in passed}
        yield replace(frame, columns={theirs.get(name, name): values for name, values in kept.items()})


def close_open_sides(origin: np.ndarray, edges: np.ndarray, ends: np.ndarray, position: np.ndarray) -> None:
    """Let the cell reach, along axes where it ends in the unknown, as far as the centres of the grains do."""
    for axis in np.flatnonzero(ends):
        coordinate = position[np.isfinite(position[:, axis]), axis].astype(float)
        low, high = (coordinate.min(), coordinate.max()) if len(coordinate) else (0.0, 0.0)
        origin[axis], edges[axis], edges[axis, axis] = low, 0.0, high - low or 1.0
