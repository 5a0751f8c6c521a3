"""Clusters whose fractal dimension and exponent of sizes are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from microslip.core.box import Box
from microslip.core.errors import MicroslipError

# R_g of a cluster of N grains is this times N^(1/D) [d̄]: grains that follow each other then lie within 1 d̄.
GYRATION = 0.25
# Links grains of a cluster and none of two clusters [d̄].
LINK = 1.05
# Free space around each cluster [d̄].
_APART = 2.0


@dataclass(frozen=True)
class ArtificialClusters:
    """Grains (grain, 3) [d̄] in clusters that `LINK` links; the clusters' sizes in the order of their grains."""

    positions: Float64[np.ndarray, "grain 3"]
    sizes: Int64[np.ndarray, "cluster"]
    box: Box


def clusters(
    n_clusters: int = 300, *, seed: int, eta: float = 2.0, dimension: float = 1.7, largest: int = 500
) -> ArtificialClusters:
    """Clusters whose sizes follow P(N) ∝ N^−η and whose radii of gyration are `GYRATION` N^(1/D), to the last digit.

    Of each cluster two arms go from its centre outwards, one the mirror image of the other, in steps of at most 1 d̄ and
    in directions drawn at random. Their distances from the centre,

    .. math:: r_j^2 = \\frac{g^2}{2} \\left[N_j^{1 + 2/D} - N_{j-1}^{1 + 2/D}\\right],

    where N_j grains lie within r_j, sum to N R_g² for every N. An odd cluster has a grain in its centre. The clusters
    lie in a row along x, farther apart than any link. Diameters are taken as equal.

    Parameters
    ----------
    eta
        Exponent η of the sizes from one grain on, above 1.
    dimension
        Fractal dimension D, from 1 to 3.
    largest
        Sizes beyond it are drawn again, since one cluster could hold more grains than all others.

    Raises
    ------
    MicroslipError
        η or D out of range.

    Source: exponents as in Mei et al. 2023, section 4.2 and eq. 7.
    """
    if not (eta > 1 and 1 <= dimension <= 3):
        raise MicroslipError(f"eta = {eta:g}, dimension = {dimension:g}: η is above 1, and D from 1 to 3")
    rng = np.random.default_rng(seed)
    sizes = rng.zipf(eta, n_clusters)
    while (too_large := sizes > largest).any():
        sizes[too_large] = rng.zipf(eta, too_large.sum())
    shapes = [_cluster(int(size), dimension, rng) for size in sizes]
    half = np.array([np.abs(shape).max() for shape in shapes]) + _APART
    centre = np.cumsum(2 * half) - half
    middle = float(half.max())
    places = [shape + np.array([x, middle, middle]) for shape, x in zip(shapes, centre, strict=True)]
    return ArtificialClusters(np.concatenate(places), sizes, Box((float(2 * half.sum()), 2 * middle, 2 * middle)))


def _cluster(size: int, dimension: float, rng: np.random.Generator) -> Float64[np.ndarray, "grain 3"]:
    """One cluster about the origin; see `clusters`."""
    within = np.arange(size % 2, size + 1, 2) ** (1 + 2 / dimension)
    # the first pair makes up for the grain in the centre, which adds nothing
    within[0] = 0.0
    radius = GYRATION * np.sqrt(np.diff(within) / 2)
    arm, direction = np.zeros((len(radius), 3)), _unit(rng)
    for j, r in enumerate(radius):
        if j:
            before = radius[j - 1]
            # at this angle the step is 1 d̄ long, or as long as there is room
            cosine = np.clip((r**2 + before**2 - 1) / (2 * r * before), -1, 1)
            aside = _unit(rng)
            aside -= (aside @ direction) * direction
            direction = cosine * direction + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside)
        arm[j] = r * direction
    return np.concatenate([np.zeros((size % 2, 3)), arm, -arm])


def _unit(rng: np.random.Generator) -> Float64[np.ndarray, "3"]:
    """A direction drawn at random."""
    vector = rng.normal(size=3)
    return np.asarray(vector / np.linalg.norm(vector))
