"""Frames on their way into a trajectory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.grain_values import GrainValues
from microslip.data.trajectory import TrajectoryWriter, create_trajectory

# Frames are written this many bytes of positions at a time, as whole chunks.
BUFFER_BYTES = 2**24


class FrameBuffer:
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
