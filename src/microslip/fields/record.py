"""What is to be known of a field of grains, in one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from microslip.fields.stage import StageFrames


@dataclass(frozen=True, kw_only=True)
class GrainField:
    """One value per grain and stage, and how it is measured.

    Parameters
    ----------
    name
        In stores, settings and tables.
    unit
        As in the attributes of the stores: `d`, `d**2`, `p`, `p d**3`, or nothing.
    description
        What it is, in the stores' attributes and in the docs.
    measure
        The function that takes the frames of a stage and returns the values, shape (grain,). Those of wall grains are
        dropped unless `walls`; NaN means that a grain has none.
    signed
        Whether it takes both signs, so that its logarithm would lose one.
    odd_in_y, odd_in_turn
        Whether it changes its sign in the mirror that turns y into −y, and in the rotation by π about y (x into −x, z
        into −z): the two symmetries of simple shear.
    needs
        The quantity of the frames that it takes, such as `grain_stress`: without it the field is NaN.
    dtype
        In which it is stored; single precision has more digits than most fields mean.
    walls
        Whether wall grains have a value too.
    array, axis
        The array of the store that holds it and its column there, where it is one component of a vector.
    short
        Its name on the nodes of the voxels; empty where it is not averaged there and no network sees it.
    symbol, mean
        Its name in means over grains, empty where no means are kept; and whether the mean of the value is kept, or that
        of its size, as of a change, whose mean says nothing.
    title, logarithmic
        Its name on the explorer's page, empty where grains are not coloured by it; and whether colours follow its
        logarithm.
    later
        Whether stores of before it was measured stay as they are, without it.
    """

    name: str
    unit: str
    description: str
    measure: Callable[[StageFrames], np.ndarray]
    signed: bool
    odd_in_y: bool = False
    odd_in_turn: bool = False
    needs: str = ""
    dtype: Literal["float32", "float64", "int32"] = "float32"
    walls: bool = False
    array: str = ""
    axis: int | None = None
    short: str = ""
    symbol: str = ""
    mean: Literal["value", "size"] = "value"
    title: str = ""
    logarithmic: bool = False
    later: bool = False

    def __post_init__(self) -> None:
        if self.signed and self.logarithmic:
            raise ValueError(f"{self.name} is signed: its logarithm would lose the sign")
        if (self.odd_in_y or self.odd_in_turn) and not self.signed:
            raise ValueError(f"{self.name} changes its sign in a symmetry of simple shear: it must be signed")

    @property
    def scale(self) -> Literal["log", "signed", "linear"]:
        """How colours follow the values: by their logarithm, about zero, or evenly."""
        return "signed" if self.signed else "log" if self.logarithmic else "linear"

    @property
    def mean_name(self) -> str:
        """What tables call its mean over grains, such as `d2min` or `abs_delta_energy`."""
        return f"abs_{self.name}" if self.mean == "size" else self.name
