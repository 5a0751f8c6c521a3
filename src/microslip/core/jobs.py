"""The variables by which schedulers and launchers tell a process of its job.

Libraries that start processes read them, and take the job for their own. How many processes there are is set in the
configuration alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# Which of several processes this one is: MPICH, PMIx, Open MPI and its PRRTE, MVAPICH, jsrun, torchrun,
# and Fabric's own launcher.
_PART = (
    *("PMI_", "PMI2_", "PMIX_", "HYDI_", "MPI_LOCAL", "OMPI_", "PRTE_", "PRRTE_", "MV2_COMM_WORLD_", "JSM_"),
    *("TORCHELASTIC_", "LT_"),
)
_PART_NAMES = {
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "NODE_RANK", "ROLE_RANK", "ROLE_NAME", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
    *("GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "STANDALONE_PORT"),
}
# What the job holds: Slurm, PBS, LSF, LoadLeveler, Cobalt, Flux, Grid Engine.
_JOB = ("SLURM_", "PBS_", "LSB_", "LS_", "LOADL_", "COBALT_", "FLUX_", "PE_HOSTFILE")

# How many cores the process that started this one leaves to it, as `microslip study` does.
CORES = "MICROSLIP_CORES"
# How many threads the compiled code of numba, OpenMP and linear algebra takes where nothing else is said.
_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def usable_cores() -> int:
    """Cores that this process may use, fewer than the machine has where its starter or a scheduler says so."""
    return _at_most(len(os.sched_getaffinity(0)), os.environ.get(CORES))


def with_cores(environment: Mapping[str, str], n_cores: int) -> dict[str, str]:
    """The environment of a process that is to use so many cores; a smaller number that stands there stays."""
    return {**environment, **{name: str(_at_most(n_cores, environment.get(name))) for name in (CORES, *_THREADS)}}


def _at_most(number: int, limit: str | None) -> int:
    return max(1, min(number, int(limit))) if limit is not None and limit.isdecimal() else number


def without_part(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is no part of what started this one; a launcher still finds the job."""
    return {
        name: value for name, value in environment.items() if name not in _PART_NAMES and not name.startswith(_PART)
    }


def without_job(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that it would have outside any job."""
    return {name: value for name, value in without_part(environment).items() if not name.startswith(_JOB)}


def n_machines(environment: Mapping[str, str]) -> int:
    """Machines that Slurm has given to the job, 1 where it says nothing."""
    number = environment.get("SLURM_JOB_NUM_NODES", environment.get("SLURM_NNODES", "1"))
    return int(number) if number.isdecimal() else 1


@contextmanager
def outside_any_job() -> Iterator[None]:
    """Within the block this process and those that it starts see no job; what the block changes is undone."""
    before = dict(os.environ)
    for name in before.keys() - without_job(before).keys():
        del os.environ[name]
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
