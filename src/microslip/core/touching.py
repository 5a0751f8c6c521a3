"""Contacts by geometry: which spheres overlap, and which contacts of one frame are those of another."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from microslip.core import arguments
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import find_pairs


def touching_pairs(
    positions: Float64[np.ndarray, "grain 3"], diameter: Float[np.ndarray, "grain"], box: Box
) -> tuple[Int64[np.ndarray, "contact 2"], Float64[np.ndarray, "contact 3"]]:
    """Pairs of grains whose distance is below the sum of their radii, each once, and the vectors from first to second.

    Those are the contacts of a law that has no force beyond the overlap, as that of Hertz and Mindlin; of positions
    that are rounded by more than an overlap, some 1e-3 d̄ at p/E = 1e-4, they are not.

    Parameters
    ----------
    positions
        Centres, shape (grain, 3) [d̄].
    diameter
        Shape (grain,) [d̄].
    box
        The cell.

    Raises
    ------
    MicroslipError
        As in `find_pairs`; diameters of other grains or not positive.
    """
    diameter = arguments.reals("diameter", diameter, (("grain", len(positions), "positions"),), positive=True)
    if not len(diameter):
        return np.empty((0, 2), dtype=np.int64), np.empty((0, 3))
    pairs, vectors = find_pairs(positions, box, float(diameter.max()))
    touching = (vectors**2).sum(axis=1) < (diameter[pairs].sum(axis=1) / 2) ** 2
    return pairs[touching], vectors[touching]


def shared_contacts(
    pairs: Int64[np.ndarray, "contact 2"], others: Int64[np.ndarray, "other 2"]
) -> Bool[np.ndarray, "contact"]:
    """Which contacts, pairs of grains in any order, are among the others."""
    return np.isin(_number(pairs), _number(others))


def _number(pairs: np.ndarray) -> np.ndarray:
    """One number for each pair, whichever grain is first."""
    if pairs.size and pairs.max() >= 2**31:
        raise MicroslipError("pairs: contacts of more than 2e9 grains have no numbers of their own")
    return np.asarray(pairs.min(axis=1) * 2**31 + pairs.max(axis=1))
