"""What the steps share: how they report, and the writable arrays of a store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from microslip.core.disk import naming

Advance = Callable[[int, int], None]
"""Called with what is done and what is to be done in all."""

Say = Callable[[str], None]
"""Called with a sentence for the reader."""


def scratch_folder(folder: Path, mark: str) -> Path:
    """A folder for what an interrupted step keeps; emptied where it is of another configuration or of other inputs."""
    note = folder / "mark"
    with naming(note):
        if not note.exists() or note.read_text() != mark:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            note.write_text(mark)
    return folder
