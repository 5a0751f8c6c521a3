"""Through which face of a periodic cell two grains touch: in a thin cell through both, and twice."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from jaxtyping import Float, Int64

from microslip.core.box import Box
from microslip.core.errors import MicroslipError

# Programs list contacts with an overlap; rounded positions may show a gap of this share of the sum of the radii.
ROUNDED_GAP = 1e-3
# More contacts of one pair than a cell with room for one grain can hold.
MOST_OF_ONE_PAIR = 4


def contact_separations(
    pairs: Int64[np.ndarray, "contact 2"],
    position: Float[np.ndarray, "grain 3"],
    diameter: Float[np.ndarray, "grain"],
    force: Float[np.ndarray, "contact 3"],
    box: Box,
    names: Int64[np.ndarray, "grain"] | None = None,
) -> Float[np.ndarray, "contact 3"]:
    """From the centre of the first grain of each contact to that of the second: the copy that it touches.

    Where periods are longer than two diameters this is the nearest copy. In a thinner cell two grains may touch on both
    sides: each of their contacts gets a copy of its own, so that forces push the grains apart.

    Parameters
    ----------
    pairs
        The two grains of each contact, as indices from 0; a program lists each contact once.
    position, diameter
        Of every grain [d̄].
    force
        On the first grain; any unit.
    box
        The cell.
    names
        What the grains are called in messages; their indices where left out.

    Raises
    ------
    MicroslipError
        A grain touches itself, a contact is listed twice, or nothing tells through which side two grains touch.
    """
    names = np.arange(len(diameter)) if names is None else names
    itself = np.flatnonzero(pairs[:, 0] == pairs[:, 1])
    if len(itself):
        raise MicroslipError(
            f"grain {names[pairs[itself[0], 0]]} is in contact with itself: a cell must be longer than a diameter along"
            " every axis"
        )
    apart = position[pairs[:, 1]] - position[pairs[:, 0]]
    separation = box.minimum_image(apart)
    if not len(pairs):
        return separation
    reach = diameter[pairs].sum(axis=1) / 2
    shifts = _shifts(box, position)
    order, first = _by_pair(pairs, len(diameter))
    thin = len(shifts) > 1 and bool((2 * reach >= np.linalg.norm(shifts[1:], axis=1).min()).any())
    if not thin and len(first) == len(pairs):
        return separation
    if thin:
        # in a cell that leans the nearest copy may lie further around
        copies = separation[:, None] + shifts
        separation = copies[np.arange(len(pairs)), np.linalg.norm(copies, axis=2).argmin(axis=1)]
    for contacts in np.split(order, first[1:]):
        if len(contacts) > 1 or (thin and _n_touching(separation[contacts[0]], reach[contacts[0]], shifts) > 1):
            separation[contacts] = _distinct(
                names[pairs[contacts]], separation[contacts], reach[contacts[0]], force[contacts], shifts
            )
    return separation


def _shifts(box: Box, position: np.ndarray) -> np.ndarray:
    """Vectors to the copies of the cell around it, itself first; none along an axis that no grain leaves."""
    # planar data repeat along an axis on which nothing lies apart
    steps = [
        (0, -1, 1) if flag and np.ptp(coordinates) > 0 else (0,)
        for flag, coordinates in zip(box.periodic, position.T, strict=True)
    ]
    edges = np.diag(box.lengths)
    edges[2, 0] = box.nearest_tilt
    return np.array(list(product(*steps))) @ edges


def _by_pair(pairs: np.ndarray, n_grains: int) -> tuple[np.ndarray, np.ndarray]:
    """Contacts in the order of their pairs, and where each pair begins in that order."""
    key = pairs.min(axis=1) * n_grains + pairs.max(axis=1)
    order = np.argsort(key, kind="stable")
    return order, np.flatnonzero(np.diff(key[order], prepend=-1))


def _n_touching(separation: np.ndarray, reach: float, shifts: np.ndarray) -> int:
    return int((np.linalg.norm(separation + shifts, axis=1) < reach).sum())


def _distinct(
    pairs: np.ndarray, separation: np.ndarray, reach: float, force: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    """A copy of its own for each contact of one pair."""
    n, names = len(pairs), f"grains {pairs[0, 0]} and {pairs[0, 1]}"
    # all seen from the same grain
    side = np.where(pairs[:, 0] == pairs[0, 0], 1.0, -1.0)[:, None]
    copies = separation[0] + shifts
    distance = np.linalg.norm(copies, axis=1)
    nearest = np.argsort(distance, kind="stable")
    n_touching = int((distance < reach).sum())
    if n > 1 and (n > len(nearest) or distance[nearest[n - 1]] > (1 + ROUNDED_GAP) * reach):
        raise MicroslipError(
            f"{names} are in contact {n} times, and only {max(n_touching, 1)} of their copies touch: list each contact"
            " once, not once for each of its grains"
        )
    if n_touching > n or n > MOST_OF_ONE_PAIR:
        raise MicroslipError(
            f"{names} touch through {n_touching} sides of the cell, and {n} of these contacts are listed: which is not"
            " told; a cell must be longer than two diameters along every axis that repeats"
        )
    normals = copies[nearest[:n]] / distance[nearest[:n], None]
    push = -(side * force) @ normals.T
    ways = list(permutations(range(n)))
    total = np.array([push[range(n), way].sum() for way in ways])
    best, *rest = np.argsort(-total, kind="stable")
    if rest and not total[best] > total[rest[0]]:
        raise MicroslipError(
            f"{names} are in contact {n} times, through several sides of the cell, and their forces do not tell which"
            " is which: a cell must be longer than two diameters along every axis that repeats"
        )
    return np.asarray(side * copies[nearest[list(ways[best])]])
