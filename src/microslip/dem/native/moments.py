"""A moment of the native engine, from which it can go on several times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from microslip.dem.native.engine import NativeEngine
from microslip.dem.native.pairs import Pairs


@dataclass(frozen=True)
class Moment:
    """Everything that the next steps of an engine hang on: copies of what they change, the engine's own of the rest."""

    grains: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # rows, radius, mass, kind
    motion: np.ndarray
    net: np.ndarray
    place: np.ndarray
    pairs: Pairs
    history: np.ndarray
    frames: np.ndarray
    momentum: np.ndarray
    origin: np.ndarray
    margin: np.ndarray
    n_steps: int


def moment_of(engine: NativeEngine) -> Moment:
    """The moment at which an engine is now."""
    return Moment(
        (engine.rows, engine.radius, engine.mass, engine.kind),
        engine.motion.copy(),
        engine.net.copy(),
        engine.slot.place.copy(),
        engine.pairs,
        engine.pairs.history.copy(),
        engine.frames.copy(),
        engine.momentum.copy(),
        engine.origin.copy(),
        engine.margin.copy(),
        engine.n_steps,
    )


def go_back(engine: NativeEngine, moment: Moment) -> None:
    """Take the engine back to a moment of its own; it goes on from there to the same bytes."""
    pairs = moment.pairs._replace(history=moment.history.copy())
    engine._take(*moment.grains, moment.motion.copy(), moment.net.copy(), pairs)
    engine.slot.place[:] = moment.place
    engine.frames[:] = moment.frames
    engine.momentum[:] = moment.momentum
    engine.origin, engine.margin, engine.n_steps = moment.origin.copy(), moment.margin.copy(), moment.n_steps


def move_grains(engine: NativeEngine, displacement: Float64[np.ndarray, "grain 3"]) -> None:
    """Move bulk grains [d̄]; rows as in the packing. Their forces follow with the next step."""
    bulk = slice(0, engine.n_bulk)
    engine.slot.place[:, bulk] += displacement[engine.rows[bulk]].T * engine.d


def sort_grains(engine: NativeEngine) -> None:
    """Sort the grains as `save` does: sums are then taken in the same order as by who goes on from the file."""
    engine._sort(engine.slot.place)
