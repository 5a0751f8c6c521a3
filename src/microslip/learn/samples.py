"""Voxels as the network takes them: logarithm, standardised, on disk; and the symmetries of simple shear."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Float32, Int64
from numpy.lib.format import open_memmap

from microslip.core.errors import MicroslipError

# Stages read at a time.
STAGES_PER_READ = 256


@dataclass(frozen=True)
class Scaling:
    """Affine maps between the store's units and the network's, from training stages alone.

    Input (log₁₀(D²min + floor) − mean)/deviation with D²min in d̄²; target fluctuation/target_deviation with the
    fluctuation in p. The target is not shifted: zero change stays zero.
    """

    floor: float
    mean: float
    deviation: float
    target_deviation: float

    def transform(self, d2min: Float[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
        """D²min [d̄²] → network input."""
        return ((np.log10(d2min + self.floor) - self.mean) / self.deviation).astype(np.float32)

    def zero_field(self) -> float:
        """Network input of a node with D²min = 0."""
        return (math.log10(self.floor) - self.mean) / self.deviation


def fit_scaling(
    voxels: xr.DataArray, target: Float[np.ndarray, "stage"], train: Int64[np.ndarray, "chosen"], floor: float
) -> Scaling:
    """Mean and deviation of the training stages' log₁₀(D²min + floor), and the deviation of their fluctuation.

    Raises
    ------
    MicroslipError
        NaN in the voxels, or targets that do not vary.
    """
    count, total, squares = 0, 0.0, 0.0
    for start in range(0, len(train), STAGES_PER_READ):
        part = np.log10(voxels[train[start : start + STAGES_PER_READ]].to_numpy().astype(float) + floor)
        if not np.isfinite(part).all():
            raise MicroslipError("voxels.zarr holds values that are not finite: run the voxels step again")
        count, total, squares = count + part.size, total + part.sum(), squares + (part**2).sum()
    mean = total / count
    deviation = float(np.sqrt(max(squares / count - mean**2, 0.0)))
    target_deviation = float(np.std(target[train]))
    if deviation == 0 or target_deviation == 0:
        raise MicroslipError("all training stages are the same: there is nothing to learn from")
    return Scaling(floor, float(mean), deviation, target_deviation)


def write_inputs(voxels: xr.DataArray, scaling: Scaling, path: Path) -> Float32[np.ndarray, "stage x y z"]:
    """The network's input of every stage as a memory-mapped array, so that a run larger than memory can be learnt."""
    inputs = open_memmap(path, mode="w+", dtype=np.float32, shape=voxels.shape)
    for start in range(0, len(voxels), STAGES_PER_READ):
        some = slice(start, start + STAGES_PER_READ)
        inputs[some] = scaling.transform(voxels[some].to_numpy().astype(float))
    return inputs


def augment(inputs: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Each stage shifted at random along x and y, which repeat, and half of them mirrored in y.

    Simple shear in x with gradient in z keeps its sense under the y-mirror, not under those in x or z.
    Shape (stage, 1, x, y, z).
    """
    n, _, n_x, n_y, _ = inputs.shape
    x = (np.arange(n_x) + rng.integers(0, n_x, (n, 1))) % n_x
    y = (np.arange(n_y) + rng.integers(0, n_y, (n, 1))) % n_y
    mirrored = rng.random(n) < 0.5
    y[mirrored] = y[mirrored, ::-1]
    stage = np.arange(n)[:, None, None]
    return inputs[stage, 0, x[:, :, None], y[:, None, :]].unsqueeze(1)
