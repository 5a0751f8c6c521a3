"""Frames of another program → `trajectory.zarr`: grains told apart by id, unwrapped, in our axes and units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.core.grain_values import N_VALUES, GrainValues
from microslip.formats.assembly.assembled import Assembled
from microslip.formats.assembly.buffer import FrameBuffer
from microslip.formats.assembly.cell import FrameCell
from microslip.formats.assembly.far_motion import continued_tilt, far_motion_notes, followed_share
from microslip.formats.assembly.grains import GrainRows, Unwrapping
from microslip.formats.assembly.layout import Layout, lay_out
from microslip.formats.frame import IMAGES, Frame, Places, places
from microslip.formats.source import Source

# Called with a frame, the layout, the frame's cell, centres and diameters of its grains [d̄].
OfFrame = Callable[[Frame, Layout, FrameCell, np.ndarray, np.ndarray], GrainValues | None]


def assemble(
    frames: Iterable[Frame],
    source: Source,
    path: Path,
    values_of: OfFrame | None,
    kept: tuple[str, ...],
    missing_allowed: bool,
    advance: Callable[[float], None],
    say: Callable[[str], None],
) -> Assembled:
    """Write the frames into a new trajectory; the series and the samples of the frames are left to the caller.

    Parameters
    ----------
    frames
        In the order of their steps; where a step is met again, as after a restart, what followed it is replaced.
    values_of
        What the contacts say of every grain of a frame, None where there are none of that frame.
    kept
        Which of them the store keeps.
    missing_allowed
        Whether a grain without a position is left out; else it is an error.

    Raises
    ------
    MicroslipError
        There is no frame, a frame holds a grain twice or a position that is no number, grains without ids change in
        number, a box leans otherwise than simple shear makes it.
    """
    made: Assembled | None = None
    grains, unwrapping = GrainRows(), Unwrapping()
    buffer = FrameBuffer(path)
    for frame in frames:
        if source.follow:
            columns = {name: values for name, values in frame.columns.items() if name not in IMAGES}
            frame = replace(frame, columns=columns)
        frame, centres = _with_places(frame, missing_allowed, first=made is None)
        if made is None:
            made = Assembled(lay_out(frame, source))
            for sentence in made.layout.messages:
                say(sentence)
            if "id" not in frame.columns:
                say("the frames hold no ids: the same row is taken for the same grain in all of them")
        _add(frame, centres, made, grains, unwrapping, buffer, values_of, kept)
        advance(frame.read)
    if made is None:
        raise MicroslipError(f"{', '.join(source.files)}: no whole frame")
    buffer.flush()
    made.notes += far_motion_notes(made)
    made.n_grains = len(grains.ids)
    return made


def _with_places(frame: Frame, missing_allowed: bool, first: bool) -> tuple[Frame, Places]:
    """The frame's grains whose positions are numbers."""
    centres = places(frame)
    is_number = np.isfinite(centres.position).all(axis=1)
    if is_number.all():
        return frame, centres
    if not missing_allowed:
        row = int(np.argmin(is_number))
        line = f", line {frame.first_line + row}" if frame.first_line is not None else ""
        number = frame.columns["id"][row] if "id" in frame.columns else row + 1
        remedy = f"leave out what follows with --set source.last_step={frame.step - 1}"
        if first:
            remedy = "name the first frame that is sound with --set source.first_step=…"
        raise MicroslipError(
            f"{frame.where}{line}: the position of grain {number} is {centres.position[row].tolist()}: the simulation"
            f" broke down; {remedy}"
        )
    columns = {name: values[is_number] for name, values in frame.columns.items()}
    return replace(frame, columns=columns), replace(
        centres, position=centres.position[is_number], written=centres.written[is_number]
    )


def _add(
    frame: Frame,
    centres: Places,
    made: Assembled,
    grains: GrainRows,
    unwrapping: Unwrapping,
    buffer: FrameBuffer,
    values_of: OfFrame | None,
    kept: tuple[str, ...],
) -> None:
    layout = made.layout
    if frame.n_grains:
        made.refuse_other_columns(frame, centres)
    if made.step and frame.step <= made.step[-1]:
        n_frames = int(np.searchsorted(made.step, frame.step))
        if made.step[n_frames] != frame.step:
            made.back.append((frame.where, frame.step, set(made.step[n_frames:])))
        made.notes.append(
            f"{frame.where}: step {frame.step} follows step {made.step[-1]}, as after a restart: the"
            f" {len(made.step) - n_frames} frames from it on are replaced by what follows"
        )
        made.cut(n_frames)
        buffer.cut(n_frames)
        if n_frames:
            unwrapping.restart(buffer.last_frame(), made.box(n_frames - 1))
    made.back = [(where, step, left) for where, step, left in made.back if frame.step not in left]
    rows, new = grains.rows(frame)
    cell = layout.cell(frame)
    made.tilt_written.append(cell.tilt / layout.length)
    cell = _continued(cell, made, layout, frame.step)
    position = layout.centres(frame, centres.position, cell)
    box = layout.box(cell)
    diameter = layout.diameters(frame)
    share, kinds = np.nan, layout.kinds(frame, layout.in_our_axes(centres.position)[:, 2])
    if not centres.unwrapped and any(layout.periodic):
        position, moved = unwrapping.follow(rows, position, box)
        if layout.periodic[0]:
            share = followed_share(moved, kinds, box.lengths[0], layout.periodic[2], frame.where)
    made.followed.append(share)
    buffer.add_grains(diameter[new] / layout.length, kinds[new], grains.ids, new, kept)
    n = len(grains.ids)
    everywhere = np.full((n, 3), np.nan)
    everywhere[rows] = position
    values = None
    if values_of is not None:
        values = _of_all(values_of(frame, layout, cell, position, diameter / layout.length), rows, n)
    made.n_present.append(len(rows))
    made.step.append(frame.step)
    made.strain_told.append(np.nan if frame.strain is None else frame.strain)
    made.tilt.append(cell.tilt / layout.length)
    made.lengths.append(box.lengths)
    shift, height = buffer.walls(everywhere)
    made.wall_shift.append(shift)
    made.height.append(height if np.isfinite(height) else box.lengths[2])
    buffer.add_frame(everywhere, values)


def _of_all(values: GrainValues | None, rows: np.ndarray, n_grains: int) -> np.ndarray:
    """Values of all grains that were ever met, in rows: NaN for those without, with 0 contacts."""
    table = np.full((n_grains, N_VALUES), np.nan)
    table[:, 7] = 0
    if values is not None:
        table[rows] = values.table
    return table


def _continued(cell: FrameCell, made: Assembled, layout: Layout, step: int) -> FrameCell:
    """The cell with its tilt counted on over whole Lx."""
    before = list(zip(made.step, made.tilt_written, made.tilt, strict=False))[-2:]
    tilt = continued_tilt(cell.tilt / layout.length, cell.lengths[0] / layout.length, before, step)
    return replace(cell, tilt=tilt * layout.length)
