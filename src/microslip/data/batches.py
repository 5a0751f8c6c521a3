"""A store filled batch by batch beside its target: a killed step goes on with the batches that are missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import zarr

from microslip.core.disk import naming
from microslip.core.errors import MicroslipError
from microslip.data.config import Batches
from microslip.data.files import put_in_place, read_json, write_json
from microslip.data.spread import spread_batches
from microslip.data.store import finish_store

Advance = Callable[[int, int], None]

Work = Callable[[Path, slice], None]
"""Fills in a slice of whole chunks of the store at a path; picklable, so that another process can do it."""


HERE = Batches()


@dataclass
class BatchedStore:
    """A store under construction, with what is done of it: the first `n_done` entries, and the batches at `ahead`.

    `complete` where an earlier try put it in place.
    """

    path: Path
    note: Path
    mark: dict[str, object]
    n_done: int = 0
    ahead: set[int] = field(default_factory=set)
    complete: bool = False

    def fill(self, n: int, size: int, work: Work, advance: Advance, batches: Batches = HERE) -> None:
        """Have every batch of `size` of the n entries done, here or by workers; what is done already is left alone."""
        if self.complete:
            advance(n, n)
            return
        starts = [start for start in range(self.n_done, n, size) if start not in self.ahead]
        slices = [slice(start, min(start + size, n)) for start in starts]
        left = sum(batch.stop - batch.start for batch in slices)
        advance(n - left, n)
        for batch in spread_batches(work, self.path, slices, batches):
            left -= batch.stop - batch.start
            self._note(batch.start, n, size)
            advance(n - left, n)

    def _note(self, start: int, n: int, size: int) -> None:
        self.ahead.add(start)
        while self.n_done in self.ahead:
            self.ahead.remove(self.n_done)
            self.n_done = min(self.n_done + size, n)
        write_json(self.note, {**self.mark, "n_done": self.n_done, "ahead": sorted(self.ahead)})


@contextmanager
def batched_store(target: Path, fingerprint: str, create: Callable[[Path], zarr.Group]) -> Iterator[BatchedStore]:
    """Open or create the store beside its target, and put it in place when the block ends without an error.

    A store left by an earlier try is used where its fingerprint is the same, and made anew otherwise; one that was put
    in place with this fingerprint is complete. Errors of the disk as in `microslip.core.disk`.
    """
    with naming(target):
        yield from _batched_store(target, fingerprint, create)


def _batched_store(target: Path, fingerprint: str, create: Callable[[Path], zarr.Group]) -> Iterator[BatchedStore]:
    target.parent.mkdir(parents=True, exist_ok=True)
    # a name of its own for every fingerprint: what a worker of an earlier try still writes must not land in this one
    beside = target.with_name(f".{target.name}.{fingerprint}.partial")
    note = target.with_name(f".{target.name}.progress.json")
    mark: dict[str, object] = {"fingerprint": fingerprint}
    if _fingerprint(target) == fingerprint:
        yield BatchedStore(target, note, mark, complete=True)
        return
    store = _earlier_try(beside, note, mark)
    if store is None:
        note.unlink(missing_ok=True)
        for earlier in target.parent.glob(f".{target.name}.*partial"):
            shutil.rmtree(earlier, ignore_errors=True)
        create(beside).attrs["fingerprint"] = fingerprint
        store = BatchedStore(beside, note, mark)
    yield store
    finish_store(beside)
    put_in_place(beside, target)
    note.unlink(missing_ok=True)


def _fingerprint(path: Path) -> object:
    try:
        return zarr.open_group(path, mode="r", use_consolidated=False).attrs.get("fingerprint")
    except (OSError, KeyError, ValueError, TypeError):
        return None


def _earlier_try(beside: Path, note: Path, mark: dict[str, object]) -> BatchedStore | None:
    if not note.exists() or _fingerprint(beside) != mark["fingerprint"]:
        return None
    try:
        before = read_json(note)
        return BatchedStore(beside, note, mark, int(before["n_done"]), set(before["ahead"]))
    except (MicroslipError, KeyError, ValueError, TypeError):
        return None
