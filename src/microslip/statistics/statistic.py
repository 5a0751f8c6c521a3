"""The record of a statistic: a number of a stage's grains, followed against the size of the stress fluctuation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float, Int64, Num

from microslip.core.box import Box
from microslip.core.neighbours import check_cutoff, find_pairs, refuse_lost
from microslip.statistics.clusters import Clusters, active_grains, clusters_of, links_among, radius_of_gyration
from microslip.statistics.config import ActiveClusters, Correlation
from microslip.statistics.layers import layer_means, layer_numbers, permuted_within
from microslip.statistics.percolation import wrapping_fractions

PerStage = Mapping[str, np.ndarray]
"""Measured numbers of all stages by name, shape (stage,) or (stage, ...)."""


NULLS = {
    "random": "as many grains, drawn at random",
    "layered": "grains permuted within layers of height",
}
"""What a statistic is measured of besides, so that no pattern can be told from one: by suffix, in words."""


def null_name(name: str, null: str) -> str:
    """The name of a statistic's null, such as moran_i_random: a statistic of its own in the registry."""
    return f"{name}_{null}" if null else name


ACTIVE = {
    "": "grains with the largest D²min",
    "height": "grains with the largest D²min over its mean at their height",
    **NULLS,
}
"""Which grains count as active: by suffix, in words. A statistic is first measured of those without one."""


@dataclass(frozen=True)
class StageGrains:
    """The grains of one stage, as a statistic sees them.

    `position` (grain, 3) [d̄] at its start, NaN of grains that are not there; `box` at that moment; `diameter` (grain)
    [d̄]. `field(name)`: a field of `fields.registry` over the stage, (grain,), NaN where it was not measured.
    `measured` (grain): those with a D²min. `near` (neighbour, 2): pairs of them, numbered among them alone, that are
    neighbours to Moran's I. `pairs` (pair, 2), `vectors` (pair, 3): their links, which join them in a cluster where
    both are active. `settings` of the clusters. `stage`: its number, from which draws are seeded.
    `score` (grain): what makes grains active, the highest first. `active` (grain). `clusters` of active grains with
    their `radius` of gyration (cluster) [d̄].
    """

    position: Float[np.ndarray, "grain 3"]
    box: Box
    diameter: Float[np.ndarray, "grain"]
    field: Callable[[str], np.ndarray]
    measured: Bool[np.ndarray, "grain"]
    near: Int64[np.ndarray, "neighbour 2"]
    pairs: Int64[np.ndarray, "pair 2"]
    vectors: Float[np.ndarray, "pair 3"]
    settings: ActiveClusters
    stage: int
    score: Float[np.ndarray, "grain"]
    active: Bool[np.ndarray, "grain"]
    clusters: Clusters
    radius: Float[np.ndarray, "cluster"]

    @property
    def large(self) -> Bool[np.ndarray, "cluster"]:
        """Clusters that are large enough to count."""
        return np.asarray(self.clusters.size >= self.settings.smallest)

    @functools.cached_property
    def wrapping_fractions(self) -> Float[np.ndarray, "3"]:
        """The share of grains that are active when a cluster of the highest scores first wraps around x, y and z."""
        return wrapping_fractions(self.score, self.pairs, self.vectors, self.box)

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers of this stage alone, whatever the order or the batch that stages are measured in."""
        return np.random.default_rng([self.settings.seed, self.stage, crc32(purpose.encode())])


def stage_grains(
    position: Float[np.ndarray, "grain 3"],
    box: Box,
    diameter: Float[np.ndarray, "grain"],
    field: Callable[[str], np.ndarray],
    settings: ActiveClusters,
    stage: int = 0,
) -> StageGrains:
    """The grains of one stage with the clusters of the most active; errors as in `active_grains`, `find_clusters`."""
    d2min = field("d2min")
    measured = np.isfinite(d2min)
    active = active_grains(d2min, settings.fraction)
    own = np.flatnonzero(measured)
    distance = settings.link_distance if settings.link == "distance" else None
    link = distance or check_cutoff("diameter", float(diameter[own].max()), box)
    # one search serves the links and Moran's I, which has no value where its neighbours reach around the cell
    moran = settings.moran_distance if settings.moran_distance <= box.half_period else 0.0
    refuse_lost(position, measured)
    pairs, vectors = find_pairs(position[own], box, max(link, moran))
    near = pairs[(vectors**2).sum(axis=1) <= moran**2]
    linked = links_among(own[pairs], vectors, diameter, distance)
    pairs, vectors = own[pairs][linked], vectors[linked]
    clusters = clusters_of(position, active, box, pairs, vectors)
    radius = radius_of_gyration(clusters, diameter)
    return StageGrains(
        position, box, diameter, field, measured, near, pairs, vectors, settings, stage, d2min, active, clusters, radius
    )


def with_active(grains: StageGrains, which: str) -> StageGrains:
    """The same stage with as many other grains active, as `ACTIVE` says."""
    if not which:
        return grains
    d2min, rng = grains.field("d2min"), grains.rng(which)
    if which == "random":
        score = np.where(grains.measured, rng.random(len(d2min)), np.nan)
    else:
        layer = layer_numbers(grains.position, grains.measured, grains.box)
        if which == "layered":
            score = permuted_within(d2min, layer, rng)
        else:
            mean = layer_means(d2min, layer)
            score = d2min / np.where(mean > 0, mean, 1.0)
    active = active_grains(score, grains.settings.fraction)
    clusters = clusters_of(grains.position, active, grains.box, grains.pairs, grains.vectors)
    radius = radius_of_gyration(clusters, grains.diameter)
    return replace(grains, score=score, active=active, clusters=clusters, radius=radius)


@dataclass(frozen=True)
class Grouping:
    """Settings of the values of groups: bin centres of C(r) [d̄], the fit of ξ, the smallest cluster that counts."""

    r: Float[np.ndarray, "bin"]
    correlation: Correlation
    smallest: int


@dataclass(frozen=True)
class Quantity:
    """A number of a group of stages: from sums over them, shape (..., k), to values, shape (...).

    `columns` (stage, k) are what is summed.
    """

    columns: Float[np.ndarray, "stage k"]
    value: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Statistic:
    """A number that is measured in every stage and followed against the size of the stress fluctuation.

    `name` of its column in statistics/stages.csv and of its rows in evolution.csv; `unit` as in the stores; `title` in
    tables and figures. `measure`: the number of one stage, kept in clusters.zarr as `dtype`; a MicroslipError says that
    this stage has none, NaN. Without `measure` it follows from what others measure. `of_group`: the number of a group;
    the mean over its stages where left out. `active`: of which active grains, by the suffix in `ACTIVE`. Not
    `followed`, it is kept for others alone. `reported`: on the page.
    """

    name: str
    unit: str
    title: str
    measure: Callable[[StageGrains], float] | None = None
    of_group: Callable[[PerStage, Grouping], Quantity] | None = None
    active: str = ""
    dtype: str = "float64"
    followed: bool = True
    reported: bool = True

    def quantity(self, per_stage: PerStage, grouping: Grouping) -> Quantity:
        """The number of any group of these stages."""
        return mean_of(per_stage[self.name]) if self.of_group is None else self.of_group(per_stage, grouping)


def mean_of(values: Num[np.ndarray, "stage"]) -> Quantity:
    """The mean over the stages that have a value."""

    def value(sums: np.ndarray) -> np.ndarray:
        return sums[..., 1] / np.where(sums[..., 0] > 0, sums[..., 0], np.nan)

    finite = np.isfinite(values)
    return Quantity(np.stack([finite, np.where(finite, values, 0.0)], axis=1), value)


def ratio_of_means(above: Num[np.ndarray, "stage"], below: Num[np.ndarray, "stage"]) -> Quantity:
    """The mean of one number over the mean of another, over the stages that have both."""

    def value(sums: np.ndarray) -> np.ndarray:
        return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)

    finite = np.isfinite(above) & np.isfinite(below)
    return Quantity(np.where(finite[:, None], np.stack([above, below], axis=1), 0.0), value)
