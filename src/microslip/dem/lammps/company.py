"""The ranks of LAMMPS, as the protocol knows them."""

from __future__ import annotations

from mpi4py import MPI

from microslip.dem.process import Company


class Ranks:
    """All ranks of MPI."""

    def __init__(self) -> None:
        self.first = MPI.COMM_WORLD.rank == 0

    def wait(self) -> None:
        """Until all ranks are here."""
        MPI.COMM_WORLD.Barrier()

    def abort(self) -> None:
        """End all ranks."""
        MPI.COMM_WORLD.Abort(1)


def company() -> Company:
    """The ranks that this process is one of."""
    return Ranks()
