"""Shear strain of frames and samples: from a column, a rate, the tilt of the cell or the motion of the walls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from microslip.core.errors import MicroslipError
from microslip.formats.assembly.assembled import Assembled
from microslip.formats.frame import Frame
from microslip.formats.series.stress import StressTable
from microslip.formats.source import Source


class FrameStrain(NamedTuple):
    """Shear strain of every frame, and where it is known from: in words, and whether from the motion of the walls."""

    strain: Float64[np.ndarray, "frame"]
    origin: str
    by_walls: bool


def strain_of_frames(made: Assembled, source: Source, table: StressTable | None) -> FrameStrain:
    """Shear strain of every frame, from the best that tells it.

    Raises
    ------
    MicroslipError
        Nothing says it, or it does not grow from frame to frame.
    """
    step = np.array(made.step, dtype=float)
    by_walls = False
    shift, tilt, heights = np.array(made.wall_shift), np.array(made.tilt), np.array(made.lengths)[:, 2]
    if np.isfinite(made.strain_told).all():
        strain, origin = np.array(made.strain_told), "the frames' own column"
    elif source.strain_per_step is not None:
        strain, origin = (step - step[0]) * source.strain_per_step, "source.strain_per_step"
    elif table is not None and np.isfinite(table.strain).all():
        strain, origin = _told_at(step, table), f"the column {source.strain_column} of the series"
    elif np.ptp(tilt) > 0:
        strain, origin = (tilt - tilt[0]) / heights, "the tilt of the cell"
    elif np.isfinite(shift).all() and np.ptp(shift) > 0:
        strain, origin, by_walls = shift / heights[0], "the motion of the walls", True
    else:
        raise MicroslipError(
            "nothing says how far the cell is sheared: give the strain a time step, --strain-per-step (shear rate × "
            "Δt), or source.strain_column of the series, or name the walls, --walls"
        )
    moved = tilt / heights if np.ptp(tilt) > 0 else shift / heights[0]
    if np.isfinite(moved).all():
        by_motion = abs(moved[-1] - moved[0])
        if not 0.5 < (strain[-1] - strain[0]) / max(by_motion, 1e-300) < 2 and strain[-1] > strain[0]:
            made.notes.append(
                f"by {origin} the strain grows by {strain[-1] - strain[0]:.4g}, and by the motion of"
                f" {'the cell' if np.ptp(tilt) > 0 else 'the walls along our x'} by {by_motion:.4g}: check the unit,"
                " source.flow and source.gradient"
            )
    if strain[-1] < strain[0]:
        strain, origin = -strain, f"{origin}, whose sign is turned so that it grows"
    still = np.flatnonzero(np.diff(strain) <= 0)
    if len(still):
        frame = int(still[0])
        raise MicroslipError(
            f"by {origin} the strain does not grow from step {made.step[frame]} ({strain[frame]:.6g}) to"
            f" {made.step[frame + 1]} ({strain[frame + 1]:.6g}): leave out what is no shear with source.first_step and"
            " source.last_step, or give --strain-per-step"
        )
    return FrameStrain(strain, origin, by_walls)


def _told_at(step: np.ndarray, table: StressTable) -> np.ndarray:
    """The table's strain at some steps; beyond its ends, as where a program still writes, it goes on as it was."""
    within: np.ndarray = np.interp(step, table.step, table.strain)
    for end, inner in ((0, 1), (-1, -2)):
        rate = (table.strain[end] - table.strain[inner]) / (table.step[end] - table.step[inner])
        beyond = step < table.step[0] if end == 0 else step > table.step[-1]
        within[beyond] = table.strain[end] + rate * (step[beyond] - table.step[end])
    return within


def lean(frames: Iterable[Frame], source: Source, table: StressTable | None) -> Iterator[Frame]:
    """Frames with the cell that source.box and the strain at their steps give, as of a cell sheared with its grains.

    The first frame stands upright; before the table of the stress is read (`told` is None) every frame does.
    """
    axes, box = list(source.axes), source.box
    assert box is not None
    first: float | None = None
    for frame in frames:
        if source.strain_per_step is not None:
            strain = frame.step * source.strain_per_step
        else:
            strain = 0.0 if table is None else float(_told_at(np.array([frame.step]), table)[0])
            # the cell leans the way that the files' own sign says
            strain = -strain if table is not None and table.turned else strain
        first = strain if first is None else first
        ours = np.diag(np.array(box))
        ours[2, 0] = (strain - first) * box[2]
        edges = np.zeros((3, 3))
        edges[np.ix_(axes, axes)] = ours
        yield replace(frame, edges=edges)


def strain_of_samples(
    table: StressTable, frame_step: Float64[np.ndarray, "frame"], frame_strain: Float64[np.ndarray, "frame"]
) -> Float64[np.ndarray, "sample"]:
    """Shear strain of every sample: its own, or that of the frames at its step; NaN beyond them."""
    if np.isfinite(table.strain).all():
        return table.strain
    return np.asarray(np.interp(table.step, frame_step, frame_strain, left=np.nan, right=np.nan))
