"""Start of the native engine: one process of this Python."""

from __future__ import annotations

import os
import sys
from typing import Any

from microslip.dem.config import ShearCell


def check(config: ShearCell) -> dict[str, Any]:
    """What the engine says of itself; it needs nothing that microslip does not bring."""
    from microslip.dem.native.engine import VERSION

    return {"version": VERSION}


def command(config: ShearCell) -> list[str]:
    """What starts the engine's process, up to the module's arguments."""
    return [sys.executable, "-m", "microslip.dem.worker"]


def environment(config: ShearCell) -> dict[str, str]:
    """Its environment: as many threads as are asked for, also beyond the machine's cores.

    A thread that waits for the others gives its core away after some 200 µs. It would wait for milliseconds
    otherwise, and a step take ten times as long wherever another program wants a core. OpenMP goes before TBB, which
    grew without bound where threads outnumbered the cores.
    """
    n = str(config.engine.n_threads(config.n_grains))  # type: ignore[union-attr]
    counts = {"NUMBA_NUM_THREADS": n, "OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": "1"}
    waiting = {"GOMP_SPINCOUNT": "5000", "NUMBA_THREADING_LAYER_PRIORITY": "omp tbb workqueue"}
    return {**waiting, **os.environ, **counts}
