"""Rows of numbers in text → arrays, every number rounded as the nearest double."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.core.extras import package

if TYPE_CHECKING:
    import pyarrow as pa

PIECE = 2**20
# Words that stand for no number; pyarrow knows them, and no others are taken.
NO_NUMBER = ["nan", "-nan", "NaN", "-NaN", "NAN", "-NAN", "+nan", "-nan(ind)", "nan(ind)"]


def parse_numbers(
    text: bytes,
    labels: Sequence[str],
    names: Collection[str],
    whole: Collection[str],
    where: str,
    first_line: int,
) -> dict[str, np.ndarray]:
    """The named columns of rows that all have one value per label, `whole` ones as int64, others as float64.

    Raises
    ------
    MicroslipError
        A row has other columns, or a value is no number; `where` and the line say which, counted from `first_line`.
    """
    pa = package("pyarrow", "reading text dumps")
    wanted = [name for name in dict.fromkeys(labels) if name in names]
    doubled = sorted({name for name in wanted if labels.count(name) > 1})
    if not wanted or not text:
        return {name: np.empty(0, np.int64 if name in whole else float) for name in wanted}
    first = text[: text.find(b"\n") + 1 or len(text)].rstrip(b"\r\n")
    if first.startswith(b" ") or b"  " in first or b"\t" in first:
        text = _single_spaces(text)
        first = text[: text.find(b"\n") + 1 or len(text)].rstrip(b"\r\n")
    # LAMMPS and LIGGGHTS end their rows with a space: an empty column
    own = [*labels, ""] if first.endswith(b" ") and len(first.split(b" ")) == len(labels) + 1 else list(labels)
    columns = [name if name not in own[:place] else f"{name}\n{place}" for place, name in enumerate(own)]
    if doubled:
        _refuse_unlike(text, labels, doubled, where)
    try:
        table = _table(text, columns, wanted, whole)
    except pa.ArrowException:
        # rows that are laid out in columns show it by their blanks in some rows alone
        try:
            table = _table(_single_spaces(text), columns[: len(labels)], wanted, whole)
        except pa.ArrowException as problem:
            raise _explained(text, labels, wanted, whole, where, first_line, problem) from None
    columns_read = {}
    for name in wanted:
        column = table[name]
        if name in whole and column.null_count:
            raise _explained(text, labels, wanted, whole, where, first_line, None)
        columns_read[name] = column.to_numpy()
    return columns_read


def _refuse_unlike(text: bytes, labels: Sequence[str], doubled: Collection[str], where: str) -> None:
    """Two columns of one name are one where they hold the same."""
    for row in text.splitlines():
        words = row.split()
        for name in doubled:
            if len({word for label, word in zip(labels, words, strict=False) if label == name}) > 1:
                raise MicroslipError(
                    f"{where}: two columns are named {name} and hold other numbers: rename one of them"
                )


def _table(text: bytes, columns: Sequence[str], wanted: Sequence[str], whole: Collection[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    return pyarrow.csv.read_csv(
        pa.BufferReader(text),
        pyarrow.csv.ReadOptions(column_names=list(columns), use_threads=False, block_size=PIECE),
        pyarrow.csv.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=False),
        pyarrow.csv.ConvertOptions(
            include_columns=list(wanted),
            column_types={name: pa.int64() if name in whole else pa.float64() for name in wanted},
            null_values=NO_NUMBER,
            strings_can_be_null=False,
        ),
    )


def _single_spaces(text: bytes) -> bytes:
    """The same rows with one space between values and none around them."""
    return b"\n".join(b" ".join(row.split()) for row in text.splitlines()) + b"\n"


def _explained(
    text: bytes,
    labels: Sequence[str],
    wanted: Sequence[str],
    whole: Collection[str],
    where: str,
    first_line: int,
    problem: Exception | None,
) -> MicroslipError:
    """Which row pyarrow stumbled over: looked for only once something is wrong."""
    for number, row in enumerate(text.splitlines()):
        words = row.split()
        if len(words) != len(labels):
            return MicroslipError(
                f"{where}, line {first_line + number}: {len(words)} values stand there, and {len(labels)} columns are"
                " named"
            )
        for label, word in zip(labels, words, strict=True):
            if label in wanted and not _is_number(word, label in whole):
                kind = "whole number" if label in whole else "number"
                some = word[:40].decode("utf-8", "replace")
                return MicroslipError(f"{where}, line {first_line + number}: {label} is {some!r}, not a {kind}")
    return MicroslipError(f"{where}, from line {first_line}: the rows cannot be read ({problem})")


def _is_number(word: bytes, whole: bool) -> bool:
    text = word.decode("utf-8", "replace")
    try:
        if whole:
            return -(2**63) <= int(text) < 2**63 and "_" not in text
        float(text)
    except ValueError:
        return text in NO_NUMBER and not whole
    return "_" not in text
