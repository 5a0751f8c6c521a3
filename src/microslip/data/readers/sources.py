"""Which files, which reader: frames one after another, whatever program wrote them."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.data.frame import COORDINATES, Frame
from microslip.data.readers.lines import Unfinished, read_start
from microslip.data.source import Format, Source

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
WHOLE = {"id", "type", "ix", "iy", "iz"}
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

    Raises
    ------
    MicroslipError
        A pattern names no file.
    """
    found: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        if path.exists():
            found.append(path)
            continue
        matches = [Path(name) for name in glob.glob(pattern)]
        if not matches:
            raise MicroslipError(f"{pattern} names no file: give a file, or a pattern in quotes such as 'post/dump*'")
        found += sorted(matches, key=_natural)
    return found


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Numbers in a name count as numbers: dump9 comes before dump10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", str(path)) if part]


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
        if start.lstrip().startswith(first):
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
    for number, (path, size) in enumerate(zip(files, sizes, strict=True)):
        try:
            for frame in _reader(kind, source, number)(path):
                if (source.first_step is not None and frame.step < source.first_step) or (
                    source.last_step is not None and frame.step > source.last_step
                ):
                    continue
                yield replace(frame, read=(before + frame.read * size) / total)
        except Unfinished:
            note(
                f"{path}: the last frame is not whole, as when its program was stopped or still writes; kept up to the"
                " one before"
            )
        before += size


def _reader(kind: Format, source: Source, number: int) -> Callable[[Path], Iterator[Frame]]:
    theirs = {name: ours for ours, name in source.columns.items()}
    if kind == "lammps":
        from microslip.data.readers.lammps import GRAIN_NAMES, read_lammps

        return lambda path: (_renamed(one, theirs) for one in read_lammps(path, {*GRAIN_NAMES, *theirs}))
    if kind == "table":
        from microslip.data.readers.table import read_table_frames

        return lambda path: read_table_frames(path, source.columns, _last_number(path, number))
    if kind == "vtk":
        from microslip.data.readers.vtk import read_vtk

        return lambda path: read_vtk(path, source.columns)
    if kind == "gsd":
        from microslip.data.readers.gsd import read_gsd

        return lambda path: (_renamed(one, theirs) for one in read_gsd(path))
    if kind == "h5md":
        from microslip.data.readers.h5md import read_h5md

        return lambda path: (_renamed(one, theirs) for one in read_h5md(path, list(theirs)))
    if kind == "netcdf":
        from microslip.data.readers.netcdf import read_netcdf

        return lambda path: (_renamed(one, theirs) for one in read_netcdf(path, list(theirs)))
    from microslip.data.readers.extxyz import read_extxyz

    return lambda path: (_renamed(one, theirs) for one in read_extxyz(path, list(theirs)))


def _last_number(path: Path, otherwise: int) -> int:
    """The last whole number in a file's name, such as the time step of dump.1200.csv."""
    found = re.findall(r"\d+", path.name.partition(".gz")[0].rpartition(".")[0])
    return int(found[-1]) if found else otherwise


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
    columns = {theirs.get(name, name): values for name, values in kept.items()}
    for name in WHOLE & ours:
        values = np.asarray(columns[name])
        if values.dtype.kind == "f":
            bad = ~(np.isfinite(values) & (values == np.round(values)))
            if bad.any():
                raise MicroslipError(f"{frame.where}: {name} is {values[bad][0]:g}, not a whole number")
            columns[name] = values.astype(np.int64)
    return replace(frame, columns=columns)
