"""The shear cell's box: which axes repeat, and what that does to a vector between two grains."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from microslip.core import arguments
from microslip.core.errors import MicroslipError

# Lengths beyond these have volumes or moments that a double does not hold [d̄].
SHORTEST, LONGEST = 1e-30, 1e30

# A place this many cells from the origin is none of a packing, and its digits would be too few when it is wrapped.
FARTHEST = 1e6

OF_A_BOX = "give a microslip.Box(lengths, periodic)"


@dataclass(frozen=True)
class Box:
    """A cell with its origin at (0, 0, 0), orthogonal or tilted by simple shear.

    Parameters
    ----------
    lengths
        Edge lengths Lx, Ly, Lz [d̄], of the orthogonal cell.
    periodic
        Which axes repeat; the slab of simple shear repeats in x (flow) and y (vorticity).
    tilt
        How far along x the copy of the cell above it lies [d̄], as in a box that LAMMPS deforms or under Lees–Edwards
        conditions; only for cells that repeat in z. Whole Lx count as strain and change no copy's place.
    planar
        Whether the packing is two-dimensional, in the x–z plane. The missing axis y does not repeat; the cell is 1 d̄
        thick along it, so that its volume is its area, and all grains have the same y.

    Raises
    ------
    MicroslipError
        A length is not a positive finite number; `periodic` is not three marks; a tilt that is not finite, or of a cell
        that does not repeat in x and z; a planar cell of another thickness.
    """

    lengths: tuple[float, float, float]
    periodic: tuple[bool, bool, bool] = (True, True, False)
    tilt: float = 0.0
    planar: bool = False

    def __post_init__(self) -> None:
        try:
            lengths = arguments.reals("lengths", self.lengths, (3,)).tolist()
        except MicroslipError as problem:
            raise MicroslipError(f"the box's lengths are not three positive numbers: {problem}") from None
        if not (min(lengths) >= SHORTEST and max(lengths) <= LONGEST):
            raise MicroslipError(
                f"the box's lengths = {lengths} are not three positive numbers, {SHORTEST:g} to {LONGEST:g}: give Lx,"
                " Ly, Lz in mean diameters"
            )
        periodic = arguments.marks("periodic", self.periodic, (3,)).tolist()
        farthest = FARTHEST * lengths[0]
        rule = f"a finite number of at most {FARTHEST:g} Lx: fold it back by whole Lx"
        tilt = arguments.real("tilt", self.tilt, rule, low=-farthest, high=farthest, unit=" d̄")
        object.__setattr__(self, "lengths", tuple(lengths))
        object.__setattr__(self, "tilt", tilt)
        object.__setattr__(self, "planar", bool(self.planar))
        if self.planar and self.lengths[1] != 1:
            raise MicroslipError(f"a planar cell is 1 d̄ thick in y, the axis it lacks, not {self.lengths[1]:g}: give 1")
        repeats = (flag and not (self.planar and axis == 1) for axis, flag in enumerate(periodic))
        object.__setattr__(self, "periodic", tuple(repeats))
        if self.tilt and not (self.periodic[0] and self.periodic[2]):
            raise MicroslipError(
                f"tilt = {self.tilt} d̄ of a cell that repeats in {self._repeats()}: only a cell that repeats in x and z"
                " can be tilted"
            )

    def _repeats(self) -> str:
        return ", ".join(axis for axis, flag in zip("xyz", self.periodic, strict=True) if flag) or "no axis"

    @property
    def volume(self) -> float:
        """Lx Ly Lz [d̄³]; of a planar cell Lx Lz [d̄²]."""
        return float(np.prod(self.lengths))

    @property
    def axes(self) -> list[int]:
        """The axes along which grains can move, 0 to 2: all three, or the two of a planar cell."""
        return [0, 2] if self.planar else [0, 1, 2]

    @property
    def half_period(self) -> float:
        """Half the smallest periodic length [d̄]: no distance beyond it is unambiguous; inf without a periodic axis."""
        periods = [length for length, flag in zip(self.lengths, self.periodic, strict=True) if flag]
        return min(periods, default=np.inf) / 2

    @property
    def periods(self) -> Float[np.ndarray, "3"]:
        """Edge length of every periodic axis, 0 where the axis does not repeat: the form that kernels take."""
        return np.where(self.periodic, self.lengths, 0.0)

    @property
    def nearest_tilt(self) -> float:
        """The tilt less whole Lx, at most half of it: the copies of the cell lie at the same places [d̄]."""
        return self.tilt - self.lengths[0] * round(self.tilt / self.lengths[0])

    @property
    def repeats_across(self) -> bool:
        """Whether every direction across z repeats: x and, where there is one, y."""
        return self.periodic[0] and (self.periodic[1] or self.planar)

    @property
    def upright(self) -> Box:
        """The cell without its tilt."""
        return replace(self, tilt=0.0)

    @property
    def slab(self) -> Box:
        """The cell without its tilt and without its copies in z."""
        return replace(self, periodic=(*self.periodic[:2], False), tilt=0.0)

    def minimum_image(self, vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """The nearest periodic copy of each vector, shape (..., 3) [d̄].

        In a tilted cell it is the nearest for vectors that have a copy shorter than half the smallest period.
        NaN stays.
        """
        vectors = self._near(vectors, "vectors")
        lengths = np.asarray(self.lengths)
        turned = self._turned(vectors, -np.round(vectors[..., 2] / lengths[2]))
        return turned - np.where(self.periodic, lengths * np.round(turned / lengths), 0.0)

    def wrap(self, positions: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Positions moved into [0, L) along the periodic axes, shape (..., 3) [d̄]; of a tilted cell, too. NaN stays."""
        positions = self._near(positions, "positions")
        lengths = np.asarray(self.lengths)
        turned = self._turned(positions, -np.floor(positions[..., 2] / lengths[2]))
        wrapped = turned - np.where(self.periodic, lengths * np.floor(turned / lengths), 0.0)
        # a tiny negative coordinate rounds up to exactly L
        return np.where(np.asarray(self.periodic) & (wrapped >= lengths), 0.0, wrapped)

    def wrapped_onto(self, other: Box, positions: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Positions wrapped into this cell and stretched with it onto another one, as voxels are, (..., 3) [d̄]."""
        arguments.record("other", other, Box, OF_A_BOX)
        return np.asarray(self.wrap(positions) * (np.asarray(other.lengths) / np.asarray(self.lengths)))

    def _near(self, vectors: np.ndarray, name: str) -> np.ndarray:
        farthest = FARTHEST * max(self.lengths)
        return arguments.reals(name, vectors, (..., 3), missing=True, largest=farthest)

    def _turned(self, positions: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """Positions in x of the copies that lie `turns` cells above; z is left to the caller."""
        if self.nearest_tilt == 0:
            return positions
        aside: np.ndarray = (turns * self.nearest_tilt)[..., None] * np.array([1.0, 0.0, 0.0])
        return np.asarray(positions + aside)

    def gradient_to(self, later: Box) -> Float[np.ndarray, "3 3"]:
        """The displacement gradient G of the periodic cell itself: its edges a become a + G a; 0 along other axes.

        The tilts of both count as they are, whole Lx included.
        """
        arguments.record("later", later, Box, OF_A_BOX)
        lx, _, lz = self.lengths
        stretch = np.where(self.periodic, np.asarray(later.lengths) / np.asarray(self.lengths) - 1, 0.0)
        gradient: np.ndarray = np.diag(stretch)
        gradient[0, 2] = (later.tilt - self.tilt * later.lengths[0] / lx) / lz
        return np.asarray(gradient)
