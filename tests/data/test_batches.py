"""Batches done here and by Dask workers, with real processes and real kill signals."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dask
import distributed
import numpy as np
import pytest
import zarr

from microslip.core.errors import MicroslipError
from microslip.data.batches import batched_store
from microslip.data.config import Batches
from microslip.data.store import add_array, create_store

N, SIZE = 50, 8
PATIENCE = 120
# Seconds in which a process that waits for a scheduler one second says so on a busy machine, its imports included.
SOON = 15
DASK = Path(sys.executable).parent / "dask"

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


def test_a_store_in_place_is_not_touched(tmp_path, notes):
    target = tmp_path / "a.zarr"
    fill(target, Square(notes))
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in [target, *target.rglob("*")]}
    assert fill(target, Square(notes, fail_at=0)) == [(N, N)]
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in [target, *target.rglob("*")]} == before


def test_what_another_fingerprint_left_behind_is_made_anew(tmp_path, notes):
    with pytest.raises(MicroslipError):
        fill(tmp_path / "a.zarr", Square(notes, fail_at=16))
    assert fill(tmp_path / "a.zarr", Square(notes), "other")[0] == (0, N)
    assert {path.name: path.read_text() for path in notes.iterdir()} == {
        str(start): "done\n" * (2 if start < 16 else 1) for start in range(0, N, SIZE)
    }
    assert zarr.open_group(tmp_path / "a.zarr").attrs["fingerprint"] == "other"


def test_the_old_store_stays_until_the_new_one_is_whole(tmp_path, notes):
    fill(tmp_path / "a.zarr", Square(notes))
    before = chunks(tmp_path / "a.zarr")
    with pytest.raises(MicroslipError):
        fill(tmp_path / "a.zarr", Square(notes, fail_at=16), "other")
    assert chunks(tmp_path / "a.zarr") == before


@pytest.mark.parametrize("note", ["", "[]", '{"n_done": 8}', '{"n_done": "x", "ahead": []}'])
def test_a_damaged_note_starts_anew(tmp_path, notes, note):
    with pytest.raises(MicroslipError):
        fill(tmp_path / "a.zarr", Square(notes, fail_at=16))
    (tmp_path / ".a.zarr.progress.json").write_text(note)
    assert fill(tmp_path / "a.zarr", Square(notes))[0] == (0, N)
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a.zarr")["x"][:], np.arange(N) ** 2.0)


def test_batches_done_out_of_order_are_noted(tmp_path, notes, monkeypatch):
    """The last come first; the short one at the end is among them."""

    def backwards(work, path, slices, batches):
        for one in reversed(slices):
            work(path, one)
            yield one

    monkeypatch.setattr("microslip.data.batches.spread_batches", backwards)
    with pytest.raises(MicroslipError):
        fill(tmp_path / "a.zarr", Square(notes, fail_at=16))
    note = json.loads((tmp_path / ".a.zarr.progress.json").read_text())
    assert note == {"fingerprint": "same", "n_done": 0, "ahead": [24, 32, 40, 48]}
    monkeypatch.undo()
    assert fill(tmp_path / "a.zarr", Square(notes)) == [(26, N), (34, N), (42, N), (50, N)]
    assert {path.read_text() for path in notes.iterdir()} == {"done\n"}
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a.zarr")["x"][:], np.arange(N) ** 2.0)


def test_what_a_worker_of_an_earlier_try_still_writes_does_not_reach_the_new_store(tmp_path, notes):
    """A running scheduler outlives a try: a batch that was at work writes when it is done, with the old settings."""
    earlier = []

    def first(path, batch):
        earlier.append((path, batch))
        raise MicroslipError("stage 0: no")

    def second(path, batch):
        Square(notes)(path, batch)
        old, part = earlier[0]
        with contextlib.suppress(FileNotFoundError):
            zarr.open_group(old, mode="r+")["x"][part] = -1.0

    with pytest.raises(MicroslipError):
        fill(tmp_path / "a.zarr", first, "one")
    fill(tmp_path / "a.zarr", second, "other")
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a.zarr")["x"][:], np.arange(N) ** 2.0)


@pytest.fixture
def importable(monkeypatch):
    """Other processes find this module under the name that it has here."""
    root = Path(__file__)
    for _ in __name__.split("."):
        root = root.parent
    monkeypatch.setenv("PYTHONPATH", str(root))
    # what a local worker takes over from here, where pytest was not begun by `python -m`
    monkeypatch.syspath_prepend(root)


def test_workers_write_the_same_bytes_and_a_killed_one_is_survived(tmp_path, notes, importable):
    fill(tmp_path / "here.zarr", Square(notes))
    other = tmp_path / "other"
    other.mkdir()
    fill(tmp_path / "there.zarr", Square(other, die_at=16), batches=Batches(workers=2))
    assert (other / "16").read_text() == "dieddone\n"
    assert chunks(tmp_path / "here.zarr") == chunks(tmp_path / "there.zarr")


class Deadly:
    """Kills every process that does the batch at 16."""

    def __call__(self, path, batch):
        if batch.start == 16:
            os.kill(os.getpid(), signal.SIGKILL)
        zarr.open_group(path, mode="r+")["x"][batch] = np.arange(batch.start, batch.stop) ** 2.0


def test_a_batch_that_kills_every_worker_ends_in_one_error(tmp_path, importable):
    # Dask holds every batch that was on its way to the dead workers for guilty: whichever it tells of first is named
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        pytest.raises(MicroslipError, match=r"several Dask workers died on the batch at stage \d+"),
    ):
        fill(tmp_path / "a.zarr", Deadly(), batches=Batches(workers=1))
    assert not (tmp_path / "a.zarr").exists()


def test_an_error_on_a_worker_arrives_and_what_is_noted_is_not_done_again(tmp_path, notes, importable):
    with pytest.raises(MicroslipError, match=r"^stage 16: no$"):
        fill(tmp_path / "a.zarr", Square(notes, fail_at=16), batches=Batches(workers=2))
    note = tmp_path / ".a.zarr.progress.json"
    found = json.loads(note.read_text()) if note.exists() else {"n_done": 0, "ahead": []}
    noted = [*range(0, found["n_done"], SIZE), *found["ahead"]]
    assert 16 not in noted
    fill(tmp_path / "a.zarr", Square(notes))
    assert all((notes / str(start)).read_text() == "done\n" for start in noted)
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "a.zarr")["x"][:], np.arange(N) ** 2.0)


@pytest.fixture
def scheduler(importable):
    """A scheduler of its own, as on a cluster."""
    command = [DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
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
    started = time.monotonic()
    with pytest.raises(MicroslipError, match="has no worker"):
        fill(tmp_path / "a.zarr", Square(notes), batches=Batches(scheduler=scheduler))
    assert time.monotonic() - started < SOON
    command = [DASK, "worker", scheduler, "--nthreads", "2", "--no-dashboard"]
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


def test_workers_that_are_gone_for_good_are_not_waited_for(tmp_path, scheduler, monkeypatch):
    """No nanny begins this one anew: before, the step hung without a word."""
    monkeypatch.setattr("microslip.data.spread.FORSAKEN", 2)
    monkeypatch.setattr("microslip.data.spread.COUNT_WORKERS", 0.2)
    command = [DASK, "worker", scheduler, "--no-nanny", "--no-dashboard"]
    worker = subprocess.Popen([*map(str, command)], stderr=subprocess.DEVNULL, cwd=tmp_path)
    try:
        with distributed.Client(scheduler, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=PATIENCE)
        with pytest.raises(MicroslipError, match="no Dask worker is left"):
            fill(tmp_path / "a.zarr", Deadly(), batches=Batches(scheduler=scheduler))
        assert worker.wait(timeout=PATIENCE) == -signal.SIGKILL
    finally:
        worker.kill()
    assert not (tmp_path / "a.zarr").exists()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1", "http://127.0.0.1:9", "tls://127.0.0.1:9"])
def test_no_scheduler_is_said(tmp_path, notes, address):
    """In a process of its own, since what Dask leaves behind speaks up when the process ends."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_batches as t; from pathlib import Path\n"
        "import microslip.data.spread; microslip.data.spread.PATIENCE = 1\n"
        "try: t.fill(Path(sys.argv[2]) / 'a.zarr', t.Square(sys.argv[3]), batches=t.Batches(scheduler=sys.argv[4]))\n"
        "except t.MicroslipError as problem: sys.exit(str(problem))"
    )
    arguments = map(str, [Path(__file__).parent, tmp_path, notes, address])
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], timeout=PATIENCE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"no Dask scheduler answers at {address} (" in done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr
    assert time.monotonic() - started < SOON
    assert not (tmp_path / "a.zarr").exists()
