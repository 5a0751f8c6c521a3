"""`microslip`: one verb per step, each an ordinary function whose docstring is its help."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from types import FrameType

import cyclopts

# imported so that their verbs are known
from microslip.cli import exchange, learning, running, showing, studying
from microslip.cli.common import app
from microslip.cli.output import drop_output, flush, open_streams
from microslip.cli.stopping import stopped
from microslip.core.disk import disk_trouble
from microslip.core.errors import MicroslipError

__all__ = ["app", "exchange", "learning", "main", "running", "showing", "studying"]


def main() -> None:
    """Entry point: a failure that the user can mend ends in one sentence and exit code 2."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        for number in (signal.SIGINT, signal.SIGALRM):
            signal.signal(number, _interrupt)
    open_streams()
    try:
        app(exit_on_error=False, print_error=False)
        flush()
    except MicroslipError as problem:
        _fail(str(problem), 2)
    except cyclopts.CycloptsError as problem:
        _fail(f"{' '.join(str(problem).split())}; see microslip --help", 2)
    except KeyboardInterrupt:
        _fail(stopped(sys.argv[1:]), 130)
    except SystemError as problem:
        # a Ctrl-C inside a compiled kernel surfaces as this, at times two or three causes deep
        if not _from_ctrl_c(problem):
            raise
        _fail(stopped(sys.argv[1:]), 130)
    except BrokenPipeError:
        # whoever read it has seen enough, as `head` has
        drop_output()
        sys.exit(128 + signal.SIGPIPE)
    except Exception as problem:
        told = disk_trouble(problem)
        if told is None:
            raise
        _fail(told, 2)


def _from_ctrl_c(problem: BaseException | None) -> bool:
    while problem is not None and not isinstance(problem, KeyboardInterrupt):
        problem = problem.__cause__ or problem.__context__
    return problem is not None


def _interrupt(_number: int, frame: FrameType | None) -> None:
    """Answer a Ctrl-C, but not inside a module that loads or numba's own code: there it is printed, and lost."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or "/numba/core/" in file:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _fail(text: str, code: int) -> None:
    try:
        flush()
    except (OSError, MicroslipError):
        drop_output()
    with suppress(OSError):
        print(f"microslip: {text}", file=sys.stderr, flush=True)
    sys.exit(code)
