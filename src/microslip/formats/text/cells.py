"""One line of a table of numbers: how its cells are parted, and which of them are numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from microslip.core.errors import MicroslipError

SEPARATORS = (";", "\t", ",")
# What spreadsheets and pandas write where there is no value.
NO_VALUE = frozenset(("", "NA", "N/A", "n/a", "null", "NULL", "None"))

_POINTS_AND_COMMAS = re.compile(r"[+-]?\d[\d.,]*,[\d.,]*\d(?:[eE][+-]?\d+)?")
_ONE_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_COMMA_BEFORE_THREE = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_POINT_BEFORE_THREE = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})*\.\d\d0")
_WITHOUT = "write the numbers without signs between thousands, and all with one decimal sign"


def split_cells(text: str, separator: str | None) -> list[str]:
    """Cells of a line without blanks around them; None parts at blanks. Quotation marks hold a cell together."""
    if '"' in text:
        row = next(csv.reader([text], delimiter=separator or " ", skipinitialspace=True), [])
        return [cell.strip() for cell in row if separator or cell]
    return [cell.strip() for cell in text.split(separator)] if separator else text.split()


class Numbers:
    """Reads cells as numbers with a decimal point, or a decimal comma where the table as a whole leaves no doubt."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.point: int | None = None  # first line with a decimal point
        self._comma: tuple[int, str] | None = None
        self._comma_is_decimal = False
        self._whole: set[int] = set()  # columns that hold whole numbers
        self._thousands_are_plain = False  # a number such as 1000 is written without a sign
        self._grouped: dict[int, tuple[int, str]] = {}

    def read(self, cell: str, line: int, column: int = 0) -> float | None:
        """The number of a cell, None where it is none.

        Raises
        ------
        MicroslipError
            It has signs between its thousands.
        """
        try:
            value = float(cell)
        except ValueError:
            return self._with_comma(cell, line) if "," in cell and _POINTS_AND_COMMAS.fullmatch(cell) else None
        if "_" in cell or not cell.isascii():
            return None
        if "." in cell:
            self.point = self.point or line
            if _POINT_BEFORE_THREE.fullmatch(cell):
                self._grouped.setdefault(column, (line, cell))
        elif cell.isdigit():
            self._whole.add(column)
            self._thousands_are_plain |= len(cell) > 3
        return value

    def _with_comma(self, cell: str, line: int) -> float:
        if not _ONE_COMMA.fullmatch(cell):
            raise MicroslipError(f"{self._path}, line {line}: {cell!r} has signs between its thousands: {_WITHOUT}")
        self._comma = self._comma or (line, cell)
        self._comma_is_decimal |= not _COMMA_BEFORE_THREE.fullmatch(cell)
        return float(cell.replace(",", "."))

    def check(self) -> None:
        """Whether one reading of points and commas fits all numbers met.

        Raises
        ------
        MicroslipError
            A comma or a point may part thousands as well as begin decimals.
        """
        if self._comma and self.point:
            line, cell = self._comma
            raise MicroslipError(
                f"{self._path}, line {line}: {cell!r} has a comma in it, and numbers of line {self.point} have a point:"
                f" one of them may part thousands; {_WITHOUT}"
            )
        if self._thousands_are_plain:
            return
        if self._comma and not self._comma_is_decimal:
            line, cell = self._comma
            whole, decimals = cell.replace(",", ""), cell.replace(",", ".")
            raise MicroslipError(f"{self._path}, line {line}: {cell!r} may be {whole} or {decimals}: {_WITHOUT}")
        # no program that writes 750 writes 1.000 in the same column and means 1
        for column, (line, cell) in self._grouped.items():
            if column in self._whole:
                raise MicroslipError(
                    f"{self._path}, line {line}: {cell!r} may be {cell.replace('.', '')} or {float(cell):g}, for the"
                    f" column holds whole numbers too: {_WITHOUT}"
                )


def separator_of(lines: Iterable[str]) -> str | None:
    """What parts the cells of the rows, told from the first row among these lines; None for blanks."""
    above = ""
    for text in lines:
        if text.lstrip().startswith("#"):
            above = text.lstrip("# ")
            continue
        for separator in SEPARATORS:
            cells = split_cells(text, separator)
            numbers = [cell for cell in cells if cell not in NO_VALUE]
            if len(cells) > 1 and numbers and all(map(is_number, numbers)):
                return separator
        words = split_cells(text, None)
        if len(words) > 1 and all(map(is_number, words)):
            return None
        # a row with words in it is known by the line of names above
        for separator in SEPARATORS:
            cells = split_cells(text, separator)
            if len(cells) > 1 and len(cells) == len(split_cells(above, separator)) and any(map(is_number, cells)):
                return separator
        above = text
    return None


def is_number(cell: str) -> bool:
    """Whether a cell looks like a number, with a decimal point or a comma."""
    try:
        float(cell)
    except ValueError:
        return bool(_POINTS_AND_COMMAS.fullmatch(cell))
    return "_" not in cell and cell.isascii()


def names_in(text: str, separator: str | None, widths: range) -> list[str] | None:
    """The names in a title above rows of so many cells; None where it is no such title.

    What stands between the names may differ from what stands between the values, as NumPy writes it.
    """
    text = text.lstrip("# ;,\t") if text.startswith("#") else text
    ways = [split_cells(text, one) for one in dict.fromkeys((separator, *SEPARATORS, None))]
    # names with single blanks in them, in columns
    ways.append(re.split(r"\s{2,}", text.strip()))
    for cells in ways:
        while cells and not cells[-1]:
            cells = cells[:-1]
        if len(cells) in widths and not any(map(is_number, cells)):
            return [cell or f"column {place}" for place, cell in enumerate(cells, 1)]
    return None
