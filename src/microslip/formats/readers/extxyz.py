"""Extended XYZ, as ASE, OVITO, LAMMPS and libAtoms write it, and plain XYZ."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.formats.columns import WHOLE, named
from microslip.formats.frame import Frame, renamed
from microslip.formats.readers.lammps import MOST_ROWS
from microslip.formats.registry import Reader
from microslip.formats.text.lines import Lines, Unfinished, last_row_is_whole, open_lines
from microslip.formats.text.numbers import parse_numbers

# Our columns, by the names of properties in small letters; map_shift is OVITO's name of the periodic image.
OURS = {
    **dict.fromkeys(("pos", "position", "positions"), ("x", "y", "z")),
    **dict.fromkeys(("unwrapped_position", "unwrapped_positions"), ("xu", "yu", "zu")),
    **dict.fromkeys(("map_shift", "image", "images"), ("ix", "iy", "iz")),
    **dict.fromkeys(("id", "ids"), ("id",)),
    **dict.fromkeys(("type", "types"), ("type",)),
    **dict.fromkeys(("species", "element", "symbols"), ("species",)),
    **dict.fromkeys(("radius", "radii"), ("radius",)),
    **dict.fromkeys(("diameter", "diameters"), ("diameter",)),
}
NAMES = {name for ours in OURS.values() for name in ours} - {"species"}
PAIR = re.compile(r"""(?<![\w.:-])([\w.:-]+)\s*=\s*("[^"]*"|'[^']*'|\{[^}]*\}|\[[^=]*\]|[^\s"'\[{]\S*)""")
STEP = re.compile(r"\b(?:timestep|step|frame)\b[\s:=\"']*(-?\d{1,18})(?![\w.])", re.IGNORECASE)
YES, NO = ("t", "true", "1"), ("f", "false", "0")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?")


def read_extxyz(
    path: Path, names: Collection[str] = (), whole: Collection[str] = (), passed: Collection[str] = ()
) -> Iterator[Frame]:
    """The frames of an extended XYZ file, packed by gzip or not.

    pos → x y z, unwrapped_position → xu yu zu, map_shift or image → ix iy iz, id, type, radius and diameter under their
    names, in capitals or not. Without a type, species become one: a whole number is itself, other names count from 1 in
    order of first appearance. `names` are further properties, read as numbers under their own names, `whole` ones of
    them as whole numbers; `passed`, those of our columns that are not read. Lattice holds the edge vectors, which need
    not be lower-triangular, Origin the lower corner, pbc what is periodic: everything, where there is a Lattice and no
    pbc. Timestep or step is the step, else the frame's number is it. Without Properties a row is species x y z, and
    what follows is passed over.

    Raises
    ------
    MicroslipError
        What stands there is no such file, with file, frame and line.
    Unfinished
        The last frame is not whole.

    Source: libAtoms/extxyz, "Extended XYZ specification"; ASE's documentation, `ase.io.extxyz`.
    """
    with open_lines(path) as lines:
        number, guess = 0, 0
        types: dict[bytes, int] = {}
        while (line := lines.read_line()) is not None:
            if not line.strip():
                continue
            where = f"{path}, frame {number}"
            n = _count(line, where, lines)
            pairs, step, labels = _comment(lines, where, names)
            first_line = lines.line
            body = lines.read_lines(n, guess)
            wanted = (NAMES - set(passed)) | set(names)
            if body is None or not (lines.whole or last_row_is_whole(body, labels, wanted)):
                raise Unfinished
            ended = lines.whole
            guess = len(body) + len(body) // 8
            columns = parse_numbers(body, labels, wanted, WHOLE | set(whole), where, first_line)
            if "type" in wanted - set(columns) and "species" in labels:
                columns["type"] = _types(body, labels.index("species"), types)
            cell = _cell(pairs, where)
            time = float(pairs["time"].lower().replace("d", "e")) if NUMBER.fullmatch(pairs.get("time", "")) else None
            step_told, step = step is not None, number if step is None else step
            yield Frame(
                step,
                columns,
                where,
                *cell,
                first_line=first_line,
                read=lines.read,
                step_told=step_told,
                time=time,
                ended=ended,
            )
            number += 1


def _count(line: bytes, where: str, lines: Lines) -> int:
    word = line.strip()
    if word.isdigit() and len(word) < 12 and (n := int(word)) <= MOST_ROWS:
        return n
    raise MicroslipError(
        f"{where}, line {lines.line - 1}: a number of grains is due and {line[:60].decode('utf-8', 'replace')!r} stands"
        " there: this is no XYZ file, or the frame before has more rows than it says"
    )


def _comment(lines: Lines, where: str, names: Collection[str]) -> tuple[dict[str, str], int | None, tuple[str, ...]]:
    """Pairs, step and labels of the columns from a frame's second line."""
    line = lines.read_line()
    if line is None:
        raise Unfinished
    text = line.decode("utf-8", "replace")
    pairs = {key.lower(): value.strip("\"'") for key, value in PAIR.findall(text)}
    step = STEP.search(text)
    if "properties" in pairs:
        labels = _labels(pairs["properties"], f"{where}, line {lines.line - 1}", names)
    else:
        n_words = len((lines.peek() or b"").split())
        labels = ("species", "x", "y", "z", *(f"column {place}" for place in range(5, n_words + 1)))
    if not {"x", "xu"} & set(labels):
        raise MicroslipError(f"{where}: Properties={pairs['properties'][:200]} holds no pos: write the positions")
    return pairs, int(step[1]) if step else None, labels


def _labels(properties: str, where: str, names: Collection[str]) -> tuple[str, ...]:
    """One label for each word of a row, from name:kind:words:name:kind:words…"""
    parts = properties.split(":")
    ours_of = named([name for name in parts[::3] if name not in names], OURS, where)
    labels: list[str] = []
    for name, kind, count in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if kind not in ("S", "R", "I", "L") or re.fullmatch("[1-9][0-9]{0,2}", count) is None:
            break
        ours = ours_of.get(name, ())
        theirs = (name,) if int(count) == 1 else tuple(f"{name}_{place}" for place in range(int(count)))
        # a vector of a planar file has two parts
        labels += ours[: int(count)] if len(ours) == int(count) or (len(ours), count) == (3, "2") else theirs
    else:
        if len(parts) % 3 == 0:
            return tuple(labels)
    raise MicroslipError(f"{where}: Properties={properties[:200]} is not name:kind:columns, kind one of S R I L")


def _types(body: bytes, place: int, type_of: dict[bytes, int]) -> np.ndarray:
    words = [row.split(None, place + 1)[place] for row in body.splitlines()]
    for word in dict.fromkeys(words):
        if word not in type_of:
            n = int(word) if word.isdigit() and len(word) < 10 else len(type_of) + 1
            type_of[word] = n
    return np.array([type_of[word] for word in words], dtype=np.int64)


def _cell(pairs: dict[str, str], where: str) -> tuple[np.ndarray, np.ndarray | None, tuple[bool, bool, bool] | None]:
    origin = _numbers(pairs, "Origin", 3, where) if "origin" in pairs else np.zeros(3)
    edges, periodic = None, None
    if "lattice" in pairs:
        edges = _numbers(pairs, "Lattice", 9, where).reshape(3, 3)
        # a planar file may have no length for the axis that it lacks
        lacking = ~edges.any(axis=0) & ~edges.any(axis=1)
        if lacking.sum() > 1 or not abs(np.linalg.det(edges + np.diag(lacking))) > 0:
            raise MicroslipError(f"{where}: Lattice={pairs['lattice']!r} spans no volume: give three edge vectors")
        # the specification: without pbc a cell repeats on all sides
        periodic = (True, True, True)
    if "pbc" in pairs:
        words = [word.lower() for word in re.findall(r"\w+", pairs["pbc"])]
        # one word for all, or three letters in one word, as some write
        words = words * 3 if words in (["t"], ["f"], ["true"], ["false"]) else words
        words = list(words[0]) if len(words) == 1 else words
        if len(words) != 3 or not set(words) <= {*YES, *NO}:
            raise MicroslipError(f"{where}: pbc={pairs['pbc']!r} are not three of T and F")
        periodic = (words[0] in YES, words[1] in YES, words[2] in YES)
    return origin, edges, periodic


def _numbers(pairs: dict[str, str], key: str, n: int, where: str) -> np.ndarray:
    words = NUMBER.findall(pairs[key.lower()])
    if len(words) != n:
        raise MicroslipError(f"{where}: {key}={pairs[key.lower()]!r} are not {n} numbers")
    return np.array([float(word.lower().replace("d", "e")) for word in words])


READER = Reader(
    title="extended XYZ, plain XYZ",
    read_by="our own reader on pyarrow",
    suffixes=(".xyz", ".extxyz"),
    open=lambda path, wanted: renamed(
        read_extxyz(path, list(wanted.theirs), wanted.whole, wanted.passed), wanted.theirs
    ),
    # the rows are not looked at
    open_first=lambda path, wanted: read_extxyz(path, passed=NAMES),
    tells=("step", "time", "ids", "types", "diameters", "images", "cell", "periodicity"),
    digits="as written; ASE's writer keeps eight decimals",
    more_digits="write pos with %.17g; ASE's writer keeps 8 decimals",
    notes="ASE's fails on files that LAMMPS writes, and is slow; a `Lattice` without `pbc` repeats on all sides, as the"
    " specification has it",
)
