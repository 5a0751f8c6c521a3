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
