"""Tables of tracked grains, CSV or Parquet: one row per grain and frame."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.core.extras import package
from microslip.formats.columns import WHOLE, named, whole_numbers
from microslip.formats.frame import Frame
from microslip.formats.registry import Reader
from microslip.formats.text.lines import open_lines, read_start

ROWS_AT_A_TIME = 2**17
# Between a name that stands twice and its place.
TWICE = "\n"
# What is read, besides the time step and the strain of a frame.
OF_GRAIN = ("id", "type", "x", "y", "z", "ix", "iy", "iz", "diameter", "radius")


def read_table_frames(
    path: Path, names: Mapping[str, str], number: int = 0, passed: Collection[str] = ()
) -> Iterator[Frame]:
    """The frames of a table whose rows are sorted by frame; without a column of frames, the file is one.

    Grains come and go: a row without a position is left out.

    Parameters
    ----------
    path
        CSV (comma, semicolon, tab or blank between values, `#` before remarks, packed by gzip or not) or Parquet.
    names
        The file's names of our columns frame, strain, id, type, x, y, z, ix, iy, iz, diameter, radius. A column that is
        not named is found by our own name, in capitals or not; the exact name goes first.
    number
        Number of the frame of a table without a column of frames.
    passed
        Those of our columns that are not read.

    Raises
    ------
    MicroslipError
        The file is missing or no table, a column is missing, a value is no number, a frame stands in two places.
    """
    rest = pd.DataFrame()
    column: dict[str, str] = {}
    seen: set[int] = set()
    for piece in _pieces(path, names):
        if not column:
            column = _columns(path, list(piece.columns), names)
            column = {name: theirs for name, theirs in column.items() if name not in passed}
        if "frame" not in column:
            rest = pd.concat([rest, piece])
            continue
        together = pd.concat([rest, piece])
        frame = _whole(path, together[column["frame"]], column["frame"])
        starts = np.flatnonzero(np.concatenate([[True], np.diff(frame) != 0]))
        # the last frame may go on in the next piece
        for start, end in pairwise(starts):
            yield _frame(path, together.iloc[start:end], column, int(frame[start]), seen)
        rest = together.iloc[starts[-1] :]
    if len(rest):
        step = number
        if "frame" in column:
            step = int(_whole(path, rest[column["frame"]], column["frame"])[0])
        yield _frame(path, rest, column, step, seen)


def _pieces(path: Path, names: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    if read_start(path, 4) == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
        yield from _parquet(path)
        return
    remarks, head, second = _first_lines(path)
    separator = max((",", ";", "\t"), key=lambda one: head.count(one))
    separator = separator if separator in head else r"\s+"
    row, after = (_words(line.strip(" \r"), separator) for line in (head, second))
    options: dict[str, Any] = {}
    if any(map(_is_number, row)) and not set(names.values()) & set(row):
        # NumPy writes the names as a remark above the numbers
        title = _title(path, remarks, row, separator)
        options = {"header": None, "names": _told_apart(title)}
    elif len(set(row)) < len(row):
        options = {"header": 0, "names": _told_apart([name.strip('"') for name in row])}
    elif len(after) == len(row) + 1 and not after[-1]:
        # a separator at the end of every row: pandas would take the first column for the names of the rows
        options = {"header": 0, "names": [*(name.strip('"') for name in row), "\n"]}
    elif len(after) > len(row):
        raise MicroslipError(
            f"{path}: rows of {len(after)} values under {len(row)} names: name every column, or leave it out"
        )
    try:
        with pd.read_csv(
            path, sep=separator, comment="#", chunksize=ROWS_AT_A_TIME, skipinitialspace=True, **options
        ) as pieces:
            yield from pieces
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, gzip.BadGzipFile, EOFError) as problem:
        raise MicroslipError(
            f"{path} is not a readable table ({' '.join(str(problem).split())}): mend that row"
        ) from None


def _title(path: Path, remarks: Sequence[str], row: Sequence[str], separator: str) -> list[str]:
    """Names of the columns, from the remark above that has one for each value, whatever stands between them."""
    for remark in reversed(remarks):
        for between in (separator, r"\s+", ",", ";", "\t"):
            words = [word.strip(" \t,;") for word in _words(remark.strip(), between)]
            if len(words) == len(row) and not any(map(_is_number, words)):
                return words
    above = f", and the line {remarks[-1].strip()[:60]!r} above names none of that number" if remarks else ""
    raise MicroslipError(
        f"{path} begins with {len(row)} values, {' '.join(row)[:60]!r}{above}: put a line above that names every column"
    )


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names that stand twice with their place behind, for pandas takes no name twice."""
    return [name if name not in names[:place] else f"{name}{TWICE}{place}" for place, name in enumerate(names)]


def _words(line: str, separator: str) -> list[str]:
    """Values of a line; quotation marks hold together what has a separator in it."""
    if len(separator) > 1:
        return re.split(separator, line)
    # a carriage return alone ends a row as well
    return next(csv.reader(line.split("\r"), delimiter=separator, skipinitialspace=True), [""])


def _first_lines(path: Path) -> tuple[list[str], str, str]:
    """The last remarks before the first line that is none, that line, and the one after it."""
    remarks: list[bytes] = []
    first_lines: list[bytes] = []
    with open_lines(path) as lines:
        while len(first_lines) < 2 and (line := lines.read_line()) is not None:
            if line.startswith(b"#") and not first_lines:
                remarks = [*remarks[-9:], line.lstrip(b"# ")]
            elif line.strip() and not line.startswith(b"#"):
                first_lines.append(line)
    if not first_lines:
        raise MicroslipError(f"{path} is empty: give a table with one row per grain and frame")
    if b"\0" in first_lines[0]:
        raise MicroslipError(f"{path} is a binary file, not a table: name its kind with --format")
    *above, first, second = (one.decode("utf-8", "replace") for one in (*remarks, *[*first_lines, b""][:2]))
    return above, first, second


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _parquet(path: Path) -> Iterator[pd.DataFrame]:
    package("pyarrow", "reading Parquet")
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            before = 0
            for batch in file.iter_batches(ROWS_AT_A_TIME):
                piece = batch.to_pandas()
                # pandas may have kept a column as its index
                piece = piece.reset_index(drop=piece.index.name is None)
                piece.index += before
                before += len(piece)
                yield piece
    except (pa.ArrowException, OSError) as problem:
        raise MicroslipError(f"{path} is not a readable Parquet file ({problem})") from None


def _columns(path: Path, own: list[str], names: Mapping[str, str]) -> dict[str, str]:
    """Ours → the file's."""
    for name, theirs in names.items():
        if theirs not in own:
            raise MicroslipError(
                f"{path} has no column {theirs}, which source.columns names for {name}: it has"
                f" {', '.join(map(str, own))}"
            )
    stripped = {str(name).strip(): str(name) for name in reversed(own)}
    ours = {name: name for name in ("frame", "strain", *OF_GRAIN) if name not in names}
    theirs_of = {name: stripped[theirs] for theirs, name in named(list(reversed(stripped)), ours, str(path)).items()}
    theirs_of |= names
    for theirs in theirs_of.values():
        if any(name.startswith(f"{theirs}{TWICE}") for name in stripped) or own.count(theirs) > 1:
            raise MicroslipError(f"{path} has two columns {theirs}: rename one of them")
    missing = [name for name in ("x", "y", "z") if name not in theirs_of]
    # a planar table knows nothing of z, or of y
    planar = missing in (["z"], ["y"]) and not any(name.lower().startswith(missing[0]) for name in stripped)
    if missing and not planar:
        raise MicroslipError(
            f"{path} has no column {missing[0]}; it has {', '.join(map(str, own))}: name the one that is meant, such as"
            f" --set 'source.columns={{{missing[0]} = \"{own[0]}\"}}'"
        )
    return theirs_of


def _numbers(path: Path, values: pd.Series, name: str) -> np.ndarray:
    numbers: np.ndarray = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    _refuse(path, values, name, np.isnan(numbers) & values.notna().to_numpy(), "a number")
    return numbers


def _whole(path: Path, values: pd.Series, name: str) -> np.ndarray:
    numbers_or_none = pd.to_numeric(values, errors="coerce")
    if numbers_or_none.dtype.kind in "iu" and not numbers_or_none.isna().any():
        return whole_numbers(numbers_or_none.to_numpy(), name, str(path))
    numbers = numbers_or_none.to_numpy(dtype=float, na_value=np.nan)
    _refuse(path, values, name, ~(np.isfinite(numbers) & (numbers == np.round(numbers))), "a whole number")
    return whole_numbers(numbers, name, str(path))


def _refuse(path: Path, values: pd.Series, name: str, bad: np.ndarray, kind: str) -> None:
    """Say which of the values is bad first."""
    if bad.any():
        row = int(np.argmax(bad))
        value = values.iloc[row]
        shown = repr(value) if isinstance(value, str) else f"{value}"
        raise MicroslipError(f"{path}, row {int(values.index[row]) + 1}: {name} is {shown}, not {kind}")


def _frame(path: Path, rows: pd.DataFrame, column: Mapping[str, str], step: int, seen: set[int]) -> Frame:
    where = f"{path}, frame {step}"
    if step in seen:
        raise MicroslipError(f"{where} stands in two places of the table: sort it by {column.get('frame', 'frame')}")
    seen.add(step)
    axes = [name for name in "xyz" if name in column]
    centres = np.stack([_numbers(path, rows[column[name]], column[name]) for name in axes], axis=1)
    has_place = np.isfinite(centres).all(axis=1)
    columns: dict[str, np.ndarray] = dict(zip(axes, centres[has_place].T, strict=True))
    for name in OF_GRAIN:
        if name in column and name not in columns:
            columns[name] = (_whole if name in WHOLE else _numbers)(path, rows[column[name]][has_place], column[name])
    strain = None
    if "strain" in column:
        of_rows = _numbers(path, rows[column["strain"]], column["strain"])
        strain = float(of_rows[0])
        if not np.isfinite(strain) or (of_rows != strain).any():
            raise MicroslipError(f"{where}: {column['strain']} has more than one value within the frame")
    return Frame(step, columns, where, strain=strain)


READER = Reader(
    title="CSV, TSV, Parquet",
    read_by="pandas, pyarrow",
    suffixes=(".csv", ".tsv", ".parquet", ".pq"),
    first_bytes=(b"PAR1",),
    open=lambda path, wanted: read_table_frames(path, wanted.ours, wanted.number, wanted.passed),
    tells=("step", "ids", "types", "diameters", "images", "strain"),
    digits="as written",
    more_digits="write the coordinates with every digit that the measurement has",
    grains_come_and_go=True,
    notes="one row per grain and frame, sorted by frame; columns named in `[source.columns]`",
)
