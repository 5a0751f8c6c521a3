"""`microslip`: one verb per step, each an ordinary function whose docstring is its help."""

from __future__ import annotations

import signal
import sys

import cyclopts

# imported so that their verbs are known
from microslip.cli import exchange, learning, running, showing, studying
from microslip.cli.common import app
from microslip.cli.stopping import stopped
from microslip.core.errors import MicroslipError
from microslip.core.extras import explain_import
from microslip.core.stopping import announce, asked, check, end, sentence, watched
from microslip.core.visible import visible

__all__ = ["app", "exchange", "learning", "main", "running", "showing", "studying"]


def main() -> None:
    """Entry point: a failure that the user can mend ends in one sentence and exit code 2, a stop in 128 + signal."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # a terminal that does not know every letter shows the others as \u03ba
            stream.reconfigure(errors="backslashreplace")
    with watched():
        announce(stopped(sys.argv[1:]))
        try:
            check()
            _answer()
        except Exception:
            # whatever fails once a stop is asked for fails because of it: a worker that is gone, a pipe that is closed
            if (number := asked()) is not None:
                end(number)
            raise
        except KeyboardInterrupt:
            if (number := asked()) is not None:
                end(number)
            _fail(sentence(signal.SIGINT), 128 + signal.SIGINT)


def _answer() -> None:
    try:
        app(exit_on_error=False, print_error=False)
    except MicroslipError as problem:
        check()
        _fail(str(problem), 2)
    except cyclopts.CycloptsError as problem:
        _fail(f"{' '.join(str(problem).split())}; see microslip --help", 2)
    except ImportError as problem:
        check()
        if (told := explain_import(problem)) is None:
            raise
        _fail(told, 2)
    except OSError as problem:
        check()
        _fail(
            f"{problem.strerror or problem} ({problem.filename or 'no file named'}): free space or rights, then repeat",
            2,
        )


def _fail(text: str, code: int) -> None:
    sys.stdout.flush()
    print(f"microslip: {visible(text)}", file=sys.stderr)
    sys.exit(code)
