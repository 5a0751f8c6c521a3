"""From stages to fields."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zarr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.core.touching import remembering_the_last
from microslip.data.attributes import diameters_known
from microslip.data.batches import batched_store
from microslip.data.frames import read_frames, reader_of
from microslip.data.run import Run
from microslip.data.store import CHUNK_BYTES, add_array, array, create_store
from microslip.data.trajectory import INSIDE
from microslip.fields.nonaffine import fewest_neighbours
from microslip.fields.precision import MARGIN, below_floor, position_resolution, precision_floor
from microslip.fields.registry import FIELDS
from microslip.fields.stage import FrameValues, StageFrames
from microslip.steps.common import Advance, Say
from microslip.steps.frames import check_grains, elsewhere

# The setting under which a simulation records a quantity of the frames.
RECORDED_BY = {
    **dict.fromkeys(("grain_stress", "grain_energy", "n_sliding"), "contacts"),
    "cell_volume": "cell_volumes",
}


def fields_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Non-affine motion, local strain, and changes of stress, energy and free volume of every grain in every stage."""
    check_grains(run)
    stages = run.stages
    bulk = run.grains["kind"].to_numpy() == 0
    n_stages, n_grains = len(stages), len(bulk)
    per_chunk = max(1, CHUNK_BYTES // (8 * n_grains))
    cutoff = config.nonaffine.cutoff
    resolution, floor = _precision(run, cutoff)

    def create(path: Path) -> zarr.Group:
        about = {"cutoff": cutoff, "neighbours": "in the frame at the start", "position_resolution": resolution}
        store = create_store(path, {**about, "precision_floor": floor, "precision_margin": MARGIN})
        for name, field in {field.array or field.name: field for field in FIELDS.values()}.items():
            axes = {"axis": 3} if field.array else {}
            dimensions, shape = ["stage", "grain", *axes], (n_stages, n_grains, *axes.values())
            about_it = (field.dtype, field.unit, field.description)
            add_array(store, name, dimensions, shape, *about_it, per_chunk=per_chunk)
        flag = "1 where the median D²min is within precision_margin of precision_floor"
        add_array(store, "below_floor", ["stage"], (n_stages,), "int8", "", flag, per_chunk=per_chunk)
        counted = "frames from the start to the end of the stage, both counted"
        add_array(store, "n_frames", ["stage"], (n_stages,), "int32", "", counted, per_chunk=per_chunk)
        return store

    with batched_store(run.folder / "fields.zarr", mark, create) as store:
        work = functools.partial(measure_fields, elsewhere(run), cutoff, floor)
        store.fill(n_stages, per_chunk, work, advance, config.batches)
    fields = run.fields
    if "n_frames" in fields and (run.frames.get("kind", np.zeros(1)) == INSIDE).any():
        per_stage = fields["n_frames"].to_numpy()
        spread = f"{per_stage.min()} to {per_stage.max()}"
        say(f"{np.median(per_stage):g} frames in the median stage, {spread}, its ends counted")
    say(f"positions are known to {resolution:.2g} d̄, so that D²min has a floor of {floor:.2g} d̄²")
    if n_below := int(fields["below_floor"].to_numpy().sum()):
        say(
            Caution(
                f"{n_below} of {n_stages} stages have a median D²min of less than {MARGIN:g} floors: their values"
                " are rounding; keep more digits of the positions, or use a larger stages.threshold"
            )
        )
    # the same grains are undefined in all stages or few are: a first chunk tells which quantities exist at all
    some = fields.isel(stage=slice(0, per_chunk), grain=bulk)
    if (n_undefined := int(np.isnan(some["d2min"].to_numpy()).sum())) > 0:
        fewest, lying = fewest_neighbours(run.box.planar), "on a line" if run.box.planar else "in a plane"
        say(
            f"{n_undefined} values of the first {some.sizes['stage']} stages are undefined: fewer than {fewest}"
            f" neighbours, or neighbours {lying}"
        )
    for name, field in FIELDS.items():
        if field.needs and np.isnan(some[name].to_numpy()).all():
            setting, imported = RECORDED_BY.get(field.needs), run.attributes.get("imported")
            why = f"recording.{setting} = false" if setting and not imported else f"the frames hold no {field.needs}"
            say(f"no {name.replace('_', ' ')}: {why}")


def _precision(run: Run, cutoff: float) -> tuple[float, float]:
    """Resolution of the positions [d̄] and precision floor of D²min [d̄²], from the first frame of the first stage."""
    frame = int(run.stages["start_frame"].iloc[0])
    position, bulk = read_frames(run.frames["position"], np.array([frame]))[frame], run.grains["kind"].to_numpy() == 0
    there = np.isfinite(position).all(axis=1) | (not run.attributes.get("imported"))
    try:
        resolution = float(run.attributes.get("position_resolution", 0)) or position_resolution(position[there])
        floor = precision_floor(position[there], run.box_at(frame), resolution, cutoff, bulk[there])
    except MicroslipError as problem:
        raise MicroslipError(f"frame {frame}: {problem}") from None
    if not np.isfinite(floor):
        raise MicroslipError(
            f"frame {frame}: no grain has {fewest_neighbours(run.box.planar)} neighbours within nonaffine.cutoff ="
            f" {cutoff:g} d̄ that span {'the plane' if run.box.planar else 'space'}: check d̄ (source.length), or raise"
            " the cutoff"
        )
    return resolution, floor


def measure_fields(run: Run, cutoff: float, floor: float, path: Path, batch: slice) -> None:
    """One batch of stages of `fields.zarr`; stages whose median D²min is near the floor [d̄²] are flagged."""
    n_stages, bulk = batch.stop - batch.start, run.grains["kind"].to_numpy() == 0
    rows, n_frames = (
        {name: np.full((n_stages, len(bulk)), np.nan) for name in FIELDS},
        np.zeros(n_stages, dtype="int32"),
    )
    for row, (frames, stage) in enumerate(read_stages(run, batch, cutoff)):
        n_frames[row] = len(frames)
        try:
            for name, field in FIELDS.items():
                if not field.needs or field.needs in stage.values:
                    rows[name][row] = field.measure(stage)
        except MicroslipError as problem:
            where = f"stage {batch.start + row}, from frame {frames[0]} to {frames[-1]}"
            raise MicroslipError(f"{where}: {problem}") from None
    group = zarr.open_group(path, mode="r+")
    for name, field in FIELDS.items():
        if (field.array or name) not in group:  # a store that was begun before it was measured goes on without it
            continue
        values = rows[name] if field.walls else np.where(bulk, rows[name], np.nan)
        # a grain that is not there has no neighbours
        values = (np.nan_to_num(values) if field.dtype == "int32" else values).astype(field.dtype)
        if field.axis is None:
            array(group, name)[batch] = values
        else:
            array(group, field.array)[batch, :, field.axis] = values
    if "n_frames" in group:  # a store that was begun before they were counted goes on without them
        array(group, "n_frames")[batch] = n_frames
    array(group, "below_floor")[batch] = below_floor(rows["d2min"], floor).astype("int8")


def read_stages(run: Run, batch: slice, cutoff: float) -> Iterator[tuple[range, StageFrames]]:
    """The frames of each stage of a batch by number, and what they hold."""
    grains, box = run.grains, run.boxes()
    kind, diameter = grains["kind"].to_numpy(), grains["diameter"].to_numpy()
    imported = bool(run.attributes.get("imported"))
    touch = diameters_known(run.attributes, diameter)
    readers = {str(name): reader_of(values) for name, values in run.frames.items() if "grain" in values.dims}
    # a stage starts where the one before it ended
    touching = remembering_the_last()
    for start, end in run.stages[["start_frame", "end_frame"]].iloc[batch].itertuples(index=False):
        frames = range(start, end + 1)
        values = {name: FrameValues(read, frames) for name, read in readers.items()}
        if touch:
            values["diameter"] = FrameValues(lambda _frame: diameter, frames)
        before, after = values["position"][0], values["position"][-1]
        # tracked grains come and go: those that both frames hold have a motion; of a simulation, all have one
        there = np.isfinite(before + after).all(axis=1) | (not imported)
        ends = box(start), box(end)
        yield frames, StageFrames(before, after, kind, diameter, *ends, cutoff, there, values, touching)
