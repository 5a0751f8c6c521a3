"""From fields to voxels."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import zarr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.batches import batched_store
from microslip.data.run import Run
from microslip.data.store import CHUNK_BYTES, add_array, array, create_store
from microslip.fields.registry import grain_field
from microslip.grids.coarse import coarse_grain_stages, place_nodes
from microslip.grids.config import Voxels, too_many_nodes
from microslip.steps.common import Advance, Say
from microslip.steps.frames import elsewhere, read_starts


def voxels_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Coarse-grain D²min, and what else the network is to see."""
    n_stages, settings = len(run.stages), config.voxels
    if problem := too_many_nodes("voxels.spacing", settings.spacing, run.box.lengths):
        raise MicroslipError(problem)
    nodes = place_nodes(run.box, settings.spacing, settings.faces)
    per_chunk = max(1, CHUNK_BYTES // (4 * math.prod(nodes.shape)))

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"spacing": list(nodes.spacing), "radius": settings.radius, "empty_node": 0.0})
        shape, dimensions = (n_stages, *nodes.shape), ["stage", "x", "y", "z"]
        for field in map(grain_field, settings.fields):
            meaning = (
                f"mean {field.short} of the grains within the radius, at the start of the stage; 0 where there is none"
            )
            add_array(store, field.name, dimensions, shape, "float32", field.unit, meaning, per_chunk=per_chunk)
        for axis, name in enumerate("xyz"):
            coordinate = nodes.origin[axis] + nodes.spacing[axis] * np.arange(nodes.shape[axis])
            add_array(store, name, [name], (len(coordinate),), "float64", "d", "node position")[:] = coordinate
        return store

    with batched_store(run.folder / "voxels.zarr", mark, create) as store:
        work = functools.partial(measure_voxels, elsewhere(run), settings)
        store.fill(n_stages, per_chunk, work, advance, config.batches)


def measure_voxels(run: Run, settings: Voxels, path: Path, batch: slice) -> None:
    """One batch of stages of `voxels.zarr`."""
    group = zarr.open_group(path, mode="r+")
    for name, voxels in field_voxels(run, settings, batch).items():
        array(group, name)[batch] = voxels


def field_voxels(run: Run, settings: Voxels, batch: slice) -> dict[str, np.ndarray]:
    """Voxels (stage, x, y, z) of fields in some stages; those of the walls' grains are left out."""
    walls, starts = run.grains["kind"].to_numpy() != 0, read_starts(run, batch)
    positions, boxes = [start.position for start in starts], [start.box for start in starts]
    voxels = {}
    for name in settings.fields:
        field = grain_field(name)
        if (field.array or name) not in run.fields:
            raise MicroslipError(
                f"voxels.fields names {name}, which fields.zarr was measured without: remove {run.folder}/fields.zarr"
                " and run `microslip fields` again"
            )
        stored = run.fields[field.array or name]
        rows = np.array(stored[batch] if field.axis is None else stored[batch, :, field.axis], dtype=float)
        rows[:, walls] = np.nan
        voxels[name] = coarse_grain_stages(
            positions, boxes, rows, run.box, settings.spacing, settings.radius, settings.faces
        )
    return voxels
