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
    """Its environment: as many threads as are asked for, also beyond the machine's cores."""
    n = str(config.engine.n_threads(config.n_grains))  # type: ignore[union-attr]
    return {**os.environ, "NUMBA_NUM_THREADS": n, "OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": "1"}
