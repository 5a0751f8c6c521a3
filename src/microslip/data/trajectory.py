"""`trajectory.zarr`: grains, the stress series, and the frames at turning points and inside stages."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jaxtyping import Float64, Int8, Int64

from microslip.core.grain_values import GrainValues
from microslip.data.contents_measured import TRAJECTORY
from microslip.data.store import add_column, append, create_store, reopen_store

# The records of the arrays in each group, by name.
GRAINS, SERIES, FRAMES = (
    {column.name.partition("/")[2]: column for column in TRAJECTORY.columns if column.name.startswith(group)}
    for group in ("grains/", "series/", "frames/")
)
CONTACT_VALUES = ("grain_stress", "grain_energy", "n_contacts", "n_sliding")
KEPT = (*CONTACT_VALUES, "cell_volume")
COMPONENT_NAMES = ["xx", "yy", "zz", "xy", "xz", "yz"]

# Of a frame, by `frames/kind`.
TURNING_POINT, INSIDE = 0, 1

SAMPLES_PER_CHUNK = 16_384
FRAME_CHUNK_BYTES = 2**20

# Their last digits are noise, which no compression makes smaller.
NOISY = ("position", "grain_stress", "grain_energy")


def create_trajectory(
    path: Path,
    diameter: Float64[np.ndarray, "grain"],
    kind: Int64[np.ndarray, "grain"],
    attributes: Mapping[str, Any],
    ids: Int64[np.ndarray, "grain"] | None = None,
    kept: Collection[str] = KEPT,
    cell: bool = False,
    inside: bool = False,
) -> None:
    """An empty trajectory of these grains: diameters [d̄], kind 0 bulk, 1 bottom wall, 2 top wall, ids from 1.

    `kept` names what frames hold besides positions, out of `KEPT`; `cell`: whether each has a cell of its own;
    `inside`: whether some lie inside stages.
    """
    store = create_store(path, attributes)
    lengths = {"grain": len(diameter), "sample": 0, "frame": 0, "axis": 3, "edge": 4, "component": len(COMPONENT_NAMES)}
    grains = store.create_group("grains")
    numbers = np.arange(1, len(diameter) + 1) if ids is None else ids
    for name, values in (("diameter", diameter), ("kind", kind.astype("int8")), ("id", numbers)):
        add_column(grains, GRAINS[name], lengths)[:] = values
    series = store.create_group("series")
    for column in SERIES.values():
        add_column(series, column, lengths, per_chunk=SAMPLES_PER_CHUNK)
    frames = store.create_group("frames")
    optional = [*(name for name in KEPT if name in kept), *(["cell"] if cell else []), *(["kind"] if inside else [])]
    for name in ("sample", "position", *optional):
        column, per_chunk = FRAMES[name], SAMPLES_PER_CHUNK
        if "grain" in column.dimensions:
            entry = (
                math.prod(lengths[dimension] for dimension in column.dimensions[1:]) * np.dtype(column.dtype).itemsize
            )
            per_chunk = max(1, FRAME_CHUNK_BYTES // entry)
        added = add_column(frames, column, lengths, per_chunk=per_chunk, packed=name not in NOISY)
        if name == "grain_stress":
            added.attrs["components"] = COMPONENT_NAMES


class TrajectoryWriter:
    """Appends to a trajectory that one process owns; `cut` drops what a killed process wrote after its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.store = reopen_store(path)
        # a run that was begun before a quantity was kept goes on without it
        self.series = {name: self._array(f"series/{name}") for name in SERIES if f"series/{name}" in self.store}
        self.frame_sample = self._array("frames/sample")
        self.position = self._array("frames/position")
        self.kept = {name: self._array(f"frames/{name}") for name in KEPT if f"frames/{name}" in self.store}
        self.cell = self._array("frames/cell") if "frames/cell" in self.store else None
        self.kind = self._array("frames/kind") if "frames/kind" in self.store else None

    def _array(self, name: str) -> zarr.Array:
        array = self.store[name]
        assert isinstance(array, zarr.Array)
        return array

    def add_samples(self, samples: Mapping[str, np.ndarray]) -> None:
        """Append to every series."""
        for name, array in self.series.items():
            append(array, np.asarray(samples[name]))

    def add_frames(
        self,
        sample: Int64[np.ndarray, "frame"],
        position: Float64[np.ndarray, "frame grain 3"],
        values: GrainValues | None = None,
        cell: Float64[np.ndarray, "frame 4"] | None = None,
        kind: Int8[np.ndarray, "frame"] | None = None,
    ) -> None:
        """Append frames; without `values` the stress and the energy are NaN and the contacts 0.

        `kind`: `TURNING_POINT` or `INSIDE`.
        """
        append(self.position, position)
        if values is not None:
            parts = {"grain_stress": values.stress, "grain_energy": values.energy, "n_contacts": values.n_contacts}
            parts["n_sliding"] = values.n_sliding
            for name in parts.keys() & self.kept.keys():
                append(self.kept[name], parts[name])
        if cell is not None and self.cell is not None:
            append(self.cell, cell)
        if kind is not None and self.kind is not None:
            append(self.kind, kind)
        self._resize_frames(self.position.shape[0])
        append(self.frame_sample, sample)

    def add_grains(
        self, diameter: Float64[np.ndarray, "grain"], kind: Int64[np.ndarray, "grain"], ids: Int64[np.ndarray, "grain"]
    ) -> None:
        """Append grains that earlier frames do not hold: their positions and values are NaN there, their contacts 0."""
        for name, values in (("diameter", diameter), ("kind", kind.astype("int8")), ("id", ids)):
            append(self._array(f"grains/{name}"), values)
        n = self._array("grains/id").shape[0]
        for array in (self.position, *self.kept.values()):
            array.resize((array.shape[0], n, *array.shape[2:]))

    def cut(self, n_samples: int, n_frames: int) -> None:
        """Keep the first samples and frames only."""
        for array in self.series.values():
            array.resize((n_samples,))
        self.frame_sample.resize((n_frames,))
        if self.cell is not None:
            self.cell.resize((n_frames, self.cell.shape[1]))
        if self.kind is not None:
            self.kind.resize((n_frames,))
        self._resize_frames(n_frames)

    def _resize_frames(self, n_frames: int) -> None:
        for array in (self.position, *self.kept.values()):
            array.resize((n_frames, *array.shape[1:]))
