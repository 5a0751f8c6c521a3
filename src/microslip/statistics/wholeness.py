"""Whether all grains are there: positions that are missing, and grains that have left through the walls."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped


def missing_share(position: Float[np.ndarray, "grain axis"]) -> float:
    """Share of the grains whose position is not known [1]."""
    return float((~np.isfinite(position)).any(axis=-1).mean())


def n_beyond_walls(position: Float[np.ndarray, "grain axis"], kind: Shaped[np.ndarray, "grain"]) -> int | None:
    """Number of bulk grains whose centres lie below every grain of the bottom wall or above every one of the top wall.

    Parameters
    ----------
    position
        Centres at one time, shape (grain, axis) [d̄].
    kind
        0 in the bulk, 1 in the bottom wall, 2 in the top wall, shape (grain,).

    Returns
    -------
    int or None
        None without two walls.
    """
    if not ((kind == 1).any() and (kind == 2).any()):
        return None
    height = position[:, 2]
    bulk = height[kind == 0]
    return int(((bulk < np.nanmin(height[kind == 1])) | (bulk > np.nanmax(height[kind == 2]))).sum())
