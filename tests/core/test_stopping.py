"""Real signals to small processes: each ends at the next safe place, or after its patience, with one sentence."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from microslip.core.stopping import PATIENCE, asked, check, shielded, watched, when_asked

# A process starts in a second or two on a busy machine; a hang is told from that by a wide margin.
HANG = 60

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SAID = {
    signal.SIGINT: "microslip: stopped; the same command goes on from here\n",
    signal.SIGTERM: "microslip: stopped by SIGTERM; the same command goes on from here\n",
    signal.SIGHUP: "microslip: stopped by SIGHUP; the same command goes on from here\n",
}

START = """
import os, signal, subprocess, sys, time
from microslip.core import stopping
{before}
stopping.watch({patience})
print("ready", flush=True)
{work}
print("finished", flush=True)
"""


def started(work, patience=PATIENCE, before="", **options):
    """A process that watches, and has said that it is ready."""
    code = START.format(before=before, patience=patience, work=work)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    process = subprocess.Popen([sys.executable, "-c", code], **options)
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process):
    """Code, output and complaint of a process, and how long it took to end."""
    began = time.monotonic()
    out, err = process.communicate(timeout=HANG)
    return process.returncode, out, err, time.monotonic() - began


@pytest.mark.parametrize("number", SIGNALS)
def test_what_reaches_no_safe_place_ends_after_its_patience(number):
    process = started("while True: pass", patience=0.5)
    process.send_signal(number)
    code, _, error, _ = ended(process)
    assert code == 128 + number
    assert error == SAID[number]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_safe_place_raises_and_nothing_else_does(number):
    work = """
try:
    while True: stopping.check()
except KeyboardInterrupt:
    print("safe", stopping.asked(), flush=True)
    os._exit(7)
"""
    process = started(work, patience=HANG)
    process.send_signal(number)
    code, out, error, _ = ended(process)
    assert (code, out, error) == (7, f"safe {int(number)}\n", "")


def test_what_a_thread_waits_for_is_woken():
    work = """
reader, writer = os.pipe()
with stopping.when_asked(lambda: os.write(writer, b"x")):
    print("waiting", flush=True)
    print(os.read(reader, 1), flush=True)
    os._exit(0)
"""
    process = started(work, patience=HANG)
    # a stop that is asked for before the block is raised at its beginning
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    assert ended(process)[:3] == (0, "b'x'\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_ignored_signal_stays_ignored(number):
    """As under nohup, and behind the & of a script."""
    before = f"signal.signal({int(number)}, signal.SIG_IGN)"
    process = started("input()", before=before, stdin=subprocess.PIPE)
    process.send_signal(number)
    time.sleep(0.2)
    code, out, error = process.returncode, *process.communicate("\n", timeout=HANG)
    assert (code, process.returncode, out, error) == (None, 0, "finished\n", "")


def test_a_second_signal_ends_at_once_and_the_same_one_twice_is_no_second():
    process = started("while True: pass", patience=HANG)
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    time.sleep(1.0)
    assert process.poll() is None, "a wrapper sends on what the terminal has sent already"
    process.send_signal(signal.SIGINT)
    code, _, error, took = ended(process)
    assert code == 130
    assert error == SAID[signal.SIGINT]
    assert took < HANG / 2


def test_what_was_started_ends_as_well():
    """In a session of its own too, and what it has started in turn."""
    child = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    work = f"""
child = subprocess.Popen([sys.executable, "-c", {child + " print(1, flush=True); time.sleep(600)"!r}],
                         stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(*stopping._descendants(), flush=True)
while True: pass
"""
    process = started(work, patience=0.2)
    numbers = [int(word) for word in process.stdout.readline().split()]
    assert len(numbers) == 2
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 143
    deadline = time.monotonic() + HANG
    while any(alive(number) for number in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(number):
    try:
        with open(f"/proc/{number}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_compiled_kernel_is_not_broken_into():
    """An exception that is raised while numba hands back a result comes out as a SystemError, or crashes."""
    work = """
import numba, numpy
Pair = __import__("collections").namedtuple("Pair", "a b c d")
@numba.njit
def kernel(n):
    return Pair(numpy.zeros(n), numpy.ones(n), (numpy.zeros(n), n), 1.0)
kernel(3)
print("compiled", flush=True)
try:
    while True:
        kernel(3)
        stopping.check()
except KeyboardInterrupt:
    stopping.end(stopping.asked())
"""
    process = started(work, patience=HANG)
    assert process.stdout.readline() == "compiled\n"
    process.send_signal(signal.SIGINT)
    assert ended(process)[:3] == (130, "", SAID[signal.SIGINT])


def test_what_has_finished_is_not_stopped_any_more():
    """The interpreter gives signals back to the system in its own end, when the work is done and its code is known."""
    before = "import atexit; atexit.register(lambda: [os.kill(os.getpid(), number) for number in stopping.SIGNALS])"
    process = started("input()", before=before, stdin=subprocess.PIPE)
    assert process.communicate("\n", timeout=HANG) == ("finished\n", "")
    assert process.returncode == 0


def test_nobody_reads_what_is_said():
    """Neither a pipe that is full nor a terminal that is gone holds the end up."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    process = started("while True: pass", patience=0.2, stderr=writer)
    process.send_signal(signal.SIGHUP)
    process.stdout.read()
    assert process.wait(timeout=HANG) == 129
    os.close(reader)
    process.stdout.close()
    process = started("while True: pass", patience=0.2, stderr=writer)
    process.send_signal(signal.SIGHUP)
    process.stdout.read()
    assert process.wait(timeout=HANG) == 129
    process.stdout.close()
    os.close(writer)


def test_what_is_started_in_shelter_sees_no_ctrl_c():
    work = """
input()
with stopping.shielded():
    child = subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 2); print('unharmed')"])
print(child.wait(), signal.pthread_sigmask(signal.SIG_BLOCK, []), flush=True)
"""
    process = started(work, stdin=subprocess.PIPE)
    assert process.communicate("\n", timeout=HANG) == ("unharmed\n0 set()\nfinished\n", "")


def test_within_a_process_everything_is_put_back():
    before = [signal.getsignal(number) for number in SIGNALS]
    with watched():
        assert asked() is None
        check()
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while asked() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert asked() == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            check()
        with pytest.raises(KeyboardInterrupt), when_asked(lambda: None):
            raise AssertionError("nothing is begun once a stop is asked for")
    assert asked() is None
    assert [signal.getsignal(number) for number in SIGNALS] == before
    # unwatched, as in a notebook, a Ctrl-C is the user's own
    with shielded():
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
