"""Clusters of active grains: which grains move most, and which of them hang together."""

from __future__ import annotations

from dataclasses import dataclass

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
    `wraps` (cluster): whether it reaches around the cell to itself, so that it has no shape of its own. `planar`:
    whether the cell is, so that grains weigh as discs.
    """

    label: Int32[np.ndarray, "grain"]
    size: Int64[np.ndarray, "cluster"]
    positions: Float64[np.ndarray, "grain 3"]
    wraps: Bool[np.ndarray, "cluster"]
    planar: bool = False


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
        reach = check_cutoff("link_distance", link_distance, box)  # type: ignore[arg-type]
    label = np.zeros(len(positions), dtype=np.int32)
    laid = np.full((len(positions), 3), np.nan)
    if not len(chosen):
        return Clusters(label, np.empty(0, dtype=np.int64), laid, np.empty(0, dtype=bool), box.planar)
    own = positions[chosen]
    pairs, vectors = find_pairs(own, box, reach)
    if diameter is not None:
        touching = (vectors**2).sum(axis=1) <= (diameter[chosen][pairs].sum(axis=1) / 2) ** 2
        pairs, vectors = pairs[touching], vectors[touching]
    part, laid[chosen], wraps = walk(len(chosen), pairs, vectors, own)
    size = np.bincount(part)
    order = np.argsort(-size, kind="stable")
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(1, len(order) + 1)
    label[chosen] = rank[part]
    return Clusters(label, size[order], laid, wraps[order], box.planar)


def _weighted_means(clusters: Clusters, weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    number = clusters.label[clusters.label > 0] - 1
    total = np.bincount(number, weight, len(clusters.size))
    return np.bincount(number, weight * values, len(clusters.size)) / total


def _diameter(clusters: Clusters, diameter: np.ndarray) -> np.ndarray:
    arguments.record("clusters", clusters, Clusters, "give what find_clusters returns")
    return arguments.reals("diameter", diameter, (("grain", len(clusters.label), "clusters"),), positive=True)


def cluster_centres(clusters: Clusters, diameter: Float[np.ndarray, "grain"]) -> Float64[np.ndarray, "cluster 3"]:
    """Centre of every cluster, its grains weighted by volume or, in the plane, by area, shape (cluster, 3) [d̄].

    Not wrapped into the cell. NaN of a cluster that wraps: where it is depends on where one begins.
    """
    active = clusters.label > 0
    volume = grain_volume(_diameter(clusters, diameter), clusters.planar)[active]
    means = np.stack([_weighted_means(clusters, volume, axis) for axis in clusters.positions[active].T], axis=1)
    return np.where(clusters.wraps[:, None], np.nan, means)


def radius_of_gyration(clusters: Clusters, diameter: Float[np.ndarray, "grain"]) -> Float64[np.ndarray, "cluster"]:
    """R_g of every cluster, its grains weighted by volume or, in the plane, by area.

    .. math:: R_g^2 = \\frac{\\sum_i V_i |r_i - \\bar R|^2}{\\sum_i V_i}

    Parameters
    ----------
    clusters
        From `find_clusters`; a cluster that wraps around the cell has no R_g: NaN.
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
    diameter = _diameter(clusters, diameter)
    active = clusters.label > 0
    volume = grain_volume(diameter, clusters.planar)[active]
    from_centre = clusters.positions[active] - cluster_centres(clusters, diameter)[clusters.label[active] - 1]
    squared = _weighted_means(clusters, volume, (from_centre**2).sum(axis=1))
    return np.where(clusters.wraps, np.nan, np.sqrt(squared))
