"""Which figures of a folder are drawn already: an interrupted drawing goes on with those that are missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, write_json


class Drawn:
    """The record of an unfinished drawing, beside its folder; removed when all figures are drawn.

    Parameters
    ----------
    folder
        Where the figures are.
    mark
        A digest of the data drawn: figures with another mark are drawn again. None to keep no record.
    """

    def __init__(self, folder: Path, mark: str | None) -> None:
        self._folder, self._mark = folder, mark
        self._note = folder.with_name(f".{folder.name}.drawn.json")
        self._figures: dict[str, dict[str, str]] = {} if mark is None else self._read()

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            before: Any = read_json(self._note)
            return dict(before["figures"]) if before["mark"] == self._mark else {}
        except (MicroslipError, KeyError, TypeError, ValueError):
            return {}

    def files(self, name: str) -> list[Path] | None:
        """Files of a figure that is drawn, an empty list where it shows nothing; None where it must be drawn."""
        try:
            digests = self._figures[name]
            paths = [self._folder / file for file in digests]
            return paths if all(_digest(path) == digests[path.name] for path in paths) else None
        except (KeyError, TypeError, OSError):
            return None

    def add(self, name: str, files: Iterable[Path]) -> None:
        """Note a figure as drawn."""
        if self._mark is not None:
            self._figures[name] = {path.name: _digest(path) for path in files}
            write_json(self._note, {"mark": self._mark, "figures": self._figures})

    def finish(self) -> None:
        """Remove the record once all figures are drawn."""
        self._note.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
