"""`trajectory.zarr`: grains, the stress series, and the frames at turning points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jaxtyping import Float64, Int64

from microslip.data.store import add_array, append, create_store

SERIES = {
    "strain": ("", "shear strain γ"),
    "stress": ("p", "shear stress s, the mean of both walls"),
    "stress_bottom": ("p", "shear stress on the bottom wall"),
    "stress_top": ("p", "shear stress on the top wall"),
    "normal_stress": ("p", "normal stress, the mean of both walls, compression positive"),
    "height": ("d", "distance between the walls' inner faces"),
    "solid_fraction": ("", "volume of the bulk grains over the volume between the walls"),
}

SAMPLES_PER_CHUNK = 16_384


def create_trajectory(
    path: Path,
    diameter: Float64[np.ndarray, "grain"],
    kind: Int64[np.ndarray, "grain"],
    attributes: Mapping[str, Any],
) -> None:
    """An empty trajectory of these grains: diameters [d̄], kind 0 bulk, 1 bottom wall, 2 top wall, ids from 1."""
    store = create_store(path, attributes)
    n = len(diameter)
    grains = store.create_group("grains")
    add_array(grains, "diameter", ["grain"], (n,), "float64", "d", "grain diameter")[:] = diameter
    add_array(grains, "kind", ["grain"], (n,), "int8", "", "0 bulk, 1 bottom wall, 2 top wall")[:] = kind.astype("int8")
    add_array(grains, "id", ["grain"], (n,), "int64", "", "the engine's own number")[:] = np.arange(1, n + 1)
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
        "centres, unwrapped in x and y; z = 0 is the inner face of the bottom wall",
        per_chunk=max(1, 2**20 // (n * 24)),
    )


class TrajectoryWriter:
    """Appends to a trajectory that one process owns; `cut` drops what a killed process wrote after its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.store = zarr.open_group(path, mode="r+")
        self.series = {name: self._array(f"series/{name}") for name in SERIES}
        self.frame_sample = self._array("frames/sample")
        self.position = self._array("frames/position")

    def _array(self, name: str) -> zarr.Array:
        array = self.store[name]
        assert isinstance(array, zarr.Array)
        return array

    def add_samples(self, samples: Mapping[str, np.ndarray]) -> None:
        """Append to every series."""
        for name, array in self.series.items():
            append(array, np.asarray(samples[name]))

    def add_frames(self, sample: Int64[np.ndarray, "frame"], position: Float64[np.ndarray, "frame grain 3"]) -> None:
        """Append frames."""
        append(self.position, position)
        append(self.frame_sample, sample)

    def cut(self, n_samples: int, n_frames: int) -> None:
        """Keep the first samples and frames only."""
        for array in self.series.values():
            array.resize((n_samples,))
        self.frame_sample.resize((n_frames,))
        self.position.resize((n_frames, *self.position.shape[1:]))
