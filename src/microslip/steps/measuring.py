"""From stages to fields, voxels and statistics."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.batches import batched_store
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.data.store import CHUNK_BYTES, add_array, check_store, create_store
from microslip.steps.common import Advance, Say, array


def fields_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """D²min of every grain in every stage."""
    from microslip.fields.nonaffine import d2min

    stages, box = run.stages, run.box
    bulk = run.grains["kind"].to_numpy() == 0
    position = run.frames["position"]
    n_stages, n_grains = len(stages), len(bulk)
    per_chunk = max(1, CHUNK_BYTES // (8 * n_grains))

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"cutoff": config.nonaffine.cutoff, "neighbours": "in the frame at the start"})
        shape, dimensions = (n_stages, n_grains), ["stage", "grain"]
        add_array(store, "d2min", dimensions, shape, "float64", "d**2", "D²min, NaN for walls", per_chunk=per_chunk)
        add_array(store, "n_neighbours", dimensions, shape, "int32", "", "grains within cutoff", per_chunk=per_chunk)
        return store

    undefined = 0
    with batched_store(run.folder / "fields.zarr", mark, create) as store:
        for batch in store.batches(n_stages, per_chunk, advance):
            values = np.empty((batch.stop - batch.start, n_grains))
            neighbours = np.empty(values.shape, dtype=np.int32)
            ends = stages[["start_frame", "end_frame"]].iloc[batch].to_numpy()
            frames = _read_frames(position, ends)
            for row, (start, end) in enumerate(ends.tolist()):
                motion = d2min(frames[start], frames[end], box, config.nonaffine.cutoff, bulk)
                values[row], neighbours[row] = motion.d2min, motion.n_neighbours
            undefined += int(np.isnan(values[:, bulk]).sum())
            array(store.group, "d2min")[batch] = values
            array(store.group, "n_neighbours")[batch] = neighbours
    if undefined:
        say(f"{undefined} values are undefined: fewer than 4 neighbours, or neighbours in a plane")


def _read_frames(position: xr.DataArray, frames: np.ndarray) -> dict[int, np.ndarray]:
    """The positions of the named frames, each chunk read once, by frame number."""
    wanted = np.unique(frames)
    return dict(zip(wanted.tolist(), position[wanted].to_numpy(), strict=True))


def voxels_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Coarse-grain D²min."""
    from microslip.grids.coarse import coarse_grain, place_nodes

    stages, box, values, position = run.stages, run.box, run.fields["d2min"], run.frames["position"]
    settings = config.voxels
    nodes = place_nodes(box, settings.spacing)
    per_chunk = max(1, CHUNK_BYTES // (4 * math.prod(nodes.shape)))

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"spacing": list(nodes.spacing), "radius": settings.radius, "empty_node": 0.0})
        add_array(
            store,
            "d2min",
            ["stage", "x", "y", "z"],
            (len(stages), *nodes.shape),
            "float32",
            "d**2",
            "mean D²min of the grains within the radius, at the start of the stage; 0 where there is none",
            per_chunk=per_chunk,
        )
        for axis, name in enumerate("xyz"):
            coordinate = nodes.origin[axis] + nodes.spacing[axis] * np.arange(nodes.shape[axis])
            add_array(store, name, [name], (len(coordinate),), "float64", "d", "node position")[:] = coordinate
        return store

    with batched_store(run.folder / "voxels.zarr", mark, create) as store:
        for batch in store.batches(len(stages), per_chunk, advance):
            rows, start = values[batch].to_numpy(), stages["start_frame"].iloc[batch].to_numpy()
            frames = _read_frames(position, start)
            grids = [
                coarse_grain(frames[frame], row, box, settings.spacing, settings.radius).values
                for frame, row in zip(start.tolist(), rows, strict=True)
            ]
            array(store.group, "d2min")[batch] = np.stack(grids).astype(np.float32)


def statistics_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """C(r) of D²min for stick and slip and in bins of the fluctuation, and ξ."""
    from microslip.statistics.bins import bin_stages
    from microslip.statistics.correlation import fit_ornstein_zernike, spatial_correlation

    stages, box, values, position = run.stages, run.box, run.fields["d2min"], run.frames["position"]
    settings = config.correlation
    farthest = min(settings.farthest, box.half_period)
    edges = np.arange(0, int(farthest / settings.bin_width) + 1) * settings.bin_width
    n_bins = len(edges) - 1
    target = run.folder / "statistics"

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"bin_width": settings.bin_width})
        add_array(store, "r", ["r"], (n_bins,), "float64", "d", "bin centre")[:] = (edges[:-1] + edges[1:]) / 2
        add_array(store, "correlation", ["stage", "r"], (len(stages), n_bins), "float64", "", "C(r)", per_chunk=64)
        return store

    with batched_store(target / "correlation.zarr", mark, create) as store:
        for batch in store.batches(len(stages), 64, advance):
            rows, start = values[batch].to_numpy(), stages["start_frame"].iloc[batch].to_numpy()
            frames = _read_frames(position, start)
            found = [
                spatial_correlation(frames[frame], row, box, edges)
                for frame, row in zip(start.tolist(), rows, strict=True)
            ]
            array(store.group, "correlation")[batch] = np.stack([one.correlation for one in found])

    per_stage = np.asarray(array(check_store(target / "correlation.zarr"), "correlation"))
    r = (edges[:-1] + edges[1:]) / 2
    curves, lengths = [], []
    for group in bin_stages(stages, settings.n_bins).to_dict("records"):
        members = per_stage[group.pop("members")]
        # nearer than two grains can be, bins hold no pair in any stage
        known = np.isfinite(members).any(axis=0)
        mean = np.full(n_bins, np.nan)
        error = np.full(n_bins, np.nan)
        mean[known] = np.nanmean(members[:, known], axis=0)
        if len(members) > 1:
            error[known] = np.nanstd(members[:, known], axis=0) / np.sqrt(np.isfinite(members[:, known]).sum(axis=0))
        curves.append(pd.DataFrame({**group, "r": r, "correlation": mean, "standard_error": error}))
        try:
            weights = error if len(members) > 2 else None
            fit = fit_ornstein_zernike(r, mean, weights, settings.exponent, settings.fit_from)
        except MicroslipError as reason:
            lengths.append({**group, "reason": str(reason)})
        else:
            lengths.append({**group, **vars(fit)})
    write_table(target / "correlation.csv", pd.concat(curves, ignore_index=True))
    table = pd.DataFrame(lengths)
    write_table(target / "correlation_length.csv", table)
    for row in table[table["by"] == "kind"].to_dict("records"):
        if np.isfinite(row.get("xi", np.nan)):
            say(f"{row['kind']}: ξ = {row['xi']:.2f} d̄ [{row['xi_low']:.2f}, {row['xi_high']:.2f}]")
        else:
            say(f"{row['kind']}: no ξ, {row['reason']}")
