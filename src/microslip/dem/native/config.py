"""Settings of the native engine."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from microslip.core.jobs import usable_cores
from microslip.core.settings import MOST_THREADS
from microslip.dem.cost import memory_of
from microslip.dem.seam import EngineSettings

# Raised when the same run would go on differently.
VERSION = 1

# Fewer grains than this leave a thread waiting for the others for longer than it works.
GRAINS_PER_THREAD = 1_000
# How far a grain may stray from the mean flow before the list of pairs is made anew [d̄]: as far as it would go in
# MARGIN_STEPS at its speed, within these limits. Wider margins hold longer and bring more pairs that do not touch; one
# fast rattler among slow grains needs a wide one, and costs a dozen pairs.
LEAST_MARGIN, MOST_MARGIN = 0.015, 0.1
MARGIN_STEPS = 1_000


class Native(EngineSettings):
    """The engine for one machine; any number of threads gives the same bytes."""

    title: ClassVar[str] = "the native engine"
    drives_adaptively: ClassVar[bool] = True

    kind: Literal["native"] = "native"
    threads: int | None = Field(
        None,
        ge=1,
        le=MOST_THREADS,
        description="threads of the one process; all cores that its grains can use if left out",
    )

    def n_threads(self, n_grains: int) -> int:
        return self.threads or max(1, min(usable_cores(), n_grains // GRAINS_PER_THREAD))

    def cores_asked(self) -> int | None:
        return self.threads

    def describe(self, n_grains: int) -> str:
        n = self.n_threads(n_grains)
        return f"{n} thread{'s' if n > 1 else ''} of this process's own engine"

    def problem(self, length: float, depth: float, largest: float, walls: bool) -> str | None:
        # two grains must meet on one side of the cell only
        side, value = min(("cell.length", length), ("cell.depth", depth), key=lambda side: side[1])
        cell = largest + 2 * MOST_MARGIN
        if value < 2 * cell:
            return (
                f"{side} = {value:g} d̄ is thinner than two neighbour cells of {cell:.3g} d̄ each, so that two grains"
                f" would meet on both sides of it: give it at least {2 * cell:.3g} d̄"
            )
        return None

    def warnings(self) -> list[str]:
        if self.threads is not None and self.threads > usable_cores():
            return [
                f"engine.threads = {self.threads} is more than the {usable_cores()} cores that this process may use:"
                " threads will wait for each other"
            ]
        return []

    def memory(self, n_grains: int, n_samples: int) -> float:
        return memory_of(n_grains, n_samples)
