"""What an engine does for the shear cell: the seam between the protocol and the programs that move grains.

A new engine is one folder, and one entry in `dem.config.Engine`. The folder holds `config.py` (its settings, which
tell `title`, `identity`, `describe`, `problem`, `warnings` and `n_threads`), `launch.py` (`check`, `command`,
`environment`), `company.py` (`company`, the processes that it consists of) and `engine.py` (`start`, which returns an
`Engine`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float64, Int64

from microslip.dem.packing import LoosePacking

# A bulk grain whose centre is this far beyond the inner face of a wall has left the cell [d̄].
WALL_REACH = 1.0


@dataclass(frozen=True)
class Preparing:
    """How grains move while the packing is prepared: under the load, with drag, without shear.

    `friction` in place of the grains' own; `drag` on every bulk grain [kg/s]; `longest_step`: no grain moves farther in
    a step [m], and none spins, where it is given.
    """

    friction: float
    drag: float
    longest_step: float | None = None


@dataclass(frozen=True)
class Rest:
    """How far from rest: the largest component of the net force on a bulk grain [N], kinetic energy of the motion of
    all bulk grains [J], speed of the top wall, or of the height without walls [m/s]."""

    force: float
    energy: float
    speed: float


@dataclass(frozen=True)
class Frame:
    """All grains at one moment, in the packing's order: centres, unwrapped where the cell repeats, and what they carry.

    `position` (grain, 3) [d̄]; `values` (grain, 8): six stress components [p], energy [p d̄³], contacts, None where they
    are not asked for; `cell`: Lx, Ly, Lz and tilt [d̄] where the cell is not bounded by walls.
    """

    position: Float64[np.ndarray, "grain 3"]
    values: Float64[np.ndarray, "grain 8"] | None
    cell: Float64[np.ndarray, "4"] | None = None


@dataclass(frozen=True)
class Sample:
    """What is read every few steps; stresses in p, lengths in d̄.

    `bottom`, `top`: shear and normal force on each wall over Lx Ly p, as the grains exert them; NaN without walls.
    `moments`: Σ f_x r_z and Σ f_z r_z over the contacts of bulk grains, up to the contact, over Lx Ly p [d̄]: over the
    height they are the Love–Weber stress of the volume; NaN where the engine does not know them. `level` as in
    `Engine.level`. `n_lost`: grains that have left the cell.
    """

    bottom: tuple[float, float]
    top: tuple[float, float]
    moments: tuple[float, float]
    level: float
    n_lost: int


class Engine(Protocol):
    """One shear cell in the hands of an engine. A process of several calls every method together with the others."""

    first: bool
    """Whether this process writes and reports."""
    version: int
    """Under another one, the same run would go on differently."""

    def share(self, value: Any) -> Any:
        """The first process's value, in every process."""

    def fill(self, packing: LoosePacking) -> None:
        """Take up grains at rest."""

    def prepare(self, how: Preparing, n_steps: int) -> Rest:
        """Move under the load for so many steps."""

    def glue(self, kind: Int64[np.ndarray, "grain"]) -> None:
        """Grains of another kind than before belong to a wall from now on, and take the mass of a mean grain."""

    def level(self) -> float:
        """Mean height of the top wall's centres, or the height of the cell without walls [d̄]."""

    def positions(self) -> Float64[np.ndarray, "grain 3"]:
        """Centres in the packing's order [d̄], in every process."""

    def begin(self, height: float) -> None:
        """End the preparation: the grains' own law, no drag, time zero, H₀ [m]."""

    def save(self, path: Path) -> None:
        """Write the whole state under this name; the engine adds the ending of its own files."""

    def load(self, path: Path, height: float) -> None:
        """Take up a state that was saved during shear, to the last bit; H₀ [m]."""

    def shear(
        self,
        steps: Int64[np.ndarray, "interval"],
        rate: Float64[np.ndarray, "interval_and_one"],
        sampled: Callable[[Sample], None],
        from_start: bool,
    ) -> None:
        """Shear interval by interval, the rate [1/s] going evenly from one value to the next; `sampled` ends each.

        `from_start`: it is called for the state before the first step too. What `sampled` raises ends the shear and is
        raised.
        """

    def hold(self) -> Any:
        """The grains as they are at this sample, for `frame`; kept while the caller keeps what is returned."""

    def frame(self, held: Any) -> Frame | None:
        """What was held, on the first process; None on the others."""
