"""The record of a statistic: a number of a stage's grains, followed against the size of the stress fluctuation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Num

from microslip.core.box import Box
from microslip.statistics.clusters import Clusters, active_grains, find_clusters, radius_of_gyration
from microslip.statistics.config import ActiveClusters, Correlation

PerStage = Mapping[str, np.ndarray]
"""Measured numbers of all stages by name, shape (stage,) or (stage, ...)."""


NULLS = {
    "random": "as many grains, drawn at random",
    "layered": "grains permuted within layers of height",
}
"""What a statistic is measured of besides, so that no pattern can be told from one: by suffix, in words."""


def null_name(name: str, null: str) -> str:
    """The name of a statistic's null, such as moran_i_random: a statistic of its own in the registry."""
    return f"{name}_{null}"


@dataclass(frozen=True)
class StageGrains:
    """The grains of one stage, as a statistic sees them.

    `position` (grain, 3) [d̄] at its start, NaN of grains that are not there; `box` at that moment; `diameter` (grain)
    [d̄]. `field(name)`: a field of `fields.registry` over the stage, (grain,), NaN where it was not measured.
    `measured`, `active` (grain): those with a D²min, and those with the largest. `clusters` of active grains with their
    `radius` of gyration (cluster) [d̄]. `settings` of the clusters.
    """

    position: Float[np.ndarray, "grain 3"]
    box: Box
    diameter: Float[np.ndarray, "grain"]
    field: Callable[[str], np.ndarray]
    measured: Bool[np.ndarray, "grain"]
    active: Bool[np.ndarray, "grain"]
    clusters: Clusters
    radius: Float[np.ndarray, "cluster"]
    settings: ActiveClusters

    @property
    def large(self) -> Bool[np.ndarray, "cluster"]:
        """Clusters that are large enough to count."""
        return np.asarray(self.clusters.size >= self.settings.smallest)


def stage_grains(
    position: Float[np.ndarray, "grain 3"],
    box: Box,
    diameter: Float[np.ndarray, "grain"],
    field: Callable[[str], np.ndarray],
    settings: ActiveClusters,
) -> StageGrains:
    """The grains of one stage with their clusters; errors as in `active_grains` and `find_clusters`."""
    d2min = field("d2min")
    active = active_grains(d2min, settings.fraction)
    by_contact = settings.link == "contact"
    clusters = find_clusters(
        position, active, box, diameter if by_contact else None, None if by_contact else settings.link_distance
    )
    radius = radius_of_gyration(clusters, diameter)
    return StageGrains(position, box, diameter, field, np.isfinite(d2min), active, clusters, radius, settings)


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
    the mean over its stages where left out. Not `followed`, it is kept for others alone. `reported`: on the page.
    """

    name: str
    unit: str
    title: str
    measure: Callable[[StageGrains], float] | None = None
    of_group: Callable[[PerStage, Grouping], Quantity] | None = None
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
