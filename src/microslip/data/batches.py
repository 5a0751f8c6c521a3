"""A store filled batch by batch beside its target: a killed step goes on with the first batch that is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import zarr

from microslip.core.errors import MicroslipError
from microslip.data.files import put_in_place, read_json, write_json

Advance = Callable[[int, int], None]


@dataclass
class BatchedStore:
    """A store under construction; `batches` yields what is still to be done and notes what is."""

    group: zarr.Group
    note: Path
    mark: dict[str, object]
    n_done: int

    def batches(self, n: int, size: int, advance: Advance | None = None) -> Iterator[slice]:
        """Slices of whole chunks, `size` entries each; a slice counts as done when the next one is asked for."""
        for start in range(self.n_done, n, size):
            if advance is not None:
                advance(start, n)
            yield slice(start, min(start + size, n))
            self.n_done = min(start + size, n)
            write_json(self.note, {**self.mark, "n_done": self.n_done})
        if advance is not None:
            advance(n, n)


@contextmanager
def batched_store(target: Path, fingerprint: str, create: Callable[[Path], zarr.Group]) -> Iterator[BatchedStore]:
    """Open or create the store beside its target, and put it in place when the block ends without an error.

    A store left by an earlier try is used where its fingerprint is the same, and made anew otherwise.
    """
    beside = target.with_name(f".{target.name}.partial")
    note = target.with_name(f".{target.name}.progress.json")
    mark: dict[str, object] = {"fingerprint": fingerprint}
    n_done = 0
    group = None
    if note.exists() and beside.exists():
        try:
            before = read_json(note)
            if before["fingerprint"] == fingerprint:
                group, n_done = zarr.open_group(beside, mode="r+"), int(before["n_done"])
        except (MicroslipError, FileNotFoundError, KeyError, ValueError):
            group = None
    if group is None:
        note.unlink(missing_ok=True)
        group, n_done = create(beside), 0
    yield BatchedStore(group, note, mark, n_done)
    put_in_place(beside, target)
    note.unlink(missing_ok=True)
