"""Numbers of the pattern of active grains of a run, each over all sticks and all slips with its standard error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.statistics.resampling import block_edges, group_by_block, jackknife

# Means over stages, from blocks of strain; and η of all clusters of a kind, from its fit.
OF_STAGES = ("moran_i", "fractal_dimension")
# Of the sizes from a fixed one on: a searched x_min differs from system to system, and η with it.
X_MIN_RULE = "fixed"


def read_patterns(run: Run, first_sample: int) -> dict[str, float]:
    """Moran's I, the fractal dimension D and η of sticks and of slips; nothing of a run without statistics.

    Parameters
    ----------
    run
        With statistics/stages.csv and statistics/power_law.csv.
    first_sample
        Where the steady state begins.

    Returns
    -------
    dict
        `moran_i_stick` … and `eta_stick` …, each with `_error`: of the means over stages from the jackknife over blocks
        of strain, of η from the likelihood, which takes clusters as independent.
    """
    folder, row = run.folder / "statistics", dict[str, float]()
    if (folder / "stages.csv").exists():
        measured = read_table(folder / "stages.csv", ["stage", "kind", *OF_STAGES])
        table = measured.merge(run.stages[["stage", "start_sample"]], on="stage")
        edges = block_edges(run.series["strain"].to_numpy(), first_sample)
        for kind in ("stick", "slip"):
            for name in OF_STAGES:
                row |= _mean(table[table["kind"] == kind], name, edges, f"{name}_{kind}")
    if (folder / "power_law.csv").exists():
        fits = read_table(folder / "power_law.csv", ["kind", "by", "x_min_rule"])
        for kind in ("stick", "slip"):
            fit = fits[(fits["kind"] == kind) & (fits["by"] == "kind") & (fits["x_min_rule"] == X_MIN_RULE)]
            # a run without any cluster has no such columns
            for column, end in (("eta", ""), ("standard_error", "_error")):
                there = len(fit) and column in fit
                row[f"eta_{kind}{end}"] = float(fit[column].iloc[0]) if there else float("nan")
    return row


def _mean(stages: pd.DataFrame, name: str, edges: np.ndarray, title: str) -> dict[str, float]:
    known = stages[np.isfinite(stages[name].astype(float))]
    blocks = group_by_block(known[name].to_numpy(float), known["start_sample"].to_numpy(), edges)
    value, error = jackknife(blocks, np.mean)
    return {title: value, f"{title}_error": error}
