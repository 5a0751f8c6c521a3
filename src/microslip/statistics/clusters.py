"""Clusters of active grains: which grains move most, and which of them hang together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int32, Int64

from microslip.core import arguments
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.core.neighbours import check_cutoff, check_positions, find_pairs, refuse_lost
from microslip.core.volume import grain_volume
from microslip.statistics.cluster_kernels import walk


@dataclass(frozen=True)
class Clusters:
    """Connected active grains, the largest cluster first.

    `label` (grain): number of the grain's cluster from 1, 0 where it is not active. `size` (cluster): grains.
    `positions` (grain, 3) [d̄]: every cluster in one piece, its grains moved by whole periods; NaN where not active.
    `wraps_along` (cluster, axis): whether it reaches around the cell to itself along x, y and z; two ways along its
    links then lead to different copies of one grain, and where it is laid out along that axis is one choice of many. A
    staircase that closes only after a period along two axes wraps both. `box`: the cell.
    """

    label: Int32[np.ndarray, "grain"]
    size: Int64[np.ndarray, "cluster"]
    positions: Float64[np.ndarray, "grain 3"]
    wraps_along: Bool[np.ndarray, "cluster 3"]
    box: Box

    @property
    def wraps(self) -> Bool[np.ndarray, "cluster"]:
        """Whether it reaches around the cell along any axis."""
        return np.asarray(self.wraps_along.any(axis=1))


def active_grains(values: Float[np.ndarray, "grain"], fraction: float = 0.1) -> Bool[np.ndarray, "grain"]:
    """The grains with the largest values: `fraction` of those that have one, rounded, and at least one.

    Parameters
    ----------
    values
        One value per grain, such as D²min, shape (grain,); grains with NaN (walls) are never active.
    fraction
        Share of active grains; the paper's is 0.1.

    Raises
    ------
    MicroslipError
        No grain has a value, an infinite value, or the fraction is not between 0 and 1.

    Source: Mei et al. 2023, section 4.2.
    """
    fraction = arguments.real("fraction", fraction, "between 0 and 1: the paper's is 0.1", above=0, high=1)
    values = arguments.reals("values", values, ("grain",), missing=True)
    measured = np.flatnonzero(np.isfinite(values))
    if not len(measured):
        raise MicroslipError("values: no grain has a value: there are no active ones")
    n_active = max(1, round(fraction * len(measured)))
    active = np.zeros(len(values), dtype=bool)
    active[measured[np.argpartition(values[measured], len(measured) - n_active)[len(measured) - n_active :]]] = True
    return active


def find_clusters(
    positions: Float[np.ndarray, "grain 3"],
    active: Bool[np.ndarray, "grain"],
    box: Box,
    diameter: Float[np.ndarray, "grain"] | None = None,
    link_distance: float | None = None,
) -> Clusters:
    """Active grains that touch, or lie within a distance of each other, belong to one cluster.

    Parameters
    ----------
    positions
        Centres, shape (grain, 3) [d̄].
    active
        Which grains count, true or false, shape (grain,).
    box
        The cell; clusters reach across its periodic faces.
    diameter
        Shape (grain,) [d̄]: two grains are linked when their distance is at most the sum of their radii.
    link_distance
        Two grains are linked when their distance is at most this [d̄]; given instead of `diameter`.

    Raises
    ------
    MicroslipError
        Both or neither of `diameter` and `link_distance`; arrays of other grains; marks that are neither true nor
        false; positions of active grains that are not finite; diameters that are not positive; a link beyond half the
        cell.

    Source: Mei et al. 2023, section 4.2, where the rule of linking is not given.
    """
    if (diameter is None) == (link_distance is None):
        raise MicroslipError(
            "give either the diameter of the grains, for contact, or a link_distance, not both or neither"
        )
    positions = check_positions("positions", positions, box, missing=True)
    n = len(positions)
    active = arguments.marks("active", active, (("grain", n, "positions"),))
    refuse_lost(positions, active)
    chosen = np.flatnonzero(active)
    if diameter is not None:
        diameter = arguments.reals("diameter", diameter, (("grain", n, "positions"),), positive=True)
        reach = check_cutoff("diameter", float(diameter[chosen].max()), box) if len(chosen) else 0.0
    else:
        reach = link_distance = check_cutoff("link_distance", link_distance, box)  # type: ignore[arg-type]
    if not len(chosen):
        return clusters_of(positions, active, box, np.empty((0, 2), dtype=np.int64), np.empty((0, 3)))
    pairs, vectors = find_pairs(positions[chosen], box, reach)
    linked = links_among(chosen[pairs], vectors, diameter, link_distance)
    return clusters_of(positions, active, box, chosen[pairs][linked], vectors[linked])


def links_among(
    pairs: Int64[np.ndarray, "pair 2"],
    vectors: Float64[np.ndarray, "pair 3"],
    diameter: Float[np.ndarray, "grain"] | None,
    link_distance: float | None,
) -> Bool[np.ndarray, "pair"]:
    """Which pairs of grains are linked: they touch, or lie within `link_distance` [d̄] where that is given."""
    reach = diameter[pairs].sum(axis=1) / 2 if link_distance is None else link_distance  # type: ignore[index]
    return np.asarray((vectors**2).sum(axis=1) <= reach**2)


def clusters_of(
    positions: Float64[np.ndarray, "grain 3"],
    active: Bool[np.ndarray, "grain"],
    box: Box,
    pairs: Int64[np.ndarray, "pair 2"],
    vectors: Float64[np.ndarray, "pair 3"],
) -> Clusters:
    """The clusters of active grains along given links; links of other grains are left out."""
    chosen = np.flatnonzero(active)
    label = np.zeros(len(positions), dtype=np.int32)
    laid = np.full((len(positions), 3), np.nan)
    number = np.full(len(positions), -1)
    number[chosen] = np.arange(len(chosen))
    both = active[pairs].all(axis=1)
    own, slope = np.ascontiguousarray(positions[chosen]), box.nearest_tilt / box.lengths[2]
    part, laid[chosen], wraps = walk(len(chosen), number[pairs[both]], vectors[both], own, slope)
    size = np.bincount(part)
    order = np.argsort(-size, kind="stable")
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(1, len(order) + 1)
    label[chosen] = rank[part]
    return Clusters(label, size[order], laid, wraps[order], box)


class _Spread(NamedTuple):
    """Of clusters: centres (cluster, 3) [d̄], and of their grains the cluster, the weight and the way from there."""

    centre: np.ndarray
    number: np.ndarray
    weight: np.ndarray
    away: np.ndarray


def _spread(clusters: Clusters, diameter: np.ndarray) -> _Spread:
    arguments.record("clusters", clusters, Clusters, "give what find_clusters returns")
    diameter = arguments.reals("diameter", diameter, (("grain", len(clusters.label), "clusters"),), positive=True)
    active, box = clusters.label > 0, clusters.box
    number, weight = clusters.label[active] - 1, grain_volume(diameter, box.planar)[active]
    total = np.bincount(number, weight, len(clusters.size))

    def means(values: np.ndarray) -> np.ndarray:
        of_axes = [np.bincount(number, weight * axis, len(clusters.size)) / total for axis in values.T]
        return np.stack(of_axes, axis=1)

    # in the axes of the cell, along which it repeats
    lengths, slope = np.asarray(box.lengths), box.nearest_tilt / box.lengths[2]
    own = clusters.positions[active].copy()
    own[:, 0] -= slope * own[:, 2]
    angle = own * (2 * np.pi / lengths)
    round_mean = np.arctan2(means(np.sin(angle)), means(np.cos(angle))) * lengths / (2 * np.pi)
    centre = np.where(clusters.wraps_along, round_mean, means(own))
    away = own - centre[number]
    away -= np.where(clusters.wraps_along[number], lengths * np.round(away / lengths), 0.0)
    rest = means(away)
    centre, away = centre + rest, away - rest[number]
    for vectors in (centre, away):
        vectors[:, 0] += slope * vectors[:, 2]
    return _Spread(centre, number, weight / total[number], away)


def cluster_centres(clusters: Clusters, diameter: Float[np.ndarray, "grain"]) -> Float64[np.ndarray, "cluster 3"]:
    """Centre of every cluster, its grains weighted by volume or, in the plane, by area, shape (cluster, 3) [d̄].

    Not wrapped into the cell. Along an axis that a cluster wraps around, its grains are taken at their copies nearest
    to the mean of their places on the circle: that hangs neither on the order of grains nor on where the cell begins,
    but a cluster that is spread evenly around the circle has its centre anywhere on it.
    """
    return _spread(clusters, diameter).centre


def radius_of_gyration(clusters: Clusters, diameter: Float[np.ndarray, "grain"]) -> Float64[np.ndarray, "cluster"]:
    """R_g of every cluster, its grains weighted by volume or, in the plane, by area.

    .. math:: R_g^2 = \\frac{\\sum_i V_i |r_i - \\bar R|^2}{\\sum_i V_i}

    Parameters
    ----------
    clusters
        From `find_clusters`. Along an axis that a cluster wraps around, which has no end there, its grains are taken at
        the copies nearest to its centre, see `cluster_centres`: that part of R_g is at most about L/√12, that of a
        cluster spread evenly over the period L, and a lower bound to what a larger cell would show.
    diameter
        Of every grain, shape (grain,) [d̄].

    Returns
    -------
    Shape (cluster,) [d̄]; 0 for a single grain, which counts as a point.

    Raises
    ------
    MicroslipError
        Diameters of other grains, or diameters that are not positive.

    Source: Mei et al. 2023, eq. 7, with the centre weighted like the sum.
    """
    spread = _spread(clusters, diameter)
    squared = spread.weight * (spread.away**2).sum(axis=1)
    return np.sqrt(np.bincount(spread.number, squared, len(clusters.size)))
