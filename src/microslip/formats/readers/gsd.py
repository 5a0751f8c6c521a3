"""GSD files of HOOMD-blue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.core.extras import package
from microslip.formats.frame import Frame, renamed
from microslip.formats.registry import Reader
from microslip.formats.text.lines import open_bytes

# What gsd raises on files that are damaged, cut off or changed while they are read.
DAMAGE = (OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError, MemoryError)

IMAGE = "particles/image"


def read_gsd(path: Path) -> Iterator[Frame]:
    """The frames of a GSD file of the schema `hoomd`.

    position → x y z in the file's single or double precision, image → ix iy iz, typeid + 1 → type, diameter. The schema
    leaves out what equals its default, so diameters are a column only of files that write them in some frame. Images
    count where they change from frame to frame: HOOMD's writer lets those of the first frame stand for all unless told
    to write the momentum, and OVITO's puts zeros in place of the images that it read. The cell is centred at 0, with
    tilts in units of the edges. It repeats on all sides, as the schema has it. Of OVITO's files, which hold cells of
    any kind, this is not known. Of a run in two dimensions Lz is 0.

    Raises
    ------
    MicroslipError
        The package gsd is missing, or the file, or it is no GSD file, of another schema, or damaged.

    Source: GSD's documentation, "HOOMD schema"; HOOMD-blue's, "Box".
    """
    package("gsd", "reading GSD")
    import gsd.hoomd

    with open_bytes(path):
        pass
    try:
        trajectory = gsd.hoomd.open(str(path), "r")
    except DAMAGE as problem:
        raise MicroslipError(
            f"{path} cannot be read as GSD of the schema hoomd ({_words(problem)}): it is damaged, or of another kind"
        ) from None
    with trajectory:
        try:
            n_frames = len(trajectory)
            written = {name for part in ("part", "conf") for name in trajectory.file.find_matching_chunk_names(part)}
            if not _images_change(trajectory.file, n_frames):
                written.discard(IMAGE)
            program = trajectory.file.application.lower()
            periodic = None if program.startswith("ovito") else (True, True, True)
            first = int(trajectory[0].configuration.step) if n_frames else 0
            counted = not any(trajectory.file.chunk_exists(number, "configuration/step") for number in range(n_frames))
        except DAMAGE as problem:
            raise _damaged(f"{path}, frame 0", problem) from None
        for number in range(n_frames):
            where = f"{path}, frame {number}"
            try:
                one = trajectory[number]
                has_step = number == 0 or trajectory.file.chunk_exists(number, "configuration/step")
                step = int(one.configuration.step) if has_step else first + number
            except DAMAGE as problem:
                raise _damaged(where, problem) from None
            origin, edges = np.zeros(3), None
            if "configuration/box" in written:
                origin, edges = _cell(np.asarray(one.configuration.box, dtype=float), where)
                if program.startswith("ovito") and (edges != np.diag(np.diag(edges))).any():
                    raise MicroslipError(f"{where}: OVITO writes another tilted cell than it has: export a LAMMPS dump")
            columns = _columns(one.particles, written, where)
            # without a box nothing can repeat
            repeats = periodic if edges is not None else None
            share = (number + 1) / n_frames
            yield Frame(step, columns, where, origin, edges, repeats, read=share, step_told=not counted)


def _words(problem: BaseException) -> str:
    return str(problem).partition(": ")[0] or type(problem).__name__


def _damaged(where: str, problem: BaseException) -> MicroslipError:
    return MicroslipError(f"{where} cannot be read ({_words(problem)}): the file is cut off or damaged; copy it again")


def _images_change(file: Any, n_frames: int) -> bool:
    """Whether some frame has images of its own; those of a single frame count unless all are zero."""
    first = file.read_chunk(0, IMAGE) if n_frames and file.chunk_exists(0, IMAGE) else None
    if n_frames == 1:
        return first is not None and bool(first.any())
    for number in range(1, n_frames):
        if file.chunk_exists(number, IMAGE):
            images = file.read_chunk(number, IMAGE)
            if images.any() if first is None else not np.array_equal(images, first):
                return True
    return False


def _columns(particles: Any, written: set[str], where: str) -> dict[str, np.ndarray]:
    if "particles/position" not in written:
        raise MicroslipError(f"{where}: the file holds no particles/position: write the particles with their positions")
    n = int(particles.N)
    if particles.position.shape != (n, 3) or particles.image.shape != (n, 3) or particles.typeid.shape != (n,):
        raise MicroslipError(f"{where}: its arrays are not those of {n} particles in space: the file is damaged")
    columns = {"type": particles.typeid.astype(np.int64) + 1}
    columns.update(zip("xyz", particles.position.T, strict=True))
    if IMAGE in written:
        columns.update(zip(("ix", "iy", "iz"), particles.image.T, strict=True))
    if "particles/diameter" in written:
        columns["diameter"] = particles.diameter
    return columns


def _cell(box: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Lower corner and edge vectors of HOOMD's Lx, Ly, Lz, xy, xz, yz."""
    if box.shape != (6,) or not np.isfinite(box).all() or not (box[:2] > 0).all() or box[2] < 0:
        raise MicroslipError(f"{where}: {box.tolist()} is no box: its lengths are not positive")
    (lx, ly, lz), (xy, xz, yz) = box[:3], box[3:]
    edges = np.array([[lx, 0, 0], [xy * ly, ly, 0], [xz * lz, yz * lz, lz]])
    return -edges.sum(axis=0) / 2, edges


READER = Reader(
    title="GSD",
    read_by="gsd",
    suffixes=(".gsd",),
    open=lambda path, wanted: renamed(read_gsd(path), wanted.theirs),
    tells=("step", "types", "diameters", "images", "cell", "periodicity"),
    digits="mostly those of single precision",
    more_digits="precision='double' of gsd 5 and later, or a text dump beside it",
    # the schema's default is 0
    leaves_out_first_step=True,
    notes="HOOMD's schema, whose cells repeat on all sides",
)
