"""The native engine as the shear cell knows it: one process of this Python, with threads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from microslip.dem.native.config import VERSION, Native
from microslip.dem.seam import Engine, EngineKind

if TYPE_CHECKING:
    from microslip.dem.config import ShearCell


def version(config: ShearCell) -> int:
    """It needs nothing that microslip does not bring."""
    forget_stale_code(Path(__file__).parent)
    return VERSION


def start(folder: Path, config: ShearCell) -> Engine:
    """The engine of a run folder, without grains; its machine code is made, or read from the cache."""
    # compiled kernels: loaded in the engine's own process alone
    from microslip.dem.native.engine import NativeEngine
    from microslip.dem.process import report

    report({"phase": "compile"})
    return NativeEngine(config)


def forget_stale_code(folder: Path) -> None:
    """Drop compiled code that is older than any source beside it.

    numba looks at the file of a function alone: a function that calls one of another file keeps the older one in it.
    """
    made = [*(folder / "__pycache__").glob("*.nbi")]
    newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
    if any(index.stat().st_mtime < newest for index in made):
        for file in (folder / "__pycache__").glob("*.nb[ic]"):
            file.unlink(missing_ok=True)


def is_compiled() -> bool:
    """Whether an engine of this version has left its machine code; yes where it may not be left beside the source."""
    folder = Path(__file__).parent
    forget_stale_code(folder)
    return any((folder / "__pycache__").glob("*.nbi")) or not os.access(folder, os.W_OK)


def environment(config: ShearCell) -> dict[str, str]:
    """Of its process: as many threads as are asked for, also beyond the machine's cores.

    A thread that waits for the others gives its core away after some 200 µs. It would wait for milliseconds
    otherwise, and a step take ten times as long wherever another program wants a core. OpenMP goes before TBB, which
    grew without bound where threads outnumbered the cores.
    """
    n = str(config.engine.n_threads(config.n_grains))
    counts = {"NUMBA_NUM_THREADS": n, "OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": "1"}
    waiting = {"GOMP_SPINCOUNT": "5000", "NUMBA_THREADING_LAYER_PRIORITY": "omp tbb workqueue"}
    return {**waiting, **os.environ, **counts}


NATIVE = EngineKind(Native, start, version, environment=environment, is_compiled=is_compiled)
