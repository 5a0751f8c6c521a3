"""A process of a simulation: `python -m microslip.dem.worker RUN`, started by `launch`, for LAMMPS once a rank.

The first one writes the trajectory and prints one JSON line of progress after every checkpoint and once a second in
between. It stops when the starting process asks for it or dies; the next one goes on from the last checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

from microslip.data.files import read_json
from microslip.dem.config import ShearCell
from microslip.dem.engines import engine_module
from microslip.dem.process import work_on
from microslip.dem.protocol import Protocol
from microslip.dem.worker_codes import FINISHED, STOPPED


def shear(folder: Path, config: ShearCell) -> int:
    """Prepare or resume, shear, and say how it ended."""
    start = engine_module(config.engine.kind, "engine").start
    try:
        Protocol(folder, config, start(folder, config)).run()
    except KeyboardInterrupt:
        return STOPPED
    return FINISHED


def main(folder: Path) -> None:
    """Work on a run folder together with the engine's other processes."""
    kind = ShearCell.model_validate(read_json(folder / "dem" / "config.json")).engine.kind
    work_on(folder, engine_module(kind, "company").company(), shear)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
