"""Batches done here and by Dask workers, with real processes and real kill signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zarr

from microslip.core.errors import MicroslipError
from microslip.data.batches import batched_store
from microslip.data.config import Batches
from microslip.data.store import add_array, create_store

N, SIZE = 50, 8
PATIENCE = 120

# Dask's own clean-up of sockets and processes warns when it is asked to stop at once.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def create(path):
    store = create_store(path, {})
    add_array(store, "x", ["stage"], (N,), "float64", "", "", per_chunk=SIZE)
    return store


class Square:
    """Squares of the entries; leaves a file for every batch, and fails or dies where it is told to, once."""

    def __init__(self, notes, fail_at=None, die_at=None):
        self.notes, self.fail_at, self.die_at = Path(notes), fail_at, die_at

    def __call__(self, path, batch):
        trace = self.notes / f"{batch.start}"
        if self.die_at == batch.start and not trace.exists():
            trace.write_text("died")
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fail_at == batch.start:
            raise MicroslipError("stage 16: no")
        with trace.open("a") as file:
            file.write("done\n")
        zarr.open_group(path, mode="r+")["x"][batch] = np.arange(batch.start, batch.stop) ** 2.0


def fill(target, work, fingerprint="same", batches=None):
    steps = []
    with batched_store(target, fingerprint, create) as store:
        store.fill(N, SIZE, work, lambda done, total: steps.append((done, total)), batches or Batches())
    return steps


def chunks(target):
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


@pytest.fixture
def notes(tmp_path):
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


def test_every_batch_once_with_progress(tmp_path, notes):
    steps = fill(tmp_path / "a.zarr", Square(notes))
    assert steps[0] == (0, N)
    assert steps[-1] == (N, N)
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a.zarr")["x"][:], np.arange(N) ** 2.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "notes"]
    # a store in place with this fingerprint is complete, one with another is made anew
    fill(tmp_path / "a.zarr", Square(notes))
    assert {path.read_text() for path in notes.iterdir()} == {"done\n"}
    fill(tmp_path / "a.zarr", Square(notes), "other")
    assert {path.read_text() for path in notes.iterdir()} == {"done\n" * 2}


def test_after_a_failure_only_what_is_missing_is_done(tmp_path, notes):
    with pytest.raises(MicroslipError, match="stage 16"):
        fill(tmp_path / "a.zarr", Square(notes, fail_at=16))
    assert not (tmp_path / "a.zarr").exists()
    steps = fill(tmp_path / "a.zarr", Square(notes))
    assert steps[0] == (16, N)
    assert {path.read_text() for path in notes.iterdir()} == {"done\n"}


def test_after_a_kill_only_what_is_missing_is_done(tmp_path, notes):
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_batches as t; from pathlib import Path; "
    code += "t.fill(Path(sys.argv[2]) / 'a.zarr', t.Square(sys.argv[3], die_at=24))"
    arguments = [Path(__file__).parent, tmp_path, notes]
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], timeout=PATIENCE, check=False)
    assert done.returncode == -signal.SIGKILL
    assert fill(tmp_path / "a.zarr", Square(notes))[0] == (24, N)
    assert (notes / "16").read_text() == "done\n"
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a.zarr")["x"][:], np.arange(N) ** 2.0)


@pytest.fixture
def importable(monkeypatch):
    """Other processes find this module under the name that it has here."""
    root = Path(__file__)
    for _ in __name__.split("."):
        root = root.parent
    monkeypatch.setenv("PYTHONPATH", str(root))


def test_workers_write_the_same_bytes_and_a_killed_one_is_survived(tmp_path, notes, importable):
    fill(tmp_path / "here.zarr", Square(notes))
    other = tmp_path / "other"
    other.mkdir()
    fill(tmp_path / "there.zarr", Square(other, die_at=16), batches=Batches(workers=2))
    assert (other / "16").read_text() == "dieddone\n"
    assert chunks(tmp_path / "here.zarr") == chunks(tmp_path / "there.zarr")


@pytest.fixture
def scheduler(importable):
    """A scheduler of its own, as on a cluster."""
    dask = Path(sys.executable).parent / "dask"
    command = [dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    address = ""
    while not address:
        line = process.stderr.readline()
        assert line, "the scheduler ended"
        if "Scheduler at:" in line:
            address = line.split("Scheduler at:")[1].strip()
    yield address
    process.terminate()
    process.communicate(timeout=PATIENCE)


def test_a_running_scheduler_and_its_workers(tmp_path, notes, scheduler):
    with pytest.raises(MicroslipError, match="has no worker"):
        fill(tmp_path / "a.zarr", Square(notes), batches=Batches(scheduler=scheduler))
    dask = Path(sys.executable).parent / "dask"
    command = [dask, "worker", scheduler, "--nthreads", "2", "--no-dashboard"]
    worker = subprocess.Popen([*map(str, command)], stderr=subprocess.DEVNULL, cwd=tmp_path)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with pytest.raises(MicroslipError, match="stage 16: no"):
                    fill(tmp_path / "a.zarr", Square(notes, fail_at=16), batches=Batches(scheduler=scheduler))
                break
            except AssertionError:
                # the worker has not yet reported to the scheduler
                assert time.monotonic() < deadline
                time.sleep(0.5)
        fill(tmp_path / "a.zarr", Square(notes), batches=Batches(scheduler=scheduler))
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE)
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a.zarr")["x"][:], np.arange(N) ** 2.0)


def test_no_scheduler_is_said(tmp_path, notes, monkeypatch):
    monkeypatch.setattr("microslip.data.spread.PATIENCE", 1)
    with pytest.raises(MicroslipError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        fill(tmp_path / "a.zarr", Square(notes), batches=Batches(scheduler="tcp://127.0.0.1:9"))
    assert not (tmp_path / "a.zarr").exists()
