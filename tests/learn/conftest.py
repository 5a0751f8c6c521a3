"""One small task for all tests of the networks: where a blob of non-affine motion sits tells the stress change."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

from microslip.grids.config import Split
from microslip.grids.splits import SplitSets, random_split
from microslip.learn.config import Network, Training
from microslip.learn.inputs import read_inputs, write_inputs
from microslip.learn.samples import Samples, Scaling, fit_scaling
from microslip.learn.train import Trained, train


@dataclass(frozen=True)
class Task:
    """Stages with their split, and a network and a training small enough to be repeated."""

    voxels: xr.Dataset
    samples: Samples
    sets: SplitSets
    scaling: Scaling
    network: Network
    training: Training


@pytest.fixture(scope="session")
def task(tmp_path_factory) -> Task:
    """The fluctuation is the height of the blob, which has the same size everywhere: pattern, not amplitude."""
    rng = np.random.default_rng(7)
    n, grid = 300, (8, 6, 8)
    z = rng.uniform(0, 7, n)
    axes = np.meshgrid(*(np.arange(length) for length in grid), indexing="ij")
    x0, y0 = rng.integers(0, 8, n), rng.integers(0, 6, n)
    centre = np.stack(
        [
            np.roll(
                np.exp(-((axes[2] - height) ** 2) / 4 - ((axes[0] - 4) ** 2 + (axes[1] - 3) ** 2) / 6), (i, j), (0, 1)
            )
            for i, j, height in zip(x0, y0, z, strict=True)
        ]
    )
    values = (1e-7 + 1e-4 * centre).astype(np.float32)
    voxels = xr.Dataset({"d2min": (("stage", "x", "y", "z"), values)})
    training = Training(epochs=12, patience=12, batch_size=16, learning_rate=3e-3, threads=1, device="cpu")
    batches = read_inputs(voxels, np.ones(n), ("d2min",), training.floor, training.transform)
    inputs = write_inputs(tmp_path_factory.mktemp("inputs") / "inputs.npy", n, batches)
    samples = Samples(inputs, ("d2min",), 1e-3 * (z - 3.5))
    sets = random_split(n, Split(), 1)
    scaling = fit_scaling(samples, sets["train"], training)
    return Task(voxels, samples, sets, scaling, Network(channels=(8, 16), hidden=16), training)


@pytest.fixture(scope="session")
def trained(task, tmp_path_factory) -> Trained:
    state = tmp_path_factory.mktemp("train") / "state.pt"
    return train(task.samples, task.sets, task.scaling, task.network, task.training, state)
