"""The seam between the protocol of the shear cell and the engines, which move the grains.

An engine is a file or a folder with an `EngineKind`, and a line in `dem.engines`. The protocol, the recording and the
restart stand above the seam and are the same for all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.grain_values import GrainValues
from microslip.core.settings import Settings

if TYPE_CHECKING:
    # both of them know the engines' settings
    from microslip.dem.config import ShearCell
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

    `position` (grain, 3) [d̄]; `values`: None where they are not asked for; `cell`: Lx, Ly, Lz and tilt [d̄] where
    the cell is not bounded by walls.
    """

    position: Float64[np.ndarray, "grain 3"]
    values: GrainValues | None
    cell: Float64[np.ndarray, "4"] | None = None


@dataclass(frozen=True)
class Sample:
    """Stresses [p] and lengths [d̄] that are read every few steps.

    `bottom`, `top`: shear and normal force on each wall over Lx Ly p, as the grains exert them; NaN without walls.
    `moments`: Σ f_x r_z and Σ f_z r_z over the contacts of bulk grains, up to the contact, over Lx Ly p [d̄]: over the
    height they are the Love–Weber stress of the volume. `momentum_rate`: d/dt Σ m v_x (z − z_mid) of the bulk grains
    over Lx Ly p [d̄], the inertia that parts the walls' stress from the volume's; NaN where the engine does not know
    it. `kinetic_energy`: mean of a bulk grain beside the mean shear [p d̄³]. `level` as in `Engine.level`. `n_lost`:
    grains that have left the cell.
    """

    bottom: tuple[float, float]
    top: tuple[float, float]
    moments: tuple[float, float]
    momentum_rate: float
    kinetic_energy: float
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

        `from_start`: it is called for the state before the first step too. An error that `sampled` raises ends the
        shear and is raised.
        """

    def hold(self) -> Any:
        """The grains as they are at this sample, for `frame`; kept while the caller keeps what is returned."""

    def frame(self, held: Any) -> Frame | None:
        """The grains that were held, on the first process; None on the others."""


class EngineSettings(Settings):
    """The section `[engine]` of one kind. An engine narrows `kind` to its own name and adds its keys."""

    kind: str
    title: ClassVar[str]
    """Its name in messages and on pages."""
    keeps_viscous_histories: ClassVar[bool] = True
    """Whether contacts with grains.damping = viscous keep their histories at a checkpoint."""
    drives_adaptively: ClassVar[bool] = False
    """Whether it can shear at another rate from one sample to the next, with all grains taking part in the change."""

    def n_threads(self, n_grains: int) -> int:
        """Threads that work on so many grains."""
        return 1

    def cores_asked(self) -> int | None:
        """Cores that its settings name; None where it takes what there is."""
        return None

    def identity(self) -> dict[str, Any]:
        """The settings that make another simulation."""
        return {"kind": self.kind}

    def describe(self, n_grains: int) -> str:
        """Processes or threads that work, for a message."""
        return self.title

    def problem(self, length: float, depth: float, largest: float, walls: bool) -> str | None:
        """Why a cell of this length and depth [d̄] and largest diameter [d̄] cannot be run; None where it can."""
        return None

    def warnings(self) -> list[str]:
        """Warnings before the start."""
        return []

    def memory(self, n_grains: int, n_samples: int) -> float:
        """Memory that it takes of this machine, from below [bytes]; 0 where that is not known."""
        return 0.0


class Company(Protocol):
    """The processes that work on a run together."""

    first: bool

    def wait(self) -> None:
        """Until all are here."""

    def abort(self) -> None:
        """End all of them."""


class Alone:
    """One process."""

    first = True

    def wait(self) -> None:
        """Nobody else is to come."""

    def abort(self) -> None:
        """Nobody else is there."""


def worker_command(config: ShearCell) -> list[str]:
    """One process of this Python; the run folder follows."""
    return [sys.executable, "-m", "microslip.dem.worker"]


@dataclass(frozen=True)
class EngineKind:
    """An engine, as `dem.engines` lists it. Its functions import large or optional packages when they are called.

    `settings`: its section `[engine]`. `start`: the engine of a run folder, without grains, in its own process.
    `version`: under another one the same run would go on differently; a cell that it cannot run, or something that is
    not installed, is refused here, before anything is written. `command`: what starts its processes, up to the run
    folder. `environment`: theirs. `company`: the processes of which this is one. `is_compiled`: whether code that is
    made once on a machine is there; one process makes it before others begin.
    """

    settings: type[EngineSettings]
    start: Callable[[Path, ShearCell], Engine]
    version: Callable[[ShearCell], int]
    command: Callable[[ShearCell], list[str]] = worker_command
    environment: Callable[[ShearCell], dict[str, str]] = lambda config: dict(os.environ)
    company: Callable[[], Company] = Alone
    is_compiled: Callable[[], bool] = lambda: True
