"""Small files that others wrote, read as text: what is none, or would hang or never end, is refused in a sentence."""

from __future__ import annotations

import codecs
import stat
from pathlib import Path

from microslip.core.errors import MicroslipError

# Settings are some kilobytes; this is ten million of their characters.
MOST_BYTES = 10_000_000

_OTHER_MARKS = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a folder"),
)


def regular_file(path: Path, remedy: str) -> Path:
    """The path of a file that can be read to its end.

    Raises
    ------
    MicroslipError
        There is none, it may not be read, or it is a pipe, a device, a socket or a folder; with the remedy.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise MicroslipError(f"{path} is a link to {path.readlink()}, which does not exist: {remedy}") from None
        raise MicroslipError(f"{path} does not exist: {remedy}") from None
    except (OSError, ValueError) as problem:
        raise MicroslipError(f"{path} cannot be read ({_reason(problem)}): {remedy}") from None
    for is_one, kind in _KINDS:
        if is_one(mode):
            raise MicroslipError(f"{path} is {kind} and no file: {remedy}")
    return path


def read_text(path: Path, remedy: str, most: int = MOST_BYTES) -> str:
    """The content of a text file in UTF-8, with or without a byte-order mark; errors as in `regular_file`.

    Raises
    ------
    MicroslipError
        Also: it is larger than `most` bytes, or not in UTF-8.
    """
    try:
        with regular_file(path, remedy).open("rb") as file:
            content = file.read(most + 1)
    except OSError as problem:
        raise MicroslipError(f"{path} cannot be read ({_reason(problem)}): {remedy}") from None
    if len(content) > most:
        raise MicroslipError(f"{path} is larger than {most / 1e6:g} MB, which no such file is: {remedy}")
    for mark, name in _OTHER_MARKS.items():
        if content.startswith(mark):
            raise MicroslipError(f"{path} is in {name}, not in UTF-8: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        raise MicroslipError(
            f"{path} is not in UTF-8 (byte {content[problem.start]:#04x} in line {line}): save it as UTF-8"
        ) from None


def _reason(problem: OSError | ValueError) -> str:
    return getattr(problem, "strerror", None) or str(problem)
