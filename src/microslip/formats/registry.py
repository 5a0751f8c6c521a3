"""Formats of other programs: one record each, found by name, by a file's ending and by its first bytes.

A new format of frames is one file in `readers/`, which holds `READER`, and its name in `Format`. A new format of an
export is one file in `writers/`, which holds `WRITER`, and its name in `WRITTEN`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.formats.columns import WHOLE
from microslip.formats.frame import Frame
from microslip.formats.text.lines import MARK, read_start

Format = Literal["auto", "lammps", "table", "extxyz", "gsd", "h5md", "netcdf", "vtk"]
FORMATS: tuple[str, ...] = get_args(Format)[1:]
Exported = Literal["frames", "fields", "voxels"]
# Where several writers know a kind, the first is the usual one.
WRITTEN = ("vtkhdf", "dump")

Tells = Literal["step", "time", "ids", "types", "diameters", "images", "cell", "periodicity", "strain", "units"]


@dataclass(frozen=True)
class Wanted:
    """What is read of a file. `theirs`: its names of our columns, and which of ours each is. `passed`: those of our
    columns that nothing needs and that may hold anything. `number`: the file's own, for a file that is one frame.
    """

    theirs: Mapping[str, str] = field(default_factory=dict)
    passed: Collection[str] = ()
    number: int = 0

    @property
    def ours(self) -> dict[str, str]:
        """Our columns, and the file's name of each."""
        return {ours: theirs for theirs, ours in self.theirs.items()}

    @property
    def whole(self) -> set[str]:
        """The file's names of columns of whole numbers."""
        return {theirs for theirs, ours in self.theirs.items() if ours in WHOLE}


@dataclass(frozen=True)
class Reader:
    """A format of frames.

    `title`, `read_by`, `notes`: for its row in the documentation. `open`: the frames of a file; `open_first`: those
    where only the step of the first one counts. `first_bytes`: what files without a known ending begin with. `tells`:
    what files may say besides positions. `digits`: those of a position; `more_digits`: how a user keeps more of them.
    `grains_come_and_go`: whether a grain without a position is left out, where in other formats it is an error.
    `step_in_name`: whether the numbers of the files' names tell the steps. `leaves_out_first_step`: whether a file that
    tells no step has the one that is its format's default.
    """

    title: str
    read_by: str
    suffixes: tuple[str, ...]
    open: Callable[[Path, Wanted], Iterator[Frame]]
    digits: str
    more_digits: str
    first_bytes: tuple[bytes, ...] = ()
    notes: str = ""
    tells: tuple[Tells, ...] = ()
    open_first: Callable[[Path, Wanted], Iterator[Frame]] | None = None
    grains_come_and_go: bool = False
    step_in_name: bool = False
    leaves_out_first_step: bool = False


class GrainsAtStep(NamedTuple):
    """Grains that are written: the number of a frame or a stage, the cell, centres (grain, axis) [d̄], and what they
    carry, one row a grain, `id`, `kind` and `diameter` [d̄] among it.
    """

    number: int
    box: Box
    position: np.ndarray
    columns: Mapping[str, np.ndarray]


class Nodes(NamedTuple):
    """Nodes that are written: the grid's number of nodes, spacing and origin [d̄]; of every stage arrays (x, y, z)."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    steps: Iterable[tuple[int, Mapping[str, np.ndarray]]]


@dataclass(frozen=True)
class Writer:
    """A format that a run is exported in.

    `suffixes`: the usual one first. `write`: functions by what they write; frames and fields come as many
    `GrainsAtStep`, voxels as `Nodes`.
    """

    title: str
    suffixes: tuple[str, ...]
    write: Mapping[Exported, Callable[[Path, Any], int]]


def reader(name: str) -> Reader:
    """The record of a format of frames."""
    record: Reader = import_module(f"microslip.formats.readers.{name}").READER
    return record


def writers() -> dict[str, Writer]:
    """The formats that runs are exported in, by name."""
    return {name: import_module(f"microslip.formats.writers.{name}").WRITER for name in WRITTEN}


def recognise(path: Path) -> str:
    """The format of a file of frames, by its name or its first bytes.

    Raises
    ------
    MicroslipError
        Neither tells, or the file is an archive.
    """
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    readers = {name: reader(name) for name in FORMATS}
    for name, one in readers.items():
        if suffix in one.suffixes:
            return name
    start = read_start(path, 512)
    if start.startswith(b"PK\x03\x04") or start[257:262] == b"ustar":
        # unpacking would have to guard against paths that lead out of the folder: that is the archive program's work
        raise MicroslipError(f"{path} is an archive: unpack it into a folder of its own and give the files in it")
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        raise MicroslipError(
            f"{path} is packed by zstd: unpack it with zstd -d, or pack it with gzip, which is read as is"
        )
    start = start.removeprefix(MARK).lstrip()
    for name, one in readers.items():
        if start.startswith(one.first_bytes):
            return name
    raise MicroslipError(
        f"the format of {path} is told neither by its name nor by its first bytes: give --format, one of"
        f" {', '.join(FORMATS)}"
    )


def writer_of(target: Path, what: Exported) -> Callable[[Path, Any], int]:
    """What writes a file of this name.

    Raises
    ------
    MicroslipError
        No writer knows its ending, or not for what is written.
    """
    for one in writers().values():
        if target.name.endswith(one.suffixes) and what in one.write:
            return one.write[what]
    choices = [f"{', '.join(one.suffixes)} ({one.title})" for one in writers().values() if what in one.write]
    raise MicroslipError(f"{target} is no name for {what}: name a file that ends in {'; or '.join(choices)}")


def usual_suffix(what: Exported) -> str:
    """The ending of a file of which no name was given."""
    return next(one.suffixes[0] for one in writers().values() if what in one.write)
