"""Small files, written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from microslip.core.disk import naming
from microslip.core.errors import MicroslipError
from microslip.data.seals import check_whole

# Names beside a target: a folder in which one process writes, its lock there, and an older folder that makes room.
PARTIAL, LOCK, OLD = ".partial", "lock", ".old"


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path beside the target; what is written there takes the target's place when the block ends without an error.

    The path is this process's own, so that two that write one target do not write into each other's; the last one
    stays. What a killed process left is removed by the next that writes the target.

    Raises
    ------
    MicroslipError
        The disk is full, or something else of `microslip.core.disk`; the target is as it was.
    """
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(target)
        with _own_place(target) as place:
            yield place / target.name
            put_in_place(place / target.name, target)


@contextmanager
def _own_place(target: Path) -> Iterator[Path]:
    """A new folder beside the target, held by a lock until this process ends, however it ends."""
    while True:
        place = Path(tempfile.mkdtemp(PARTIAL, f".{target.name}.", target.parent))
        try:
            with (place / LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                # another process may have taken it for a leftover before it was held
                if place.exists():
                    yield place
                    return
        finally:
            shutil.rmtree(place, ignore_errors=True)


def put_in_place(beside: Path, target: Path) -> None:
    """Rename onto the target; a folder that stands there is moved aside first and then removed."""
    aside = beside.with_name(f".{target.name}{OLD}")
    while True:
        try:
            os.replace(beside, target)
        except OSError as problem:
            # a folder is there, or was until another process moved it: this one, or that of one which was faster
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR):
                raise
            _remove(aside)
            with suppress(FileNotFoundError):
                target.rename(aside)
        else:
            break
    _remove(aside)


def _clear_leftovers(target: Path) -> None:
    """Remove what killed processes left beside a target, but for a folder that they had just moved aside."""
    for place in target.parent.glob(f".{glob.escape(target.name)}.*{PARTIAL}"):
        # one without a lock is about to get it, or its process ended before that: too empty to matter
        with suppress(OSError), (place / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            aside = place / f".{target.name}{OLD}"
            if aside.exists() and not target.exists():
                aside.rename(target)
            shutil.rmtree(place, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with a stable layout; a number that is not finite becomes null, since JSON has none."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(without_nan(content), indent=2, sort_keys=False, allow_nan=False) + "\n")


def without_nan(content: Any) -> Any:
    """The content of a JSON file with None in place of each number that is not finite."""
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def read_json(path: Path, *, numbers: bool = False) -> Any:
    """Read JSON; where its values are `numbers`, null is NaN.

    Raises
    ------
    MicroslipError
        The file is missing, not JSON, or no longer what its step left there.
    """
    check_whole(path)
    try:
        return json.loads(path.read_text(), object_hook=_nan_for_null if numbers else None)
    except FileNotFoundError:
        raise MicroslipError(f"{path} is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise MicroslipError(f"{path} is not readable as JSON ({problem}): restore it or remove it") from None


def _nan_for_null(values: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in values.items()}


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
