"""Another program's files → the stores of a run."""

from __future__ import annotations

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.jobs import usable_cores
from microslip.data.run import Run
from microslip.dem.launch import voronoi_cells
from microslip.formats.files import find_files
from microslip.formats.trajectory import read_trajectory
from microslip.steps.common import Advance, Say

# Progress is counted in megabytes of the files.
MEGABYTE = 10**6


def import_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Read another program's files."""
    if config.source is None:
        raise MicroslipError(f"{run.folder / 'config.toml'} has no [source]: `microslip import` makes such a run")
    total = sum(path.stat().st_size for path in find_files(config.source.files)) // MEGABYTE + 1
    store = run.folder / "trajectory.zarr"
    read_trajectory(config.source, store, lambda share: advance(round(share * total), total), say)
    if config.source.cell_volumes:
        say("Voronoi cells of the frames")
        n_ranks = usable_cores()
        voronoi_cells(run.folder, n_ranks, lambda message: advance(message["sample"] + 1, message["total"]))
