"""A zip archive of one folder, with the SHA-256 of every file: written at once, taken apart only where it is whole."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from microslip.core.disk import require_room
from microslip.core.errors import MicroslipError
from microslip.data.files import replacing

SUMS = "SHA256SUMS"

# Read and written at a time.
BLOCK = 2**20

# The date of every file: the same content makes the same archive.
DATE = (1980, 1, 1, 0, 0, 0)

Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class Entry:
    """A file of an archive: its name, its content as a path, as bytes or as a function that writes it, its bytes."""

    name: str
    content: Path | bytes | Callable[[IO[bytes]], None]
    size: int
    packed: bool = True


class Packed(NamedTuple):
    """A file as it stands in an archive."""

    name: str
    size: int
    sha256: str


def entry_of(name: str, path: Path) -> Entry:
    """A file of the disk; the chunks of a store are compressed already."""
    return Entry(name, path, path.stat().st_size, packed="/c/" not in name)


def write_archive(
    target: Path, entries: Iterable[Entry], last: Callable[[list[Packed]], Iterable[Entry]], advance: Advance
) -> list[Packed]:
    """Write the archive; `last` makes the files that tell of the others, and the sums come at the end.

    Raises
    ------
    MicroslipError
        The disk is full; what stood in the target's place is as it was.
    """
    entries = list(entries)
    total, done, written = sum(entry.size for entry in entries), 0, []
    root = target.name.removesuffix(".zip")
    with replacing(target) as beside, zipfile.ZipFile(beside, "w", allowZip64=True) as archive:
        for entry in entries:
            written.append(_add(archive, root, entry, partial(_report, advance, done, total)))
            done += entry.size
        written += [_add(archive, root, entry, lambda _: None) for entry in last(written)]
        sums = "".join(f"{of.sha256}  {of.name}\n" for of in written).encode()
        _add(archive, root, Entry(SUMS, sums, len(sums)), lambda _: None)
    return written


def _add(archive: zipfile.ZipFile, root: str, entry: Entry, report: Callable[[int], None]) -> Packed:
    about = zipfile.ZipInfo(f"{root}/{entry.name}", DATE)
    about.compress_type = zipfile.ZIP_DEFLATED if entry.packed else zipfile.ZIP_STORED
    about.external_attr = 0o644 << 16
    with archive.open(about, "w", force_zip64=entry.size > 2**31) as file:
        target = _Summed(file, report)
        if isinstance(entry.content, bytes):
            target.write(entry.content)
        elif isinstance(entry.content, Path):
            with entry.content.open("rb") as source:
                shutil.copyfileobj(source, target, BLOCK)
        else:
            entry.content(target)  # type: ignore[arg-type]
    return Packed(entry.name, target.size, target.digest.hexdigest())


def _report(advance: Advance, before: int, total: int, size: int) -> None:
    advance(before + size, total)


class _Summed:
    """A file to write to that keeps the sum and the number of its bytes."""

    def __init__(self, file: IO[bytes], report: Callable[[int], None]) -> None:
        self.file, self.report, self.digest, self.size = file, report, hashlib.sha256(), 0

    def write(self, content: Any) -> int:
        self.digest.update(content)
        self.size += memoryview(content).nbytes
        self.report(self.size)
        return self.file.write(content)


def read_part(path: Path, name: str) -> bytes:
    """One small file of an archive, whole.

    Raises
    ------
    MicroslipError
        It is no archive of a run, or the file fails its sum.
    """
    with _opened(path) as (archive, root, sums):
        content = archive.read(f"{root}/{name}")
        if hashlib.sha256(content).hexdigest() != sums.get(name):
            raise _damaged(path, f"{name} fails its checksum")
        return content


def read_sums(path: Path) -> bytes:
    """The file of sums of an archive; errors as in `read_part`."""
    with _opened(path) as (archive, root, _):
        return archive.read(f"{root}/{SUMS}")


def verify(path: Path, advance: Advance) -> tuple[int, int]:
    """Hold every file of an archive against its sum, and return how many there are, and of how many bytes."""
    with _opened(path) as (archive, root, sums):
        for _ in _whole_files(path, archive, root, sums, advance):
            pass
        return len(sums), sum(about.file_size for about in archive.infolist())


def unpack(path: Path, target: Path, advance: Advance) -> None:
    """Take an archive apart into a folder, which appears only where every file agrees with its sum.

    Raises
    ------
    MicroslipError
        It is no archive of a run, or is damaged: which file, and that a fresh copy is needed. The disk has less room
        than it takes, which is seen before anything is written.
    """
    with _opened(path) as (archive, root, sums), replacing(target) as beside:
        require_room(target, sum(about.file_size for about in archive.infolist()))
        beside.mkdir()
        for name, block in _whole_files(path, archive, root, sums, advance):
            place = beside / name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("ab") as file:
                file.write(block)
        (beside / SUMS).write_bytes(archive.read(f"{root}/{SUMS}"))


def _whole_files(
    path: Path, archive: zipfile.ZipFile, root: str, sums: Mapping[str, str], advance: Advance
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file, a block at a time; refused at its end where it does not agree with its sum."""
    total, done = sum(about.file_size for about in archive.infolist()), 0
    for name, sha256 in sums.items():
        digest = hashlib.sha256()
        # an empty file is one too
        yield name, b""
        with archive.open(f"{root}/{name}") as source:
            while block := source.read(BLOCK):
                digest.update(block)
                yield name, block
                done += len(block)
                advance(done, total)
        if digest.hexdigest() != sha256:
            raise _damaged(path, f"{name} fails its checksum")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, str, dict[str, str]]]:
    """The archive, the folder in it, and the sums of its files by name."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {about.filename for about in archive.infolist()}
            roots = {name.partition("/")[0] for name in names}
            root = roots.pop() if len(roots) == 1 else ""
            if f"{root}/{SUMS}" not in names:
                raise MicroslipError(f"{path} is no archive of a run: make one with `microslip pack RUN`")
            lines = archive.read(f"{root}/{SUMS}").decode().splitlines()
            sums = {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines)}
            for name in sums:
                # a name that leads out of the folder is nobody's mistake
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                    raise MicroslipError(f"{path} holds the name {name}, which leads out of its folder: refused")
            if lost := sorted(set(sums) - {name.partition("/")[2] for name in names}):
                raise _damaged(path, f"it lacks {lost[0]}")
            yield archive, root, sums
    except FileNotFoundError:
        raise MicroslipError(f"{path} does not exist") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as problem:
        raise _damaged(path, str(problem)) from None


def _damaged(path: Path, what: str) -> MicroslipError:
    return MicroslipError(f"{path} is damaged ({what}): fetch it again, or pack the run again")
