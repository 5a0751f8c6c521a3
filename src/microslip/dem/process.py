"""The duties of every process of a simulation: hold the run folder, report, stop when asked, say why it failed."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from microslip.core.disk import disk_trouble
from microslip.core.errors import MicroslipError
from microslip.dem.config import ShearCell
from microslip.dem.seam import Company

# Exit codes by which a process tells its starter how the run ended.
FINISHED = 0
STOPPED = 3


def stop_asked(folder: Path) -> bool:
    """Whether the starting process asks for a stop: its mark is gone. That of a dead process counts as gone."""
    try:
        number, host = (folder / "driver.pid").read_text().split()
        if host == socket.gethostname():
            os.kill(int(number), 0)
    except (FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
        return True
    return False


def report(content: dict[str, Any]) -> None:
    """One line for the starting process."""
    print(json.dumps(content), flush=True)


def report_failure(folder: Path, problem: BaseException) -> None:
    """Write the reason where the starter looks for it, and print it too: the disk may be full."""
    trouble = None if isinstance(problem, MicroslipError) else disk_trouble(problem, folder / "trajectory.zarr")
    sentence = str(problem) if isinstance(problem, MicroslipError) else trouble
    text = traceback.format_exc() if sentence is None else sentence
    reason = {"kind": "engine" if sentence is None else "microslip", "text": text}
    report({"failure": reason})
    with suppress(OSError):
        (folder / "dem" / "error.json").write_text(json.dumps(reason))
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def work_on(folder: Path, company: Company, work: Callable[[Path, ShearCell], int]) -> None:
    """Do the work on a run folder that no other process holds; the exit code says how it ended."""
    try:
        lock = (folder / "dem" / "lock").open("w")
        if company.first:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a predecessor that is still writing its last checkpoint ends first
        company.wait()
        sys.exit(work(folder, ShearCell.model_validate_json((folder / "dem" / "config.json").read_text())))
    except Exception as failure:
        report_failure(folder, failure)
        company.abort()
        sys.exit(1)
