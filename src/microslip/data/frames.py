"""Frames of a trajectory by their numbers, each chunk read once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import xarray as xr

from microslip.core.errors import MicroslipError
from microslip.data.trajectory import TURNING_POINT


def read_frames(values: xr.DataArray, frames: np.ndarray) -> dict[int, np.ndarray]:
    """A quantity in the named frames, each chunk read once, by frame number.

    Raises
    ------
    MicroslipError
        A frame cannot be read.
    """
    numbers = np.unique(frames)
    try:
        rows = values[numbers].to_numpy()
    except (ValueError, RuntimeError, OSError) as problem:
        raise MicroslipError(
            f"frames {numbers[0]} to {numbers[-1]} of {values.name} cannot be read ({problem}): a chunk is damaged"
        ) from None
    return dict(zip(numbers.tolist(), rows, strict=True))


def turning_frames(frames: xr.Dataset) -> np.ndarray:
    """Numbers of the frames at turning points: all but those inside stages, which some runs keep."""
    if "kind" not in frames:
        return np.arange(frames.sizes["frame"])
    return np.flatnonzero(frames["kind"].to_numpy() == TURNING_POINT)


def reader_of(values: xr.DataArray) -> Callable[[int], np.ndarray]:
    """A function that reads a quantity in a frame by its number: whole chunks, of which it keeps the last two."""
    per_chunk, n_frames = values.encoding["chunks"][0], len(values)

    @lru_cache(maxsize=2)
    def read_chunk(number: int) -> dict[int, np.ndarray]:
        return read_frames(values, np.arange(number * per_chunk, min((number + 1) * per_chunk, n_frames)))

    return lambda frame: read_chunk(frame // per_chunk)[frame]
