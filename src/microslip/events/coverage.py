"""How much of the strain a table of stages covers, and how well kept frames meet the ends of its stages."""

from __future__ import annotations

import numpy as np
import pandas as pd


def covered_strain(stages: pd.DataFrame) -> tuple[int, float]:
    """Number of gaps between stages that should follow each other, and the share of the strain that stages cover [1].

    Parameters
    ----------
    stages
        Columns start_sample, end_sample, start_strain, end_strain, strain_increment; stages.csv, at least one row.
    """
    start, end = stages["start_sample"].to_numpy(), stages["end_sample"].to_numpy()
    n_gaps = int((start[1:] != end[:-1]).sum())
    spanned = float(stages["end_strain"].iloc[-1] - stages["start_strain"].iloc[0])
    return n_gaps, float(stages["strain_increment"].sum()) / spanned if spanned > 0 else 1.0


def frame_mismatch(stages: pd.DataFrame) -> tuple[float, float] | None:
    """Median strain by which frames miss the ends of stages, and the median length of a stage [1].

    None of stages whose frames were kept at their turning points: these have no columns start_mismatch, end_mismatch.
    """
    columns = ["start_mismatch", "end_mismatch"]
    if not len(stages) or not set(columns) <= set(stages.columns):
        return None
    return float(np.nanmedian(stages[columns].abs().to_numpy())), float(stages["strain_increment"].median())
