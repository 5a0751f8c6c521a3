"""Start of the native engine: one process of this Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from microslip.dem.config import ShearCell


def check(config: ShearCell) -> dict[str, Any]:
    """What the engine says of itself; it needs nothing that microslip does not bring."""
    forget_stale_code(Path(__file__).parent)
    from microslip.dem.native.engine import VERSION

    return {"version": VERSION}


def forget_stale_code(folder: Path) -> None:
    """Drop compiled code that is older than any source beside it.

    numba looks at the file of a function alone: a function that calls one of another file keeps the older one in it.
    """
    made = [*(folder / "__pycache__").glob("*.nbi")]
    newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
    if any(index.stat().st_mtime < newest for index in made):
        for file in (folder / "__pycache__").glob("*.nb[ic]"):
            file.unlink(missing_ok=True)


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
