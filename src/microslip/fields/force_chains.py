"""Force chains: grains under more load than the others that line up along it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from microslip.core.contacts import COMPONENTS
from microslip.fields.mechanics import major_principal_stress

# How far the next grain of a chain may lie from the direction of the major stress: 45°.
LARGEST_ANGLE = np.pi / 4
# Fewer grains are no chain.
SHORTEST = 3


def force_chains(
    stress: Float[np.ndarray, "grain 6"],
    pairs: Int64[np.ndarray, "contact 2"],
    separation: Float64[np.ndarray, "contact 3"],
    of: Bool[np.ndarray, "grain"],
    planar: bool = False,
) -> Bool[np.ndarray, "grain"]:
    """Which grains belong to a force chain.

    A chain is at least three grains that hang together by links. Two grains are linked when they touch, when the major
    principal stress of each exceeds the mean over the grains, and when the line between their centres lies within 45°
    of the direction of that stress in both.

    Parameters
    ----------
    stress
        Of every grain, compression positive, components xx, yy, zz, xy, xz, yz [p]; NaN is unknown.
    pairs, separation
        Grains in contact, and the vectors from first to second [d̄].
    of
        The grains that may be members and that the mean is taken over, such as those of the bulk.
    planar
        Whether only the x–z plane counts.

    Source: Peters, Muthuswamy, Wibowo & Tordesillas, Phys. Rev. E 72 (2005) 041307. They go on to the one grain that
    lies nearest to the direction; here all within the angle are linked, so that chains may fork.
    """
    member = np.zeros(len(stress), dtype=bool)
    loaded = of & np.isfinite(stress).all(axis=1)
    if not loaded.any():
        return member
    tensors = np.zeros((len(stress), 3, 3))
    for component, (a, b) in enumerate(COMPONENTS):
        if not planar or 1 not in (a, b):
            tensors[:, a, b] = tensors[:, b, a] = stress[:, component]
    if planar:
        # across the plane the least of all
        tensors[:, 1, 1] = -np.abs(tensors).sum(axis=(1, 2))
    major = major_principal_stress(stress, planar)
    loaded &= major > major[loaded].mean()
    direction = np.zeros((len(stress), 3))
    direction[loaded] = np.linalg.eigh(tensors[loaded])[1][:, :, 2]
    near = loaded[pairs].all(axis=1)
    first, second = pairs[near].T
    line = separation[near] / np.linalg.norm(separation[near], axis=1)[:, None]
    along = [np.abs((line * direction[grain]).sum(axis=1)) >= np.cos(LARGEST_ANGLE) for grain in (first, second)]
    first, second = first[along[0] & along[1]], second[along[0] & along[1]]
    n = len(stress)
    _, chain = connected_components(coo_array((np.ones(len(first)), (first, second)), shape=(n, n)), directed=False)
    return np.asarray(np.bincount(chain, minlength=n)[chain] >= SHORTEST)
