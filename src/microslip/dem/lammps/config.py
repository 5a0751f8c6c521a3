"""Settings of the engine that is LAMMPS."""

from __future__ import annotations

import math
import os
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from microslip.core.jobs import n_machines
from microslip.core.settings import MOST_THREADS
from microslip.dem.seam import EngineSettings

# Beyond the largest machines there are.
MOST_RANKS = 10**6

Count = Annotated[int, Field(ge=0, le=MOST_RANKS)]


class Lammps(EngineSettings):
    """LAMMPS on MPI ranks; the same number of ranks gives the same bytes."""

    title: ClassVar[str] = "LAMMPS"
    keeps_viscous_histories: ClassVar[bool] = False

    kind: Literal["lammps"] = "lammps"
    ranks: int = Field(2, ge=1, le=MOST_RANKS, description="MPI processes")
    processors: tuple[Count, Count, Count] = Field(
        (0, 0, 1), description="ranks along x, y and z; 0 leaves the choice to LAMMPS"
    )
    suffix: Literal["none", "omp", "opt", "kk", "gpu", "intel"] = Field(
        "none", description="LAMMPS' accelerated styles, where its build has them"
    )
    threads: int = Field(
        1, ge=1, le=MOST_THREADS, description="OpenMP threads of each rank, for the suffixes omp, kk and intel"
    )
    launcher: str = Field(
        "",
        description="such as `srun`; `-n RANKS` is added unless it holds {ranks}; empty: mpiexec",
    )
    hosts: str = Field("", description="file of host names, handed to the launcher as -hostfile")

    def identity(self) -> dict[str, Any]:
        """The settings that make another simulation; how the ranks are started does not."""
        return self.model_dump(mode="json", exclude={"launcher", "hosts"})

    def cores_asked(self) -> int | None:
        return self.ranks * self.threads

    def describe(self, n_grains: int) -> str:
        return f"{self.ranks} MPI rank{'s' if self.ranks > 1 else ''} of LAMMPS"

    def problem(self, length: float, depth: float, largest: float, walls: bool) -> str | None:
        if not walls:
            return (
                "cell.walls = false is sheared by sliding images, which engine.kind = lammps does not do:"
                ' set engine.kind = "native"'
            )
        most = max(1, int(length // (2 * largest))) * max(1, int(depth // (2 * largest)))
        if self.ranks > most:
            return (
                f"engine.ranks = {self.ranks} cuts the cell into pieces thinner than two grains:"
                f" use at most {most}, or a larger cell"
            )
        asked = math.prod(n for n in self.processors if n)
        if self.ranks % asked or (all(self.processors) and self.ranks != asked):
            grid = " × ".join(map(str, self.processors))
            return f"engine.processors = {grid} does not hold engine.ranks = {self.ranks}"
        return None

    def warnings(self) -> list[str]:
        machines = n_machines(os.environ)
        if machines > 1 and not (self.launcher or self.hosts):
            return [
                f"the job has {machines} machines, and ranks start on this one: give --launcher srun or --hosts FILE"
            ]
        return []
