"""One command at a time works on a run folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from microslip.core.errors import MicroslipError

# The file that is held in a run folder.
LOCK = ".lock"


@contextmanager
def only_one(folder: Path, wait: bool = False, name: str = LOCK, shared: bool = False) -> Iterator[None]:
    """Hold the folder against a second command, which is refused, or waits for its turn where asked to.

    `name` of the file in it that is held; those that hold it `shared` keep out no one but who would have it alone.

    Raises
    ------
    MicroslipError
        Another command holds it; or it was removed, or another put in its place, while this one held it.
    """
    with (folder / name).open("a+") as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise MicroslipError(f"another microslip is working on {folder}: wait for it or stop it first") from None
        yield
        # figures and report show what there is, and would show a folder that is gone as an empty one
        try:
            still = os.path.samestat(os.stat(folder / name), os.fstat(lock.fileno()))
        except FileNotFoundError:
            still = False
        if not still:
            raise MicroslipError(
                f"{folder} was removed or replaced while the command ran: put it back, or remove what is there now, and"
                " repeat the command"
            )


def is_held(folder: Path, name: str = LOCK) -> bool:
    """Whether a command holds the folder at this moment; nothing is written."""
    try:
        with (folder / name).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # never held, or not to be read
        return False
    return False
