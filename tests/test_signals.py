"""Ctrl-C, SIGTERM and SIGHUP to real commands: one sentence, 128 + signal, nothing left at work, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .command_line import alive

HANG = 120
SAID = {
    signal.SIGINT: "microslip: stopped; the same command goes on from here\n",
    signal.SIGTERM: "microslip: stopped by SIGTERM; the same command goes on from here\n",
    signal.SIGHUP: "microslip: stopped by SIGHUP; the same command goes on from here\n",
}
COMMAND = [sys.executable, "-m", "microslip"]

# A verb of its own, so that the test knows where the command is: in a kernel of numba, with or without safe places.
SPIN = """
import sys
import numpy as np
from microslip import Box, MicroslipError, d2min, cli
from microslip.cli import app
from microslip.cli.common import bar

@app.command
def spin(how: str):
    rng = np.random.default_rng(1)
    box = Box((8.0, 8.0, 8.0), (True, True, True))
    position = 8 * rng.random((400, 3))
    moved = position + 1e-3 * rng.random((400, 3))
    first = d2min(position, moved, box)
    with bar("spinning") as (advance, say):
        say("ready")
        done = 0
        while True:
            motion = d2min(position, moved, box)
            assert np.array_equal(motion.d2min, first.d2min)
            if how == "safe":
                done += 1
                advance(done % 1000, 1000)
            if how == "failing":
                from microslip.core.stopping import asked
                if asked():
                    raise MicroslipError("a worker is gone")

sys.argv = ["microslip", "spin", sys.argv[1]]
cli.main()
"""


def start(command, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([*map(str, command)], **options)


def wait_for(process, words):
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(process.stderr.read())


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ("safe", signal.SIGINT),
        ("safe", signal.SIGTERM),
        ("stubborn", signal.SIGINT),
        ("stubborn", signal.SIGHUP),
        ("failing", signal.SIGTERM),
    ],
)
def test_a_command_in_a_kernel_ends_in_one_sentence(how, number):
    process = start([sys.executable, "-X", "faulthandler", "-c", SPIN, how])
    wait_for(process, "ready")
    process.send_signal(number)
    began = time.monotonic()
    _, error = process.communicate(timeout=HANG)
    assert process.returncode == 128 + number
    assert error == SAID[number]
    assert time.monotonic() - began < HANG / 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_modules_load(number, tmp_path):
    """A module that hangs stands in the place of one that the command line needs."""
    (tmp_path / "cyclopts.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(600)\n")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parent.parent / "src")])
    process = start([*COMMAND, "info", tmp_path], env=os.environ | {"PYTHONPATH": path})
    wait_for(process, "loading")
    process.send_signal(number)
    _, error = process.communicate(timeout=HANG)
    assert process.returncode == 128 + number
    assert error == SAID[number]


def test_the_package_loads_nothing_before_it_is_asked_for():
    """What it would load takes seconds, in which no signal is answered."""
    question = "import sys, microslip; print(sorted({name.split('.')[0] for name in sys.modules} & {'numpy', 'numba'}))"
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True, timeout=HANG)
    assert done.stdout == "[]\n"
    import microslip

    for name in microslip.__all__:
        assert name in dir(microslip)
        assert getattr(microslip, name) is not None
    with pytest.raises(AttributeError, match="'microslip' has no attribute 'nonsense'"):
        _ = microslip.nonsense


@pytest.fixture
def cell(tmp_path):
    """A cell that takes long to shear, and reports at once."""
    config = tmp_path / "cell.toml"
    config.write_text(
        "[cell]\nlength = 6\ndepth = 5\nheight = 5\n[loading]\nshear_rate = 20.0\nstrain = 10.0\nwarm_up = 0.0\n"
        "[recording]\nthreshold = 1e-2\ncontacts = false\ncheckpoint_steps = 1000\n"
    )
    return config


@pytest.mark.parametrize(
    ("engine", "to_all"),
    [(["native"], False), (["native"], True), (["lammps", "--ranks", "2"], False)],
    ids=["native, alone", "native, all", "lammps, alone"],
)
def test_an_engine_ends_with_its_command(engine, to_all, cell, tmp_path):
    """Whether the command alone gets the signal or, as from a scheduler, each process of the job."""
    folder, mark = tmp_path / "run", f"MICROSLIP_TEST={tmp_path}"
    environment = os.environ | dict([mark.split("=")])
    process = start([*COMMAND, "simulate", cell, "--into", folder, "--engine", *engine], env=environment)
    wait_for(process, "filling")
    assert len(alive(mark)) > 1
    if to_all:
        for number in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
            try:
                if mark.encode() in Path("/proc", str(number), "environ").read_bytes():
                    os.kill(number, signal.SIGTERM)
            except OSError:
                continue
    else:
        process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=HANG)
    assert process.returncode == 143
    assert error == SAID[signal.SIGTERM]
    deadline = time.monotonic() + HANG
    while left := alive(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@pytest.mark.parametrize("ignored", [signal.SIGHUP, signal.SIGINT])
def test_what_is_ignored_stays_so(ignored, cell, tmp_path):
    """A run under nohup survives the end of its terminal, and still ends when told to."""
    folder, name = tmp_path / "run", ignored.name.removeprefix("SIG")
    words = [*COMMAND, "simulate", cell, "--into", folder]
    process = start(["env", f"--ignore-signal={name}", *words])
    wait_for(process, "filling")
    process.send_signal(ignored)
    time.sleep(2.0)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=HANG)
    assert process.returncode == 143
    assert error == SAID[signal.SIGTERM]


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_files_do_no_harm(closed):
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m microslip --version {closed}"], capture_output=True, timeout=HANG
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_signals_at_random_moments_of_every_verb(tmp_path):
    """The command of `tests/random_signals.py`, which prints what went wrong."""
    here = Path(__file__).parent
    run = tmp_path / "tiny"
    subprocess.run([*COMMAND, "run", str(here / "tiny.toml"), "--into", str(run)], check=True, capture_output=True)
    script = here / "random_signals.py"
    done = subprocess.run([sys.executable, script, run, "--each", "6"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
