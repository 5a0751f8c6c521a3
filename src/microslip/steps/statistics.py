"""From fields to statistics: passes over the stages, batch by batch, then tables by size of the fluctuation."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.data.artifact import Column
from microslip.data.artifacts import artifact
from microslip.data.batches import batched_store
from microslip.data.files import write_json, write_table
from microslip.data.frames import read_frames
from microslip.data.run import Run
from microslip.data.seals import in_the_making
from microslip.data.stage_stress import walls_and_volume
from microslip.data.store import CHUNK_BYTES, add_column, array, check_store, create_store, open_dataset
from microslip.dem.flow import (
    LAYERS,
    NUMBERS,
    WINDOWS,
    drift_in_words,
    flow_in_words,
    flow_warning,
    measure_flow,
)
from microslip.statistics.bins import bin_stages
from microslip.statistics.cluster_tables import cluster_tables
from microslip.statistics.config import ActiveClusters
from microslip.statistics.correlation import CORRELATIONS, correlation_edges, layered_correlation
from microslip.statistics.distributions import (
    distribution_tables,
    energy_scale,
    histogram_edges,
    measure_distributions,
)
from microslip.statistics.lengths import array_name, correlation_tables
from microslip.statistics.pair_correlation import find_minima, mean_pair_correlation
from microslip.statistics.percolation import AXES, percolation_curve
from microslip.statistics.registry import STATISTICS, measure_stage, quantities
from microslip.statistics.statistic import ACTIVE, Grouping, null_name, stage_grains
from microslip.statistics.walls import wall_agreement
from microslip.steps.avalanches import avalanche_tables
from microslip.steps.claims import describe_claims, judge
from microslip.steps.common import Advance, Say
from microslip.steps.frames import check_grains, elsewhere, read_starts
from microslip.steps.free_volume import STORE as FREE_VOLUME
from microslip.steps.free_volume import (
    create_free_volume,
    describe_growth,
    fill_free_volume,
    free_volume_table,
    growth_of_stages,
    knows_cells,
)
from microslip.steps.within_stages import write_within_stages

# Stages in a chunk of what is small per stage.
STAGES_PER_CHUNK = 64

# Stages whose wide rows are read at a time.
STAGES_AT_A_TIME = 512


def statistics_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Correlations, clusters and distributions of every stage, and tables by size of the fluctuation."""
    check_grains(run)
    groups = bin_stages(run.stages, config.correlation.n_bins)
    edges = correlation_edges(config.correlation, run.half_period)
    here, n_grains = elsewhere(run), run.grains.sizes["grain"]
    per_chunk = max(1, CHUNK_BYTES // (4 * n_grains))
    n_passes = 4 if knows_cells(run) else 3
    n_active = max(1, round(config.clusters.fraction * int((run.grains["kind"] == 0).sum())))

    def fill(number: int, name: str, create: Any, size: int, work: Any) -> None:
        def passed(done: int, total: int) -> None:
            advance(number * total + done, n_passes * total)

        with batched_store(run.folder / "statistics" / f"{name}.zarr", mark, create) as store:
            store.fill(len(run.stages), size, work, passed, config.batches)

    settings, bins = config.clusters.model_dump(mode="json"), histogram_edges(config.distributions)
    n_bins = {f"{name}_bin": len(of) - 1 for name, of in bins.items()}
    lengths = {"stage": len(run.stages), "r": len(edges) - 1, "grain": n_grains, "cluster": n_active, **n_bins}
    width, r = {"bin_width": config.correlation.bin_width}, (edges[:-1] + edges[1:]) / 2
    of_r = functools.partial(_create, recorded("correlation"), lengths, STAGES_PER_CHUNK, width, r=r)
    fill(0, "correlation", of_r, STAGES_PER_CHUNK, functools.partial(fill_correlation, here, edges))
    of_clusters = functools.partial(_create, cluster_columns(), {**lengths, "moment": 6}, per_chunk, settings)
    fill(1, "clusters", of_clusters, per_chunk, functools.partial(fill_clusters, here, config.clusters))
    attributes = {f"{name}_edges": of.tolist() for name, of in bins.items()}
    columns = recorded("distributions")
    of_histograms = functools.partial(_create, columns, {**lengths, "moment": 9}, per_chunk, attributes)
    sizes = open_dataset(run.folder / "statistics" / "clusters.zarr")["abs_delta_energy_all"].to_numpy()
    work = functools.partial(fill_distributions, here, energy_scale(groups, sizes), bins)
    fill(2, "distributions", of_histograms, per_chunk, work)
    if n_passes == 4:
        of_volumes = functools.partial(create_free_volume, len(run.stages), per_chunk)
        fill(3, FREE_VOLUME, of_volumes, per_chunk, functools.partial(fill_free_volume, here))
    else:
        shutil.rmtree(run.folder / "statistics" / f"{FREE_VOLUME}.zarr", ignore_errors=True)
        (run.folder / "statistics" / f"{FREE_VOLUME}.csv").unlink(missing_ok=True)
        say("no growth of the free volume before stages: the frames hold no Voronoi cells")
    write_tables(run, config, groups, say)


# --- the arrays of the three stores -----------------------------------------------------------------------------------


def recorded(name: str) -> tuple[Column, ...]:
    """The arrays of a store, as `data.artifacts` tells them."""
    return artifact(f"statistics/{name}.zarr").columns


def cluster_columns() -> list[Column]:
    """Of clusters.zarr: the clusters of every stage, and every statistic that is measured of its grains."""
    measured = [of for of in STATISTICS.values() if of.measure is not None]
    return [
        *(column for column in recorded("clusters") if len(column.dimensions) > 1),
        *(Column(of.name, of.unit, of.title, dimensions=("stage",), dtype=of.dtype) for of in measured),
    ]


def _create(
    columns: Sequence[Column],
    lengths: Mapping[str, int],
    per_chunk: int,
    attributes: Mapping[str, Any],
    path: Path,
    r: np.ndarray | None = None,
) -> zarr.Group:
    """An empty store of these arrays; with the bin centres `r` where they have some."""
    store = create_store(path, attributes)
    for column in columns:
        add_column(store, column, lengths, per_chunk=per_chunk if column.dimensions[0] == "stage" else None)
    if r is not None:
        array(store, "r")[:] = r
    return store


# --- a batch of stages of each ----------------------------------------------------------------------------------------


def _write(path: Path, batch: slice, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put a row of every stage of a batch into the store; a short one is filled up with zeros."""
    store = zarr.open_group(path, mode="r+")
    for name in rows[0]:
        target = array(store, name)
        values = np.zeros((len(rows), *target.shape[1:]), target.dtype)
        by_stage = values.reshape(len(rows), -1)
        for number, row in enumerate(rows):
            by_stage[number, : np.size(row[name])] = row[name]
        target[batch] = values


def fill_correlation(run: Run, edges: np.ndarray, path: Path, batch: slice) -> None:
    """One batch of stages of `correlation.zarr`; NaN where D²min is the same everywhere or nowhere known."""
    rows = []
    for start, values in zip(read_starts(run, batch), run.fields["d2min"][batch].to_numpy(), strict=True):
        measured = values[np.isfinite(values)]
        curves = {array_name(of): np.full(len(edges) - 1, np.nan) for of in CORRELATIONS}
        if len(measured) > 1 and measured.max() > measured.min():
            correlations = layered_correlation(start.position, values, start.box, edges)
            curves = {array_name(of): each.correlation for of, each in correlations.items()}
        rows.append(curves)
    _write(path, batch, rows)


def fill_clusters(run: Run, settings: ActiveClusters, path: Path, batch: slice) -> None:
    """One batch of stages of `clusters.zarr`."""
    diameter, fields = run.grains["diameter"].to_numpy(), run.fields
    rows = []

    @functools.cache
    def read(name: str) -> np.ndarray:
        # fields of an older version lack what came later
        return fields[name][batch].to_numpy() if name in fields else np.full(fields["d2min"][batch].shape, np.nan)

    for number, start in enumerate(read_starts(run, batch)):
        try:
            grains = stage_grains(
                start.position, start.box, diameter, _row_of(read, number), settings, batch.start + number
            )
        except MicroslipError as problem:
            raise MicroslipError(f"stage {batch.start + number}: {problem}") from None
        rows.append(measure_stage(grains))
    _write(path, batch, rows)


def _row_of(read: Callable[[str], np.ndarray], number: int) -> Callable[[str], np.ndarray]:
    return lambda name: read(name)[number]


def fill_distributions(run: Run, scale: np.ndarray, edges: Mapping[str, np.ndarray], path: Path, batch: slice) -> None:
    """One batch of stages of `distributions.zarr`; `scale` (stage), the mean size of ΔE in each stage's bin [p d̄³]."""
    with in_the_making(run.folder, ("statistics",)):
        active = np.asarray(array(check_store(run.folder / "statistics" / "clusters.zarr"), "label")[batch]) > 0
    energy, packing = (run.fields[name][batch].to_numpy() for name in ("delta_energy", "packing_fraction"))
    stages = zip(energy, packing, active, scale[batch], strict=True)
    _write(path, batch, [measure_distributions(*of_stage, edges) for of_stage in stages])


# --- tables -----------------------------------------------------------------------------------------------------------


def write_tables(run: Run, config: Config, groups: pd.DataFrame, say: Say) -> None:
    """Every table of `statistics/`."""
    stages, target = run.stages, run.folder / "statistics"
    if groups.empty:
        raise MicroslipError("no stage changes the stress, as far as it is known: there is nothing to sort by size")
    n_grouped = int(groups.loc[groups["by"] == "kind", "n_stages"].sum())
    if n_grouped < len(stages):
        say(
            f"{len(stages) - n_grouped} of {len(stages)} stages are in no group: no change of the stress is known of"
            " them"
        )
    clusters, distributions = (open_dataset(target / f"{name}.zarr") for name in ("clusters", "distributions"))
    r, per_stage = read_measured(run)
    curves = {of: per_stage[array_name(of)] for of in CORRELATIONS}
    followed = quantities(per_stage, Grouping(r, config.correlation, config.clusters.smallest))
    judged, block = judge(run, config, groups, followed, say)
    tables = judged | correlation_tables(groups, r, curves, judged["evolution"], config.correlation)
    sizes = ((batch, rows["size"], rows["radius"]) for batch, rows in _read_rows(clusters, ["size", "radius"]))
    tables |= cluster_tables(groups, len(stages), sizes, config.clusters.smallest)
    histograms = _read_rows(distributions, [str(name) for name in distributions.data_vars])
    tables |= distribution_tables(groups, len(stages), histograms, histogram_edges(config.distributions))
    thresholds = {
        (active or "d2min", axis): per_stage[null_name(f"percolation_{axis}", active)]
        for active in ACTIVE
        for axis in AXES
    }
    tables["percolation"] = percolation_curve(stages["kind"].tolist(), thresholds)
    for line in describe_lengths(tables["correlation_length"]):
        say(line)
    write_pair_correlation(run, config, say)
    write_profiles(run, config, say)
    write_within_stages(run, config, block, say)
    tables |= avalanche_tables(run, config, block, say)
    agreement = wall_agreement(stages, *walls_and_volume(run.series)) if "start_sample" in stages else pd.DataFrame()
    if len(agreement):
        tables["walls"] = agreement
    if (target / f"{FREE_VOLUME}.zarr").exists():
        tables[FREE_VOLUME] = free_volume_table(run, groups, block, config.bootstrap.confidence)
        for line in describe_growth(tables[FREE_VOLUME]):
            say(line)
    for name, table in tables.items():
        write_table(target / f"{name}.csv", table)
    for line in describe_claims(tables["claims"], tables["contrasts"]):
        say(line)


def read_measured(run: Run) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Bin centres of C(r) [d̄], and all that is small per stage, by name: what statistics of groups are made of."""
    correlation, clusters = (open_dataset(run.folder / "statistics" / f"{name}.zarr") for name in _MEASURED)
    narrow = [str(name) for name in clusters.data_vars if clusters[name].dims[1:] in ((), ("moment",))]
    curves = {array_name(of): correlation[array_name(of)].to_numpy() for of in CORRELATIONS}
    return correlation["r"].to_numpy(), curves | {
        name: clusters[name].to_numpy() for name in narrow
    } | growth_of_stages(run)


_MEASURED = ("correlation", "clusters")


def _read_rows(dataset: xr.Dataset, names: list[str]) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
    """Rows of wide arrays, some stages at a time."""
    n_stages = dataset.sizes["stage"]
    for start in range(0, n_stages, STAGES_AT_A_TIME):
        batch = slice(start, min(start + STAGES_AT_A_TIME, n_stages))
        yield batch, {name: dataset[name][batch].to_numpy() for name in names}


def write_pair_correlation(run: Run, config: Config, say: Say) -> None:
    """g(r) of the bulk grains, averaged over evenly spaced frames, and its minima."""
    settings, target = config.correlation, run.folder / "statistics"
    if not run.box.repeats_across:
        say("no g(r): it is normalised for cells that repeat in x and y")
        return
    starts = run.stages["start_frame"].to_numpy()
    spread = np.linspace(0, len(starts) - 1, min(settings.pair_frames, len(starts))).round().astype(int)
    frames = np.unique(starts[spread]).tolist()
    bulk = run.grains["kind"].to_numpy() == 0

    def cells() -> Iterator[Any]:
        for frame in frames:
            position = read_frames(run.frames["position"], np.array([frame]))[frame][bulk]
            yield position[np.isfinite(position).all(axis=1)], run.box_at(frame)

    mean = mean_pair_correlation(cells(), settings.pair_bin_width, settings.farthest)
    first, second = find_minima(mean.r, mean.g)
    write_table(target / "pair_correlation.csv", pd.DataFrame({"r": mean.r, "g": mean.g}))
    about = {"frames": len(frames), "bin_width": settings.pair_bin_width, "peak": float(mean.r[int(np.argmax(mean.g))])}
    write_json(target / "pair_correlation.json", {**about, "first_minimum": first, "second_minimum": second})
    say(f"g(r): first minimum at {first:.2f} d̄, second at {second:.2f} d̄")


def write_profiles(run: Run, config: Config, say: Say) -> None:
    """Profiles over the height, and whether the flow is homogeneous and steady."""
    first = config.steady_sample(run.series["strain"].to_numpy())
    flow = measure_flow(run, first, config.clusters.fraction, config.nonaffine.cutoff)
    if flow is None:
        say("no profiles: they take two frames in the steady state, and two walls or a cell that leans")
        return
    write_table(run.folder / LAYERS, flow.layers)
    write_table(run.folder / WINDOWS, flow.windows)
    write_json(run.folder / NUMBERS, flow.numbers)
    warning = flow_warning(flow.numbers)
    say(Caution(warning) if warning else f"{flow_in_words(flow.numbers)}; {drift_in_words(flow.numbers)}")


# --- what is said of them ---------------------------------------------------------------------------------------------


def describe_lengths(lengths: pd.DataFrame) -> Iterator[str]:
    """ξ of all stages of each kind, in a sentence."""
    for row in lengths[(lengths["by"] == "kind") & (lengths["of"] == "raw")].to_dict("records"):
        if not np.isfinite(row.get("xi", np.nan)):
            yield f"{row['kind']}: no ξ, {row['reason']}"
        elif np.isfinite(row["xi_low"]):
            yield f"{row['kind']}: ξ = {row['xi']:.2f} d̄ [{row['xi_low']:.2f}, {row['xi_high']:.2f}]"
        else:
            few = "from too few blocks of stages, or too few fits, for an interval"
            yield f"{row['kind']}: ξ = {row['xi']:.2f} d̄, {few}"
