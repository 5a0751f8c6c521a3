"""Extended XYZ, as ASE, OVITO, LAMMPS and libAtoms write it, and plain XYZ."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.data.frame import Frame
from microslip.data.readers.lammps import MOST_ROWS
from microslip.data.readers.lines import Lines, Unfinished, open_lines
from microslip.data.readers.numbers import parse_numbers

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
WHOLE = {"id", "type", "ix", "iy", "iz"}
PAIR = re.compile(r"""(?<![\w.:-])([\w.:-]+)\s*=\s*("[^"]*"|'[^']*'|\{[^}]*\}|\[[^=]*\]|[^\s"'\[{]\S*)""")
STEP = re.compile(r"\b(?:timestep|step|frame)\b[\s:=\"']*(-?\d{1,18})(?![\w.])", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?")


def read_extxyz(path: Path, names: Collection[str] = ()) -> Iterator[Frame]:
    """The frames of an extended XYZ file, packed by gzip or not.

    pos → x y z, unwrapped_position → xu yu zu, map_shift or image → ix iy iz, id, type, radius and diameter under their
    names, in capitals or not. Without a type, species become one: a whole number is itself, other names count from 1 in
    order of first appearance. `names` are further properties, read as numbers under their own names. Lattice holds the
    edge vectors, which need not be lower-triangular, Origin the lower corner, pbc what is periodic, Timestep or step
    the step, else the frame's number is it. Without Properties a row is species x y z, and what follows is passed over.

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
            pairs, step, labels = _comment(lines, where)
            first_line = lines.line
            body = lines.read_lines(n, guess)
            if body is None:
                raise Unfinished
            guess = len(body) + len(body) // 8
            columns = parse_numbers(body, labels, NAMES | set(names), WHOLE, where, first_line)
            if "type" not in columns and "species" in labels:
                columns["type"] = _types(body, labels.index("species"), types)
            cell = _cell(pairs, where)
            step = number if step is None else step
            yield Frame(step, columns, where, *cell, first_line=first_line, read=lines.read)
            number += 1


def _count(line: bytes, where: str, lines: Lines) -> int:
    word = line.strip()
    if word.isdigit() and len(word) < 12 and (n := int(word)) <= MOST_ROWS:
        return n
    raise MicroslipError(
        f"{where}, line {lines.line - 1}: a number of grains is due and {line[:60].decode('utf-8', 'replace')!r} stands"
        " there: this is no XYZ file, or the frame before has more rows than it says"
    )


def _comment(lines: Lines, where: str) -> tuple[dict[str, str], int | None, tuple[str, ...]]:
    """Pairs, step and labels of the columns from a frame's second line."""
    line = lines.read_line()
    if line is None:
        raise Unfinished
    text = line.decode("utf-8", "replace")
    pairs = {key.lower(): value.strip("\"'") for key, value in PAIR.findall(text)}
    step = STEP.search(text)
    if "properties" in pairs:
        labels = _labels(pairs["properties"], f"{where}, line {lines.line - 1}")
    else:
        n_words = len((lines.peek() or b"").split())
        labels = ("species", "x", "y", "z", *(f"column {place}" for place in range(5, n_words + 1)))
    if not {"x", "xu"} & set(labels):
        raise MicroslipError(f"{where}: Properties={pairs['properties'][:200]} holds no pos: write the positions")
    return pairs, int(step[1]) if step else None, labels


def _labels(properties: str, where: str) -> tuple[str, ...]:
    """One label for each word of a row, from name:kind:words:name:kind:words…"""
    parts = properties.split(":")
    labels: list[str] = []
    for name, kind, count in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if kind not in ("S", "R", "I", "L") or re.fullmatch("[1-9][0-9]{0,2}", count) is None:
            break
        ours = OURS.get(name.lower(), ())
        theirs = (name,) if int(count) == 1 else tuple(f"{name}_{place}" for place in range(int(count)))
        # a vector of a planar file has two parts
        labels += ours[: int(count)] if len(ours) == int(count) or (len(ours), count) == (3, "2") else theirs
    else:
        if len(parts) % 3 == 0:
            return tuple(labels)
    raise MicroslipError(f"{where}: Properties={properties[:200]} is not name:kind:columns, kind one of S R I L")


def _types(body: bytes, place: int, known: dict[bytes, int]) -> np.ndarray:
    words = [row.split(None, place + 1)[place] for row in body.splitlines()]
    for word in dict.fromkeys(words):
        if word not in known:
            n = int(word) if word.isdigit() and len(word) < 10 else len(known) + 1
            known[word] = n
    return np.array([known[word] for word in words], dtype=np.int64)


def _cell(pairs: dict[str, str], where: str) -> tuple[np.ndarray, np.ndarray | None, tuple[bool, bool, bool] | None]:
    origin = _numbers(pairs, "Origin", 3, where) if "origin" in pairs else np.zeros(3)
    edges, periodic = None, None
    if "lattice" in pairs:
        edges = _numbers(pairs, "Lattice", 9, where).reshape(3, 3)
        # a planar file may have no length for the axis that it lacks
        lacking = ~edges.any(axis=0) & ~edges.any(axis=1)
        if lacking.sum() > 1 or not abs(np.linalg.det(edges + np.diag(lacking))) > 0:
            raise MicroslipError(f"{where}: Lattice={pairs['lattice']!r} spans no volume: give three edge vectors")
    if "pbc" in pairs:
        flags = [flag[0] in "Tt1" for flag in re.findall(r"[TtFf01]\w*", pairs["pbc"])]
        if len(flags) != 3:
            raise MicroslipError(f"{where}: pbc={pairs['pbc']!r} are not three of T and F")
        periodic = (flags[0], flags[1], flags[2])
    return origin, edges, periodic


def _numbers(pairs: dict[str, str], key: str, n: int, where: str) -> np.ndarray:
    found = NUMBER.findall(pairs[key.lower()])
    if len(found) != n:
        raise MicroslipError(f"{where}: {key}={pairs[key.lower()]!r} are not {n} numbers")
    return np.array([float(word.lower().replace("d", "e")) for word in found])
