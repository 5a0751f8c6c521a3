"""A run's frames, fields and voxels, for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tomli_w

from microslip.core.errors import MicroslipError
from microslip.data.files import replacing, write_table
from microslip.data.frames import read_frames
from microslip.data.run import Run
from microslip.formats.exported import frame_numbers, series_table, source_of
from microslip.formats.registry import Exported, GrainsAtStep, Nodes, usual_suffix, writer_of
from microslip.steps.common import Advance, Say
from microslip.steps.frames import read_starts

# The first line of a TOML file that an export wrote, and may write again.
WRITTEN = "# Written by microslip export: `microslip import` this file.\n\n"
# Read and written at a time.
AT_A_TIME = 16


def export_run(
    run: Run, what: Exported, into: Path | None, stages: str | None, advance: Advance, say: Say
) -> list[Path]:
    """Write a run for other programs.

    Parameters
    ----------
    what
        `frames`: every frame, with the series and a TOML file that imports it again. `fields`: the grains of every
        stage at its start with their values. `voxels`: the nodes of every stage.
    into
        The file; its ending names the format, as the records of `formats/writers` have it. RUN/export/ where left out.
    stages
        Which stages (or frames), as first:last; the last is not among them.

    Returns
    -------
    The files written.

    Raises
    ------
    MicroslipError
        What is asked for is not there, or no format of that name holds it.
    """
    target = into or run.folder / "export" / f"{what}{usual_suffix(what)}"
    write = writer_of(target, what)
    beside = _beside(target) if what == "frames" else {}
    data = {"frames": _frames, "fields": _fields, "voxels": _voxels}[what](run, stages, advance)
    write(target, data)
    if beside:
        write_table(beside["series"], series_table(run))
        with replacing(beside["source"]) as file:
            file.write_text(WRITTEN + tomli_w.dumps({"source": source_of(run, target, beside["series"])}))
    files = [target, *beside.values()]
    for path in files:
        say(f"{path}, {path.stat().st_size / 1e6:.3g} MB")
    return files


def _beside(target: Path) -> dict[str, Path]:
    """Where the series and the TOML file go that frames are imported by."""
    stem = target.name.removesuffix(".gz").rpartition(".")[0]
    source = target.with_name(f"{stem}.toml")
    if source.exists() and not source.read_bytes().startswith(WRITTEN.encode()):
        raise MicroslipError(
            f"{source} would be written beside {target}, and stands there already: choose another name"
        )
    return {"series": target.with_name(f"{stem}.series.csv"), "source": source}


def _range(text: str | None, n: int, name: str) -> range:
    """Rows first to last, as `first:last` says."""
    if text is None:
        return range(n)
    first, colon, last = text.partition(":")
    try:
        rows = range(n)[int(first) if first else 0 : int(last) if last else n]
    except ValueError:
        rows = range(0)
    if not colon or not len(rows):
        raise MicroslipError(f"--stages {text} names none of the {n} {name}: give first:last, such as 0:100")
    return rows


def _pieces(rows: range, advance: Advance) -> Iterator[range]:
    """Some rows at a time; those of a piece are done when the next one is asked for."""
    for start in range(0, len(rows), AT_A_TIME):
        piece = rows[start : start + AT_A_TIME]
        yield piece
        advance(piece[-1] + 1 - rows[0], len(rows))


def _frames(run: Run, stages: str | None, advance: Advance) -> Iterator[GrainsAtStep]:
    frames, box, number, carried = run.frames, run.boxes(), frame_numbers(run), _of_grains(run)
    rows = _range(stages, frames.sizes["frame"], "frames")

    def steps() -> Iterator[GrainsAtStep]:
        for piece in _pieces(rows, advance):
            for frame, position in read_frames(frames["position"], np.array(piece)).items():
                here = np.isfinite(position).all(axis=1)
                columns = {name: values[here] for name, values in carried.items()}
                yield GrainsAtStep(int(number[frame]), box(frame), position[here], columns)

    return steps()


def _of_grains(run: Run) -> dict[str, np.ndarray]:
    """What stays with the grains."""
    grains = run.grains
    kind = grains["kind"].to_numpy().astype(np.int64)
    return {"id": grains["id"].to_numpy(), "kind": kind, "diameter": grains["diameter"].to_numpy()}


def _fields(run: Run, stages: str | None, advance: Advance) -> Iterator[GrainsAtStep]:
    fields, carried = run.fields, _of_grains(run)
    rows = _range(stages, len(run.stages), "stages")
    names = [str(name) for name, values in fields.data_vars.items() if values.dims[:2] == ("stage", "grain")]

    def steps() -> Iterator[GrainsAtStep]:
        for piece in _pieces(rows, advance):
            batch = slice(piece[0], piece[-1] + 1)
            values = {name: fields[name][batch].to_numpy() for name in names}
            for row, (stage, start) in enumerate(zip(piece, read_starts(run, batch), strict=True)):
                columns = {name: every[start.here] for name, every in carried.items()}
                columns |= {name: values[name][row][start.here] for name in names}
                yield GrainsAtStep(stage, start.box, start.position[start.here], columns)

    return steps()


def _voxels(run: Run, stages: str | None, advance: Advance) -> Nodes:
    voxels = run.voxels
    names = [str(name) for name, values in voxels.data_vars.items() if values.ndim == 4]
    rows = _range(stages, voxels.sizes["stage"], "stages")
    axes = [voxels[axis].to_numpy() for axis in "xyz"]
    nx, ny, nz = (len(axis) for axis in axes)
    dx, dy, dz = (float(one) for one in voxels.attrs["spacing"])
    x, y, z = (float(axis[0]) for axis in axes)

    def steps() -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        for piece in _pieces(rows, advance):
            batch = slice(piece[0], piece[-1] + 1)
            values = {name: voxels[name][batch].to_numpy() for name in names}
            for row, stage in enumerate(piece):
                yield stage, {name: values[name][row] for name in names}

    return Nodes((nx, ny, nz), (dx, dy, dz), (x, y, z), steps())
