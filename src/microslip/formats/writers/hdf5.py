"""HDF5 written through a file of our own: the library crashes, or talks without end, where a disk fills up under it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microslip.core.extras import package

if TYPE_CHECKING:
    import h5py


def hdf5() -> Any:
    """The package h5py."""
    return package("h5py", "writing VTKHDF")


@contextmanager
def new_hdf5(path: Path) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """A new HDF5 file, and what raises the error of a write that failed: to be called now and then.

    Raises
    ------
    OSError
        The disk is full, or another error of the system.
    """
    with path.open("w+b", buffering=0) as raw:
        kept = _Kept(raw.fileno())
        try:
            with hdf5().File(kept, "w") as file:
                yield file, kept.check
        finally:
            # the first error is the one that counts, whatever HDF5 made of what it read back
            kept.check()


class _Kept(io.RawIOBase):
    """A file that keeps the error of a failed write instead of handing it to HDF5, which cannot cope with one.

    HDF5 is told that all was written; what it reads back of the missing part is 0.
    """

    def __init__(self, number: int) -> None:
        self._number, self._place, self._end = number, 0, 0
        self._problem: OSError | None = None

    def check(self) -> None:
        if self._problem is not None:
            raise self._problem

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        while len(left):
            n = len(left)
            if self._problem is None:
                try:
                    n = os.pwrite(self._number, left, self._place)
                except OSError as problem:
                    self._problem = problem
            self._place += n
            left = left[n:]
        self._end = max(self._end, self._place)
        return memoryview(data).nbytes

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        n = max(0, min(len(view), self._end - self._place))
        view[:n] = os.pread(self._number, n, self._place).ljust(n, b"\0")
        self._place += n
        return n

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def truncate(self, size: int | None = None) -> int:
        self._end = self._place if size is None else size
        if self._problem is None:
            try:
                os.ftruncate(self._number, self._end)
            except OSError as problem:
                self._problem = problem
        return self._end
