"""Trouble with files and disks as one sentence: which file, what is wrong with it, and what to do."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from microslip.core.errors import MicroslipError

# A file system, a quota or a limit on files is used up.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REMEDIES = {
    **dict.fromkeys(FULL, "free some space, then repeat the command"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give the right to it, or choose another place"),
    errno.EROFS: "choose a place that can be written",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more, such as with `ulimit -n 4096`, then repeat the command"),
    **dict.fromkeys((errno.ENOENT, errno.ESTALE), "it was removed under way, or never there: repeat the command"),
    **dict.fromkeys(
        (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTEMPTY), "choose another name"
    ),
}
# How libraries that keep the system's error to themselves tell of a write that failed.
TOLD_OTHERWISE = (
    (OSError, "requested and"),  # NumPy
    (Exception, "I/O error while writing"),  # LAMMPS
    (sqlite3.OperationalError, "database or disk is full"),
    (sqlite3.OperationalError, "disk I/O error"),
)


def require_room(target: Path, size: float) -> int:
    """Bytes that are free where a file or folder is to be made.

    Raises
    ------
    MicroslipError
        They are fewer than it may take.
    """
    free = shutil.disk_usage(target.parent).free
    if size > free:
        raise MicroslipError(f"{target} may take {size / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free there")
    return free


@contextmanager
def naming(place: Path) -> Iterator[None]:
    """What the disk refuses while the block writes to a place ends in a sentence that names it.

    Raises
    ------
    MicroslipError
        The disk is full or not writable, a file or folder is gone, or too many files are open.
    """
    try:
        yield
    except Exception as problem:
        if isinstance(problem, MicroslipError | BrokenPipeError):
            raise
        sentence = disk_trouble(problem, place)
        if sentence is None:
            raise
        raise MicroslipError(sentence) from problem


def disk_trouble(problem: BaseException, place: Path | None = None) -> str | None:
    """The sentence on an error of the system, or on one that came of a full disk; None for any other error.

    `place` is what was being written: a failed write seldom knows the name of its file.
    """
    if isinstance(problem, OSError) and problem.errno is not None and problem.errno not in FULL:
        # an open that failed knows which file it was
        name = _plain(problem.filename2 or problem.filename or place or "a file")
        if place is not None and f".{place.name}." in name:
            # beside the place, where it was to become whole
            name = str(place)
        remedy = REMEDIES.get(problem.errno, "mend that, then repeat the command")
        return f"{name}: {problem.strerror}: {remedy}"
    cause = _full(problem)
    if cause is None:
        return None
    own = getattr(cause, "filename2", None) or getattr(cause, "filename", None)
    why = f" ({cause.strerror})" if isinstance(cause, OSError) and cause.strerror else ""
    remedy = REMEDIES[errno.ENOSPC]
    return f"{_plain(place or own or 'a file')} could not be written: the disk or a quota is full{why}: {remedy}"


def _full(problem: BaseException | None) -> BaseException | None:
    """The error that tells of a full disk, among this one and those that it came of."""
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        if isinstance(problem, OSError) and problem.errno in FULL:
            return problem
        if any(isinstance(problem, kind) and words in str(problem) for kind, words in TOLD_OTHERWISE):
            return problem
        problem = problem.__cause__ or problem.__context__
    return None


def _plain(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
