"""Motion between two frames that comes near half a period: wrapped positions and folded tilts then tell another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.errors import MicroslipError

if TYPE_CHECKING:
    from microslip.formats.assembly.assembled import Assembled

# Shares of a period. Motion to be warned of; motion beyond which a copy may be the wrong one, if grains outrun walls.
NEAR = 0.25
FAR = 0.35
OUTRUN = 0.1
# Shares of the grains that are more than a few strays.
FEW, MANY = 0.05, 0.2
# A box that is flipped leans by half its length at most, and a little more until the flip.
FOLDED = 0.55
REMEDY = "dump image flags (ix iy iz) or unwrapped positions (xu yu zu), or frames more often"


def followed_share(
    moved: Float64[np.ndarray, "grain 3"], kind: Int64[np.ndarray, "grain"], period: float, leans: bool, where: str
) -> float:
    """How far walls, or grains where there are none, have moved along x since the frame before: share of the period.

    Parameters
    ----------
    moved
        To the nearest copy of each grain, less the motion of a cell that repeats in z [d̄]; NaN where unknown.
    kind
        0 bulk, 1 bottom wall, 2 top wall.
    period
        Lx [d̄].
    leans
        Whether the cell repeats in x and z, so that only what grains do in it is left.
    where
        The frame, for messages.

    Raises
    ------
    MicroslipError
        Grains outrun both walls, or the cell: the nearest copies are not theirs.
    """
    along = moved[:, 0] / period
    there = np.isfinite(along)
    walls = [float(np.median(along[there & (kind == one)])) for one in (1, 2) if (there & (kind == one)).any()]
    bulk = along[there & (kind == 0)]
    if len(walls) == 2:
        outrun = (np.abs(bulk) > FAR) & ((bulk < min(walls) - OUTRUN) | (bulk > max(walls) + OUTRUN))
        if len(bulk) and outrun.mean() > FEW:
            raise MicroslipError(
                f"{where}: {outrun.sum()} of {len(bulk)} grains seem to outrun both walls since the frame before,"
                f" by more than {FAR} of the period of {period:.4g} d̄: the walls moved by more than half of it, and"
                f" wrapped positions do not tell how far; {REMEDY}"
            )
    elif leans and len(bulk) and (np.abs(bulk) > FAR).mean() > MANY:
        raise MicroslipError(
            f"{where}: {(np.abs(bulk) > FAR).sum()} of {len(bulk)} grains seem to move against the cell by more than"
            f" {FAR} of the period of {period:.4g} d̄ since the frame before: the cell was sheared by more than half of"
            f" it, or its tilt is another one, and wrapped positions do not tell how far; {REMEDY}"
        )
    if walls:
        return float(np.abs(walls).max())
    return float(np.quantile(np.abs(bulk), 1 - FEW)) if len(bulk) else np.nan


def continued_tilt(written: float, length: float, before: Sequence[tuple[int, float, float]], step: int) -> float:
    """The tilt of a frame counted on over whole lengths of the cell: a flip of the box by one moves no copy.

    Parameters
    ----------
    written
        As the file has it.
    length
        Of the cell along x; any unit.
    before
        Step, tilt as written and tilt counted on of the last frames, two at most.
    step
        Of this frame.
    """
    if not before:
        return written
    last_step, last_written, last = before[-1]
    if abs(written - last_written) <= length / 2:
        expected = last + written - last_written
    elif len(before) > 1:
        # at the pace so far
        earlier_step, _, earlier = before[-2]
        expected = last + (last - earlier) * (step - last_step) / max(last_step - earlier_step, 1)
    else:
        # a program that flips boxes writes no such tilt
        expected = last + written - last_written if abs(written) > FOLDED * length else last
    return written - length * round((written - expected) / length)


def far_motion_notes(made: Assembled) -> list[str]:
    """Sentences on the largest motion between two frames, where it is near half a period."""
    notes = []
    lengths, steps = np.array(made.lengths)[:, 0], made.step
    of_tilt = np.abs(np.diff(made.tilt)) / lengths[1:]
    shares = np.array(made.followed)
    if np.isfinite(shares).any() and np.nanmax(shares) > NEAR:
        frame, what = int(np.nanargmax(shares)), "walls" if np.isfinite(made.wall_shift).any() else "grains"
        notes.append(
            f"from step {steps[frame - 1]} to {steps[frame]} {what} move by {shares[frame]:.2f} of the period along x,"
            f" as their nearest copies tell: a motion beyond half a period is taken for another one; {REMEDY}"
        )
    if len(of_tilt) and of_tilt.max() > NEAR:
        frame = int(of_tilt.argmax()) + 1
        notes.append(
            f"from step {steps[frame - 1]} to {steps[frame]} the tilt changes by {of_tilt[frame - 1]:.2f} of the cell's"
            " length along x, if the box was not flipped there: beyond half of it nothing tells; dump frames more often"
        )
    return notes


def check_told_motion(made: Assembled, strain: Float64[np.ndarray, "frame"], origin: str) -> None:
    """Hold what moved from frame to frame against a strain that is known from elsewhere.

    Raises
    ------
    MicroslipError
        Walls or cell moved by more than half a period between two frames, and were misread.
    """
    lengths, tilt, shift = np.array(made.lengths), np.array(made.tilt), np.array(made.wall_shift)
    leans = bool(np.ptp(tilt) > 0)
    if not leans and not np.isfinite(made.followed).any():
        return
    by_position = np.abs(np.diff(tilt if leans else shift)) / lengths[1:, 0]
    by_strain = np.abs(np.diff(strain)) * (lengths[1:, 2] if leans else lengths[0, 2]) / lengths[1:, 0]
    misread = np.flatnonzero((by_strain > 0.5) & (np.abs(by_position - by_strain) > OUTRUN))
    if len(misread):
        frame = int(misread[0])
        raise MicroslipError(
            f"from step {made.step[frame]} to {made.step[frame + 1]} by {origin} {'the cell' if leans else 'a wall'}"
            f" moves by {by_strain[frame]:.2f} of the length along x, and as positions tell by"
            f" {by_position[frame]:.2f}: beyond half of it {'a tilt' if leans else 'a wrapped position'} does not tell;"
            f" {REMEDY}, or correct the strain"
        )
