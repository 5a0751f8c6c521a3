"""Text dumps of LAMMPS and LIGGGHTS: `dump custom`, `dump atom` and `dump local`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.formats.columns import WHOLE
from microslip.formats.frame import Frame, renamed
from microslip.formats.registry import Reader, Wanted
from microslip.formats.text.lines import Lines, Unfinished, last_row_is_whole, open_lines
from microslip.formats.text.numbers import parse_numbers

# What is read of a dump of grains where nothing else is asked for.
GRAIN_NAMES = (
    *("id", "type", "x", "y", "z", "xs", "ys", "zs", "xu", "yu", "zu", "xsu", "ysu", "zsu", "ix", "iy", "iz"),
    *("radius", "diameter"),
)
# Header lines that newer versions write and that nothing here depends on.
PASSED = ("TIME",)
TILTS = ("xy", "xz", "yz")
# Both sides of an axis: p periodic, f fixed, s shrink-wrapped, m shrink-wrapped with a minimum.
FLAGS = re.compile("p{1,2}|[fsm]{1,2}")
FIRST_LINES = (b"ITEM: TIMESTEP", b"ITEM: UNITS", b"ITEM: TIME")
# More rows in one frame, as a damaged number can ask for, would fill the memory before a sentence could be said.
MOST_ROWS = 2 * 10**8


@dataclass(frozen=True)
class Block:
    """A frame of a dump: what its header says, and its rows under their own names.

    `tilts`: which tilt is the third number of each line of the bounds. `ended`: whether the last row has an end.
    """

    step: int
    labels: tuple[str, ...]
    columns: dict[str, np.ndarray]
    bounds: list[list[float]]
    tilts: tuple[str, ...]
    boundary: tuple[str, ...]
    where: str
    first_line: int
    read: float
    units: str = ""
    ended: bool = True


def read_blocks(path: Path, names: Collection[str], whole: Collection[str] = ()) -> Iterator[Block]:
    """The frames of one dump file, one after another, with those of their columns that are named, `whole` ones and
    those of LAMMPS as whole numbers.

    A file that ends within a frame is read up to the frame before, and the last block is followed by `Unfinished`.

    Raises
    ------
    MicroslipError
        What stands there is no dump, with file, frame and line.
    Unfinished
        The last frame is not whole.
    """
    with open_lines(path) as lines:
        number, labels, guess = 0, None, 0
        while (line := lines.read_line()) is not None:
            if not line.strip():
                continue
            if not lines.whole and any(first.startswith(line) for first in FIRST_LINES):
                raise Unfinished
            where = f"{path}, frame {number}"
            block, size = _read_block(lines, line, where, names, WHOLE | set(whole), labels, guess)
            labels, guess = block.labels, size + size // 8
            yield block
            number += 1


def _fail(lines: Lines, where: str, problem: str) -> MicroslipError:
    return MicroslipError(f"{where}, line {lines.line - 1}: {problem}")


def _next(lines: Lines) -> bytes:
    line = lines.read_line()
    if line is None or not lines.whole:
        raise Unfinished
    return line


def _read_block(
    lines: Lines,
    line: bytes,
    where: str,
    names: Collection[str],
    whole: Collection[str],
    labels: tuple[str, ...] | None,
    guess: int,
) -> tuple[Block, int]:
    step, n_rows = None, None
    bounds: list[list[float]] = []
    tilts: tuple[str, ...] = ()
    boundary: tuple[str, ...] = ()
    units = ""
    while True:
        item = _item(lines, line, where)
        if item == "TIMESTEP":
            step = _integer(lines, where, "a time step")
        elif item.startswith("NUMBER OF "):
            n_rows = _integer(lines, where, "a number of rows")
            if not 0 <= n_rows <= MOST_ROWS:
                raise _fail(lines, where, f"{n_rows} rows in one frame cannot be")
        elif item.startswith("BOX BOUNDS"):
            tilts, boundary, n_numbers = _box(lines, where, item.split()[2:])
            bounds = [_bounds(lines, where, n_numbers) for _ in range(3)]
        elif item == "UNITS":
            units = _next(lines).decode("utf-8", "replace").strip()
        elif item.split()[0] in ("ATOMS", "ENTRIES"):
            break
        elif item.split()[0] in PASSED:
            _next(lines)
        else:
            raise _fail(lines, where, f"`ITEM: {item}` is not known: this is no dump custom, atom or local")
        line = _next(lines)
    own = _labels(item)
    if not own:
        raise _fail(lines, where, "the columns have no names: this dump was written by a version that names none")
    if labels is not None and own != labels:
        raise _fail(
            lines,
            where,
            f"the columns are {' '.join(own)}, those of the frame before {' '.join(labels)}: import the two parts of"
            " the file as two runs",
        )
    if step is None or n_rows is None:
        raise _fail(lines, where, "the header lacks ITEM: TIMESTEP or ITEM: NUMBER OF …: the file is damaged")
    first_row = lines.line
    body = lines.read_lines(n_rows, guess)
    if body is None or not (lines.whole or last_row_is_whole(body, own, names)):
        raise Unfinished
    ended = lines.whole
    place = f"{where} (step {step})"
    try:
        columns = parse_numbers(body, own, names, whole, place, first_row)
    except MicroslipError:
        # looked for only now: a search through every frame would cost as much as half its reading
        if b"ITEM:" in body:
            row = first_row + body.count(b"\n", 0, body.find(b"ITEM:"))
            raise MicroslipError(
                f"{place}, line {row}: a new frame begins before the {n_rows} rows of this one are there: the file is"
                " damaged, or two programs wrote into it"
            ) from None
        raise
    block = Block(step, own, columns, bounds, tilts, boundary, place, first_row, lines.read, units, ended)
    return block, len(body)


def _quoted(text: bytes) -> str:
    return repr(text[:60].decode("utf-8", "replace"))


def _labels(item: str) -> tuple[str, ...]:
    return tuple(item.split()[1:])


def _item(lines: Lines, line: bytes, where: str) -> str:
    if not line.startswith(b"ITEM: ") or not line[6:].strip():
        kind = "a binary file" if b"\0" in line else "not a text dump of LAMMPS or LIGGGHTS, or a damaged one"
        raise _fail(lines, where, f"`ITEM:` is due and {_quoted(line)} stands there: this is {kind}")
    return line[6:].decode("utf-8", "replace").strip()


def _integer(lines: Lines, where: str, what: str) -> int:
    text = _next(lines)
    try:
        number = int(text)
    except ValueError:
        raise _fail(lines, where, f"{_quoted(text)} is not {what}") from None
    if not -(2**63) <= number < 2**63:
        raise _fail(lines, where, f"{_quoted(text)} is too large for {what}")
    return number


def _box(lines: Lines, where: str, words: list[str]) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Tilts, what the sides of each axis are, and how many numbers each line of the bounds has."""
    tilts = tuple(word for word in words if word in TILTS)
    general = {"abc", "origin"} <= set(words)
    flags = tuple(word for word in words if word not in TILTS and not (general and word in ("abc", "origin")))
    unknown = [word for word in flags if FLAGS.fullmatch(word) is None]
    line = f"ITEM: BOX BOUNDS {' '.join(words)}"
    if unknown:
        raise _fail(lines, where, f"`{unknown[0][:60]}` in `{line[:120]}` is not known: such as pp, ff, xy xz yz are")
    if len(flags) not in (0, 3):
        raise _fail(lines, where, f"`{line[:120]}` says of {len(flags)} axes whether they repeat, not of 3")
    if tilts and (sorted(tilts) != sorted(TILTS) or general):
        raise _fail(lines, where, f"`{line[:120]}` names other tilts than xy xz yz, or edges besides")
    return tilts, flags, 4 if general else 3 if tilts else 2


def _bounds(lines: Lines, where: str, n: int) -> list[float]:
    text = _next(lines)
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if n == 2 and len(numbers) == 3 and np.isfinite(numbers).all():
        if numbers[2]:
            raise _fail(
                lines,
                where,
                f"a third number stands in {_quoted(text)}, and nothing says what it is: a tilted box is told by `ITEM:"
                " BOX BOUNDS xy xz yz pp pp pp`, with bounds of the upright box around it",
            )
        return numbers[:2]
    if len(numbers) != n or not np.isfinite(numbers).all():
        raise _fail(lines, where, f"{_quoted(text)} are not the {n} numbers that are due for the bounds of a box")
    if n < 4 and numbers[1] < numbers[0]:
        raise _fail(lines, where, f"{_quoted(text)}: the upper bound of the box is below the lower")
    return numbers


def cell_of(block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Lower corner and edge vectors, from the bounds of the box that encloses the cell or from the edges themselves.

    Raises
    ------
    MicroslipError
        The box has no volume.
    """
    if len(block.bounds[0]) == 4:
        # the edges themselves, and after each a coordinate of the origin: what OVITO writes, and LAMMPS where it may
        rows = np.array(block.bounds)
        return rows[:, 3], rows[:, :3]
    low, high = (np.array([one[side] for one in block.bounds]) for side in (0, 1))
    tilt_of = dict(zip(block.tilts, (one[-1] for one in block.bounds), strict=False))
    xy, xz, yz = (tilt_of.get(name, 0.0) for name in TILTS)
    # LAMMPS writes the bounds of the smallest upright box around a tilted one
    low = low - np.array([min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0])
    high = high - np.array([max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0])
    lengths = high - low
    if not (lengths > 0).all():
        raise MicroslipError(
            f"{block.where}: the box measures {' × '.join(f'{length:g}' for length in lengths)}: it has shrunk to"
            " nothing"
        )
    return low, np.array([[lengths[0], 0, 0], [xy, lengths[1], 0], [xz, yz, lengths[2]]], dtype=float)


def read_lammps(path: Path, names: Collection[str] = GRAIN_NAMES, whole: Collection[str] = ()) -> Iterator[Frame]:
    """The frames of a dump of atoms; parameters and errors as in `read_blocks`."""
    for block in read_blocks(path, names, whole):
        origin, edges = np.zeros(3), None
        if block.bounds:
            origin, edges = cell_of(block)
        flags = [word[:1] == "p" for word in block.boundary]
        periodic = (flags[0], flags[1], flags[2]) if len(flags) == 3 else None
        yield Frame(
            block.step,
            block.columns,
            block.where,
            origin,
            edges,
            periodic,
            first_line=block.first_line,
            read=block.read,
            units=block.units,
            ended=block.ended,
        )


def _open(path: Path, wanted: Wanted) -> Iterator[Frame]:
    names = (set(GRAIN_NAMES) - set(wanted.passed)) | set(wanted.theirs)
    return renamed(read_lammps(path, names, wanted.whole), wanted.theirs)


READER = Reader(
    title="LAMMPS and LIGGGHTS text dumps, gzip too",
    read_by="our own reader on pyarrow's CSV parser",
    suffixes=(".lammpstrj",),
    first_bytes=(b"ITEM:",),
    open=_open,
    # the rows are not looked at
    open_first=lambda path, wanted: read_lammps(path, ()),
    tells=("step", "ids", "types", "diameters", "images", "cell", "periodicity", "units"),
    digits="six, unless a format is set",
    more_digits="dump_modify ID format float %.17g in LAMMPS; in LIGGGHTS name every column,"
    ' dump_modify ID format "%d %d %.17g %.17g %.17g …"',
    notes="any columns in any order; x, xs, xu, xsu; image flags; tilted boxes; one file or one a frame",
)
