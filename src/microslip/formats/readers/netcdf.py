"""Classic NetCDF trajectories in AMBER's convention: `dump netcdf` of LAMMPS, AMBER, MDAnalysis, OVITO."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.formats.columns import named
from microslip.formats.frame import Frame, close_open_sides, renamed
from microslip.formats.registry import Reader
from microslip.formats.text.lines import Unfinished, open_bytes

COORDINATES = {"unwrapped_coordinates": "xu yu zu", "coordinates": "x y z", "scaled_coordinates": "xs ys zs"}
# Our columns of one value per grain, by names in small letters; OVITO has identifier and atom_types.
SCALARS = {name: name for name in ("id", "type", "ix", "iy", "iz", "radius", "diameter")} | {
    "identifier": "id",
    "atom_types": "type",
}
CELL = {"cell_origin": 0.0, "cell_lengths": 0.0, "cell_angles": 90.0}
# Types by their numbers in the file.
TYPES = dict(enumerate(map(np.dtype, ("i1", "S1", ">i2", ">i4", ">f4", ">f8", "u1", ">u2", ">u4", ">i8", ">u8")), 1))
# What stands where nothing was ever written.
UNWRITTEN = 9.969209968386869e36
# No name, attribute or list in a header is longer.
LONGEST = 2**20


def read_netcdf(path: Path, names: Collection[str] = ()) -> Iterator[Frame]:
    """The frames of a NetCDF file of the classic format: with 32-bit or 64-bit offsets, or with 64-bit data.

    coordinates → x y z, unwrapped_coordinates → xu yu zu, scaled_coordinates → xs ys zs in the file's precision; id,
    type, ix iy iz, radius and diameter under their names or OVITO's, and `names` likewise. LAMMPS sorts grains by id.
    The step is LAMMPS' `time`, OVITO's Timestep or the frame's number. A cell repeats, but along axes on which its
    length is 0: there it reaches as far as the centres of the grains. Of OVITO's files, which hold cells of any kind,
    this is not known. Rows that were never written are left out.

    The header is read here: scipy knows no 64-bit data, which LAMMPS writes, and NetCDF's library gives zeros for what
    a file that was cut off lacks, without a word.

    Raises
    ------
    MicroslipError
        The file is missing, damaged or of another kind.
    Unfinished
        The last frame is not whole.

    Source: "AMBER NetCDF Trajectory/Restart Convention"; NetCDF's documentation, "File Format Specifications".
    """
    with open_bytes(path) as stream:
        start = stream.read(4)
        if start == b"\x89HDF":
            raise MicroslipError(
                f"{path} is NetCDF-4: turn it into the classic format with nccopy -k cdf5 {path} NEW.nc"
            )
        if start not in (b"CDF\x01", b"CDF\x02", b"CDF\x05"):
            raise MicroslipError(f"{path} is no NetCDF file, it begins with {start!r}: name its kind with --format")
        try:
            n_frames, begin, record, program, scales = _header(stream, start[3])
        except (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError, OverflowError, MemoryError):
            raise MicroslipError(f"{path}: its header is damaged or cut off: copy the file again") from None
        shapes = {name: dtype.shape for name, (dtype, *_) in (record.fields or {}).items()}
        place = next((name for name in COORDINATES if name in shapes), None)
        if place is None:
            raise MicroslipError(f"{path} holds no coordinates, but {', '.join(shapes)}: write x y z with dump netcdf")
        scalars = {name: name for name in names if name in shapes}
        scalars |= named([name for name in shapes if name not in scalars], SCALARS, str(path))
        n = shapes[place][:1]
        if shapes[place] != (*n, 3) or any(shapes[name] != n for name in scalars) or record[place].base.kind != "f":
            raise MicroslipError(f"{path}: its variables have the shapes {shapes}: these are no grains in space")
        size = stream.seek(0, 2)
        for number in range(n_frames):
            where = f"{path}, frame {number}"
            # the last variable may lack the bytes that fill up a word
            if begin + (number + 1) * record.itemsize > size + 3:
                raise Unfinished
            stream.seek(begin + number * record.itemsize)
            row = np.frombuffer(stream.read(record.itemsize).ljust(record.itemsize, b"\0"), record)[0]
            written = row[place][:, 0] != row[place].dtype.type(UNWRITTEN)
            position = _native(row[place][written]) * scales.get(place, 1.0)
            columns = dict(zip(COORDINATES[place].split(), position.T, strict=True))
            for name, ours in scalars.items():
                values = _native(row[name][written])
                columns[ours] = values * scales[name] if name in scales else values
            if shapes.get("Periodic Image") == (*n, 3):
                columns.update(zip(("ix", "iy", "iz"), _native(row["Periodic Image"][written]).T, strict=True))
            origin, lengths, angles = (
                np.resize(np.asarray(row[name] if name in shapes else none, dtype=float), 3) * scales.get(name, 1.0)
                for name, none in CELL.items()
            )
            if program == b"OVITO" and (angles != 90).any():
                raise MicroslipError(
                    f"{where}: OVITO writes other angles than its cell has: export a LAMMPS dump instead"
                )
            origin, edges, periodic = _cell(origin, lengths, angles, position, program != b"OVITO")
            if place.startswith("scaled") and not all(periodic or (True,)):
                raise MicroslipError(f"{where} holds shares of a cell, and not its lengths: write x y z in their place")
            clock = "time" if program == b"LAMMPS" else "Timestep"
            time = float(row["time"]) if shapes.get("time") == () else None
            step_told = shapes.get(clock) == () and float(row[clock]).is_integer()
            step, share = int(row[clock]) if step_told else number, (number + 1) / n_frames
            yield Frame(step, columns, where, origin, edges, periodic, read=share, step_told=step_told, time=time)


def _native(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("="))


def _header(stream: BinaryIO, version: int) -> tuple[int, int, np.dtype, bytes, dict[str, float]]:
    """Number of frames, place of the first, the layout of one, the program that wrote it, and what multiplies which
    variables, by the convention's attribute scale_factor.
    """

    def take(n: int) -> bytes:
        if n > LONGEST or len(data := stream.read(n + -n % 4)) < n:
            raise ValueError
        return data[:n]

    def integer(n: int) -> int:
        return int.from_bytes(take(n), "big")

    def count() -> int:
        return integer(8 if version == 5 else 4)

    def items() -> range:
        return range(min(LONGEST, (integer(4), count())[1]))

    def attributes() -> dict[bytes, np.ndarray]:
        values_of = {}
        for _ in items():
            name, dtype = take(count()), TYPES[integer(4)]
            values_of[name] = np.frombuffer(take(dtype.itemsize * count()), dtype)
        return values_of

    n_frames = count()
    lengths = [(take(count()), count())[1] for _ in items()]
    program = attributes().get(b"program", np.empty(0, "S1")).tobytes()
    scales: dict[str, float] = {}
    framed: dict[str, tuple[np.dtype, int]] = {}
    for _ in items():
        name = take(count()).decode()
        shape = tuple(lengths[count()] for _ in range(min(count(), 64)))
        factor = attributes().get(b"scale_factor", np.ones(1))
        # that of LAMMPS' time is its time step, and steps are what is asked for
        if name != "time" and factor.dtype.kind in "fi" and factor.size == 1 and float(factor[0]) != 1:
            scales[name] = float(factor[0])
        dtype, _, begin = TYPES[integer(4)], count(), integer(4 if version == 1 else 8)
        # the dimension that grows, that of the frames, comes first and has the length 0
        if shape[:1] == (0,):
            framed[name] = np.dtype((dtype, shape[1:])), begin
    # several variables are filled up to whole words
    word = 1 if len(framed) == 1 else 4
    stride = sum(one.itemsize + -one.itemsize % word for one, _ in framed.values())
    first = min((begin for _, begin in framed.values()), default=0)
    numbers = {name: (one, begin - first) for name, (one, begin) in framed.items() if one.base.kind != "S"}
    formats, offsets = [one for one, _ in numbers.values()], [offset for _, offset in numbers.values()]
    record = np.dtype({"names": list(numbers), "formats": formats, "offsets": offsets, "itemsize": stride})
    return n_frames if stride else 0, first, record, program, scales


def _cell(
    origin: np.ndarray, lengths: np.ndarray, angles: np.ndarray, position: np.ndarray, repeats: bool
) -> tuple[np.ndarray, np.ndarray | None, tuple[bool, bool, bool] | None]:
    ends = lengths == 0
    x, y, z = (bool(one) for one in ~ends)
    if ends.all():
        return origin, None, None
    periodic = (x, y, z) if repeats or ends.any() else None
    # a right angle is exact
    a, b, c = np.where(angles == 90, 0, np.cos(np.radians(angles)))
    s = np.sqrt(1 - c**2) or 1.0
    lean = (a - b * c) / s
    edges = np.array([[1, 0, 0], [c, s, 0], [b, lean, np.sqrt(max(0.0, 1 - b**2 - lean**2))]]) * lengths[:, None]
    close_open_sides(origin, edges, ends, position)
    return origin, edges, periodic


READER = Reader(
    title="NetCDF of LAMMPS, AMBER's convention",
    read_by="our own reader",
    suffixes=(".nc",),
    first_bytes=(b"CDF\x01", b"CDF\x02", b"CDF\x05"),
    open=lambda path, wanted: renamed(read_netcdf(path, list(wanted.theirs)), wanted.theirs),
    tells=("step", "time", "ids", "types", "diameters", "images", "cell", "periodicity"),
    digits="those of single or double precision",
    more_digits="dump_modify ID double yes in LAMMPS",
    notes="NetCDF 3 in all its variants: SciPy reads no 64-bit data, netCDF4 gives zeros for what a cut file lacks;"
    " NetCDF-4 after `nccopy -k cdf5`; a length of 0 is an axis that does not repeat",
)
