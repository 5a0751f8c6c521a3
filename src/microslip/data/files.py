"""Small files, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.data.seals import check_whole


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path beside the target; what is written there takes the target's place when the block ends without an error."""
    beside = target.with_name(f".{target.name}.partial")
    _remove(beside)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield beside
    except BaseException:
        _remove(beside)
        raise
    put_in_place(beside, target)


def put_in_place(beside: Path, target: Path) -> None:
    """Rename onto the target; a folder that stands there is moved aside first and then removed."""
    if target.is_dir():
        aside = target.with_name(f".{target.name}.old")
        _remove(aside)
        target.rename(aside)
        beside.rename(target)
        _remove(aside)
    else:
        os.replace(beside, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with a stable layout."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(content, indent=2, sort_keys=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises
    ------
    MicroslipError
        The file is missing, not JSON, or no longer what its step left there.
    """
    check_whole(path)
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise MicroslipError(f"{path} is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise MicroslipError(f"{path} is not readable as JSON ({problem}): restore it or remove it") from None


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, every float with the digits that give it back exactly."""
    with replacing(path) as beside:
        table.to_csv(beside, index=False)


def read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read a CSV table and check its columns.

    Raises
    ------
    MicroslipError
        The file is missing, unreadable, lacks a column, or is no longer what its step left there.
    """
    check_whole(path)
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise MicroslipError(f"{path} is missing: run the step that writes it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as problem:
        raise MicroslipError(f"{path} is not a readable table ({problem}): run the step that writes it again") from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise MicroslipError(f"{path} lacks the column {missing[0]}: run the step that writes it again")
    return table
