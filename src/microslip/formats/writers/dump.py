"""Grains written as a text dump of LAMMPS, every number with the digits that give it back exactly."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO

import numpy as np

from microslip.core.box import Box
from microslip.core.extras import package
from microslip.data.files import replacing
from microslip.formats.registry import GrainsAtStep, Writer


def write_dump(path: Path, frames: Iterable[tuple[int, Box, Mapping[str, np.ndarray]]]) -> int:
    """Write frames of step, cell and columns; packed by gzip where the name ends in .gz. Returns how many.

    A cell's edges lie at 0 along x, y, z; an axis that does not repeat is marked `ff`. NaN is written as `nan`.
    """
    count = 0
    package("pyarrow", "writing text dumps")
    with replacing(path) as beside, beside.open("wb") as file:
        packed = path.name.endswith(".gz")
        with gzip.GzipFile("", "wb", 4, file, mtime=0) if packed else nullcontext(file) as target:
            for step, box, columns in frames:
                _write_frame(target, step, box, columns)
                count += 1
    return count


def _write_frames(path: Path, steps: Iterable[GrainsAtStep]) -> int:
    """Unwrapped centres and radii."""
    return write_dump(path, ((one.number, one.box, _columns(one, ("xu", "yu", "zu"), one.position)) for one in steps))


def _write_fields(path: Path, steps: Iterable[GrainsAtStep]) -> int:
    """Centres within the cell, radii, and one column for each component of what the grains carry."""
    wrapped = ((one, one.box.wrap(one.position)) for one in steps)
    return write_dump(
        path, ((one.number, one.box, _columns(one, ("x", "y", "z"), place) | _flat(one)) for one, place in wrapped)
    )


def _columns(grains: GrainsAtStep, names: tuple[str, str, str], position: np.ndarray) -> dict[str, np.ndarray]:
    columns = {"id": grains.columns["id"], "type": grains.columns["kind"] + 1}
    columns |= dict(zip(names, position.T, strict=True))
    return columns | {"radius": grains.columns["diameter"] / 2}


def _flat(grains: GrainsAtStep) -> dict[str, np.ndarray]:
    """One column per component, as text takes them."""
    columns: dict[str, np.ndarray] = {}
    for name, values in grains.columns.items():
        if values.ndim == 2:
            columns |= {f"{name}_{axis}": one.astype(float) for axis, one in zip("xyz", values.T, strict=True)}
        elif name not in ("id", "kind", "diameter"):
            columns[name] = values
    return columns


def _write_frame(file: IO[bytes] | gzip.GzipFile, step: int, box: Box, columns: Mapping[str, np.ndarray]) -> None:
    import pyarrow as pa
    import pyarrow.csv

    n = len(next(iter(columns.values())))
    flags = " ".join("pp" if repeats else "ff" for repeats in box.periodic)
    tilt = box.nearest_tilt
    bounds = [(min(0.0, tilt), box.lengths[0] + max(0.0, tilt)), (0.0, box.lengths[1]), (0.0, box.lengths[2])]
    leaning = ("xy xz yz ", [0.0, tilt, 0.0]) if tilt else ("", None)
    rows = [
        f"{low!r} {high!r}" + (f" {leaning[1][axis]!r}" if leaning[1] else "")
        for axis, (low, high) in enumerate(bounds)
    ]
    head = [
        "ITEM: TIMESTEP",
        str(step),
        "ITEM: NUMBER OF ATOMS",
        str(n),
        f"ITEM: BOX BOUNDS {leaning[0]}{flags}",
        *rows,
        f"ITEM: ATOMS {' '.join(columns)}",
    ]
    file.write(("\n".join(head) + "\n").encode())
    # from_pandas leaves NaN to the text, where None would leave a hole
    table = pa.table({name: pa.array(values, from_pandas=False) for name, values in columns.items()})
    options = pyarrow.csv.WriteOptions(include_header=False, delimiter=" ", quoting_style="none")
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink, options)
    file.write(sink.getvalue())


WRITER = Writer(
    title="text dumps for LAMMPS, OVITO, MDAnalysis",
    suffixes=(".dump.gz", ".dump", ".lammpstrj.gz", ".lammpstrj"),
    write={"frames": _write_frames, "fields": _write_fields},
)
