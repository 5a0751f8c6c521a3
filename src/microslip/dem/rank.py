"""What every rank does beside its work: hold the run folder, report, stop when asked, say why it failed."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mpi4py import MPI

from microslip.core.errors import MicroslipError
from microslip.dem.config import ShearCell


def stop_asked(folder: Path) -> bool:
    """The starting process removes its mark to ask for a stop; the mark of a dead process counts as removed."""
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
    """Leave the reason where the starter looks for it."""
    ours = isinstance(problem, MicroslipError)
    text = str(problem) if ours else traceback.format_exc()
    (folder / "dem" / "error.json").write_text(json.dumps({"kind": "microslip" if ours else "engine", "text": text}))
    sys.stderr.write(text)
    sys.stderr.flush()


def run_rank(work: Callable[[Path, ShearCell], int], folder: Path) -> None:
    """Do a rank's work on a run folder that no other process holds; the exit code says how it ended."""
    try:
        lock = (folder / "dem" / "lock").open("w")
        if MPI.COMM_WORLD.rank == 0:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a predecessor that is still writing its last checkpoint ends first
        MPI.COMM_WORLD.Barrier()
        sys.exit(work(folder, ShearCell.model_validate_json((folder / "dem" / "config.json").read_text())))
    except Exception as failure:
        report_failure(folder, failure)
        MPI.COMM_WORLD.Abort(1)
