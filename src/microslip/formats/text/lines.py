"""Text read in pieces: lines one by one, and many lines at once without looking at each."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError

PIECE = 2**22
# The first piece: where only the head of a file is asked for, no more is read.
FIRST_PIECE = 2**16
# No line of a header or a table is longer: what is longer is no text.
LONGEST_LINE = 2**20
NEWLINE = ord("\n")
MOST_AT_ONCE = 2**28
# The byte-order mark that some editors put before a text.
MARK = b"\xef\xbb\xbf"


class Unfinished(Exception):
    """A file that ends within a frame."""


class Lines:
    """A stream of text with one place in it, `line` being the number of the next line, from 1."""

    def __init__(self, file: BufferedReader, name: str) -> None:
        packed = file.read(2) == b"\x1f\x8b"
        self._size = max(1, file.seek(0, 2))
        file.seek(0)
        self._file, self.name = file, name
        self._stream = gzip.GzipFile(fileobj=file) if packed else file
        self._data, self._at, self._start = b"", 0, 0
        self._started, self._ended = False, False
        self.line = 1
        # whether the line read last had an end: what is still written, or was cut, has none
        self.whole = True
        # whether gzip broke off: what comes last is then cut anywhere
        self._cut = False
        self._more()
        if self._data.startswith(MARK):
            self._at = len(MARK)

    @property
    def read(self) -> float:
        """Share of the file that has been read."""
        return min(1.0, self._file.tell() / self._size)

    def _more(self, least: int = 0) -> bool:
        if self._ended:
            return False
        piece = self._read(max(least, PIECE if self._started else FIRST_PIECE))
        self._started = True
        if not piece:
            self._ended = True
            return False
        self._data = self._data[self._at :] + piece
        self._at = 0
        return True

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while (rest := size - sum(map(len, parts))) > 0:
            try:
                part = self._stream.read1(rest)
            except EOFError:
                # a gzip file that stops in its midst, as when its writer still works on it
                self._cut = True
                break
            except (OSError, zlib.error) as problem:
                raise MicroslipError(f"{self.name} cannot be read beyond line {self.line} ({problem})") from None
            if not part:
                break
            parts.append(part)
        return b"".join(parts)

    def read_line(self) -> bytes | None:
        """The next line without its end; None at the end of the file. A last line without an end counts."""
        searched = self._at
        while (end := self._data.find(b"\n", searched)) < 0:
            searched = len(self._data) - self._at
            if searched > LONGEST_LINE:
                raise MicroslipError(f"{self.name}, line {self.line} has no end: this is not text")
            if not self._more():
                end = len(self._data)
                if end == self._at:
                    return None
                break
        self.whole = end < len(self._data)
        line = self._data[self._at : end]
        self._start = self._at
        self._at = min(end + 1, len(self._data))
        self.line += 1
        return line.rstrip(b"\r")

    def peek(self) -> bytes | None:
        """The next line, which stays to be read."""
        line = self.read_line()
        if line is not None:
            self._at = self._start
            self.line -= 1
        return line

    def read_lines(self, n: int, guess: int = 0) -> bytes | None:
        """The next n lines, their ends included; None where there are fewer. `guess`: bytes they may take.

        A last line without an end counts, gets one, and is told by `whole`.
        """
        self.whole = True
        if n == 0:
            return b""
        if guess > len(self._data) - self._at:
            self._more(guess)
        counted, n_found = self._at, 0
        while True:
            here = self._data.count(b"\n", counted)
            if n_found + here >= n:
                break
            n_found, counted = n_found + here, len(self._data)
            before = counted - self._at
            # at the pace of the lines so far, but a damaged number must not ask for all memory at once
            wanted = (n - n_found) * (before // max(n_found, 1))
            if not self._more(min(max(PIECE, wanted), MOST_AT_ONCE)):
                return self._unended(n - n_found)
            counted = before
        places = np.flatnonzero(np.frombuffer(self._data, np.uint8)[counted:] == NEWLINE)
        end = counted + int(places[n - n_found - 1]) + 1
        block = self._data[self._at : end]
        self._at = end
        self.line += n
        return block

    def _unended(self, n_left: int) -> bytes | None:
        """All that is left, where it is one line and has no end."""
        rest = self._data[self._at :]
        if self._cut or n_left != 1 or not rest.rpartition(b"\n")[2].strip():
            return None
        self._at, self.whole = len(self._data), False
        return rest + b"\n"


def last_row_is_whole(body: bytes, labels: Sequence[str], names: Collection[str]) -> bool:
    """Whether the last of some rows, which has no end, was not cut: it has all values, and the last is no shorter than
    in other rows, where that value is asked for at all.
    """
    *others, last = (row.split() for row in body.splitlines())
    if len(last) != len(labels):
        return False
    if labels[-1] not in names:
        return True
    sizes = [len(_digits(row[-1])) for row in others if len(row) == len(labels)]
    mantissa, e, exponent = last[-1].lower().partition(b"e")
    # C and Python write exponents of two digits or more
    cut = bool(e) and len(exponent.lstrip(b"+-")) < 2
    return not cut and _digits(mantissa) != b"" and len(_digits(last[-1])) >= min(sizes, default=1)


def _digits(word: bytes) -> bytes:
    """Of a number, those before its exponent."""
    return bytes(one for one in word.lower().partition(b"e")[0] if one in b"0123456789")


@contextmanager
def open_lines(path: Path) -> Iterator[Lines]:
    """A text file, packed by gzip or not.

    Raises
    ------
    MicroslipError
        The file is missing, a folder, or may not be read.
    """
    with open_bytes(path) as stream:
        yield Lines(stream, str(path))


def read_start(path: Path, n: int) -> bytes:
    """The first n bytes of a file, unpacked where gzip packed them; errors as in `open_lines`."""
    with open_bytes(path) as stream:
        start = stream.read(n)
        if not start.startswith(b"\x1f\x8b"):
            return start
        stream.seek(0)
        try:
            return gzip.GzipFile(fileobj=stream).read1(n)
        except (OSError, EOFError, zlib.error) as problem:
            raise MicroslipError(f"{path} is not readable as gzip ({problem}): it is damaged") from None


@contextmanager
def open_bytes(path: Path) -> Iterator[BufferedReader]:
    """A file as bytes; errors as in `open_lines`."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise MicroslipError(f"{path} does not exist: give a file, or a pattern such as 'post/dump*'") from None
    except IsADirectoryError:
        raise MicroslipError(f"{path} is a folder: give its files, such as '{path}/dump*'") from None
    except OSError as problem:
        raise MicroslipError(f"{path} cannot be read ({problem.strerror})") from None
    with stream:
        yield stream
