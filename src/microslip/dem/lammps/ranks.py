"""The ranks of MPI as the processes of an engine."""

from __future__ import annotations

from mpi4py import MPI


class Ranks:
    """All ranks; see `dem.seam.Company`."""

    def __init__(self) -> None:
        self.first = MPI.COMM_WORLD.rank == 0

    def wait(self) -> None:
        MPI.COMM_WORLD.Barrier()

    def abort(self) -> None:
        MPI.COMM_WORLD.Abort(1)
