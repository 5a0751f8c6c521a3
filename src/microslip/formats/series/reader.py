"""Tables of quantities over time steps: LAMMPS logs, `fix print`, `fix ave/time`, CSV."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.formats.series.thermo import SEVERAL_ROWS, multi_head, multi_values, yaml_names, yaml_row
from microslip.formats.text.cells import NO_VALUE, Numbers, is_number, names_in, separator_of, split_cells
from microslip.formats.text.lines import open_lines

STEP_NAMES = ("Step", "step", "TimeStep", "timestep", "Timestep", "STEP")

# A log says so by these lines, and none of them lies among the rows of a run.
_BETWEEN_RUNS = re.compile(
    r"(?:LAMMPS|LIGGGHTS\S*) \(|^Loop time of |^Per MPI rank memory|^Memory usage per proc|^Setting up .*run\b"
    r"|^Total wall time"
)
_TITLE_FOLLOWS = re.compile("^Per MPI rank memory|^Memory usage per proc")
_REMARK = re.compile(r"\s*(?:WARNING|ERROR|Fix print output for fix\b|\S+ data for fix\b)")
# A row that was cut, with the title of the next run behind it.
_GLUED = re.compile(rf"\s*[-+\d].*[\d.]((?:{'|'.join(STEP_NAMES)})(?:\s+\S+)+)\s*")
_OTHER_SEPARATORS = re.compile(r"\s*[\s,;]\s*")
# Lines without numbers are kept, so many of them, until a row shows which was its title.
MOST_ABOVE = 16


def read_series(path: Path, say: Callable[[str], None] = lambda sentence: None) -> pd.DataFrame:
    """Every row of numbers of a text, under the names above the first of them.

    A log with several runs gives them one after another; where they hold other columns, the others are NaN. A column
    with words in it holds the first of them as text. Columns of one name that differ are called `name (column 2)`.

    Parameters
    ----------
    path
        Log of LAMMPS or LIGGGHTS (thermo_style one, multi, yaml), what fix print or fix ave/time wrote, or a table with
        commas, semicolons, tabs or blanks between its values.
    say
        Called with sentences on what was left out.

    Raises
    ------
    MicroslipError
        The file is missing, binary, or holds no row of numbers under names; a row fits no names; a line among the rows
        may be a title or a remark; a sign in a number may part thousands or begin decimals.
    """
    reader = _Reader(path)
    for line, text in _texts(path, say):
        reader.add(line, text)
    return reader.table(say)


def _texts(path: Path, say: Callable[[str], None]) -> Iterator[tuple[int, str]]:
    """Those lines that have an end, with their numbers."""
    with open_lines(path) as lines:
        while (line := lines.read_line()) is not None:
            number = lines.line - 1
            if number == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise MicroslipError(f"{path} is text in UTF-16: save it as UTF-8")
            if b"\0" in line:
                raise MicroslipError(f"{path}, line {number}: this is a binary file, not a table")
            text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace")
            if lines.whole:
                # a carriage return alone ends a row as well
                yield from ((number, part) for part in text.split("\r"))
            elif any(map(is_number, re.split(r"[\s,;\[\]]+", text))):
                # a last number without an end may be cut within its digits
                say(f"{path}, line {number}: the last row has no end of line and may be cut: it is left out")


class _Block:
    """Rows under the same names. `words`: of a column, row and text of the first cell that is no number."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.values = array("d")
        self.words: dict[int, tuple[int, str]] = {}
        self.first_word: tuple[int, int] | None = None

    def add(self, values: Sequence[float], words: dict[int, str]) -> None:
        for column, word in words.items():
            self.words.setdefault(column, (len(self.values) // len(self.names), word))
        self.values.extend(values)

    def table(self) -> pd.DataFrame:
        values = np.array(self.values).reshape(-1, len(self.names))
        table = pd.DataFrame(values, columns=_distinct(self.names, values))
        for column, (row, word) in self.words.items():
            mixed = values[:, column].astype(object)
            mixed[row] = word
            table.isetitem(column, mixed)
        return table.loc[:, ~table.columns.duplicated()]

    def is_aligned(self, text: str) -> bool:
        """Whether the first word stands where it does in the first row, as in the rows that LAMMPS writes."""
        start = len(text) - len(text.lstrip())
        end = start + len(text.split(maxsplit=1)[0])
        self.first_word = self.first_word or (start, end)
        first_start, first_end = self.first_word
        return start == first_start or end == first_end or (start == 0 and end > first_end)


def _distinct(names: list[str], values: np.ndarray) -> list[str]:
    """Names, with the number of the column where several of one name hold different values."""
    distinct = []
    for column, name in enumerate(names):
        same = [other for other, one in enumerate(names) if one == name]
        equal = all(np.array_equal(values[:, column], values[:, other], equal_nan=True) for other in same)
        distinct.append(name if equal else f"{name} (column {column + 1})")
    return distinct


class _Reader:
    """Takes line after line, and tells titles, rows and remarks apart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._separator = separator_of(self._first_lines())
        self._numbers = Numbers(path)
        self._blocks: list[_Block] = []
        self._open: _Block | None = None  # the block that rows belong to
        self._above: list[tuple[int, str]] = []  # lines without numbers since the last row
        self._multi: dict[str, float] = {}
        self._multi_open: _Block | None = None
        self._in_yaml = False
        self._is_log = self._titles_are_announced = self._of_minimisation = False
        self._unfit: list[tuple[int, str]] = []  # rows that fit no names
        self._notes: list[str] = []

    def _first_lines(self) -> Iterator[str]:
        for _, text in _texts(self._path, lambda sentence: None):
            if _BETWEEN_RUNS.search(text) or text.startswith("keywords:"):
                return
            if text.strip():
                yield text

    def add(self, line: int, text: str) -> None:
        """One line of the file."""
        if self._separator in (None, ",") and not self._in_yaml:
            # most lines of a long table are rows of plain numbers
            try:
                values = [float(word) for word in text.split(self._separator)]
            except ValueError:
                pass
            else:
                if "_" not in text:
                    if not self._numbers.point and "." in text:
                        self._numbers.point = line
                    if values:
                        self._row(line, text, values, {}, len(values))
                    return
        if _BETWEEN_RUNS.search(text):
            self._close()
            self._is_log = True
            self._titles_are_announced |= _TITLE_FOLLOWS.search(text) is not None
            if is_number(text.split()[0]):
                self._unfit.append((line, text))
        elif not self._thermo_line(line, text):
            self._other_line(line, text)

    def _close(self) -> None:
        """What follows belongs to no title so far."""
        self._end_multi()
        self._open = self._multi_open = None
        self._above.clear()
        self._in_yaml = False

    def _begin(self, names: list[str]) -> _Block:
        if not self._blocks or self._blocks[-1].names != names:
            self._blocks.append(_Block(names))
        return self._blocks[-1]

    def _thermo_line(self, line: int, text: str) -> bool:
        """Whether the line belongs to thermo output of style multi or in YAML."""
        head = multi_head(text)
        if head is not None:
            self._end_multi()
            self._multi, self._is_log, self._open = head, True, None
            return True
        if self._multi and (values := multi_values(text)):
            self._multi = values | self._multi
            return True
        where = f"{self._path}, line {line}"
        names = yaml_names(text, where)
        if names is not None:
            self._close()
            self._open, self._in_yaml = self._begin(names), True
            return True
        if self._in_yaml:
            cells = yaml_row(text, where)
            if cells is not None:
                self._cells(line, text, cells)
            elif text.strip() in ("...", "---"):
                self._close()
        return self._in_yaml

    def _end_multi(self) -> None:
        """Add the block of style multi that was read; one that lacks some of the names was cut."""
        if not self._multi:
            return
        names = sorted(self._multi, key=lambda name: name != "Step")
        if self._multi_open is not None and set(names) < set(self._multi_open.names):
            self._notes.append(f"{self._path}: the block of step {self._multi['Step']:.0f} is cut, and left out")
        else:
            self._multi_open = self._begin(names)
            self._multi_open.add([self._multi[name] for name in names], {})
        self._multi = {}

    def _other_line(self, line: int, text: str) -> None:
        """A line with words in it, or with something between its numbers."""
        plain = text.strip()
        if not plain:
            return
        cells = split_cells(text, self._separator)
        if "#" in plain[1:] and is_number(cells[0]):
            # a remark behind a row
            cells = split_cells(text[: text.index("#")], self._separator)
        numbers = sum(map(is_number, cells))
        # LAMMPS writes no commas into its rows, but fix print may put lines with commas between them
        foreign = not numbers or (self._is_log and "," in plain)
        if foreign and all(map(is_number, _OTHER_SEPARATORS.split(plain))):
            self._unfit.append((line, text))
        elif plain.startswith("#") or _REMARK.match(plain) or not numbers:
            self._above = [*self._above[1 - MOST_ABOVE :], (line, plain)]
        elif self._separator is not None or numbers == len(cells):
            self._cells(line, text, cells)
        elif glued := _GLUED.fullmatch(text):
            self._unfit.append((line, text))
            self._above.append((line, glued[1]))
        elif self._open is not None and (is_number(cells[0]) or len(cells) == len(self._open.names)):
            self._unfit.append((line, text))

    def _cells(self, line: int, text: str, cells: list[str]) -> None:
        values, words = [], {}
        for column, cell in enumerate(cells):
            value = np.nan if cell in NO_VALUE else self._numbers.read(cell, line, column)
            if value is None:
                words[column], value = cell, np.nan
            values.append(value)
        filled = next((n for n in range(len(cells), 0, -1) if cells[n - 1]), 0)
        self._row(line, text, values, words, filled)

    def _row(self, line: int, text: str, values: list[float], words: dict[int, str], filled: int) -> None:
        """A row; `filled`: number of its cells up to the last that is not empty."""
        self._of_minimisation = bool(self._above) and self._above[-1][1].startswith("Energy initial, next-to-last")
        if self._above:
            self._find_title(line, range(filled, len(values) + 1))
        block = self._open
        if block is None:
            if not self._of_minimisation:
                self._unfit.append((line, text))
        elif not filled <= len(block.names) <= len(values) or not self._is_in_line(block, text):
            self._unfit.append((line, text))
        else:
            block.add(values[: len(block.names)], words)

    def _is_in_line(self, block: _Block, text: str) -> bool:
        """False for what `fix print` puts among the rows of a log, which are aligned and it is not."""
        return not self._is_log or self._in_yaml or block.is_aligned(text)

    def _find_title(self, line: int, widths: range) -> None:
        """Which of the lines above a row holds its names, if one does."""
        above, self._above = self._above, []
        if any("Number-of-" in text for _, text in above):
            raise MicroslipError(f"{self._path}, line {line}: {SEVERAL_ROWS}")
        if self._in_yaml:
            return
        titles = [(at, text, names) for at, text in above if (names := self._names(text, widths))]
        sure = [one for one in titles if self._is_title(one[2])]
        if not titles:
            # a title of steps that does not fit: its rows are not those of the title before
            if any(text.split()[0] in STEP_NAMES and len(text.split()) > 2 for _, text in above):
                self._open = None
            return
        if self._open is not None and not sure:
            if self._titles_are_announced:
                return
            if len(self._open.names) in widths:
                at, text, _ = titles[-1]
                raise MicroslipError(
                    f"{self._path}, line {at}: {text[:60]!r} among rows of {len(self._open.names)} columns may be a"
                    " remark or the names of other columns: mark a remark with #, or cut the file there"
                )
        at, text, names = (sure or titles)[-1]
        for other, remark, _ in titles:
            if other > at:
                self._notes.append(
                    f"{self._path}, line {other}: {remark[:60]!r} is passed over: the names stand above it"
                )
        self._open = self._begin(names)

    def _names(self, text: str, widths: range) -> list[str] | None:
        if _REMARK.match(text.lstrip("# ")) or (self._separator is None and text[-1] in ":=,.!?"):
            return None
        return names_in(text, self._separator, widths)

    def _is_title(self, names: list[str]) -> bool:
        """Whether the names are those of a table beyond doubt: a step, or a name that was met before."""
        names_before = {name for block in self._blocks for name in block.names}
        return any(name in STEP_NAMES or name in names_before for name in names)

    def table(self, say: Callable[[str], None]) -> pd.DataFrame:
        """All that was read."""
        self._end_multi()
        self._numbers.check()
        tables = [block.table() for block in self._blocks if block.values]
        if not tables:
            raise MicroslipError(
                f"{self._path} holds no rows of numbers under a line of names: give a log with thermo output, or what"
                " fix print or fix ave/time wrote, with its title line"
            )
        if self._unfit:
            line, text = self._unfit[0]
            n, first = len(self._unfit), f"line {line}: {text.strip()[:60]!r}"
            if not self._is_log:
                raise MicroslipError(
                    f"{self._path}, {first} does not fit the names {', '.join(self._blocks[0].names)}: mend the rows"
                    f" that do not, {n} in all, or name every column"
                )
            say(f"{self._path}: {n} line{'s' * (n > 1)} of numbers under no names left out, the first {first}")
        for note in self._notes:
            say(note)
        return pd.concat(tables, ignore_index=True)
