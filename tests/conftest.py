"""Shapes in the types are checked while the tests run; kernels compiled by numba are left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook
from threadpoolctl import threadpool_limits

from . import shapes

# Matrices and networks as small as those here wait for a second thread longer than they compute, and on a busy machine
# a hundred times longer. The variables are for what is loaded later and for commands; numpy is here already.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
threadpool_limits(1)

# What ignores a signal hands that on to each command that it starts: nohup does, and the & of a script.
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda _number, _frame: None)

# how long an example takes tells of the machine, and nothing of what is tested
settings.register_profile("microslip", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("microslip")

# the hook names the function that checks by its module
sys.modules["shapes"] = shapes
_hook = install_import_hook([name for name in shapes.module_names() if shapes.is_checked(name)], "shapes.check")
_hook.__enter__()

import numpy as np  # noqa: E402

from microslip.core.box import Box  # noqa: E402
from microslip.dem.lammps.installed import find_launcher, rank_environment  # noqa: E402

# Under `make test` each of two processes takes a file at a time: the longest file first, and the other one that starts
# two ranks last, so that ranks seldom wait for each other's cores.
FIRST, LAST = Path(__file__).with_name("test_cli.py"), Path(__file__).parent / "study" / "test_command.py"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (item.path == LAST) - (item.path == FIRST))


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
    subprocess.run(command, cwd=folder, env=rank_environment(), check=True, timeout=120)
    return folder
