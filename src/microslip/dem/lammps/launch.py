"""Start of LAMMPS: ranks of MPI, each a process with the protocol and its share of the grains."""

from __future__ import annotations

import sys
from typing import Any

from microslip.dem.config import ShearCell
from microslip.dem.lammps.config import Lammps
from microslip.dem.lammps.installed import check_installed, rank_environment, ranks_command


def settings(config: ShearCell) -> Lammps:
    """The engine's own settings."""
    assert isinstance(config.engine, Lammps)
    return config.engine


def check(config: ShearCell) -> dict[str, Any]:
    """What LAMMPS says of itself, after refusing one that cannot run this cell; nothing is written before.

    Raises
    ------
    MicroslipError
        A Python module or a LAMMPS package is missing.
    """
    return check_installed(settings(config), {"GRANULAR": "pair_style granular"})


def command(config: ShearCell) -> list[str]:
    """What starts the ranks, up to the module's arguments."""
    return [*ranks_command(settings(config)), sys.executable, "-m", "microslip.dem.worker"]


def environment(config: ShearCell) -> dict[str, str]:
    """The ranks' environment."""
    return rank_environment(settings(config).threads, settings(config))
