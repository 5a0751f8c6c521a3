"""Every statistic by size of the fluctuation, once: its name, unit, title and how it is measured.

A new one is a file with its `Statistic`, and a line in `_EVERY`. It is then measured in every stage, and stands in
statistics/stages.csv, in evolution.csv with its interval, and on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.fields.registry import with_means
from microslip.statistics.band import BAND, harmonic
from microslip.statistics.clusters import cluster_centres
from microslip.statistics.correlation import CORRELATIONS
from microslip.statistics.efficiency import global_efficiency
from microslip.statistics.fractal import dimension_at, log_moments
from microslip.statistics.heavy_tails import FEWEST_CLUSTERS
from microslip.statistics.lengths import array_name, curve_sums, length_name, length_or_nan, mean_curve
from microslip.statistics.moran import moran_of_pairs
from microslip.statistics.percolation import AXES
from microslip.statistics.power_law import exponent_at
from microslip.statistics.statistic import (
    ACTIVE,
    NULLS,
    Grouping,
    PerStage,
    Quantity,
    StageGrains,
    Statistic,
    mean_of,
    null_name,
    ratio_of_means,
    with_active,
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


def _exponent(active: str) -> Callable[[PerStage, Grouping], Quantity]:
    """η of all large clusters."""
    n_large, sum_log_size = (null_name(name, active) for name in ("n_large", "sum_log_size"))

    def quantity(per_stage: PerStage, grouping: Grouping) -> Quantity:
        def value(sums: np.ndarray) -> np.ndarray:
            enough = sums[..., 0] >= FEWEST_CLUSTERS
            mean_log = sums[..., 1] / np.where(enough, sums[..., 0], 1.0)
            return np.where(enough, exponent_at(mean_log, grouping.smallest), np.nan)

        return Quantity(np.stack([per_stage[n_large], per_stage[sum_log_size]], axis=1).astype(float), value)

    return quantity


def _dimension(active: str) -> Callable[[PerStage, Grouping], Quantity]:
    """D of all large clusters."""
    return lambda per_stage, grouping: Quantity(per_stage[null_name("log_moments", active)], dimension_at)


def _ratio(name: str) -> Callable[[PerStage, Grouping], Quantity]:
    return lambda per_stage, grouping: ratio_of_means(per_stage[f"{name}_active"], per_stage[f"{name}_all"])


def _excess(name: str) -> Callable[[PerStage, Grouping], Quantity]:
    return lambda per_stage, grouping: mean_of(per_stage[f"{name}_active"] - per_stage[f"{name}_all"])


# --- of the grains of one stage ---------------------------------------------------------------------------------------


def _moran(grains: StageGrains) -> float:
    return moran_of_pairs(grains.active[grains.measured].astype(float), grains.near)


def _efficiency(grains: StageGrains) -> float:
    nodes = cluster_centres(grains.clusters, grains.diameter)[grains.large]
    return global_efficiency(nodes, grains.box, grains.settings.n_neighbours)


def _efficiency_of_points(grains: StageGrains) -> float:
    bulk = np.flatnonzero(grains.measured)
    chosen = grains.rng("points").choice(bulk, int(grains.large.sum()), replace=False)
    return global_efficiency(grains.position[chosen], grains.box, grains.settings.n_neighbours)


def _wrapping(axis: int) -> Callable[[StageGrains], float]:
    return lambda grains: float(grains.wrapping_fractions[axis])


def _band(part: str) -> Callable[[StageGrains], float]:
    return lambda grains: harmonic(grains, part)


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
    "contacts_lost_all", "contacts_gained_all", "force_chain_all", "sliding_all",
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


def _of_clusters(active: str) -> Iterator[Statistic]:
    """What is measured of the clusters of active grains, whichever these are."""

    def statistic(name: str, unit: str, title: str, measure: Any = None, **more: Any) -> Statistic:
        reported = more.pop("reported", True) and active not in NULLS
        words = f"{title}: {ACTIVE[active]}" if active else title
        return Statistic(null_name(name, active), unit, words, measure, active=active, reported=reported, **more)

    def count(name: str, title: str, measure: Callable[[StageGrains], int], reported: bool = True) -> Statistic:
        return statistic(name, "", title, measure, dtype="int32", reported=reported and not active)

    yield statistic("eta", "", "η, exponent of the sizes of active clusters", of_group=_exponent(active))
    yield statistic("fractal_dimension", "", "D, fractal dimension of active clusters", of_group=_dimension(active))
    yield statistic("moran_i", "", "Moran's I of being active", _moran)
    yield statistic("efficiency", "1/d", "global efficiency of the graph of clusters", _efficiency)
    for axis, letter in enumerate(AXES):
        title = f"share of grains that are active when a cluster first wraps around {letter}"
        yield statistic(f"percolation_{letter}", "", title, _wrapping(axis), reported=not active)
    yield count("n_clusters", "clusters, single grains among them", lambda grains: len(grains.clusters.size))
    yield count(
        "n_large",
        "clusters of at least `smallest` grains",
        lambda grains: int(grains.large.sum()),
        reported=False,
    )
    yield count("largest_cluster", "grains in the largest cluster", lambda grains: int(grains.clusters.size[0]))
    yield count(
        "n_wrapping",
        "clusters that reach around the cell to themselves",
        lambda grains: int(grains.clusters.wraps.sum()),
    )
    yield statistic(
        "sum_log_size",
        "",
        "Σ ln N over clusters of at least `smallest` grains",
        lambda grains: float(np.log(grains.clusters.size[grains.large]).sum()),
        followed=False,
    )


_EVERY = (
    *(
        Statistic(
            length_name(of), "d", f"ξ of D²min, fit to the mean C(r){words and f' {words}'}", of_group=_length(of)
        )
        for of, words in CORRELATIONS.items()
    ),
    *(statistic for active in ACTIVE for statistic in _of_clusters(active)),
    Statistic(
        "efficiency_points",
        "1/d",
        "global efficiency of as many grains at random as there are clusters",
        _efficiency_of_points,
        reported=False,
    ),
    *(
        Statistic(
            part,
            "",
            f"{part.replace('band_', '')} of the height of active grains less that of all",
            _band(part),
            reported=False,
        )
        for part in BAND
    ),
    *_means_of_fields(),
    *(
        Statistic(f"{name}_excess", "", f"{title} of active less that of all grains", of_group=_excess(name))
        for name, title in (
            ("packing_fraction", "φ_local"),
            ("contacts_lost", "share of contacts lost"),
            ("contacts_gained", "share of contacts gained"),
            ("force_chain", "share in force chains"),
            ("sliding", "share of contacts that slide"),
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
    clusters = grains.clusters
    values: dict[str, float | np.ndarray] = {"label": clusters.label, "size": clusters.size, "radius": grains.radius}
    of_active = {active: with_active(grains, active) for active in ACTIVE}
    for active, each in of_active.items():
        moments = log_moments(each.clusters.size, each.radius, each.settings.smallest)
        values[null_name("log_moments", active)] = moments
    for name, statistic in STATISTICS.items():
        if statistic.measure is not None:
            try:
                values[name] = statistic.measure(of_active[statistic.active])
            except MicroslipError:
                # such as a Moran's I of grains that are all alike
                values[name] = float("nan")
    return values
