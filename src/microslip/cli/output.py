"""What the verbs print: to a screen or file that may be full, a pipe whose reader has left, or nowhere."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.text import Text

from microslip.core.errors import MicroslipError
from microslip.core.visible import visible


class Screen(Console):
    """Where every message goes: names and values in it are text, neither markup nor commands to the terminal.

    What cannot be printed is told apart from what cannot be written to the run folder.
    """

    def __init__(self) -> None:
        # long lines are left to the terminal, so that a log keeps each sentence whole
        super().__init__(highlight=False, soft_wrap=True, markup=False, emoji=False)

    def begin(self, heading: str, text: str) -> None:
        """A line that begins with a heading in bold letters."""
        self.print(Text.assemble((visible(heading), "bold"), visible(text)))

    def print(self, *objects: Any, **options: Any) -> None:
        try:
            super().print(*(visible(one) if isinstance(one, str) else one for one in objects), **options)
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


def _unprinted(problem: OSError) -> MicroslipError:
    return MicroslipError(
        f"what is printed could not be written ({problem.strerror or problem}): free some space where the output goes,"
        " then repeat the command"
    )
