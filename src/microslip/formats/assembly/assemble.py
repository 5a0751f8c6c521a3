"""Frames of another program → `trajectory.zarr`: grains told apart by id, unwrapped, in our axes and units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.grain_values import GrainValues
from microslip.data.trajectory import TrajectoryWriter, create_trajectory
from microslip.formats.assembly.far_motion import continued_tilt, far_motion_notes, followed_share
from microslip.formats.assembly.layout import FrameCell, Layout, lay_out
from microslip.formats.frame import IMAGES, Frame, Places, places
from microslip.formats.source import Source

# Frames are written this many bytes of positions at a time, as whole chunks.
BUFFER_BYTES = 2**24

# Called with a frame, the layout, the frame's cell, centres and diameters of its grains [d̄].
OfFrame = Callable[[Frame, Layout, FrameCell, np.ndarray, np.ndarray], GrainValues | None]


@dataclass
class Assembled:
    """What was read, frame by frame, in the file's steps and our lengths.

    `step`, `strain_told` (NaN where the file tells none), `tilt` [d̄], counted on over whole Lx; `tilt_written`, as the
    file has it; `followed`: share of Lx that walls or grains moved since the frame before as their nearest copies
    tell, NaN where the file unwraps them; `wall_shift`, how far
    the top wall has moved along x against the bottom wall [d̄], NaN without walls; `height` between the walls, or of the
    cell [d̄]; `lengths` of the cell [d̄]; `n_present`, grains in each frame; `notes`: sentences on what was met.
    """

    layout: Layout
    step: list[int] = field(default_factory=list)
    strain_told: list[float] = field(default_factory=list)
    tilt: list[float] = field(default_factory=list)
    tilt_written: list[float] = field(default_factory=list)
    followed: list[float] = field(default_factory=list)
    lengths: list[tuple[float, float, float]] = field(default_factory=list)
    wall_shift: list[float] = field(default_factory=list)
    height: list[float] = field(default_factory=list)
    n_present: list[int] = field(default_factory=list)
    n_grains: int = 0
    notes: list[str] = field(default_factory=list)
    columns: tuple[tuple[str, str], ...] = ()
    # where frames went back to a step that was not there before: file, step, and the steps that were dropped
    back: list[tuple[str, int, set[int]]] = field(default_factory=list)

    def refuse_other_columns(self, frame: Frame, found: Places) -> None:
        """Grains are followed from frame to frame by the same columns.

        Raises
        ------
        MicroslipError
            The frame holds other coordinates than the first, or ids or image flags where that holds none.
        """
        columns = (
            ("coordinates", ", ".join(found.names)),
            ("image flags", "given" if found.unwrapped else "not given"),
            ("ids", "given" if "id" in frame.columns else "not given"),
        )
        self.columns = self.columns or columns
        for (what, now), (_, before) in zip(columns, self.columns, strict=True):
            if now != before:
                raise MicroslipError(
                    f"{frame.where}: its {what} are {now}, and {before} in {self.layout.first.where}: import the two"
                    " parts as two runs"
                )

    def refuse_disorder(self) -> None:
        """A run that is begun again comes by steps that it had before; frames that are out of order do not.

        Raises
        ------
        MicroslipError
            No dropped step came again.
        """
        for where, step, dropped in self.back:
            raise MicroslipError(
                f"{where}: step {step} follows later steps to {max(dropped)}, and no step stands twice, as it would"
                " after a restart: sort the frames by their steps, or give files of single frames, which are sorted"
            )

    def cut(self, n_frames: int) -> None:
        """Forget what follows the first frames."""
        of_frames = (self.strain_told, self.tilt, self.tilt_written, self.followed, self.lengths)
        for of_frame in (self.step, *of_frames, self.wall_shift, self.height, self.n_present):
            del of_frame[n_frames:]

    def box(self, frame: int) -> Box:
        """The cell of a frame."""
        return Box(self.lengths[frame], self.layout.periodic, self.tilt[frame], self.layout.planar)

    @property
    def n_missing(self) -> int:
        """Positions that the files do not hold, of all grains that they ever hold."""
        return self.n_grains * len(self.step) - sum(self.n_present)


class _Grains:
    """Which row of the store a grain has, found by its id; rows are given in the order of first appearance."""

    def __init__(self) -> None:
        self.ids = np.empty(0, dtype=np.int64)
        self._sorted, self._row = self.ids, self.ids
        self._last_ids, self._last_rows = self.ids, self.ids

    def rows(self, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the frame's grains, and which of its grains are new.

        Raises
        ------
        MicroslipError
            A grain stands twice in the frame; there are no ids and the number of grains changes.
        """
        ids = frame.columns.get("id")
        if ids is None:
            ids = np.arange(1, frame.n_grains + 1)
            if len(self.ids) and len(self.ids) != frame.n_grains:
                raise MicroslipError(
                    f"{frame.where} holds {frame.n_grains} grains, the frames before {len(self.ids)}, and no ids tell"
                    " which: write the column id"
                )
        ids = np.asarray(ids, dtype=np.int64)
        # most programs write the same grains in the same order
        if np.array_equal(ids, self._last_ids):
            return self._last_rows, np.empty(0, dtype=np.int64)
        named, times = np.unique(ids, return_counts=True)
        if (times > 1).any():
            raise MicroslipError(
                f"{frame.where} holds grain {named[times > 1][0]} {times[times > 1][0]} times: an id names one grain"
            )
        place = np.searchsorted(self._sorted, ids)
        known = place < len(self._sorted)
        known[known] = self._sorted[place[known]] == ids[known]
        new = np.flatnonzero(~known)
        self.ids = np.concatenate([self.ids, ids[new]])
        order = np.argsort(self.ids, kind="stable")
        self._sorted, self._row = self.ids[order], order
        rows = self._row[np.searchsorted(self._sorted, ids)]
        self._last_ids, self._last_rows = ids, rows
        return rows, new


class _Unwrapping:
    """Grains followed across the faces of the cell, where the file wraps them and does not count how often."""

    def __init__(self) -> None:
        self._position = np.empty((0, 3))
        self._box: Box | None = None
        # whether a grain moved by nearly half a period, or more, in the last frame
        self.far = False

    def restart(self, position: np.ndarray, box: Box) -> None:
        """Go on from these places (grain, axis), in which grains that were not there are NaN."""
        self._position, self._box = position.copy(), box

    def follow(self, rows: np.ndarray, position: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """The copy of each grain that is nearest to where its last place would have gone with the cell.

        And how far it is from there, NaN where there was no last place.
        """
        n = int(rows.max(initial=-1)) + 1
        if n > len(self._position):
            self._position = np.concatenate([self._position, np.full((n - len(self._position), 3), np.nan)])
        if self._box is not None:
            self._position = self._position + self._position @ self._box.gradient_to(box).T
        last = self._position[rows]
        known = np.isfinite(last).all(axis=1)
        followed = position.copy()
        apart = position[known] - last[known]
        # whole edges of the cell, so that digits of the file are kept
        moved = np.full_like(position, np.nan)
        moved[known] = box.minimum_image(apart)
        followed[known] = position[known] - (apart - moved[known])
        self._position[rows], self._box = followed, box
        return followed, moved


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
    grains, unwrapping = _Grains(), _Unwrapping()
    buffer = _Buffer(path)
    for frame in frames:
        if source.follow:
            columns = {name: values for name, values in frame.columns.items() if name not in IMAGES}
            frame = replace(frame, columns=columns)
        frame, found = _known(frame, missing_allowed, first=made is None)
        if made is None:
            made = Assembled(lay_out(frame, source))
            for sentence in made.layout.said:
                say(sentence)
            if "id" not in frame.columns:
                say("the frames hold no ids: the same row is taken for the same grain in all of them")
        _add(frame, found, made, grains, unwrapping, buffer, values_of, kept)
        advance(frame.read)
    if made is None:
        raise MicroslipError(f"{', '.join(source.files)}: no whole frame")
    buffer.flush()
    made.notes += far_motion_notes(made)
    made.n_grains = len(grains.ids)
    return made


def _known(frame: Frame, missing_allowed: bool, first: bool) -> tuple[Frame, Places]:
    """The frame's grains whose positions are numbers."""
    found = places(frame)
    known = np.isfinite(found.position).all(axis=1)
    if known.all():
        return frame, found
    if not missing_allowed:
        row = int(np.argmin(known))
        line = f", line {frame.first_line + row}" if frame.first_line is not None else ""
        number = frame.columns["id"][row] if "id" in frame.columns else row + 1
        remedy = f"leave out what follows with --set source.last_step={frame.step - 1}"
        if first:
            remedy = "name the first frame that is sound with --set source.first_step=…"
        raise MicroslipError(
            f"{frame.where}{line}: the position of grain {number} is {found.position[row].tolist()}: the simulation"
            f" broke down; {remedy}"
        )
    columns = {name: values[known] for name, values in frame.columns.items()}
    return replace(frame, columns=columns), replace(found, position=found.position[known], written=found.written[known])


def _add(
    frame: Frame,
    found: Places,
    made: Assembled,
    grains: _Grains,
    unwrapping: _Unwrapping,
    buffer: _Buffer,
    values_of: OfFrame | None,
    kept: tuple[str, ...],
) -> None:
    layout = made.layout
    if frame.n_grains:
        made.refuse_other_columns(frame, found)
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
    position = layout.centres(frame, found.position, cell)
    box = layout.box(cell)
    diameter = layout.diameters(frame)
    share, kinds = np.nan, layout.kinds(frame, layout.in_our_axes(found.position)[:, 2])
    if not found.unwrapped and any(layout.periodic):
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
    table = np.full((n_grains, 8), np.nan)
    table[:, 7] = 0
    if values is not None:
        table[rows] = values.table
    return table


def _continued(cell: FrameCell, made: Assembled, layout: Layout, step: int) -> FrameCell:
    """The cell with its tilt counted on over whole Lx."""
    before = list(zip(made.step, made.tilt_written, made.tilt, strict=False))[-2:]
    tilt = continued_tilt(cell.tilt / layout.length, cell.lengths[0] / layout.length, before, step)
    return replace(cell, tilt=tilt * layout.length)


class _Buffer:
    """Frames on their way into the store, written as whole chunks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: TrajectoryWriter | None = None
        self._frames: list[tuple[np.ndarray, np.ndarray | None]] = []
        self._kind = np.empty(0, dtype=np.int64)
        self._diameter = np.empty(0)
        self._first: np.ndarray | None = None
        self._n_written, self._n_at_a_time = 0, 1

    def add_grains(
        self,
        diameter: Float64[np.ndarray, "new"],
        kind: Int64[np.ndarray, "new"],
        ids: Int64[np.ndarray, "grain"],
        new: Int64[np.ndarray, "new"],
        kept: tuple[str, ...],
    ) -> None:
        """Make the store at the first frame, and make room for grains that come later."""
        if not len(new):
            return
        added = ids[len(ids) - len(new) :]
        self._kind = np.concatenate([self._kind, kind])
        self._diameter = np.concatenate([self._diameter, diameter])
        if self._writer is None:
            create_trajectory(self._path, diameter, kind, {}, added, kept)
            self._writer = TrajectoryWriter(self._path)
            per_chunk = self._writer.position.chunks[0]
            chunks = max(1, BUFFER_BYTES // (per_chunk * len(diameter) * 24))
            self._n_at_a_time = per_chunk * chunks
            return
        self.flush()
        self._writer.add_grains(diameter, kind, added)

    def walls(self, position: np.ndarray) -> tuple[float, float]:
        """How far the top wall has moved along x against the bottom wall since the first frame, and the height between
        their inner faces [d̄]; NaN without two walls. Grains that were not there from the first are left out.
        """
        if self._first is None:
            self._first = position.copy()
        n = len(self._first)
        moved = position[:n] - self._first
        there = np.isfinite(moved).all(axis=1)
        bottom, top = (there & (self._kind[:n] == kind) for kind in (1, 2))
        if not bottom.any() or not top.any():
            return np.nan, np.nan
        shift = float(moved[top, 0].mean() - moved[bottom, 0].mean())
        radius = self._diameter[:n] / 2
        faces = (position[:n][one, 2] + side * radius[one] for one, side in ((bottom, 1), (top, -1)))
        low, high = (float(one.mean()) for one in faces)
        return shift, high - low

    def last_frame(self) -> np.ndarray:
        """Positions in the last frame that is kept."""
        if self._frames:
            return self._frames[-1][0]
        assert self._writer is not None
        return np.asarray(self._writer.position[self._n_written - 1])

    def add_frame(self, position: np.ndarray, values: np.ndarray | None) -> None:
        self._frames.append((position, values))
        if (self._n_written + len(self._frames)) % self._n_at_a_time == 0:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if not self._frames:
            return
        assert self._writer is not None
        position = np.stack([one for one, _ in self._frames])
        values = [one for _, one in self._frames if one is not None]
        samples = np.arange(self._n_written, self._n_written + len(position))
        self._writer.add_frames(samples, position, GrainValues.of(np.stack(values)) if values else None)
        self._n_written += len(position)
        self._frames = []

    def cut(self, n_frames: int) -> None:
        """Drop the frames after the first ones."""
        if n_frames < self._n_written:
            assert self._writer is not None
            self._writer.cut(0, n_frames)
            self._n_written, self._frames = n_frames, []
        else:
            del self._frames[n_frames - self._n_written :]
