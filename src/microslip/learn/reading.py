"""Stages of a run as a network takes them: the one way in for every verb that learns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float, Float32, Int64

from microslip.data.run import Run
from microslip.learn.baselines import amplitude_features, length_feature
from microslip.learn.config import Training
from microslip.learn.inputs import read_inputs, write_inputs
from microslip.learn.samples import Samples, Scaling


@dataclass(frozen=True)
class StageReader:
    """The voxels and lengths in strain of a run's stages, which of them are read, and on which scales."""

    voxels: xr.Dataset
    strain_increment: Float[np.ndarray, "stage"]
    names: tuple[str, ...]
    floor: float
    transform: str

    def batches(self, stages: slice = slice(None)) -> Iterator[Float32[np.ndarray, "some channel x y z"]]:
        """Inputs of stages one after another, some at a time; errors as in `read_inputs`."""
        first, last, _ = stages.indices(len(self.strain_increment))
        part = self.voxels if stages == slice(None) else self.voxels.isel(stage=slice(first, last))
        return read_inputs(part, self.strain_increment[stages], self.names, self.floor, self.transform, first)

    def among(self, stages: Int64[np.ndarray, "chosen"]) -> Iterator[Float32[np.ndarray, "some channel x y z"]]:
        """Inputs of the given stages alone, in order."""
        chosen = np.isin(np.arange(len(self.strain_increment)), stages)
        first = 0
        for batch in self.batches():
            yield batch[chosen[first : first + len(batch)]]
            first += len(batch)

    def scaled(self, stage: int, scaling: Scaling) -> Float32[np.ndarray, "channel x y z"]:
        """One stage as the network of a scaling takes it."""
        return np.asarray(scaling.standardise(next(self.batches(slice(stage, stage + 1)))[0]), dtype=np.float32)


def stage_reader(run: Run, names: tuple[str, ...], scales: Training | Scaling) -> StageReader:
    """What reads the stages of a run; the scales are those of a training to come, or of a trained network."""
    increments = run.stages["strain_increment"].to_numpy()
    return StageReader(run.voxels, increments, names, scales.floor, scales.transform)


def keep_samples(
    batches: Iterable[Float32[np.ndarray, "some channel x y z"]],
    names: tuple[str, ...],
    target: Float[np.ndarray, "stage"],
    path: Path,
) -> Samples:
    """Samples whose inputs lie in a file, memory-mapped, so that they may be larger than memory."""
    return Samples(write_inputs(path, len(target), batches), names, target)


def stage_features(run: Run) -> dict[str, Float[np.ndarray, "stage feature"]]:
    """What baselines without pattern take of each stage of a run, by the name of the baseline."""
    return amplitude_features(run.fields["d2min"]) | {"strain_increment": length_feature(run.stages)}
