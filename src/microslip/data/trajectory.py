"""`trajectory.zarr`: grains, the stress series, and the frames at turning points."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jaxtyping import Float64, Int64

from microslip.core.grain_values import GrainValues
from microslip.data.store import add_array, append, create_store, reopen_store

SERIES = {
    "strain": ("", "shear strain γ"),
    "stress": ("p", "shear stress s, the mean of both walls or, without any, of the volume"),
    "stress_bottom": ("p", "shear stress on the bottom wall"),
    "stress_top": ("p", "shear stress on the top wall"),
    "normal_stress": (
        "p",
        "normal stress, compression positive, the mean of both walls or, without walls, of the volume",
    ),
    "height": ("d", "distance between the walls' inner faces, or height of the cell without walls"),
    "solid_fraction": ("", "volume of the bulk grains over that of the cell between the walls"),
    "stress_volume": ("p", "shear stress of the volume, −(1/V) Σ f_x r_z over all contacts of bulk grains"),
}

# Single precision: seven digits of a stress or a volume are far beyond what they mean; positions are another matter.
CONTACT_VALUES = {
    "grain_stress": ("float32", "p", "Love–Weber stress, compression positive"),
    "grain_energy": ("float32", "p d**3", "half the elastic energy of the grain's contacts"),
    "n_contacts": ("uint16", "", "contacts of the grain"),
}
KEPT = (*CONTACT_VALUES, "cell_volume")
CELL = "Lx, Ly, Lz and tilt of the periodic cell"
COMPONENT_NAMES = ["xx", "yy", "zz", "xy", "xz", "yz"]

SAMPLES_PER_CHUNK = 16_384
FRAME_CHUNK_BYTES = 2**20


def create_trajectory(
    path: Path,
    diameter: Float64[np.ndarray, "grain"],
    kind: Int64[np.ndarray, "grain"],
    attributes: Mapping[str, Any],
    ids: Int64[np.ndarray, "grain"] | None = None,
    kept: Collection[str] = KEPT,
    cell: bool = False,
) -> None:
    """An empty trajectory of these grains: diameters [d̄], kind 0 bulk, 1 bottom wall, 2 top wall, ids from 1.

    `kept` names what frames hold besides positions, out of `KEPT`; `cell`: whether each has a cell of its own.
    """
    store = create_store(path, attributes)
    n = len(diameter)
    grains = store.create_group("grains")
    add_array(grains, "diameter", ["grain"], (n,), "float64", "d", "grain diameter")[:] = diameter
    add_array(grains, "kind", ["grain"], (n,), "int8", "", "0 bulk, 1 bottom wall, 2 top wall")[:] = kind.astype("int8")
    add_array(grains, "id", ["grain"], (n,), "int64", "", "the engine's own number")[:] = (
        np.arange(1, n + 1) if ids is None else ids
    )
    series = store.create_group("series")
    for name, (unit, description) in SERIES.items():
        add_array(series, name, ["sample"], (0,), "float64", unit, description, per_chunk=SAMPLES_PER_CHUNK)
    frames = store.create_group("frames")
    add_array(frames, "sample", ["frame"], (0,), "int64", "", "index into the series", per_chunk=SAMPLES_PER_CHUNK)
    add_array(
        frames,
        "position",
        ["frame", "grain", "axis"],
        (0, n, 3),
        "float64",
        "d",
        "centres, unwrapped where the cell repeats; z = 0 is the bottom wall's inner face, or the cell's lower face",
        per_chunk=max(1, FRAME_CHUNK_BYTES // (n * 24)),
        packed=False,
    )
    for name, (dtype, unit, description) in CONTACT_VALUES.items():
        if name not in kept:
            continue
        tensor = name == "grain_stress"
        shape = (0, n, len(COMPONENT_NAMES)) if tensor else (0, n)
        entry = math.prod(shape[1:]) * np.dtype(dtype).itemsize
        values = add_array(
            frames,
            name,
            ["frame", "grain", "component"] if tensor else ["frame", "grain"],
            shape,
            dtype,
            unit,
            description,
            per_chunk=max(1, FRAME_CHUNK_BYTES // entry),
            packed=np.dtype(dtype).kind != "f",
        )
        if tensor:
            values.attrs["components"] = COMPONENT_NAMES
    if cell:
        add_array(frames, "cell", ["frame", "edge"], (0, 4), "float64", "d", CELL, per_chunk=SAMPLES_PER_CHUNK)
    if "cell_volume" in kept:
        add_array(
            frames,
            "cell_volume",
            ["frame", "grain"],
            (0, n),
            "float32",
            "d**3",
            "radical Voronoi cell, NaN where not asked for",
            per_chunk=max(1, FRAME_CHUNK_BYTES // (n * 4)),
        )


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
    ) -> None:
        """Append frames; without `values` the stress and the energy are NaN and the contacts 0."""
        append(self.position, position)
        if values is not None:
            parts = {"grain_stress": values.stress, "grain_energy": values.energy, "n_contacts": values.n_contacts}
            for name in parts.keys() & self.kept.keys():
                append(self.kept[name], parts[name])
        if cell is not None and self.cell is not None:
            append(self.cell, cell)
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
        self._resize_frames(n_frames)

    def _resize_frames(self, n_frames: int) -> None:
        for array in (self.position, *self.kept.values()):
            array.resize((n_frames, *array.shape[1:]))
