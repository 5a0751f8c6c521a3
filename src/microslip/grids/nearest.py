"""The grain that is nearest to each node of a grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int64

from microslip.core.box import Box
from microslip.core.neighbours import check_cutoff, find_pairs


def nearest_grains(
    positions: Float[np.ndarray, "grain 3"],
    counts: Bool[np.ndarray, "grain"],
    box: Box,
    nodes: Float[np.ndarray, "node 3"],
    onto: Box,
    reach: float,
) -> Int64[np.ndarray, "node"]:
    """Number of the grain whose centre is the nearest to each node; −1 where none lies within reach.

    Parameters
    ----------
    positions, box
        Centres [d̄] and cell at the start of a stage.
    counts
        Which grains may be the nearest, such as those with a D²min; they have a position.
    nodes, onto
        The nodes [d̄], and their cell, onto which that of the stage is stretched as for voxels.
    reach
        Largest distance [d̄].
    """
    stretch = np.asarray(onto.lengths) / np.asarray(box.lengths)
    stretched = replace(onto, tilt=box.tilt * stretch[0])
    own = np.flatnonzero(counts)
    places = np.concatenate([nodes, positions[own] * stretch])
    if onto.planar:
        places[:, 1] = nodes[0, 1]
    pairs, vectors = find_pairs(places, stretched, check_cutoff("reach", reach, stretched))
    first, second = np.sort(pairs, axis=1).T
    between = (first < len(nodes)) & (second >= len(nodes))
    node, grain, distance = first[between], second[between] - len(nodes), (vectors[between] ** 2).sum(axis=1)
    # the nearest is written last
    order = np.argsort(-distance, kind="stable")
    nearest = np.full(len(nodes), -1, dtype=np.int64)
    nearest[node[order]] = own[grain[order]]
    return nearest
