"""Every statistic by size of the fluctuation, once: its name, unit, title and how it is measured.

A new one is a file with its `Statistic`, and a line in `_EVERY`. It is then measured in every stage, and stands in
statistics/stages.csv, in evolution.csv with its interval, and on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.fields.registry import with_means
from microslip.statistics.clusters import cluster_centres
from microslip.statistics.correlation import CORRELATIONS
from microslip.statistics.efficiency import global_efficiency
from microslip.statistics.fractal import dimension_at, log_moments
from microslip.statistics.heavy_tails import FEWEST_CLUSTERS
from microslip.statistics.lengths import array_name, curve_sums, length_name, length_or_nan, mean_curve
from microslip.statistics.moran import moran_i
from microslip.statistics.power_law import exponent_at
from microslip.statistics.statistic import (
    Grouping,
    PerStage,
    Quantity,
    StageGrains,
    Statistic,
    mean_of,
    ratio_of_means,
)

# --- of groups of stages ----------------------------------------------------------------------------------------------


def _length(of: str) -> Callable[[PerStage, Grouping], Quantity]:
    """ξ of the mean C(r)."""
    return lambda per_stage, grouping: _length_of(per_stage[array_name(of)], grouping)


def _length_of(curves: np.ndarray, grouping: Grouping) -> Quantity:
    def value(sums: np.ndarray) -> np.ndarray:
        curves = mean_curve(sums)
        lengths = np.empty(curves.shape[:-1])
        for place in np.ndindex(lengths.shape):
            lengths[place] = length_or_nan(grouping.r, curves[place], grouping.correlation)
        return lengths

    return Quantity(curve_sums(curves), value)


def _exponent(per_stage: PerStage, grouping: Grouping) -> Quantity:
    """η of all large clusters."""

    def value(sums: np.ndarray) -> np.ndarray:
        enough = sums[..., 0] >= FEWEST_CLUSTERS
        mean_log = sums[..., 1] / np.where(enough, sums[..., 0], 1.0)
        return np.where(enough, exponent_at(mean_log, grouping.smallest), np.nan)

    return Quantity(np.stack([per_stage["n_large"], per_stage["sum_log_size"]], axis=1).astype(float), value)


def _dimension(per_stage: PerStage, grouping: Grouping) -> Quantity:
    """D of all large clusters."""
    return Quantity(per_stage["log_moments"], dimension_at)


def _ratio(name: str) -> Callable[[PerStage, Grouping], Quantity]:
    return lambda per_stage, grouping: ratio_of_means(per_stage[f"{name}_active"], per_stage[f"{name}_all"])


def _excess(name: str) -> Callable[[PerStage, Grouping], Quantity]:
    return lambda per_stage, grouping: mean_of(per_stage[f"{name}_active"] - per_stage[f"{name}_all"])


# --- of the grains of one stage ---------------------------------------------------------------------------------------


def _moran(grains: StageGrains) -> float:
    marked = np.where(grains.measured, grains.active.astype(float), np.nan)
    return moran_i(grains.position, marked, grains.box, grains.settings.moran_distance)


def _efficiency(grains: StageGrains) -> float:
    # a cluster that reaches around the cell has no centre, and is no node
    nodes = cluster_centres(grains.clusters, grains.diameter)[grains.large & ~grains.clusters.wraps]
    return global_efficiency(nodes, grains.box, grains.settings.n_neighbours)


def _mean_field(name: str, size: bool, active: bool) -> Callable[[StageGrains], float]:
    def measure(grains: StageGrains) -> float:
        values = np.abs(grains.field(name)) if size else grains.field(name)
        values = values[(grains.active if active else grains.measured) & np.isfinite(values)]
        return float(values.mean()) if len(values) else float("nan")

    return measure


# Left out of the page, where they say little beside the others.
_NOT_REPORTED = {
    "shear_strain_all", "volumetric_strain_all", "volumetric_strain_active", "packing_fraction_all",
    "abs_delta_sigma1_all", "abs_delta_sigma1_active", "abs_delta_energy_all", "abs_delta_energy_active",
    "contacts_lost_all", "contacts_gained_all", "force_chain_all",
}  # fmt: skip


def _means_of_fields() -> Iterator[Statistic]:
    """The mean of every field over all grains and over active ones; of a change that of its size, and their ratio."""
    for column, field in sorted(with_means().items(), key=lambda item: item[1].mean == "size"):
        size = field.mean == "size"
        title = f"|{field.symbol}|" if size else field.symbol
        for grains in ("all", "active"):
            mean = _mean_field(field.name, size, grains == "active")
            reported = f"{column}_{grains}" not in _NOT_REPORTED
            yield Statistic(f"{column}_{grains}", field.unit, f"{title} of {grains} grains", mean, reported=reported)
        if size:
            ratio = f"{title} of active over that of all grains"
            yield Statistic(f"{column}_ratio", "", ratio, of_group=_ratio(column))


def _count(name: str, title: str, measure: Callable[[StageGrains], int], reported: bool = True) -> Statistic:
    return Statistic(name, "", title, measure, dtype="int32", reported=reported)


_EVERY = (
    *(
        Statistic(
            length_name(of), "d", f"ξ of D²min, fit to the mean C(r){words and f' {words}'}", of_group=_length(of)
        )
        for of, words in CORRELATIONS.items()
    ),
    Statistic("eta", "", "η, exponent of the sizes of active clusters", of_group=_exponent),
    Statistic("fractal_dimension", "", "D, fractal dimension of active clusters", of_group=_dimension),
    Statistic("moran_i", "", "Moran's I of being active", _moran),
    Statistic("efficiency", "1/d", "global efficiency of the graph of clusters", _efficiency),
    _count("n_clusters", "clusters, single grains among them", lambda grains: len(grains.clusters.size)),
    _count("n_large", "clusters of at least `smallest` grains", lambda grains: int(grains.large.sum()), reported=False),
    _count("largest_cluster", "grains in the largest cluster", lambda grains: int(grains.clusters.size[0])),
    _count(
        "n_wrapping",
        "clusters that reach around the cell to themselves",
        lambda grains: int(grains.clusters.wraps.sum()),
        reported=False,
    ),
    Statistic(
        "sum_log_size",
        "",
        "Σ ln N over clusters of at least `smallest` grains",
        lambda grains: float(np.log(grains.clusters.size[grains.large]).sum()),
        followed=False,
    ),
    *_means_of_fields(),
    *(
        Statistic(f"{name}_excess", "", f"{title} of active less that of all grains", of_group=_excess(name))
        for name, title in (
            ("packing_fraction", "φ_local"),
            ("contacts_lost", "share of contacts lost"),
            ("contacts_gained", "share of contacts gained"),
            ("force_chain", "share in force chains"),
        )
    ),
    Statistic(
        "cell_growth",
        "d**3",
        "growth of the free volume of active grains in the stage before, less that of others at the same height",
    ),
    Statistic(
        "cell_growth_matched",
        "d**3",
        "growth of the free volume of active grains in the stage before, matched by height, diameter and free volume",
        reported=False,
    ),
)

STATISTICS: dict[str, Statistic] = {statistic.name: statistic for statistic in _EVERY}


def quantities(per_stage: PerStage, grouping: Grouping) -> dict[str, Quantity]:
    """Everything that is followed against the fluctuation, by name; what was not measured is NaN."""
    return {
        name: statistic.quantity(per_stage, grouping) for name, statistic in STATISTICS.items() if statistic.followed
    }


def measure_stage(grains: StageGrains) -> dict[str, float | np.ndarray]:
    """All that is kept of one stage, by name of its array in clusters.zarr; NaN where there is no such number."""
    clusters, smallest = grains.clusters, grains.settings.smallest
    values: dict[str, float | np.ndarray] = {
        "label": clusters.label,
        "size": clusters.size,
        "radius": grains.radius,
        "log_moments": log_moments(clusters.size, grains.radius, smallest),
    }
    for name, statistic in STATISTICS.items():
        if statistic.measure is not None:
            try:
                values[name] = statistic.measure(grains)
            except MicroslipError:
                # such as a Moran's I of grains that are all alike
                values[name] = float("nan")
    return values
