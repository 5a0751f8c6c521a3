"""Variables of schedulers and launchers, as they set them."""

import os

import pytest

from microslip.core.jobs import n_machines, outside_any_job, without_job, without_part

SBATCH = {"SLURM_JOB_ID": "4242", "SLURM_NTASKS": "16", "SLURM_JOB_NODELIST": "n[01-02]", "SLURM_JOB_NUM_NODES": "2"}
SRUN = {**SBATCH, "SLURM_PROCID": "3", "SLURM_LOCALID": "1", "PMI_RANK": "3", "PMI_SIZE": "16", "PMIX_RANK": "3"}
TORCHRUN = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "n01", "MASTER_PORT": "29500"}
PBS = {"PBS_JOBID": "7.n01", "PBS_NODEFILE": "/var/spool/pbs/aux/7.n01", "PBS_NP": "16"}
LSF = {"LSB_JOBID": "7", "LSB_HOSTS": "n01 n01", "LSB_DJOB_NUMPROC": "2", "LS_SUBCWD": "/home"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4", "PMIX_NAMESPACE": "x"}
MPICH = {"PMI_RANK": "1", "PMI_SIZE": "4", "PMI_FD": "7", "MPI_LOCALRANKID": "1", "HYDI_CONTROL_FD": "8"}
JOBS = [SBATCH, SRUN, TORCHRUN, PBS, LSF, OPEN_MPI, MPICH]

OWN = {"PATH": "/bin", "HOME": "/home/me", "OMP_NUM_THREADS": "4", "CUDA_VISIBLE_DEVICES": "1", "RANKING": "mine"}


@pytest.mark.parametrize("job", JOBS)
def test_nothing_of_a_job_is_left_and_nothing_else_is_taken(job):
    assert without_job({**job, **OWN}) == OWN


def test_a_launcher_that_is_named_still_finds_the_job():
    assert without_part({**SRUN, "PBS_NODEFILE": "/nodes"}) == {
        **SBATCH,
        "SLURM_PROCID": "3",
        "SLURM_LOCALID": "1",
        "PBS_NODEFILE": "/nodes",
    }


def test_machines_of_a_job():
    assert n_machines(SBATCH) == 2
    assert n_machines({"SLURM_NNODES": "3"}) == 3
    assert n_machines(TORCHRUN) == n_machines({"SLURM_NNODES": "n"}) == 1


def test_what_a_library_sets_within_is_undone(monkeypatch):
    for name, value in {**SBATCH, **TORCHRUN}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with outside_any_job():
        assert "SLURM_NTASKS" not in os.environ
        os.environ |= {"MASTER_PORT": "1", "LOCAL_RANK": "5", "NEW": "1"}
    assert dict(os.environ) == before
