"""The table of stages, which every answer to the page needs: read once for each version of its file."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd

from microslip.data.run import Run


def stage_table(run: Run) -> pd.DataFrame:
    """The run's stages, as in `Run.stages`; not to be changed.

    Raises
    ------
    MicroslipError
        As in `Run.stages`.
    """
    try:
        version = (run.folder / "stages.csv").stat()
    except OSError:
        return run.stages
    return _read(run, version.st_ino, version.st_mtime_ns, version.st_size)


@lru_cache(maxsize=4)
def _read(run: Run, *version: int) -> pd.DataFrame:
    return run.stages
