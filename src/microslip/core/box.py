"""The shear cell's box: which axes repeat, and what that does to a vector between two grains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from microslip.core.errors import MicroslipError


@dataclass(frozen=True)
class Box:
    """An orthogonal cell with its origin at (0, 0, 0).

    Parameters
    ----------
    lengths
        Edge lengths Lx, Ly, Lz [d̄].
    periodic
        Which axes repeat; the slab of simple shear repeats in x (flow) and y (vorticity).

    Raises
    ------
    MicroslipError
        A length is not a positive finite number.
    """

    lengths: tuple[float, float, float]
    periodic: tuple[bool, bool, bool] = (True, True, False)

    def __post_init__(self) -> None:
        lengths = np.asarray(self.lengths, dtype=float)
        if lengths.shape != (3,) or not np.all(np.isfinite(lengths)) or np.any(lengths <= 0):
            raise MicroslipError(
                f"box lengths {self.lengths} are not three positive numbers: give Lx, Ly, Lz in mean diameters"
            )
        object.__setattr__(self, "lengths", tuple(float(length) for length in lengths))
        object.__setattr__(self, "periodic", tuple(bool(flag) for flag in self.periodic))

    @property
    def volume(self) -> float:
        """Lx Ly Lz [d̄³]."""
        return float(np.prod(self.lengths))

    @property
    def half_period(self) -> float:
        """Half the smallest periodic length [d̄]: no distance beyond it is unambiguous; inf without a periodic axis."""
        periods = [length for length, flag in zip(self.lengths, self.periodic, strict=True) if flag]
        return min(periods, default=np.inf) / 2

    @property
    def periods(self) -> Float[np.ndarray, "3"]:
        """Edge length of every periodic axis, 0 where the axis does not repeat: the form that kernels take."""
        return np.where(self.periodic, self.lengths, 0.0)

    def minimum_image(self, vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """The shortest periodic copy of each vector, shape (..., 3) [d̄]."""
        lengths = np.asarray(self.lengths)
        return vectors - np.where(self.periodic, lengths * np.round(vectors / lengths), 0.0)

    def wrap(self, positions: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Positions moved into [0, L) along the periodic axes, shape (..., 3) [d̄]."""
        lengths = np.asarray(self.lengths)
        wrapped = positions - np.where(self.periodic, lengths * np.floor(positions / lengths), 0.0)
        # a tiny negative coordinate rounds up to exactly L
        return np.where(np.asarray(self.periodic) & (wrapped >= lengths), 0.0, wrapped)
