"""From stages to fields and voxels."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import zarr

from microslip.config import Config
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.batches import batched_store
from microslip.data.run import Run
from microslip.data.store import CHUNK_BYTES, add_array, create_store
from microslip.fields.registry import FIELDS, STORED, grain_field
from microslip.grids.config import too_many_nodes
from microslip.steps.common import Advance, Say, array
from microslip.steps.frames import Start, check_grains, elsewhere, every_frame, read_frames, read_starts


def fields_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Non-affine motion, local strain, and changes of stress, energy and free volume of every grain in every stage."""
    from microslip.fields.precision import MARGIN, position_resolution, precision_floor

    check_grains(run)
    stages = run.stages
    bulk = run.grains["kind"].to_numpy() == 0
    n_stages, n_grains = len(stages), len(bulk)
    per_chunk = max(1, CHUNK_BYTES // (8 * n_grains))
    first = read_frames(run.frames["position"], stages["start_frame"].to_numpy()[:1])
    reference = next(iter(first.values()))
    cutoff = config.nonaffine.cutoff
    there = np.isfinite(reference).all(axis=1) | (not run.attributes.get("imported"))
    reference = reference[there]
    try:
        resolution = float(run.attributes.get("position_resolution", 0)) or position_resolution(reference)
        floor = precision_floor(reference, run.box_at(next(iter(first))), resolution, cutoff, bulk[there])
    except MicroslipError as problem:
        raise MicroslipError(f"frame {next(iter(first))}: {problem}") from None
    fewest = "3 neighbours" if run.box.planar else "4 neighbours"
    if not np.isfinite(floor):
        raise MicroslipError(
            f"frame {next(iter(first))}: no grain has {fewest} within nonaffine.cutoff = {cutoff:g} d̄ that span"
            f" {'the plane' if run.box.planar else 'space'}: check d̄ (source.length), or raise the cutoff"
        )

    def create(path: Path) -> zarr.Group:
        about = {"cutoff": cutoff, "neighbours": "in the frame at the start", "position_resolution": resolution}
        store = create_store(path, {**about, "precision_floor": floor, "precision_margin": MARGIN})
        dimensions = ["stage", "grain"]
        of_grains = (n_stages, n_grains)
        for name, field in STORED.items():
            about_it = (field.dtype, field.unit, field.description)
            add_array(store, name, dimensions, of_grains, *about_it, per_chunk=per_chunk)
        moved = FIELDS["displacement_x"].description
        every = (n_stages, n_grains, 3)
        add_array(store, "displacement", [*dimensions, "axis"], every, "float32", "d", moved, per_chunk=per_chunk)
        flag = "1 where the median D²min is within precision_margin of precision_floor"
        add_array(store, "below_floor", ["stage"], (n_stages,), "int8", "", flag, per_chunk=per_chunk)
        return store

    with batched_store(run.folder / "fields.zarr", mark, create) as store:
        work = functools.partial(measure_fields, elsewhere(run), cutoff, MARGIN * floor)
        store.fill(n_stages, per_chunk, work, advance, config.batches)
    fields = run.fields
    say(f"positions are known to {resolution:.2g} d̄, so that D²min has a floor of {floor:.2g} d̄²")
    if n_below := int(fields["below_floor"].to_numpy().sum()):
        say(
            f"warning: {n_below} of {n_stages} stages have a median D²min of less than {MARGIN:g} floors: their values"
            " are rounding; keep more digits of the positions, or use a larger stages.threshold"
        )
    # the same grains are undefined in all stages or few are: a first chunk tells which quantities exist at all
    some = fields.isel(stage=slice(0, per_chunk), grain=bulk)
    if (undefined := int(np.isnan(some["d2min"].to_numpy()).sum())) > 0:
        those = f"{undefined} values of the first {some.sizes['stage']} stages"
        lying = "on a line" if run.box.planar else "in a plane"
        say(f"{those} are undefined: fewer than {fewest}, or neighbours {lying}")
    for name, key in (("delta_energy", "contacts"), ("packing_fraction", "cell_volumes")):
        if np.isnan(some[name].to_numpy()).all():
            why = f"the frames were kept with recording.{key} = false"
            say(f"no {name.replace('_', ' ')}: {'the import has none' if run.attributes.get('imported') else why}")


# What `measure_fields` knows to measure. A field that is told in the registry alone would be NaN without a word.
MEASURED = (
    "d2min",
    "n_neighbours",
    "shear_strain",
    "volumetric_strain",
    "delta_sigma1",
    "delta_energy",
    "packing_fraction",
)
if set(MEASURED) != set(STORED):
    raise RuntimeError(f"fields in the registry or in measure_fields alone: {sorted(set(MEASURED) ^ set(STORED))}")


def measure_fields(run: Run, cutoff: float, noise: float, path: Path, batch: slice) -> None:
    """One batch of stages of `fields.zarr`; stages whose median D²min is below `noise` [d̄²] are flagged."""
    from microslip.fields.mechanics import major_principal_stress
    from microslip.fields.nonaffine import d2min
    from microslip.fields.strain import displacement_without_shear, local_strain

    box, grains, frames = run.boxes(), run.grains, run.frames
    kind, imported = grains["kind"].to_numpy(), bool(run.attributes.get("imported"))
    bulk = kind == 0
    ends = run.stages[["start_frame", "end_frame"]].iloc[batch].to_numpy()
    position = read_frames(frames["position"], ends)
    stress = read_frames(frames["grain_stress"], ends) if "grain_stress" in frames else {}
    sigma1 = {frame: major_principal_stress(one, run.box.planar) for frame, one in stress.items()}
    energy = read_frames(frames["grain_energy"], ends) if "grain_energy" in frames else {}
    found = {name: np.full((len(ends), len(bulk)), np.nan) for name in MEASURED}
    displacement = np.full((len(ends), len(bulk), 3), np.nan, dtype=np.float32)
    for row, (start, end) in enumerate(ends.tolist()):
        # tracked grains come and go: those that both frames hold have a motion; of a simulation, all have one
        both = np.isfinite(position[start] + position[end]).all(axis=1) | (not imported)
        before, after, start_box, end_box = position[start][both], position[end][both], box(start), box(end)
        of_cell = start_box.gradient_to(end_box) if start_box.periodic[2] else None
        try:
            motion = d2min(before, after, start_box, cutoff, bulk[both], end_box)
            displacement[row][both] = displacement_without_shear(before, after, kind[both], of_cell)
        except MicroslipError as problem:
            raise MicroslipError(f"stage {batch.start + row}, from frame {start} to {end}: {problem}") from None
        strain, dilation = local_strain(motion.gradient, start_box.planar)
        for name, values in (
            ("d2min", motion.d2min),
            ("n_neighbours", motion.n_neighbours),
            ("shear_strain", strain),
            ("volumetric_strain", dilation),
        ):
            found[name][row][both] = values
        if sigma1:
            found["delta_sigma1"][row] = sigma1[end] - sigma1[start]
        if energy:
            found["delta_energy"][row] = energy[end].astype(float) - energy[start]
    if "cell_volume" in frames:
        found["packing_fraction"] = _mean_packing_fraction(run, ends)
    group = zarr.open_group(path, mode="r+")
    for name, field in STORED.items():
        # a grain that is not there has no neighbours
        values = np.nan_to_num(found[name]) if field.dtype == "int32" else np.where(bulk, found[name], np.nan)
        array(group, name)[batch] = values.astype(field.dtype)
    array(group, "displacement")[batch] = displacement
    medians = [np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.inf for row in found["d2min"]]
    array(group, "below_floor")[batch] = (np.array(medians) < noise).astype("int8")


def _mean_packing_fraction(run: Run, ends: np.ndarray) -> np.ndarray:
    """φ_local of every grain, averaged over the frames from the start to the end of each stage, both counted."""
    from microslip.fields.mechanics import local_packing_fraction

    diameter = run.grains["diameter"].to_numpy()
    planar, total = run.box.planar, np.zeros((len(ends), len(diameter)))
    for frame, volume in every_frame(run.frames["cell_volume"], int(ends.min()), int(ends.max())):
        try:
            fraction = local_packing_fraction(diameter, volume, planar)
        except MicroslipError as problem:
            raise MicroslipError(f"frame {frame}: {problem}") from None
        total[(ends[:, 0] <= frame) & (frame <= ends[:, 1])] += fraction
    return np.asarray(total / (ends[:, 1] - ends[:, 0] + 1)[:, None])


def voxels_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Coarse-grain D²min, and what else the network is to see."""
    from microslip.grids.coarse import place_nodes

    n_stages, settings = len(run.stages), config.voxels
    if problem := too_many_nodes("voxels.spacing", settings.spacing, run.box.lengths):
        raise MicroslipError(problem)
    nodes = place_nodes(run.box, settings.spacing)
    per_chunk = max(1, CHUNK_BYTES // (4 * math.prod(nodes.shape)))

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"spacing": list(nodes.spacing), "radius": settings.radius, "empty_node": 0.0})
        shape, dimensions = (n_stages, *nodes.shape), ["stage", "x", "y", "z"]
        for field in settings.fields:
            what, unit = grain_field(field).short, grain_field(field).unit
            meaning = f"mean {what} of the grains within the radius, at the start of the stage; 0 where there is none"
            add_array(store, field, dimensions, shape, "float32", unit, meaning, per_chunk=per_chunk)
        for axis, name in enumerate("xyz"):
            coordinate = nodes.origin[axis] + nodes.spacing[axis] * np.arange(nodes.shape[axis])
            add_array(store, name, [name], (len(coordinate),), "float64", "d", "node position")[:] = coordinate
        return store

    with batched_store(run.folder / "voxels.zarr", mark, create) as store:
        work = functools.partial(measure_voxels, elsewhere(run), settings.fields, settings.spacing, settings.radius)
        store.fill(n_stages, per_chunk, work, advance, config.batches)


def measure_voxels(run: Run, names: tuple[str, ...], spacing: float, radius: float, path: Path, batch: slice) -> None:
    """One batch of stages of `voxels.zarr`."""
    group = zarr.open_group(path, mode="r+")
    starts = read_starts(run, batch)
    for name in names:
        rows = grain_values(run, name, batch)
        array(group, name)[batch] = coarse_grain_rows(run.box, starts, rows, spacing, radius)


def grain_values(run: Run, name: str, batch: slice) -> np.ndarray:
    """A field of every grain in some stages, NaN for walls."""
    bulk, field = run.grains["kind"].to_numpy() == 0, grain_field(name)
    if field.stored:
        rows = np.array(run.fields[field.stored][batch, :, field.axis], dtype=float)
    else:
        rows = np.array(run.fields[name][batch], dtype=float)
    rows[:, ~bulk] = np.nan
    return rows


def coarse_grain_rows(box: Box, starts: list[Start], rows: np.ndarray, spacing: float, radius: float) -> np.ndarray:
    """The voxels of some stages, shape (stage, x, y, z); a cell that changed is stretched back onto the run's own."""
    from microslip.grids.coarse import coarse_grain

    grids = []
    for start, row in zip(starts, rows, strict=True):
        stretch = np.asarray(box.lengths) / np.asarray(start.box.lengths)
        stretched = replace(box, tilt=start.box.tilt * stretch[0])
        here = start.here
        grids.append(coarse_grain(start.position[here] * stretch, row[here], stretched, spacing, radius).values)
    return np.stack(grids).astype(np.float32)
