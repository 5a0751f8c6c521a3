"""Which files, which reader: frames one after another, whatever program wrote them."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from math import inf
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.formats.columns import WHOLE, whole_numbers
from microslip.formats.files import by_step, first_of, name_numbers, natural, natural_within_families
from microslip.formats.frame import COORDINATES, IMAGES, Frame
from microslip.formats.source import Format, Source
from microslip.formats.text.lines import MARK, Unfinished, read_start

BY_SUFFIX: dict[str, Format] = {
    ".gsd": "gsd",
    ".h5md": "h5md",
    ".h5": "h5md",
    ".nc": "netcdf",
    ".vtk": "vtk",
    ".vtp": "vtk",
    ".vtu": "vtk",
    ".xyz": "extxyz",
    ".extxyz": "extxyz",
    ".csv": "table",
    ".tsv": "table",
    ".parquet": "table",
    ".pq": "table",
    ".lammpstrj": "lammps",
}
# First bytes of what carries a name that says nothing.
BY_BYTES: dict[bytes, Format] = {
    b"ITEM:": "lammps",
    b"\x89HDF\r\n": "h5md",
    b"CDF\x01": "netcdf",
    b"CDF\x02": "netcdf",
    b"CDF\x05": "netcdf",
    b"# vtk": "vtk",
    b"PAR1": "table",
}
# How a user of each format keeps more digits of the positions.
MORE_DIGITS = {
    "lammps": "dump_modify ID format float %.17g in LAMMPS; in LIGGGHTS name every column,"
    ' dump_modify ID format "%d %d %.17g %.17g %.17g …"',
    "table": "write the coordinates with every digit that the measurement has",
    "extxyz": "write pos with %.17g; ASE's writer keeps 8 decimals",
    "gsd": "precision='double' of gsd 5 and later, or a text dump beside it",
    "h5md": "write particles/…/position/value in double precision",
    "netcdf": "dump_modify ID double yes in LAMMPS",
    "vtk": "VTK files mostly keep single precision: write a text dump beside them",
}


def find_files(patterns: Sequence[str]) -> list[Path]:
    """The files that patterns name, each pattern's in the order of the numbers in their names.

    Files that are given singly stay in the order given, but those whose names differ in numbers alone.

    Raises
    ------
    MicroslipError
        A pattern names no file.
    """
    found: list[Path] = []
    for single, some in groupby(patterns, key=lambda pattern: Path(pattern).exists()):
        if single:
            found += natural_within_families([Path(name) for name in some])
        else:
            found += [path for pattern in some for path in sorted(_matches(pattern), key=natural)]
    return found


def _matches(pattern: str) -> list[Path]:
    found = [Path(name) for name in glob.glob(pattern)]
    if not found:
        raise MicroslipError(f"{pattern} names no file: give a file, or a pattern in quotes such as 'post/dump*'")
    return found


def fits(patterns: Sequence[str]) -> str:
    """How many files each pattern names, in words."""
    counts = [1 if Path(pattern).exists() else len(glob.glob(pattern)) for pattern in patterns]
    said = [f"{name} fits {n} file{'s' * (n != 1)}" for name, n in zip(patterns, counts, strict=True)]
    return ", ".join(said[:8]) + (f" and {len(said) - 8} more" if len(said) > 8 else "")


def recognise(path: Path) -> Format:
    """The format of a file, by its name or its first bytes.

    Raises
    ------
    MicroslipError
        Neither says, or it is an archive.
    """
    name = path.name.removesuffix(".gz")
    if (found := BY_SUFFIX.get(Path(name).suffix.lower())) is not None:
        return found
    start = read_start(path, 512)
    if start.startswith(b"PK\x03\x04") or start[257:262] == b"ustar":
        # unpacking would have to guard against paths that lead out of the folder: that is the archive program's work
        raise MicroslipError(f"{path} is an archive: unpack it into a folder of its own and give the files in it")
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        raise MicroslipError(
            f"{path} is packed by zstd: unpack it with zstd -d, or pack it with gzip, which is read as is"
        )
    for first, kind in BY_BYTES.items():
        if start.removeprefix(MARK).lstrip().startswith(first):
            return kind
    known = "lammps, table, extxyz, gsd, h5md, netcdf, vtk"
    raise MicroslipError(f"what {path} is, neither its name nor its first bytes say: give --format, one of {known}")


def read_frames_of(files: Sequence[Path], kind: Format, source: Source, note: Callable[[str], None]) -> Iterator[Frame]:
    """The frames of all files, one after another; `read` is the share of all of them that has been read.

    A file whose last frame is not whole gives those before it, and `note` is told.

    Raises
    ------
    MicroslipError
        As the reader of the format; what it needs is not installed.
    """
    sizes = [path.stat().st_size for path in files]
    total, before = max(1, sum(sizes)), 0
    # frames of earlier files, where the files number none themselves
    counted, units, time = 0, "", -inf
    numbers = name_numbers(files)
    for path, size, number in zip(files, sizes, _numbered(numbers), strict=True):
        base = counted
        if size == 0:
            note(f"{path} is empty")
        try:
            for place, frame in enumerate(_reader(kind, source, number)(path)):
                if not frame.step_told:
                    if place == 0 and frame.time is not None and frame.time < time:
                        raise MicroslipError(
                            f"{frame.where}: time {frame.time:g} follows time {time:g} of the file before, and no steps"
                            " tell which frames are the same: leave one of the two out"
                        )
                    time = time if frame.time is None else frame.time
                    counted = base + frame.step + 1
                    frame = replace(frame, step=base + frame.step)
                elif kind == "vtk":
                    frame = replace(frame, step=number)
                units = units or frame.units
                if frame.units and frame.units != units:
                    raise MicroslipError(f"{frame.where} is in units {frame.units}, those before in {units}: use one")
                if not frame.ended:
                    note(f"{path} ends without a newline: its last row has all its values, and is taken for whole")
                if (source.first_step is not None and frame.step < source.first_step) or (
                    source.last_step is not None and frame.step > source.last_step
                ):
                    continue
                columns = {
                    name: whole_numbers(np.asarray(values), name, frame.where) if name in WHOLE else values
                    for name, values in frame.columns.items()
                }
                yield replace(frame, columns=columns, read=(before + frame.read * size) / total)
        except Unfinished:
            note(
                f"{path}: the last frame is not whole, as when its program was stopped or still writes; kept up to the"
                " one before"
            )
        before += size


def _numbered(numbers: Sequence[int | None]) -> list[int]:
    return [place if number is None else number for place, number in enumerate(numbers)]


def in_order(files: Sequence[Path], kind: Format, source: Source, note: Callable[[str], None]) -> list[Path]:
    """Files in the order of the steps in them, as `by_step` has it."""
    once = list(dict.fromkeys(files))
    if len(once) < len(files):
        note(f"{len(files) - len(once)} files are named twice, and read once")
    if len(once) < 2:
        return once
    files = once
    numbers = dict(zip(files, _numbered(name_numbers(files)), strict=True))

    def frames(path: Path) -> Iterator[Frame]:
        if kind == "lammps":
            from microslip.formats.readers.lammps import read_lammps

            # the rows are not looked at
            return read_lammps(path, ())
        if kind == "extxyz":
            from microslip.formats.readers.extxyz import NAMES, read_extxyz

            return read_extxyz(path, passed=NAMES)
        return _reader(kind, source, numbers[path])(path)

    first = {path: first_of(frames(path)) for path in files}
    for path, frame in first.items():
        if frame is None:
            continue
        if kind == "vtk" and frame.step_told:
            # the name tells it, and which number of the name, all names together
            first[path] = replace(frame, step=numbers[path])
        elif kind == "gsd" and any(one is not None and one.step_told for one in first.values()):
            # where a file leaves the step out, it has the schema's, 0
            first[path] = replace(frame, step_told=True)
    return by_step(files, first, note)


def _unneeded(source: Source) -> set[str]:
    """Those of our columns that no setting makes use of: they may hold anything."""
    kinds = set() if source.wall_types or source.diameters else {"type"}
    sizes = {"diameter", "radius"} if source.diameters else set()
    return kinds | sizes | (set(IMAGES) if source.follow else set())


def _reader(kind: Format, source: Source, number: int) -> Callable[[Path], Iterator[Frame]]:
    theirs = {name: ours for ours, name in source.columns.items()}
    whole = {name for name, ours in theirs.items() if ours in WHOLE}
    passed = _unneeded(source)
    if kind == "lammps":
        from microslip.formats.readers.lammps import GRAIN_NAMES, read_lammps

        wanted = (set(GRAIN_NAMES) - passed) | set(theirs)
        return lambda path: (_renamed(one, theirs) for one in read_lammps(path, wanted, whole))
    if kind == "table":
        from microslip.formats.readers.table import read_table_frames

        return lambda path: read_table_frames(path, source.columns, number, passed)
    if kind == "vtk":
        from microslip.formats.readers.vtk import read_vtk

        return lambda path: read_vtk(path, source.columns)
    if kind == "gsd":
        from microslip.formats.readers.gsd import read_gsd

        return lambda path: (_renamed(one, theirs) for one in read_gsd(path))
    if kind == "h5md":
        from microslip.formats.readers.h5md import read_h5md

        return lambda path: (_renamed(one, theirs) for one in read_h5md(path, list(theirs)))
    if kind == "netcdf":
        from microslip.formats.readers.netcdf import read_netcdf

        return lambda path: (_renamed(one, theirs) for one in read_netcdf(path, list(theirs)))
    from microslip.formats.readers.extxyz import read_extxyz

    return lambda path: (_renamed(one, theirs) for one in read_extxyz(path, list(theirs), whole, passed))


def _renamed(frame: Frame, theirs: dict[str, str]) -> Frame:
    """The frame with the file's names replaced by ours, as far as source.columns gives them."""
    if not theirs:
        return frame
    missing = [name for name in theirs if name not in frame.columns]
    if missing:
        raise MicroslipError(
            f"{frame.where} has no column {missing[0]}, which source.columns names: it has {', '.join(frame.columns)}"
        )
    ours = set(theirs.values())
    # coordinates that are named go before those that the file has besides
    others = {name for names in COORDINATES for name in names} - {"x", "y", "z"}
    passed = ours | (others if ours & {"x", "y", "z"} else set())
    kept = {name: values for name, values in frame.columns.items() if name in theirs or name not in passed}
    return replace(frame, columns={theirs.get(name, name): values for name, values in kept.items()})
