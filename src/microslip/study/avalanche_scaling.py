"""How the cutoff of the sizes of slips goes with the size of the cell and with the inertial number, over several runs.

`python -m microslip.study.avalanche_scaling RUN RUN …` prints both tables.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run, open_run
from microslip.statistics.config import Bootstrap
from microslip.statistics.resampling import error_of_interval

# What differs by less than this factor, e^0.2, does not vary.
LEAST_SPREAD = 0.2

_COLUMNS = ["quantity", "threshold", "x_min", "n", "exponent", "cutoff", "cutoff_low", "cutoff_high"]


def cutoffs(runs: Sequence[Run]) -> pd.DataFrame:
    """The law of the sizes of slips in every run, from its own threshold up.

    Returns
    -------
    DataFrame
        run, n_grains, inertial_number, threshold [p], n, exponent, cutoff [p], error (of ln cutoff).
    """
    rows = []
    for run in runs:
        table = read_table(run.folder / "statistics" / "avalanches.csv", _COLUMNS)
        row = table[table["quantity"] == "size"].iloc[0]
        error = error_of_interval(np.log(row["cutoff_low"]), np.log(row["cutoff_high"]), Bootstrap().confidence)
        n_grains = int((run.grains["kind"] == 0).sum())
        about = {"run": run.folder.name, "n_grains": n_grains, "inertial_number": run.attributes["inertial_number"]}
        rows.append({**about, **row[["threshold", "n", "exponent", "cutoff"]].to_dict(), "error": error})
    return pd.DataFrame(rows)


def scaling(table: pd.DataFrame) -> pd.DataFrame:
    """Exponents of cutoff ~ N^a I^b, by weighted least squares of logarithms.

    A cutoff of N^−1 is of slips of one number of grains, whatever the cell; one of N^0 of slips that span it. Errors
    are raised by the scatter about the fit where that is larger than the errors of the runs.

    Returns
    -------
    DataFrame
        of (`n_grains` or `inertial_number`, those that vary), exponent, error, n_runs.

    Raises
    ------
    MicroslipError
        Fewer runs with a cutoff and its error than what is fitted takes, or thresholds that differ.
    """
    known = table[np.isfinite(table["error"]) & (table["error"] > 0)]
    if known["threshold"].nunique() > 1:
        raise MicroslipError("the runs' thresholds differ, and with them which slips merge: give them one with --set")
    logs = np.log(known[["n_grains", "inertial_number"]].astype(float))
    # the seeds of one cell differ by a few grains, which is no other size
    varying = [str(name) for name in logs if len(known) and np.ptp(logs[name]) > LEAST_SPREAD]
    if len(known) < len(varying) + 2 or not varying:
        raise MicroslipError(
            f"{len(known)} runs with the error of a cutoff, in which {' and '.join(varying) or 'nothing'} varies, are"
            " too few for a scaling"
        )
    design = np.column_stack([np.ones(len(known)), logs[varying]])
    weight = known["error"].to_numpy() ** -2
    products = design.T @ (weight[:, None] * design)
    y = np.log(known["cutoff"].to_numpy())
    slopes = np.linalg.solve(products, design.T @ (weight * y))
    freedom = len(known) - len(slopes)
    scatter = float(weight @ (y - design @ slopes) ** 2) / freedom
    errors = np.sqrt(np.diag(np.linalg.inv(products)) * max(1.0, scatter))
    return pd.DataFrame({"of": varying, "exponent": slopes[1:], "error": errors[1:], "n_runs": len(known)})


def main() -> None:
    """Print both tables of the runs named."""
    table = cutoffs([open_run(Path(name)) for name in sys.argv[1:]])
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    print(scaling(table).to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    main()
