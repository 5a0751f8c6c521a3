"""One command at a time works on a run folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from microslip.core.errors import MicroslipError


@contextmanager
def only_one(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold the folder against a second command, which is refused, or waits for its turn where asked to.

    Raises
    ------
    MicroslipError
        Another command holds it; or it was removed, or another put in its place, while this one held it.
    """
    with (folder / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise MicroslipError(f"another microslip is working on {folder}: wait for it or stop it first") from None
        yield
        # figures and report show what there is, and would show a folder that is gone as an empty one
        try:
            still = os.path.samestat(os.stat(folder / ".lock"), os.fstat(lock.fileno()))
        except FileNotFoundError:
            still = False
        if not still:
            raise MicroslipError(
                f"{folder} was removed or replaced while the command ran: put it back, or remove what is there now, and"
                " repeat the command"
            )
