"""`microslip` for the tests: in this process, which saves two seconds of imports, or as a process of its own."""

import contextlib
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from microslip import cli

COMMAND = [str(Path(sys.executable).parent / "microslip")]
# A run of the small cell takes some 40 s; a hang is told from slowness by a wide margin.
PATIENCE = 300


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    stdout: str
    stderr: str


def microslip(*arguments, check=True, cwd="."):
    """The command line in this process, in a folder; with `check` it must end well."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(cwd),
        mock.patch.object(sys, "argv", ["microslip", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        # cyclopts finds it strange to be called by a test without words of its own
        warnings.filterwarnings("ignore", "Cyclopts application invoked without tokens")
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    done = Done(code, out.getvalue(), err.getvalue())
    assert not check or code == 0, done.stderr + done.stdout
    return done


def refused(*arguments):
    """The one line that a command is refused with."""
    done = microslip(*arguments, check=False)
    assert done.code == 2, done.stdout + done.stderr
    assert done.stderr.startswith("microslip: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def microslip_process(*arguments, check=True, **options):
    """The command line as a process of its own; with `check` it must end well."""
    options = {"capture_output": True, "text": True, "timeout": PATIENCE} | options
    ended = subprocess.run([*COMMAND, *map(str, arguments)], check=False, **options)
    assert not check or ended.returncode == 0, f"{ended.stderr}{ended.stdout}"
    return Done(ended.returncode, ended.stdout, ended.stderr)


def contents(folder):
    """All results in a folder; the lock and what an interrupted step keeps for later begin with a dot."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def alive(mark):
    """Processes that carry the mark in their environment."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path("/proc", name, "environ").read_bytes():
                found.append(Path("/proc", name, "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [command for command in found if command]
