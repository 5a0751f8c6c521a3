"""A process of a simulation: `python -m microslip.dem.worker RUN`, started by `launch`, for LAMMPS once a rank.

The first one writes the trajectory and prints one JSON line of progress after every checkpoint and once a second in
between. It stops when the starting process asks for it or dies; the next one goes on from the last checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

from microslip.data.files import read_json
from microslip.dem.config import ShearCell
from microslip.dem.engines import ENGINES
from microslip.dem.process import FINISHED, STOPPED, work_on
from microslip.dem.protocol import Protocol


def shear(folder: Path, config: ShearCell) -> int:
    """Prepare or resume, shear, and tell how it ended."""
    try:
        Protocol(folder, config, ENGINES[config.engine.kind].start(folder, config)).run()
    except KeyboardInterrupt:
        return STOPPED
    return FINISHED


def main(folder: Path) -> None:
    """Work on a run folder together with the engine's other processes."""
    kind = ShearCell.model_validate(read_json(folder / "dem" / "config.json")).engine.kind
    work_on(folder, ENGINES[kind].company(), shear)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
