"""A small artificial run, in which the height of a blob of motion tells the stress change."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip import Box, artificial
from microslip.config import parse_config, write_config
from microslip.data.files import write_table
from microslip.learn.baselines import CLUSTER_NUMBERS

from ..command_line import microslip

BOX, N_BULK, N_WALL, N_STAGES = (8.0, 8.0, 8.0), 500, 40, 100


EPOCHS = 24


SETTINGS = {
    "cell": dict(zip(("length", "depth", "height"), BOX, strict=True)),
    "voxels": {"fields": ["d2min", "shear_strain"]},
    "split": {"guard": 3},
    "network": {"channels": [4, 8], "hidden": 16, "batch_normalisation": True},
    "training": {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 4e-3, "threads": 1, "device": "cpu"},
    "attribution": {"n_stages": 6, "n_steps": 8, "completeness": 0.02, "n_compared": 2, "null_epochs": 2, "n_noisy": 2},
    "ablation": {
        "spacings": [1.6],
        "radii": [2.0],
        "cell_shares": [0.5],
        "training_shares": [0.5],
        "epochs": EPOCHS,
        "seeds": 1,
    },
    "search": {"epochs": 2, "trials": 2},
    "correlation": {"n_bins": 2},
}


def make_run(folder, seed, **changes):
    """Everything that the learning verbs read, but for the voxels; settings may be changed by section."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    kind = np.repeat([0, 1, 2], [N_BULK, N_WALL // 2, N_WALL // 2])
    position = rng.random((len(kind), 3)) * BOX
    position[kind == 1, 2], position[kind == 2, 2] = -0.4, BOX[2] + 0.4
    stage = np.arange(N_STAGES)
    height = rng.uniform(0.3, 3.5, N_STAGES) * np.where(stage % 2, -1, 1)
    centre = np.stack([*rng.uniform(0, 8, (2, N_STAGES)), 4 + height], axis=1)
    way = position - centre[:, None]
    way[..., :2] -= 8 * np.round(way[..., :2] / 8)
    d2min = 1e-7 + 1e-4 * np.exp(-(way[..., 2] ** 2) / 4 - (way[..., :2] ** 2).sum(axis=-1) / 6)
    d2min *= np.exp(0.1 * rng.normal(size=d2min.shape))
    d2min[:, kind > 0] = np.nan
    # single precision, as on the nodes
    artificial.write_fields(folder, {"d2min": d2min.astype("f4"), "shear_strain": np.sqrt(d2min)})
    stress, length = 0.3 - np.concatenate([[0], np.cumsum(1e-3 * height)]), rng.uniform(1, 9, N_STAGES) * 1e-3
    strain, sample = 0.2 + np.concatenate([[0], np.cumsum(length)]), np.arange(N_STAGES + 1)
    grains = artificial.Packing(position, np.ones(len(kind)), kind, Box(BOX))
    frames = np.repeat(position[None], N_STAGES + 1, axis=0)
    artificial.write_trajectory(folder, grains, {"strain": strain, "stress": stress}, sample, frames)
    write_table(folder / "stages.csv", artificial.stage_table(sample, strain, stress))
    clusters = {"stage": stage} | {name: rng.random(N_STAGES) for name in CLUSTER_NUMBERS}
    write_table(folder / "statistics" / "stages.csv", pd.DataFrame(clusters))
    settings = {name: SETTINGS.get(name, {}) | changes.get(name, {}) for name in {*SETTINGS, *changes}}
    write_config(parse_config(settings), folder / "config.toml")
    return folder


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    """With voxels, before any training."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "measured", 1)
    microslip("voxels", folder)
    return folder


@pytest.fixture(scope="session")
def learnt(measured, tmp_path_factory):
    """Trained, two networks for each rule, and explained."""
    folder = Path(shutil.copytree(measured, tmp_path_factory.mktemp("runs") / "learnt"))
    folder_said = microslip("train", folder, "--set", "training.ensemble=2").stdout
    (folder / "train.txt").write_text(folder_said)
    (folder / "explain.txt").write_text(microslip("explain", folder).stdout)
    return folder


@pytest.fixture
def fresh(measured, tmp_path):
    return Path(shutil.copytree(measured, tmp_path / "fresh"))


@pytest.fixture
def copied(learnt, tmp_path):
    return Path(shutil.copytree(learnt, tmp_path / "learnt"))


@pytest.fixture(scope="session")
def ablated(measured, tmp_path_factory):
    folder = Path(shutil.copytree(measured, tmp_path_factory.mktemp("runs") / "ablated"))
    (folder / "ablate.txt").write_text(microslip("ablate", folder).stdout)
    return folder


@pytest.fixture(scope="session")
def family(tmp_path_factory):
    """Three runs that differ by friction and seed, each with a network each."""
    folder = tmp_path_factory.mktemp("family")
    for number, friction in enumerate((0.5, 0.5, 0.1)):
        one = make_run(folder / f"run{number}", 10 + number, grains={"friction": friction})
        microslip("voxels", one)
        microslip("train", one)
    return folder
