"""Ctrl-C, and what a scheduler sends before it kills: noted at any moment, answered where nothing is half done.

A handler that raises does so wherever Python happens to be: while a compiled kernel hands back its result, in a module
that loads, in a finaliser. The exception is lost there, or another one comes of it. Here the handler does nothing. A
thread that waits for signals notes the first one, and `check` raises KeyboardInterrupt at the next safe place. What
reaches none in time, or is asked a second time, ends on the spot. A run folder withstands that as it does a power cut.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Seconds to the next safe place.
PATIENCE = 1.5
# A terminal and a wrapper may both send the same Ctrl-C: what comes within so many seconds is no second one.
SAME = 0.3

_asked: list[int] = []
_callbacks: list[Callable[[], object]] = []
_patience = 0.0
_watching = False
_stderr = 2
_words = "stopped; the same command goes on from here"
_ending = threading.Lock()


def asked() -> int | None:
    """The signal that asked for a stop, if one did."""
    return _asked[0] if _asked else None


def check() -> None:
    """A safe place to stop at.

    Raises
    ------
    KeyboardInterrupt
        A stop was asked for.
    """
    if _asked:
        raise KeyboardInterrupt


def announce(words: str) -> None:
    """Set what is said of a stop; it begins with "stopped"."""
    global _words
    _words = words


def sentence(number: int) -> str:
    """What is said of a stop by this signal."""
    if number == signal.SIGINT:
        return _words
    return _words.replace("stopped", f"stopped by {signal.Signals(number).name}", 1)


@contextmanager
def when_asked(callback: Callable[[], object]) -> Iterator[None]:
    """Within the block a stop also calls this, from another thread: it wakes what this thread waits for.

    Raises
    ------
    KeyboardInterrupt
        A stop was asked for before.
    """
    _callbacks.append(callback)
    try:
        check()
        yield
    finally:
        _callbacks.remove(callback)


def watch(patience: float = PATIENCE) -> Callable[[], None]:
    """Note signals from now on; those that the starter of this process has set to be ignored stay so.

    Under nohup a SIGHUP is ignored, and behind the `&` of a script a SIGINT. Once watching, another call only sets the
    seconds. Outside the main thread nothing is changed. What is returned ends it.
    """
    global _watching, _patience, _stderr
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    _patience = patience
    if _watching:
        return lambda: None
    _open_what_is_closed()
    _stderr = os.dup(2)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    ours = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, _wait_for_the_thread) for number in ours}
    earlier_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread = threading.Thread(target=_note, args=(reader, ours), name="signals", daemon=True)
    thread.start()
    _watching = True

    # in its own end the interpreter gives signals back to the system, which kills what has finished already
    def ignore() -> None:
        for number in ours:
            signal.signal(number, signal.SIG_IGN)

    atexit.register(ignore)

    def end_watching() -> None:
        global _watching, _stderr
        _watching = False
        atexit.unregister(ignore)
        signal.set_wakeup_fd(earlier_writer)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.write(writer, b"\0")
        thread.join()
        os.dup2(_stderr, 2)
        for file in (reader, writer, _stderr):
            os.close(file)
        _stderr = 2
        _asked.clear()

    return end_watching


@contextmanager
def watched() -> Iterator[None]:
    """Within the block signals are noted."""
    end_watching = watch()
    try:
        yield
    finally:
        end_watching()


@contextmanager
def shielded() -> Iterator[None]:
    """What is started within the block never sees a terminal's Ctrl-C: this process does, and ends it."""
    if not _watching:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end(number: int) -> NoReturn:
    """Say that this was stopped, end what it has started, and leave.

    Without the interpreter's own end, in which threads that still compute can crash.
    """
    if not _ending.acquire(blocking=False):
        time.sleep(60)  # the other thread ends both
    _free_semaphores()
    for child in _descendants():
        with suppress(OSError):
            os.kill(child, signal.SIGKILL)
    if _is_terminal(1):
        _write(1, "\r\x1b[2K\x1b[?25h")  # a progress bar hides the cursor
    _write(_stderr, f"microslip: {sentence(number)}\n")
    os._exit(128 + number)


def _open_what_is_closed() -> None:
    """What a starter has closed would be the number of the next file that is opened, and a message end in a store."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _wait_for_the_thread(_number: int, _frame: FrameType | None) -> None:
    """The interpreter has written the number for `_note` already."""


def _note(reader: int, ours: list[int]) -> None:
    """Wait for the first signal, and then for the end of patience or a second one."""
    number = _next(reader, ours, None)
    if not number:
        return
    came = time.monotonic()
    _asked.append(number)
    # workers that have got the signal too make much of it, and so do libraries that lose them
    _silence()
    for callback in [*_callbacks]:
        with suppress(Exception):
            callback()
    while (left := came + _patience - time.monotonic()) > 0:
        another = _next(reader, ours, left)
        if another == 0:
            return
        if another is not None and time.monotonic() - came > SAME:
            break
    end(number)


def _next(reader: int, ours: list[int], seconds: float | None) -> int | None:
    """The next of our signals; 0 at the end of the block, None where none came in time."""
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        left = None if until is None else max(until - time.monotonic(), 0.0)
        if not select.select([reader], [], [], left)[0]:
            return None
        number = os.read(reader, 1)[0]
        if number == 0 or number in ours:
            return number


def _silence() -> None:
    """Nothing but `end` is heard from here on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _free_semaphores() -> None:
    """Those of multiprocessing's, and so of Dask's and torch's, outlive their processes."""
    if (util := sys.modules.get("multiprocessing.util")) is not None:
        freeing = threading.Thread(target=util._run_finalizers, args=(0,), daemon=True)
        freeing.start()
        freeing.join(0.3)


def _write(file: int, text: str) -> None:
    """What a terminal that is gone, or a pipe that nobody reads, must not hold up."""
    with suppress(OSError, ValueError):
        if select.select([], [file], [], 0.2)[1]:
            os.write(file, text.encode())


def _is_terminal(file: int) -> bool:
    with suppress(OSError):
        return os.isatty(file)
    return False


def _descendants() -> list[int]:
    """The processes that this one has started, and those that they have, as Linux tells them."""
    children: dict[int, list[int]] = {}
    with suppress(OSError):
        for name in os.listdir("/proc"):
            with suppress(OSError, ValueError, IndexError), open(f"/proc/{int(name)}/stat") as stat:
                # the name in brackets may hold blanks and brackets
                children.setdefault(int(stat.read().rpartition(")")[2].split()[1]), []).append(int(name))
    descendants, new = [], [os.getpid()]
    while new:
        new = [child for parent in new for child in children.get(parent, [])]
        descendants += new
    return descendants
