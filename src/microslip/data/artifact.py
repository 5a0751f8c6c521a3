"""The record of one file that a run may hold, and the notation that files are told in."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Between two cells; a bar of an absolute value has no space on one of its sides.
_BORDER = re.compile(r"\s\|(?=\s)")


@dataclass(frozen=True)
class Column:
    """A column of a table, a key of a JSON file, or an array of a store.

    `unit` as in the attributes of the stores: `d` is d̄ and `p` the pressure. `when`: where it is there, in a few words;
    empty where it always is. `dimensions` and `dtype` are those of an array.
    """

    name: str
    unit: str
    meaning: str
    when: str = ""
    dimensions: tuple[str, ...] = ()
    dtype: str = ""


@dataclass(frozen=True)
class Artifact:
    """A file, a store or a folder of a run.

    `path` in the run folder; NAME stands for any name, and a folder ends in /. `step`: the verb that writes it; empty
    for the run's own records. `meaning`: in half a sentence. `read_by`: the steps that read it. `result`: whether it is
    part of the step's result, which is sealed; files that only serve to resume a step are not.
    """

    path: str
    step: str
    meaning: str
    columns: tuple[Column, ...] = ()
    read_by: tuple[str, ...] = ()
    result: bool = True

    @property
    def top(self) -> str:
        """The file, store or folder of the run folder that holds it: `model` of `model/history.csv`."""
        return self.path.split("/")[0]

    @property
    def pattern(self) -> str:
        """Its path as a glob pattern."""
        return self.path.replace("NAME", "*")

    def column(self, name: str) -> Column:
        """A column by its name."""
        return next(column for column in self.columns if column.name == name)


def files(step: str, text: str, read_by: tuple[str, ...] = (), *, result: bool = True) -> tuple[Artifact, ...]:
    """Records of what a step leaves, from lines `path: meaning`, each with its columns in indented lines below it.

    A column of a table: `name | unit | meaning`, of a store `name | dimensions | type | unit | meaning`, each with
    `| when` where it may lack. Names that differ in nothing else share a line.
    """
    records: list[tuple[str, str, list[Column]]] = []
    for row in text.splitlines():
        if row.startswith(" "):
            records[-1][2].extend(_columns(row, array=records[-1][0].endswith(".zarr")))
        elif row:
            path, _, meaning = row.partition(": ")
            records.append((path, " ".join(meaning.split()), []))
    return tuple(Artifact(path, step, meaning, tuple(of), read_by, result) for path, meaning, of in records)


def _columns(row: str, *, array: bool) -> list[Column]:
    names, *cells = (" ".join(cell.split()) for cell in _BORDER.split(row))
    dimensions, dtype, *cells = cells if array else ["", "", *cells]
    unit, meaning, when = [*cells, ""][:3]
    return [Column(name, unit, meaning, when, tuple(dimensions.split()), dtype) for name in names.split()]


def line(*cells: str) -> str:
    """The line of a column that another record tells."""
    return f"    {' | '.join(cells)}\n"
