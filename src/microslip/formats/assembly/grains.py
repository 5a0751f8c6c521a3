"""Which grain is which from frame to frame, and where it went."""

from __future__ import annotations

import numpy as np

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.formats.frame import Frame


class GrainRows:
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
        is_old = place < len(self._sorted)
        is_old[is_old] = self._sorted[place[is_old]] == ids[is_old]
        new = np.flatnonzero(~is_old)
        self.ids = np.concatenate([self.ids, ids[new]])
        order = np.argsort(self.ids, kind="stable")
        self._sorted, self._row = self.ids[order], order
        rows = self._row[np.searchsorted(self._sorted, ids)]
        self._last_ids, self._last_rows = ids, rows
        return rows, new


class Unwrapping:
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
        is_old = np.isfinite(last).all(axis=1)
        followed = position.copy()
        apart = position[is_old] - last[is_old]
        # whole edges of the cell, so that digits of the file are kept
        moved = np.full_like(position, np.nan)
        moved[is_old] = box.minimum_image(apart)
        followed[is_old] = position[is_old] - (apart - moved[is_old])
        self._position[rows], self._box = followed, box
        return followed, moved
