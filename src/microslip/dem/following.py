"""Start an engine's processes, follow them, and stop them in an orderly way."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from microslip.core.disk import naming
from microslip.core.errors import MicroslipError
from microslip.core.stopping import SAME, check, when_asked
from microslip.data.files import read_json
from microslip.dem.process import FINISHED, STOPPED

Progress = Callable[[dict[str, Any]], None]


def wait_for_predecessor(folder: Path) -> None:
    """Wait for processes whose starter was killed: they may still be writing their last checkpoint."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def run_processes(command: list[str], environment: dict[str, str], folder: Path, progress: Progress | None) -> None:
    """Start the engine's processes, follow them to their end, and say what went wrong."""
    error, mark = folder / "error.json", folder / "driver.pid"
    error.unlink(missing_ok=True)
    with naming(mark):
        mark.write_text(f"{os.getpid()} {socket.gethostname()}")
    with (folder / "stderr.log").open("w") as log:
        # a session of its own: a Ctrl-C reaches this process alone, which then asks the others to stop
        running = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, start_new_session=True
        )
        try:
            with when_asked(lambda: mark.unlink(missing_ok=True)):
                reason = _follow(running, progress)
        except BaseException:
            mark.unlink(missing_ok=True)
            _follow(running, None)
            raise
        finally:
            mark.unlink(missing_ok=True)
            if running.stdout is not None:
                running.stdout.close()
    if running.returncode == STOPPED:
        raise KeyboardInterrupt
    if running.returncode != FINISHED:
        # a scheduler sends its signal to all processes of a job, and this one's may be the last to come
        time.sleep(SAME)
        check()
        raise MicroslipError(_explain(reason, folder, running.returncode))


def _follow(process: subprocess.Popen[str], progress: Progress | None) -> dict[str, str] | None:
    """Pass on every message until the end; the reason, where one says that it failed."""
    assert process.stdout is not None
    reason = None
    for line in process.stdout:
        if not line.startswith("{"):
            continue
        try:
            message = json.loads(line)
        except json.JSONDecodeError:
            # two ranks at once
            continue
        reason = reason or message.get("failure")
        if progress is not None and "failure" not in message:
            progress(message)
    process.wait()
    return reason


def _explain(reason: dict[str, str] | None, folder: Path, code: int) -> str:
    logs = [str(log) for log in (folder / "stderr.log", folder / "lammps.log") if log.exists()]
    see = f"see {' and '.join(logs)}; the run resumes from its last checkpoint"
    error = folder / "error.json"
    if reason is None and error.exists():
        reason = read_json(error)
    if reason is None:
        return f"the simulation ended with code {code} and left no reason: {see}"
    if reason["kind"] == "microslip":
        return reason["text"]
    return f"the simulation failed ({reason['text'].strip().splitlines()[-1]}): {see}"
