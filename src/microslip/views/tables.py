"""Tables and numbers of a run that figures and pages read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run

# What tables say of the group of stages that a row is of.
GROUP = "group kind by mean_fluctuation"
ABLATIONS = "family value rule r2 r2_low r2_high"


def read(run: Run, path: str, columns: str) -> pd.DataFrame:
    """A table of the run folder; `columns` that it must have have spaces between them. Errors as in `read_table`."""
    return read_table(run.folder / path, columns.split())


def knows_stress(run: Run) -> bool:
    """Whether there is a stress, or may be one once there is a trajectory; False for an import without one."""
    try:
        stress = run.stress.to_numpy()
    except MicroslipError:
        return True
    return not run.attributes.get("imported") or bool(np.isfinite(stress).any())


def read_per_stage(run: Run) -> pd.DataFrame:
    """Table of statistics/stages.csv with the strains at both ends of each stage."""
    table = read(run, "statistics/stages.csv", "stage kind xi d2min_all")
    return table.merge(run.stages[["stage", "start_strain", "end_strain"]], on="stage")


def read_predictions(run: Run) -> pd.DataFrame:
    """Table of model/predictions.csv, whose rows name their split rule."""
    table = run.predictions
    return table if "rule" in table else table.assign(rule="random")


def grid_sweeps(run: Run) -> pd.DataFrame | None:
    """Scores for other spacings and radii of the grid, and those of the run itself; None where there are none."""
    try:
        summary = read(run, "ablations/summary.csv", ABLATIONS)
    except MicroslipError:
        return None
    varied = summary["family"].isin(["spacing", "radius"])
    return summary[varied | (summary["value"] == "full")] if varied.any() else None


def score(metrics: dict[str, Any], rule: str, model: str, split: str, name: str = "r2") -> float:
    """One number of metrics.json, NaN where it is missing."""
    try:
        return float(metrics[rule][model][split][name])
    except (KeyError, TypeError, ValueError):
        return float("nan")
