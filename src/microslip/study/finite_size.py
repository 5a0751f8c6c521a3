"""Runs of several sizes side by side: ξ by the range of its fit, and percolation by the size of the cell.

`python -m microslip.study.finite_size RUN RUN …` prints both tables, of runs that differ in size alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.statistics.lengths import length_or_nan
from microslip.statistics.percolation import AXES, curve_crossing
from microslip.statistics.statistic import ACTIVE, null_name


def lengths_by_size(runs: Sequence[Run], config: Config) -> pd.DataFrame:
    """ξ of every run from the whole range of its C(r), half its smallest period, and from the range that all runs have.

    What differs between sizes in the first and not in the second is the range's doing, not the packing's.

    Parameters
    ----------
    runs
        With `statistics/correlation.csv`.
    config
        The fit is that of its `correlation`.

    Returns
    -------
    DataFrame
        run, kind, of, range (`whole` or `common`), r_max and xi [d̄], NaN where there is no fit.
    """
    curves = {run.folder.name: read_table(run.folder / "statistics" / "correlation.csv", _CURVE) for run in runs}
    common = min(table["r"].max() for table in curves.values())
    rows = []
    for name, table in curves.items():
        for (kind, of), curve in table[table["by"] == "kind"].groupby(["kind", "of"], sort=False):
            for span, r_max in (("whole", curve["r"].max()), ("common", common)):
                used = curve[curve["r"] <= r_max]
                xi = length_or_nan(used["r"].to_numpy(), used["correlation"].to_numpy(), config.correlation)
                rows.append({"run": name, "kind": kind, "of": of, "range": span, "r_max": r_max, "xi": xi})
    return pd.DataFrame(rows)


_CURVE = ["kind", "by", "of", "r", "correlation"]


def percolation_by_size(runs: Sequence[Run]) -> pd.DataFrame:
    """Thresholds of percolation of every run, and where its curve crosses that of the next larger one.

    Parameters
    ----------
    runs
        With `statistics/clusters.zarr`.

    Returns
    -------
    DataFrame
        axis, kind, active (`d2min`, `height`, `random`, `layered`), run, length along the axis [d̄], n_grains
        (bulk), n_stages, threshold [share of grains], mean over stages, with its deviation between them, crossing with
        the next larger run and its error; ordered by the number of grains.
    """
    ordered = sorted(runs, key=_n_bulk)
    rows: list[dict[str, Any]] = []
    for active in ACTIVE:
        for axis, letter in enumerate(AXES):
            name = null_name(f"percolation_{letter}", active)
            values = [open_dataset(run.folder / "statistics" / "clusters.zarr")[name].to_numpy() for run in ordered]
            kinds = [run.stages["kind"].to_numpy() for run in ordered]
            for kind in sorted(set(np.concatenate(kinds))):
                own = [each[of == kind] for each, of in zip(values, kinds, strict=True)]
                crossings = [curve_crossing(small, large) for small, large in pairwise(own)]
                for run, thresholds, crossing in zip(ordered, own, [*crossings, (np.nan, np.nan)], strict=True):
                    finite = thresholds[np.isfinite(thresholds)]
                    if len(finite):
                        about = {"axis": letter, "kind": kind, "active": active or "d2min", "run": run.folder.name}
                        size = {"length": run.box.lengths[axis], "n_grains": _n_bulk(run), "n_stages": len(finite)}
                        place = {"threshold": finite.mean(), "deviation": finite.std()}
                        rows.append(about | size | place | {"crossing": crossing[0], "crossing_error": crossing[1]})
    return pd.DataFrame(rows)


def _n_bulk(run: Run) -> int:
    return int((run.grains["kind"] == 0).sum())


if __name__ == "__main__":
    of_sizes = [Run(Path(folder)) for folder in sys.argv[1:]]
    print(lengths_by_size(of_sizes, Config()).to_csv(index=False))
    print(percolation_by_size(of_sizes).to_csv(index=False))
