"""A run's frames, fields and voxels, for other programs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import tomli_w

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.files import replacing, write_table
from microslip.data.run import Run
from microslip.data.units import pressure_known
from microslip.steps.common import Advance, Say
from microslip.steps.frames import read_frames, read_starts

Kind = Literal["frames", "fields", "voxels"]
DUMPS = (".dump", ".lammpstrj", ".dump.gz", ".lammpstrj.gz")
# The first line of a TOML file that an export wrote, and may write again.
WRITTEN = "# Written by microslip export: `microslip import` this file.\n\n"
# Read and written at a time.
AT_A_TIME = 16


def export_run(run: Run, what: Kind, into: Path | None, stages: str | None, advance: Advance, say: Say) -> list[Path]:
    """Write a run for LAMMPS, OVITO, MDAnalysis (text dumps) or ParaView (VTKHDF).

    Parameters
    ----------
    what
        `frames`: every frame, with the series and a TOML file that imports it again. `fields`: the grains of every
        stage at its start with their values. `voxels`: the nodes of every stage.
    into
        The file; its ending says the format: .dump or .lammpstrj (.gz too) for frames and fields, .vtkhdf for fields
        and voxels. RUN/export/ where left out.
    stages
        Which stages (or frames), as first:last; the last is not among them.

    Returns
    -------
    The files written.

    Raises
    ------
    MicroslipError
        What is asked for is not there, or not in that format.
    """
    ending = {"frames": ".dump.gz", "fields": ".vtkhdf", "voxels": ".vtkhdf"}
    target = into or run.folder / "export" / f"{what}{ending[what]}"
    as_dump = target.name.endswith(DUMPS)
    if not as_dump and not target.name.endswith((".vtkhdf", ".hdf")):
        raise MicroslipError(f"{target}: name a file that ends in .dump, .lammpstrj, .dump.gz or .vtkhdf")
    if what == "frames" and not as_dump:
        raise MicroslipError(f"{target}: frames are written as text dumps, .dump or .dump.gz; fields also as .vtkhdf")
    if what == "voxels" and as_dump:
        raise MicroslipError(f"{target}: voxels are no grains: name a file that ends in .vtkhdf")
    written = {"frames": _frames, "fields": _fields, "voxels": _voxels}[what](run, target, stages, advance)
    for path in written:
        say(f"{path}, {path.stat().st_size / 1e6:.3g} MB")
    return written


def _range(text: str | None, n: int, name: str) -> range:
    """Rows first to last, as `first:last` says."""
    if text is None:
        return range(n)
    first, colon, last = text.partition(":")
    try:
        found = range(n)[int(first) if first else 0 : int(last) if last else n]
    except ValueError:
        found = range(0)
    if not colon or not len(found):
        raise MicroslipError(f"--stages {text} names none of the {n} {name}: give first:last, such as 0:100")
    return found


def _pieces(rows: range) -> Iterator[range]:
    for start in range(0, len(rows), AT_A_TIME):
        yield rows[start : start + AT_A_TIME]


def _frames(run: Run, target: Path, stages: str | None, advance: Advance) -> list[Path]:
    from microslip.formats.writers.dump import write_dump

    grains, frames, box = run.grains, run.frames, run.boxes()
    rows = _range(stages, frames.sizes["frame"], "frames")
    ids, kind, radius = grains["id"].to_numpy(), grains["kind"].to_numpy(), grains["diameter"].to_numpy() / 2
    sample = frames["sample"].to_numpy()
    # an imported run may keep several frames at a sample; its own steps tell them apart
    number = frames["step"].to_numpy() if "step" in frames else sample

    def each() -> Iterator[tuple[int, Box, dict[str, np.ndarray]]]:
        for piece in _pieces(rows):
            for frame, position in read_frames(frames["position"], np.array(piece)).items():
                here = np.isfinite(position).all(axis=1)
                columns = {"id": ids[here], "type": kind[here].astype(np.int64) + 1}
                columns |= dict(zip(("xu", "yu", "zu"), position[here].T, strict=True))
                yield int(number[frame]), box(frame), {**columns, "radius": radius[here]}
            advance(piece[-1] + 1 - rows[0], len(rows))

    stem = target.name.removesuffix(".gz").rpartition(".")[0]
    series, back = target.with_name(f"{stem}.series.csv"), target.with_name(f"{stem}.toml")
    if back.exists() and not back.read_bytes().startswith(WRITTEN.encode()):
        raise MicroslipError(f"{back} would be written beside {target}, and stands there already: choose another name")
    write_dump(target, each())
    whole = run.series
    step = np.arange(whole.sizes["sample"], dtype=float)
    if "step" in frames:
        step = _steps_at(whole["strain"].to_numpy(), frames["strain"].to_numpy(), number.astype(float))
    stored = [name for name in ("stress", "stress_volume", "normal_stress") if name in whole]
    known = [name for name in stored if np.isfinite(whole[name]).any()]
    columns = {name: whole[name].to_numpy() for name in ("strain", *known)}
    write_table(series, pd.DataFrame({"step": step, **columns}))
    source = {
        "files": [target.name],
        "format": "lammps",
        "series": series.name,
        "step_column": "step",
        "strain_column": "strain",
        "shear_stress": [name for name in known if name == "stress"],
        "normal_stress": [name for name in known if name == "normal_stress"],
        "length": 1.0,
        "pressure": 1.0 if pressure_known(run.attributes) else "none",
        "wall_types": [2, 3] if (kind > 0).any() else [],
        "periodic": list(run.box.periodic),
        "planar": run.box.planar,
        "origin": 0.0,
    }
    if run.attributes.get("imported"):
        # what is rounded to a step has an error of the step over √12
        source["position_error"] = run.attributes["position_resolution"] / math.sqrt(12)
    if "cell" not in frames:
        source["box"] = list(run.box.lengths)
    with replacing(back) as beside:
        beside.write_text(WRITTEN + tomli_w.dumps({"source": source}))
    return [target, series, back]


def _steps_at(strain: np.ndarray, frame_strain: np.ndarray, frame_step: np.ndarray) -> np.ndarray:
    """The files' time steps of samples at these strains; beyond the frames at the mean pace of all of them."""
    step: np.ndarray = np.interp(strain, frame_strain, frame_step)
    if len(frame_strain) > 1:
        pace = (frame_step[-1] - frame_step[0]) / (frame_strain[-1] - frame_strain[0])
        for end, beyond in ((0, strain < frame_strain[0]), (-1, strain > frame_strain[-1])):
            step[beyond] = frame_step[end] + pace * (strain[beyond] - frame_strain[end])
    return step


def _fields(run: Run, target: Path, stages: str | None, advance: Advance) -> list[Path]:
    fields, table = run.fields, run.stages
    rows = _range(stages, len(table), "stages")
    grains = run.grains
    ids, kind, diameter = (grains[name].to_numpy() for name in ("id", "kind", "diameter"))
    names = [str(name) for name, values in fields.data_vars.items() if values.dims[:2] == ("stage", "grain")]

    def each() -> Iterator[tuple[int, Box, np.ndarray, dict[str, np.ndarray]]]:
        for piece in _pieces(rows):
            batch = slice(piece[0], piece[-1] + 1)
            values = {name: fields[name][batch].to_numpy() for name in names}
            for row, (stage, start) in enumerate(zip(piece, read_starts(run, batch), strict=True)):
                here = start.here
                columns = {"id": ids[here], "kind": kind[here].astype(np.int64), "diameter": diameter[here]}
                columns |= {name: values[name][row][here] for name in names}
                yield stage, start.box, start.position[here], columns
            advance(piece[-1] + 1 - rows[0], len(rows))

    if target.name.endswith(DUMPS):
        from microslip.formats.writers.dump import write_dump

        write_dump(target, ((stage, box, _flat(box.wrap(place), columns)) for stage, box, place, columns in each()))
    else:
        from microslip.formats.writers.vtkhdf import write_points

        write_points(target, ((float(stage), box.wrap(place), columns) for stage, box, place, columns in each()))
    return [target]


def _flat(position: np.ndarray, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One column per component, as text takes them."""
    found = {"id": columns["id"], "type": columns["kind"] + 1, **dict(zip("xyz", position.T, strict=True))}
    found["radius"] = columns["diameter"] / 2
    for name, values in columns.items():
        if values.ndim == 2:
            found |= {f"{name}_{axis}": one.astype(float) for axis, one in zip("xyz", values.T, strict=True)}
        elif name not in ("id", "kind", "diameter"):
            found[name] = values
    return found


def _voxels(run: Run, target: Path, stages: str | None, advance: Advance) -> list[Path]:
    from microslip.formats.writers.vtkhdf import write_grid

    voxels = run.voxels
    names = [str(name) for name, values in voxels.data_vars.items() if values.ndim == 4]
    rows = _range(stages, voxels.sizes["stage"], "stages")
    axes = [voxels[axis].to_numpy() for axis in "xyz"]
    nx, ny, nz = (len(axis) for axis in axes)
    dx, dy, dz = (float(one) for one in voxels.attrs["spacing"])
    x, y, z = (float(axis[0]) for axis in axes)

    def each() -> Iterator[tuple[float, dict[str, np.ndarray]]]:
        for piece in _pieces(rows):
            batch = slice(piece[0], piece[-1] + 1)
            values = {name: voxels[name][batch].to_numpy() for name in names}
            for row, stage in enumerate(piece):
                yield float(stage), {name: values[name][row] for name in names}
            advance(piece[-1] + 1 - rows[0], len(rows))

    write_grid(target, (nx, ny, nz), (dx, dy, dz), (x, y, z), each())
    return [target]
