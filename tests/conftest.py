"""Shapes in the types are checked while the tests run; kernels compiled by numba are left alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

CHECKED = [
    "microslip.data.trajectory",
    "microslip.grids.splits",
    "microslip.learn.ablations",
    "microslip.learn.attribution",
    "microslip.learn.baselines",
    "microslip.learn.checkpoint",
    "microslip.learn.ensemble",
    "microslip.learn.evaluate",
    "microslip.learn.inputs",
    "microslip.learn.samples",
    "microslip.learn.train",
    "microslip.study.blocks",
    "microslip.study.summary",
]

_hook = install_import_hook(CHECKED, "beartype.beartype")
_hook.__enter__()

import numpy as np  # noqa: E402

from microslip.core.box import Box  # noqa: E402
from microslip.dem.engine import environment, find_launcher  # noqa: E402


@pytest.fixture
def box() -> Box:
    return Box((10.0, 8.0, 12.0))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


@pytest.fixture
def grains(box: Box, rng: np.random.Generator) -> np.ndarray:
    """A random slab of grains at the number density of a packing."""
    return rng.random((1000, 3)) * box.lengths


SHEARED = Path(__file__).with_name("sheared.in")


@pytest.fixture(scope="session")
def sheared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what LAMMPS itself writes of a cell that leans on and on: see sheared.in."""
    folder = tmp_path_factory.mktemp("sheared")
    command = [
        find_launcher(),
        "-n",
        "1",
        str(Path(sys.prefix) / "bin" / "lmp"),
        "-in",
        str(SHEARED),
        "-screen",
        "none",
    ]
    subprocess.run(command, cwd=folder, env=environment(), check=True, timeout=120)
    return folder
