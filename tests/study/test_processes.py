"""Systems of a study side by side: the same results however many run at once, stopped, killed, refused and failing."""

import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest

from microslip import open_run
from microslip.dem.checkpoints import POINTER
from microslip.study.processes import LOG

from ..command_line import COMMAND, PATIENCE, alive, microslip

STUDY = """
steps = ["simulate", "stages"]

[settings]
seed = 3

[settings.cell]
length = 6
depth = 5
height = 5

[settings.loading]
shear_rate = 50.0
strain = 0.06
warm_up = 0.01

[settings.recording]
threshold = 1e-3
contacts = false
checkpoint_steps = 400

[vary]
"grains.friction" = [0.3, 0.5]
"""
SYSTEMS = ("base", "friction-0.3")
# Columns of summary.csv that tell of the machine.
OF_THE_MACHINE = ["simulation_seconds", "grain_steps_per_second"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "two.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def finished(file):
    """The study's folder, made with one system after the other, and what was printed."""
    folder = file.parent / "finished"
    return folder, microslip("study", file, "--into", folder, "--jobs", "1").stdout


def assert_same_results(folder, other):
    for name in ("summary.csv", "drops.csv", "counts.csv", "durations.csv", "convergence.csv"):
        tables = [pd.read_csv(path / name).drop(columns=OF_THE_MACHINE, errors="ignore") for path in (folder, other)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    for system in SYSTEMS:
        runs = [open_run(path / system) for path in (folder, other)]
        np.testing.assert_array_equal(*(run.series["stress"].to_numpy() for run in runs))
        pd.testing.assert_frame_equal(*(run.stages for run in runs), check_exact=True)


def started(mark, *arguments):
    name, value = mark.split("=", 1)
    return subprocess.Popen(
        [*COMMAND, "study", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, name: value},
    )  # fmt: skip


def wait_until(condition, process):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def wait_until_gone(mark):
    deadline = time.monotonic() + PATIENCE
    while left := alive(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_one_line_for_each_system_one_for_the_whole_and_the_rest_in_logs(finished):
    folder, output = finished
    assert "2 systems to run on" in output
    assert "one after another, as --jobs says" in output
    for number, name in enumerate(SYSTEMS, start=1):
        assert output.count(f"system {number}/2: {name}, done in ") == 1
        log = (folder / name / LOG).read_text()
        assert "1/2 simulate: shearing the cell" in log
        assert "2/2 stages: finding stages" in log
    assert "1 of 2 systems done, 1 running (friction-0.3 " in output
    assert "time left: " in output
    assert "filling, compacting" not in output


def test_a_killed_study_ends_its_systems_and_a_stopped_one_goes_on_to_the_same_results(file, finished, tmp_path):
    folder, mark = tmp_path / "study", f"MICROSLIP_TEST={tmp_path}"
    pointers = [folder / name / "dem" / POINTER for name in SYSTEMS]
    words = (file, "--into", folder, "--jobs", "2")

    killed = started(mark, *words)
    wait_until(lambda: any(pointer.exists() for pointer in pointers), killed)
    killed.kill()
    killed.communicate()
    wait_until_gone(mark)

    stopped = started(mark, *words)
    began = len(alive(mark))
    wait_until(lambda: all((folder / name / LOG).read_text().count("---") > 1 for name in SYSTEMS), stopped)
    wait_until(lambda: len(alive(mark)) > began, stopped)
    for others in ((), ("--only", "base"), ("--job", "1")):
        refused = microslip("study", file, "--into", folder, *others, check=False)
        assert refused.code == 2
        assert "another microslip is working on" in refused.stderr
    stopped.send_signal(signal.SIGTERM)
    _, error = stopped.communicate(timeout=PATIENCE)
    assert stopped.returncode == 128 + signal.SIGTERM
    assert error == "microslip: stopped by SIGTERM; the same command goes on from here\n"
    assert not alive(mark), "the study ends after its systems"

    output = microslip("study", *words).stdout
    assert "2 at once" in output
    assert_same_results(finished[0], folder)


def test_a_system_that_fails_is_told_with_its_last_line_and_the_others_go_on(file, finished, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(finished[0], folder)
    # one whose process ends with an error, one that no process is begun for
    path = tmp_path / "more.toml"
    path.write_text(STUDY.replace("[0.3, 0.5]", "[0.3, 0.4, 0.5, 0.6, 0.7]"))
    (folder / "friction-0.6" / "dem").mkdir(parents=True)
    (folder / "friction-0.6" / "config.toml").touch()
    (folder / "friction-0.6" / "dem" / POINTER).write_text("{}")
    (folder / "friction-0.7").mkdir()
    (folder / "friction-0.7" / "thesis.txt").write_text("precious")
    done = microslip("study", path, "--into", folder, check=False)
    assert done.code == 2
    assert done.stderr.startswith("microslip: 2 of 5 systems failed: friction-0.6: ")
    assert done.stderr.count("\n") == 1
    assert f"points to no checkpoint: restore it from a copy, or remove {folder / 'friction-0.6'}" in done.stderr
    assert f"see {folder / 'friction-0.6' / LOG}" in done.stderr
    assert "friction-0.7: " in done.stderr
    assert "is not a run folder and is not empty" in done.stderr
    assert done.stdout.count("skipped: done before") == 2
    assert "system 3/5: friction-0.4, done in" in done.stdout
    assert len(pd.read_csv(folder / "summary.csv")) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--jobs", "0"], "--jobs 0 is not possible: give 1 or more"),
        (["--jobs", "2", "--job", "1"], "leave one of the"),
    ],
)
def test_numbers_of_jobs_that_cannot_be_are_refused(file, tmp_path, words, message):
    refused = microslip("study", file, "--into", tmp_path / "study", *words, check=False)
    assert refused.code == 2
    assert message in refused.stderr
    assert not (tmp_path / "study").exists()
