"""Candidate pairs: grains that may touch before one of them has gone farther than its margin, with their histories."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int8, Int64, UInt32

from microslip.core.box import Box
from microslip.core.neighbours import sort_into_cells
from microslip.dem.native.contact_law import N_CONSTANTS, Law
from microslip.dem.native.pair_kernels import carry, list_pairs, seconds, sort_pairs


class Pairs(NamedTuple):
    """Pairs of grains nearer than their radii and margins, each once, the lower index first, sorted by both.

    A bulk grain i is first in pairs `own[i]` to `own[i + 1]`, and second in those that `others` lists, from `start[i]`
    to `start[i + 1]`. `on_bottom`, `on_top`: pairs whose second grain is of a wall; two wall grains are no pair.
    `constants` (3, pair), `history` (3, pair): see `contact_forces`.
    """

    first: UInt32[np.ndarray, "pair"]
    second: UInt32[np.ndarray, "pair"]
    own: UInt32[np.ndarray, "bulk_and_one"]
    start: UInt32[np.ndarray, "bulk_and_one"]
    others: UInt32[np.ndarray, "other"]
    on_bottom: UInt32[np.ndarray, "bottom_pair"]
    on_top: UInt32[np.ndarray, "top_pair"]
    constants: Float64[np.ndarray, "3 pair"]
    history: Float64[np.ndarray, "3 pair"]

    @classmethod
    def none(cls, n_bulk: int) -> Pairs:
        """No pair at all."""
        empty, per_grain = np.empty(0, dtype=np.uint32), np.zeros(n_bulk + 1, dtype=np.uint32)
        return cls(
            empty, empty, per_grain, per_grain, empty, empty, empty, np.empty((N_CONSTANTS, 0)), np.empty((3, 0))
        )


def find_pairs(
    place: Float64[np.ndarray, "3 grain"],
    radius: Float64[np.ndarray, "grain"],
    mass: Float64[np.ndarray, "grain"],
    kind: Int8[np.ndarray, "grain"],
    box: Box,
    margin: Float64[np.ndarray, "grain"],
    law: Law,
    before: Pairs,
) -> Pairs:
    """The candidate pairs of grains at these places [m], with the histories that an older list holds.

    `kind`: 0 bulk, 1 bottom wall, 2 top wall, in this order. `margin`: how far each may go before the next list [m].

    Raises
    ------
    MicroslipError
        A place is not finite; the cell is thinner than two of its largest grains.
    """
    reach = radius + margin
    cells = sort_into_cells(place.T, box, float(2 * reach.max()))
    n, n_bulk = len(radius), int((kind == 0).sum())
    most = max(5 * len(before.first) // 4, 4 * n) + 64
    while True:
        low, high = np.empty(most, dtype=np.uint32), np.empty(most, dtype=np.uint32)
        count = list_pairs(cells, reach, kind, low, high)
        if count <= most:
            break
        most = count
    first, second, own = sort_pairs(low[:count], high[:count], n)
    history = np.zeros((3, count))
    carry(own[: n_bulk + 1], second, history, before.own, before.second, before.history)
    return complete_pairs(first, second, radius, mass, kind, law, history)


def complete_pairs(
    first: UInt32[np.ndarray, "pair"],
    second: UInt32[np.ndarray, "pair"],
    radius: Float64[np.ndarray, "grain"],
    mass: Float64[np.ndarray, "grain"],
    kind: Int8[np.ndarray, "grain"],
    law: Law,
    history: Float64[np.ndarray, "3 pair"],
) -> Pairs:
    """Sorted pairs and their histories, with what follows from them."""
    n_bulk = int((kind == 0).sum())
    start, others = seconds(second, n_bulk)
    return Pairs(
        first,
        second,
        np.searchsorted(first, np.arange(n_bulk + 1)).astype(np.uint32),
        start.astype(np.uint32),
        others,
        np.flatnonzero(kind[second] == 1).astype(np.uint32),
        np.flatnonzero(kind[second] == 2).astype(np.uint32),
        _constants(first, second, radius, mass, law),
        history,
    )


def renumbered(pairs: Pairs, order: Int64[np.ndarray, "grain"], n_bulk: int) -> Pairs:
    """The histories of a list under new numbers, for `find_pairs`: grain `order[k]` becomes grain k."""
    new = np.empty(len(order), dtype=np.uint32)
    new[order] = np.arange(len(order), dtype=np.uint32)
    first, second = new[pairs.first], new[pairs.second]
    # seen from the other grain, a displacement and a force are the opposite ones
    turned = first > second
    first, second = np.where(turned, second, first), np.where(turned, first, second)
    by_pair = np.lexsort((second, first))
    history = np.where(turned, -pairs.history, pairs.history)[:, by_pair]
    own = np.searchsorted(first[by_pair], np.arange(n_bulk + 1)).astype(np.uint32)
    return Pairs.none(n_bulk)._replace(
        first=first[by_pair], second=second[by_pair], own=own, history=np.ascontiguousarray(history)
    )


def _constants(
    first: UInt32[np.ndarray, "pair"],
    second: UInt32[np.ndarray, "pair"],
    radius: Float64[np.ndarray, "grain"],
    mass: Float64[np.ndarray, "grain"],
    law: Law,
) -> Float64[np.ndarray, "3 pair"]:
    reduced_mass = mass[first] * mass[second] / (mass[first] + mass[second])
    constants = np.empty((N_CONSTANTS, len(first)))
    constants[0] = radius[first] + radius[second]
    constants[1] = radius[first] * radius[second] / constants[0]
    constants[2] = law.damping * (np.sqrt(reduced_mass) if law.constant_restitution else reduced_mass)
    return constants
