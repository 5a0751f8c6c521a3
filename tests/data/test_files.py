"""Files and folders written whole or not at all, by one process or several, killed or not."""

import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from microslip import MicroslipError
from microslip.data.files import read_json, replacing, write_json

PATIENCE = 60

HOLD = """
import sys
from pathlib import Path
from microslip.data.files import replacing
with replacing(Path(sys.argv[1])) as beside:
    beside.mkdir()
    (beside / "half").write_text("half")
    print("writing", flush=True)
    sys.stdin.readline()
"""


def hold(target):
    """A process that is in the midst of writing a folder."""
    running = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "writing\n"
    return running


def kill(running):
    running.kill()
    running.communicate(timeout=PATIENCE)


def beside(target):
    return [path for path in target.parent.iterdir() if path != target]


def write_folder(target, content):
    with replacing(target) as place:
        place.mkdir()
        (place / "content").write_text(content)


def test_a_file_and_a_folder_take_the_place_of_what_was_there(tmp_path):
    target = tmp_path / "deep" / "result"
    for content in ("one", "two"):
        write_folder(target, content)
        assert (target / "content").read_text() == content
        assert beside(target) == []
    with replacing(target) as place:
        place.write_text("a file now")
    assert target.read_text() == "a file now"
    assert beside(target) == []


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / "result"
    write_folder(target, "old")

    def fail():
        with replacing(target) as place:
            place.mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (target / "content").read_text() == "old"
    assert beside(target) == []


def test_two_that_write_one_target_do_not_write_into_each_other(tmp_path):
    target = tmp_path / "result"
    other = hold(target)
    write_folder(target, "ours")
    assert sorted(path.name for path in target.iterdir()) == ["content"]
    assert len(beside(target)) == 1, "what the other one writes is still there"
    other.communicate("go on\n", timeout=PATIENCE)
    assert other.returncode == 0
    assert sorted(path.name for path in target.iterdir()) == ["half"], "the last one stays, whole"
    assert beside(target) == []


def test_many_at_once_leave_one_whole_result(tmp_path):
    target = tmp_path / "result"
    threads = [
        threading.Thread(target=lambda name=name: [write_folder(target, name) for _ in range(20)])
        for name in ("one", "two", "three")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (target / "content").read_text() in ("one", "two", "three")
    assert beside(target) == []


def test_what_a_killed_process_left_is_cleared_and_a_live_one_is_not_harmed(tmp_path):
    target = tmp_path / "result[1]"  # a name that is a pattern too
    dead, live = hold(target), hold(target)
    kill(dead)
    assert len(beside(target)) == 2
    write_folder(target, "ours")
    assert len(beside(target)) == 1
    live.communicate("go on\n", timeout=PATIENCE)
    assert live.returncode == 0
    assert beside(target) == []


def test_a_folder_that_was_moved_aside_by_a_killed_process_comes_back(tmp_path):
    """Killed between the two renames: the old folder is whole, and in no place."""
    target = tmp_path / "result"
    write_folder(target, "old")
    dead = hold(target)
    kill(dead)
    (place,) = beside(target)
    target.rename(place / ".result.old")

    def fail():
        with replacing(target):
            assert (target / "content").read_text() == "old"
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert (target / "content").read_text() == "old"
    assert beside(target) == []


def test_the_folder_of_a_result_is_as_open_as_any_other(tmp_path):
    write_folder(tmp_path / "result", "x")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "result").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.fixture
def small_files():
    """No file may grow beyond 10,000 bytes, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_names_the_target_and_leaves_what_was_there(tmp_path, small_files):
    write_json(tmp_path / "a.json", "old")
    with pytest.raises(MicroslipError) as told:
        write_json(tmp_path / "a.json", "x" * 20_000)
    assert str(told.value).startswith(f"{tmp_path / 'a.json'} could not be written: the disk or a quota is full")
    assert (tmp_path / "a.json").read_text() == '"old"\n'
    assert beside(tmp_path / "a.json") == []


def test_a_folder_that_goes_away_under_way_is_said(tmp_path):
    def lose():
        with replacing(tmp_path / "run" / "x") as place:
            shutil.rmtree(tmp_path / "run")
            place.write_text("x")

    with pytest.raises(MicroslipError, match="No such file or directory"):
        lose()


def test_too_many_open_files_are_said(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        with pytest.raises(MicroslipError, match=r"Too many open files.*ulimit -n"):
            write_json(Path(tmp_path / "a.json"), {})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_json_holds_null_for_what_is_no_number_of_json(tmp_path):
    path = tmp_path / "scores.json"
    write_json(path, {"r2": float("nan"), "parts": [{"slope": math.inf, "n": 3}]})
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == {"r2": None, "parts": [{"slope": None, "n": 3}]}
    scores = read_json(path, numbers=True)
    assert math.isnan(scores["r2"])
    assert scores["parts"][0]["n"] == 3
