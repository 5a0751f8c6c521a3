"""Shapes in the types are checked while the tests run; kernels compiled by numba are left alone."""

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
