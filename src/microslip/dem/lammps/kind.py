"""LAMMPS as the shear cell knows it: ranks of MPI, each a process with the protocol and its share of the grains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from microslip.dem.lammps.config import Lammps
from microslip.dem.lammps.installed import check_installed, rank_environment, ranks_command
from microslip.dem.seam import Company, Engine, EngineKind, worker_command

if TYPE_CHECKING:
    from microslip.dem.config import ShearCell


def settings(config: ShearCell) -> Lammps:
    """The engine's own settings."""
    assert isinstance(config.engine, Lammps)
    return config.engine


def start(folder: Path, config: ShearCell) -> Engine:
    """One rank's part of the engine of a run folder, without grains."""
    # LAMMPS and MPI: loaded in the ranks alone
    from microslip.dem.lammps.engine import LammpsEngine

    return LammpsEngine(folder, config)


def version(config: ShearCell) -> int:
    """Of the LAMMPS that is installed.

    Raises
    ------
    MicroslipError
        A Python module or a LAMMPS package is missing.
    """
    return int(check_installed(settings(config), {"GRANULAR": "pair_style granular"})["version"])


def command(config: ShearCell) -> list[str]:
    """What starts the ranks, up to the run folder."""
    return [*ranks_command(settings(config)), *worker_command(config)]


def environment(config: ShearCell) -> dict[str, str]:
    """The ranks' environment."""
    return rank_environment(settings(config).threads, settings(config))


def company() -> Company:
    """All ranks."""
    from microslip.dem.lammps.ranks import Ranks

    return Ranks()


LAMMPS = EngineKind(Lammps, start, version, command, environment, company)
