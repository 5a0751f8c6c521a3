"""`microslip`: one verb per step, each an ordinary function whose docstring is its help."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

import cyclopts

from microslip.cli.output import drop_output, flush
from microslip.cli.stopping import stopped
from microslip.cli.verbs import app, load
from microslip.core.disk import disk_trouble
from microslip.core.errors import MicroslipError
from microslip.core.extras import explain_import
from microslip.core.stopping import announce, asked, check, end, sentence, watch, watched
from microslip.core.visible import visible

__all__ = ["app", "main"]


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
        # while modules load, an end on the spot loses nothing
        watch(patience=0.0)
        load(sys.argv[1:])
        watch()
        check()
        app(exit_on_error=False, print_error=False)
        flush()
    except MicroslipError as problem:
        check()
        _fail(str(problem), 2)
    except cyclopts.CycloptsError as problem:
        _fail(f"{' '.join(str(problem).split())}; see microslip --help", 2)
    except ImportError as problem:
        check()
        # cyclopts wraps one that comes of a verb's own module
        cause = problem.__cause__ if isinstance(problem.__cause__, ImportError) else problem
        if (explanation := explain_import(cause)) is None:
            raise
        _fail(explanation, 2)
    except BrokenPipeError:
        check()
        # whoever read it has seen enough, as `head` has
        drop_output()
        sys.exit(128 + signal.SIGPIPE)
    except Exception as problem:
        check()
        if (explanation := disk_trouble(problem)) is None:
            raise
        _fail(explanation, 2)


def _fail(text: str, code: int) -> None:
    try:
        flush()
    except (OSError, MicroslipError):
        drop_output()
    with suppress(OSError):
        print(f"microslip: {visible(text)}", file=sys.stderr, flush=True)
    sys.exit(code)
