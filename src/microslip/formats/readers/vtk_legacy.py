"""The legacy format of VTK: points and the arrays over them.

Read here, since VTK's own reader takes the process down with it on binary files that were cut off, and tells of no
damage.
Source: "VTK File Formats", section on the legacy formats.
"""

from __future__ import annotations

from urllib.parse import unquote

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.formats.text.numbers import parse_numbers

# Types of the legacy format, as binary files hold them.
NAMES = "char unsigned_char short unsigned_short int unsigned_int long unsigned_long float double"
TYPES = dict(zip(NAMES.split(), ("i1", "u1", ">i2", ">u2", ">i4", ">u4", ">i8", ">u8", ">f4", ">f8"), strict=True))
TYPES |= {"vtkidtype": ">i4", "vtktypeint64": ">i8", "vtktypeuint64": ">u8"}
CELLS = ("VERTICES", "LINES", "POLYGONS", "TRIANGLE_STRIPS", "CELLS")
KINDS = {"POLYDATA": "PolyData", "UNSTRUCTURED_GRID": "UnstructuredGrid", "RECTILINEAR_GRID": "RectilinearGrid"}
WIDTHS = {"VECTORS": 3, "NORMALS": 3, "TENSORS": 9, "TENSORS6": 6, "GLOBAL_IDS": 1, "PEDIGREE_IDS": 1}
SIDES = ("X_COORDINATES", "Y_COORDINATES", "Z_COORDINATES")

# Kind of the data set, its points and the arrays over them; of a rectilinear grid, its lower and upper corner.
Read = tuple[str, np.ndarray, dict[str, np.ndarray]]


def read_legacy(data: bytes) -> Read:
    """What a legacy file holds.

    Raises
    ------
    ValueError, IndexError, KeyError
        What stands there is not what the format asks for.
    """
    return _Legacy(data).read()


class _Legacy:
    """A legacy file, and a place in it."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        version, _, coding = self._line(), self._line(), self._line().strip().upper()
        if coding not in (b"ASCII", b"BINARY"):
            raise ValueError(f"its third line is {coding[:20]!r}, not ASCII or BINARY")
        self._binary, self._newer = coding == b"BINARY", version.split()[-1] >= b"5"
        blank = np.frombuffer(data, np.uint8) <= 32
        self._word_starts = np.flatnonzero(blank[:-1] & ~blank[1:]) + 1 if not self._binary else np.empty(0, int)

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise ValueError("it ends in the midst of a line")
        line, self._at = self._data[self._at : end], end + 1
        return line

    def _words(self) -> list[str]:
        """Those of the next line that is not empty; none at the end."""
        while self._at < len(self._data):
            if words := self._line().decode("utf-8", "replace").split():
                return words
        return []

    def _numbers(self, n: int, kind: str) -> np.ndarray:
        dtype, begin = np.dtype(TYPES[kind.lower()]), self._at
        native = dtype.newbyteorder("=")
        if n < 0 or n > len(self._data):
            raise ValueError(f"it cannot hold {n} numbers")
        if self._binary:
            self._at += n * dtype.itemsize
            if self._at > len(self._data):
                raise ValueError("it ends before its numbers do")
            return np.frombuffer(self._data[begin : self._at], dtype).astype(native)
        if n == 0:
            return np.empty(0, native)
        last = int(np.searchsorted(self._word_starts, begin)) + n - 1
        if last >= len(self._word_starts):
            raise ValueError("it ends before its numbers do")
        self._at = int(self._word_starts[last])
        self._line()
        words = self._data[begin : self._at].split()
        if len(words) != n:
            raise ValueError(f"{len(words)} words stand where {n} numbers are due")
        label = ("a value",)
        try:
            columns = parse_numbers(b"\n".join(words), label, label, label if dtype.kind in "iu" else (), "", 1)
        except MicroslipError as problem:
            # its lines are not those of the file
            raise ValueError(str(problem).partition(": ")[2]) from None
        return columns["a value"].astype(native)

    def _texts(self, n: int) -> None:
        """Pass over strings; a binary one says its length in 6, 14, 30 or 62 bits."""
        for _ in range(n):
            if not self._binary:
                self._line()
                continue
            size = 2 ** (3 - (self._data[self._at] >> 6))
            length = int.from_bytes(self._data[self._at : self._at + size], "big") % 2 ** (8 * size - 2)
            self._at += size + length

    def _field(self, n_arrays: int) -> dict[str, np.ndarray]:
        arrays = {}
        for _ in range(n_arrays):
            words = self._words()
            if words[:1] == ["METADATA"]:
                self._metadata()
                words = self._words()
            name, width, n, kind = words
            if kind == "string":
                self._texts(int(width) * int(n))
            else:
                arrays[unquote(name)] = _rows(self._numbers(int(width) * int(n), kind), int(n))
        return arrays

    def _metadata(self) -> None:
        while self._at < len(self._data) and self._line().strip():
            pass

    def read(self) -> Read:
        """What the file holds."""
        kind = KINDS[self._words()[1].upper()]
        points: np.ndarray | None = None
        sides = []
        over_points: dict[str, np.ndarray] = {}
        arrays, n = {}, 0
        while words := self._words():
            match words[0].upper(), *words[1:]:
                case "METADATA", *_:
                    self._metadata()
                case "POINTS", size, type_:
                    points = self._numbers(3 * int(size), type_).reshape(-1, 3)
                case key, size, type_ if key in SIDES:
                    sides.append(self._numbers(int(size), type_)[[0, -1]])
                case "DIMENSIONS", *_:
                    pass
                case key, *sizes if key in CELLS and self._newer:
                    for size in sizes:
                        self._numbers(int(size), self._words()[1])
                case key, _, size if key in CELLS:
                    self._numbers(int(size), "int")
                case "CELL_TYPES", size:
                    self._numbers(int(size), "int")
                case "POINT_DATA" | "CELL_DATA" as key, size:
                    n, arrays = int(size), over_points if key == "POINT_DATA" else {}
                case "FIELD", _, n_arrays:
                    arrays.update(self._field(int(n_arrays)))
                case "SCALARS", name, type_, *width:
                    self._words()
                    arrays[unquote(name)] = _rows(self._numbers(n * int(*width or ("1",)), type_), n)
                case key, name, type_ if key in WIDTHS:
                    arrays[unquote(name)] = _rows(self._numbers(n * WIDTHS[key], type_), n)
                case _:
                    raise ValueError(f"its section {' '.join(words)[:40]!r} is not known here")
        if len(sides) == 3:
            points = np.stack(sides, axis=1).astype(float)
        if points is None:
            raise ValueError("it holds no points")
        return kind, points, over_points


def _rows(values: np.ndarray, n: int) -> np.ndarray:
    """One value or one row of values for each of n points."""
    return values if len(values) == n else values.reshape(n, -1)
