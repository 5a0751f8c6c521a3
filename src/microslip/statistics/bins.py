"""Stages grouped by the sign and size of their stress fluctuation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64


def bin_stages(stages: pd.DataFrame, n_bins: int) -> pd.DataFrame:
    """Groups of stages: all sticks, all slips, and each kind in logarithmic bins of |fluctuation|; windows as one.

    Both kinds share the edges, so that a stick and a slip of one size can be compared. A stage that does not change the
    stress, or of which that is not known, belongs to no group.

    Returns
    -------
    DataFrame
        group, kind, by ("kind" or "bin"), low, high (of |fluctuation|), n_stages, mean_fluctuation, members (a list of
        stage numbers); groups without a stage are left out.
    """
    size = stages["fluctuation"].abs()
    rows = []
    moved = size[size > 0]
    # of one size alone, all but one of the bins would be empty and as narrow as rounding
    n_bins = n_bins if moved.nunique() > 1 else 1
    edges = np.geomspace(moved.min(), moved.max() * (1 + 1e-9), n_bins + 1) if len(moved) else np.array([])
    # windows of a run without a stress have no size: they are one group
    for kind in ("stick", "slip", "window"):
        of_kind = (stages["kind"] == kind) & ((size > 0) | (kind == "window"))
        if kind == "window":
            edges = edges[:0]
        groups = [(kind, "kind", size[of_kind].min(), size[of_kind].max(), of_kind)]
        for (low, high), name in zip(pairwise(edges), _written(edges), strict=True):
            groups.append((f"{kind} {name}", "bin", low, high, of_kind & (size >= low) & (size < high)))
        for group, by, low, high, chosen in groups:
            if chosen.any():
                rows.append(
                    {
                        "group": group,
                        "kind": kind,
                        "by": by,
                        "low": low,
                        "high": high,
                        "n_stages": int(chosen.sum()),
                        "mean_fluctuation": float(stages.loc[chosen, "fluctuation"].mean()),
                        "members": stages.loc[chosen, "stage"].tolist(),
                    }
                )
    return pd.DataFrame(rows)


def _written(edges: np.ndarray) -> list[str]:
    """The bins with two digits, and as many more as tell them apart: two groups of one name would be taken for one."""
    names: list[str] = []
    for digits in range(1, 17):
        names = [f"{low:.{digits}e} to {high:.{digits}e}" for low, high in pairwise(edges)]
        if len(set(names)) == len(names):
            break
    return names


def log_sizes(stages: pd.DataFrame) -> Float64[np.ndarray, "stage 2"]:
    """log₁₀|Δs| and log₁₀Δγ of every stage, NaN where they are not positive or not known."""
    sizes = np.stack([stages["fluctuation"].abs(), stages["strain_increment"]], axis=1).astype(float)
    return np.log10(np.where(sizes > 0, sizes, np.nan))


def membership(groups: pd.DataFrame, n_stages: int) -> Float[np.ndarray, "stage group"]:
    """1 where a stage belongs to a group of `bin_stages`."""
    member = np.zeros((n_stages, len(groups)))
    for column, stages in enumerate(groups["members"]):
        member[stages, column] = 1
    return member


def group_sums(
    columns: Float[np.ndarray, "stage k"], member: Float[np.ndarray, "stage group"]
) -> Float[np.ndarray, "group k"]:
    """Σ of each column over the stages of each group, NaN as nothing: the same to the last digit for every table."""
    return np.stack([np.nan_to_num(columns[here > 0]).sum(axis=0) for here in member.T])
