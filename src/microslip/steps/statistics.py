"""From fields to statistics: three passes over the stages, batch by batch, then tables."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

import numpy as np
import zarr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.batches import batched_store
from microslip.data.run import Run
from microslip.data.store import CHUNK_BYTES, add_array, check_store, create_store
from microslip.statistics.config import ActiveClusters
from microslip.steps.common import Advance, Say, array
from microslip.steps.evidence import energy_scale, write_tables
from microslip.steps.frames import check_grains, elsewhere, read_starts

# Stages in a chunk of what is small per stage.
STAGES_PER_CHUNK = 64

# One number per stage of the clusters, with type, unit and meaning.
OF_STAGE = {
    "n_clusters": ("int32", "", "clusters of active grains, single grains among them"),
    "n_large": ("int32", "", "clusters of at least `smallest` grains"),
    "largest_cluster": ("int32", "", "grains in the largest cluster"),
    "n_wrapping": ("int32", "", "clusters that reach around the cell to themselves"),
    "sum_log_size": ("float64", "", "Σ ln N over clusters of at least `smallest` grains"),
    "moran_i": ("float64", "", "Moran's I of being active"),
    "efficiency": (
        "float64",
        "1/d",
        "global efficiency of the graph of clusters of at least `smallest` grains that do not wrap",
    ),
}

# Fields whose means over active and over all grains are kept; of a change its size.
MEANS = {
    "d2min": ("d2min", "d**2"),
    "shear_strain": ("shear_strain", ""),
    "volumetric_strain": ("volumetric_strain", ""),
    "packing_fraction": ("packing_fraction", ""),
    "abs_delta_sigma1": ("delta_sigma1", "p"),
    "abs_delta_energy": ("delta_energy", "p d**3"),
}


def statistics_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Correlations, clusters and distributions of every stage, and tables by size of the fluctuation."""
    check_grains(run)
    n_stages, target = len(run.stages), run.folder / "statistics"
    n_grains = run.grains.sizes["grain"]
    n_active = max(1, round(config.clusters.fraction * int((run.grains["kind"] == 0).sum())))
    edges = correlation_edges(run, config)
    distributions = config.distributions

    def passed(number: int) -> Advance:
        return lambda done, total: advance(number * total + done, 3 * total)

    def create_correlation(path: Path) -> zarr.Group:
        store = create_store(path, {"bin_width": config.correlation.bin_width})
        n_bins = len(edges) - 1
        add_array(store, "r", ["r"], (n_bins,), "float64", "d", "bin centre")[:] = (edges[:-1] + edges[1:]) / 2
        add_array(
            store, "correlation", ["stage", "r"], (n_stages, n_bins), "float64", "", "C(r)", per_chunk=STAGES_PER_CHUNK
        )
        return store

    with batched_store(target / "correlation.zarr", mark, create_correlation) as store:
        work = functools.partial(measure_correlation, elsewhere(run), edges)
        store.fill(n_stages, STAGES_PER_CHUNK, work, passed(0), config.batches)

    per_chunk = max(1, CHUNK_BYTES // (4 * n_grains))

    def create_clusters(path: Path) -> zarr.Group:
        store = create_store(path, config.clusters.model_dump(mode="json"))
        wide = {
            "label": ("grain", n_grains, "int32", "", "the grain's cluster from 1, the largest; 0 where not active"),
            "size": ("cluster", n_active, "int32", "", "grains in each cluster, falling; 0 beyond the last"),
            "radius": ("cluster", n_active, "float32", "d", "radius of gyration; NaN of a cluster that wraps"),
            "log_moments": ("moment", 6, "float64", "", "n, Σx, Σy, Σx², Σxy, Σy² of x = ln N, y = ln R_g"),
        }
        for name, (dimension, width, dtype, unit, meaning) in wide.items():
            shape, dimensions = (n_stages, width), ["stage", dimension]
            add_array(store, name, dimensions, shape, dtype, unit, meaning, per_chunk=per_chunk)
        for name, (dtype, unit, meaning) in OF_STAGE.items():
            add_array(store, name, ["stage"], (n_stages,), dtype, unit, meaning, per_chunk=per_chunk)
        for name, (field, unit) in MEANS.items():
            size_of = "size of " if name.startswith("abs_") else ""
            for which in ("all", "active"):
                meaning = f"mean {size_of}{field} over {which} grains"
                add_array(
                    store, f"{name}_{which}", ["stage"], (n_stages,), "float64", unit, meaning, per_chunk=per_chunk
                )
        return store

    with batched_store(target / "clusters.zarr", mark, create_clusters) as store:
        work = functools.partial(measure_clusters, elsewhere(run), config.clusters)
        store.fill(n_stages, per_chunk, work, passed(1), config.batches)

    energy_edges = np.linspace(-distributions.energy_range, distributions.energy_range, distributions.energy_bins + 1)
    packing_edges = np.linspace(distributions.packing_low, distributions.packing_high, distributions.packing_bins + 1)

    def create_distributions(path: Path) -> zarr.Group:
        about = {"energy_edges": energy_edges.tolist(), "packing_edges": packing_edges.tolist()}
        store = create_store(path, about)
        for which in ("all", "active"):
            for name, width, meaning in (
                ("energy", len(energy_edges) - 1, "grains by ΔE over the mean size of ΔE in the stage's bin"),
                ("packing", len(packing_edges) - 1, "grains by φ_local"),
            ):
                shape = (n_stages, width)
                add_array(
                    store,
                    f"{name}_{which}",
                    ["stage", f"{name}_bin"],
                    shape,
                    "int32",
                    "",
                    f"{which} {meaning}",
                    per_chunk=per_chunk,
                )
            meaning = "n; n and Σ|x| beyond the core and far out, positive and negative, of x = ΔE over its mean size"
            shape = (n_stages, 9)
            add_array(store, f"tails_{which}", ["stage", "moment"], shape, "float64", "", meaning, per_chunk=per_chunk)
        return store

    scale = energy_scale(run, config)
    with batched_store(target / "distributions.zarr", mark, create_distributions) as store:
        work = functools.partial(measure_distributions, elsewhere(run), scale, energy_edges, packing_edges)
        store.fill(n_stages, per_chunk, work, passed(2), config.batches)

    write_tables(run, config, edges, say)


def correlation_edges(run: Run, config: Config) -> np.ndarray:
    """Distance bins of C(r), up to half the smallest period of any frame [d̄]."""
    settings = config.correlation
    farthest = min(settings.farthest, run.half_period)
    edges: np.ndarray = np.arange(0, int(farthest / settings.bin_width + 1e-9) + 1) * settings.bin_width
    return edges


def measure_correlation(run: Run, edges: np.ndarray, path: Path, batch: slice) -> None:
    """One batch of stages of `correlation.zarr`; NaN where D²min is the same everywhere or nowhere known."""
    from microslip.statistics.correlation import spatial_correlation

    found = np.full((batch.stop - batch.start, len(edges) - 1), np.nan)
    rows = run.fields["d2min"][batch].to_numpy()
    for row, (start, values) in enumerate(zip(read_starts(run, batch), rows, strict=True)):
        known = values[np.isfinite(values)]
        if len(known) > 1 and known.max() > known.min():
            found[row] = spatial_correlation(start.position, values, start.box, edges).correlation
    array(zarr.open_group(path, mode="r+"), "correlation")[batch] = found


def measure_clusters(run: Run, settings: ActiveClusters, path: Path, batch: slice) -> None:
    """One batch of stages of `clusters.zarr`."""
    from microslip.statistics.clusters import active_grains, cluster_centres, find_clusters, radius_of_gyration
    from microslip.statistics.efficiency import global_efficiency
    from microslip.statistics.fractal import log_moments
    from microslip.statistics.moran import moran_i

    diameter, n = run.grains["diameter"].to_numpy(), batch.stop - batch.start
    group = zarr.open_group(path, mode="r+")
    fields = run.fields
    rows = {field: fields[field][batch].to_numpy() for field in {field for field, _ in MEANS.values()}}
    found: dict[str, np.ndarray] = {name: np.full(n, np.nan) for name in OF_STAGE}
    found |= {f"{name}_{which}": np.full(n, np.nan) for name in MEANS for which in ("all", "active")}
    found |= {
        name: np.zeros((n, array(group, name).shape[1]), array(group, name).dtype)
        for name in ("label", "size", "radius", "log_moments")
    }
    for row, (position, box) in enumerate(read_starts(run, batch)):
        values = rows["d2min"][row]
        try:
            active = active_grains(values, settings.fraction)
            link = {"diameter": diameter} if settings.link == "contact" else {"link_distance": settings.link_distance}
            clusters = find_clusters(position, active, box, **link)
        except MicroslipError as problem:
            raise MicroslipError(f"stage {batch.start + row}: {problem}") from None
        radius = radius_of_gyration(clusters, diameter)
        n_clusters = len(clusters.size)
        large = clusters.size >= settings.smallest
        found["label"][row] = clusters.label
        found["size"][row, :n_clusters], found["radius"][row, :n_clusters] = clusters.size, radius
        found["log_moments"][row] = log_moments(clusters.size, radius, settings.smallest)
        found["n_clusters"][row], found["n_large"][row] = n_clusters, large.sum()
        found["largest_cluster"][row], found["n_wrapping"][row] = clusters.size[0], clusters.wraps.sum()
        found["sum_log_size"][row] = np.log(clusters.size[large]).sum()
        marked = np.where(np.isfinite(values), active.astype(float), np.nan)
        # a cluster that reaches around the cell has no centre, and is no node
        nodes = cluster_centres(clusters, diameter)[large & ~clusters.wraps]
        # all grains alike, no neighbours, or fewer than two clusters: there is no such number
        with contextlib.suppress(MicroslipError):
            found["moran_i"][row] = moran_i(position, marked, box, settings.moran_distance)
        with contextlib.suppress(MicroslipError):
            found["efficiency"][row] = global_efficiency(nodes, box, settings.n_neighbours)
        for name, (field, _) in MEANS.items():
            one = np.abs(rows[field][row]) if name.startswith("abs_") else rows[field][row]
            for which, chosen in (("all", np.isfinite(values)), ("active", active)):
                known = one[chosen & np.isfinite(one)]
                found[f"{name}_{which}"][row] = known.mean() if len(known) else np.nan
    for name, values in found.items():
        target = array(group, name)
        target[batch] = values.astype(target.dtype)


def measure_distributions(
    run: Run, scale: np.ndarray, energy_edges: np.ndarray, packing_edges: np.ndarray, path: Path, batch: slice
) -> None:
    """One batch of stages of `distributions.zarr`; `scale` (stage), the mean size of ΔE in each stage's bin [p d̄³]."""
    from microslip.statistics.exponential import tail_moments

    group, fields = zarr.open_group(path, mode="r+"), run.fields
    active = np.asarray(array(check_store(run.folder / "statistics" / "clusters.zarr"), "label")[batch]) > 0
    energy, packing = (fields[name][batch].to_numpy() for name in ("delta_energy", "packing_fraction"))
    for which in ("all", "active"):
        found = {
            name: np.zeros((batch.stop - batch.start, array(group, name).shape[1]))
            for name in (f"energy_{which}", f"packing_{which}", f"tails_{which}")
        }
        for row in range(batch.stop - batch.start):
            chosen = active[row] if which == "active" else np.ones(active.shape[1], dtype=bool)
            scaled = energy[row][chosen & np.isfinite(energy[row])].astype(float)
            if len(scaled) and scale[batch.start + row] > 0:
                scaled /= scale[batch.start + row]
                found[f"energy_{which}"][row] = np.histogram(scaled, energy_edges)[0]
                found[f"tails_{which}"][row] = tail_moments(scaled)
            fractions = packing[row][chosen & np.isfinite(packing[row])]
            found[f"packing_{which}"][row] = np.histogram(fractions, packing_edges)[0]
        for name, values in found.items():
            array(group, name)[batch] = values.astype(array(group, name).dtype)
