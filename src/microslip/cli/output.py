"""What the verbs print: to a screen or file that may be full, a pipe whose reader has left, or nowhere."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console

from microslip.core.errors import MicroslipError


class Screen(Console):
    """Rich's console; what cannot be printed is told apart from what cannot be written to the run folder."""

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*objects, **options)
        except BrokenPipeError:
            raise
        except OSError as problem:
            raise _unprinted(problem) from problem

    def on_broken_pipe(self) -> None:
        """Rich would end the program here with the code of a failure."""
        raise BrokenPipeError


def flush() -> None:
    """Have printed what is held back, here where an error can be told; errors as of `Screen.print`."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise _unprinted(problem) from problem


def drop_output() -> None:
    """Send what is still held back nowhere: Python would complain of it at its end."""
    # a stream that is no file holds nothing back
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_streams() -> None:
    """Open what the caller closed: the first file that is written would take the place, and what is printed, too."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # the lowest number that is free, which is this one
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "w" if number else "r"))


def _unprinted(problem: OSError) -> MicroslipError:
    return MicroslipError(
        f"what is printed could not be written ({problem.strerror or problem}): free some space where the output goes,"
        " then repeat the command"
    )
