"""Clusters of all stages of a group: how often each size is, how large their radius, and the power law of the sizes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Float32, Int, Int32

from microslip.core.errors import MicroslipError
from microslip.statistics.bins import membership
from microslip.statistics.power_law import fit_power_law

Rows = Iterable[tuple[slice, Int32[np.ndarray, "stage cluster"], Float32[np.ndarray, "stage cluster"]]]
"""Some stages at a time: which, sizes of their clusters, 0 beyond the last, and radii of gyration [d̄]."""


def cluster_tables(groups: pd.DataFrame, n_stages: int, rows: Rows, smallest: int) -> dict[str, pd.DataFrame]:
    """Sizes, radii and power laws of every group of stages.

    Parameters
    ----------
    groups, n_stages
        From `bin_stages`, and the stages of the run.
    rows
        The clusters of all stages.
    smallest
        Smallest cluster of the law whose x_min is not searched for.

    Returns
    -------
    `cluster_sizes`: the group, size, n_clusters, probability, n_shaped (those with a radius), radius, the geometric
    mean [d̄], log_radius_deviation. `power_law`: the group, x_min_rule (searched or fixed), and the fields of
    `PowerLaw`, or the reason for none.
    """
    counts, shaped, log_radius = _count(membership(groups, n_stages), rows)
    sizes, laws = [], []
    for number, group in enumerate(groups.drop(columns="members").to_dict("records")):
        present = np.flatnonzero(counts[number])
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = log_radius[0, number] / shaped[number]
            spread = np.sqrt(np.maximum(log_radius[1, number] / shaped[number] - mean**2, 0))
        columns = {
            "size": present,
            "n_clusters": counts[number, present],
            "probability": counts[number, present] / counts[number].sum(),
            "n_shaped": shaped[number, present],
            "radius": np.exp(mean[present]),
            "log_radius_deviation": spread[present],
        }
        sizes.append(pd.DataFrame({**group, **columns}))
        for rule, x_min in (("searched", None), ("fixed", smallest)):
            laws.append({**group, "x_min_rule": rule, **_law(present, counts[number, present], x_min)})
    return {"cluster_sizes": pd.concat(sizes, ignore_index=True), "power_law": pd.DataFrame(laws)}


def _count(member: Float[np.ndarray, "stage group"], rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clusters of each size in every group, those with a radius, and Σ ln R_g and Σ ln² R_g of these."""
    counts, shaped, log_radius = np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0), dtype=np.int64), np.zeros((2, 0, 0))
    for batch, size_rows, radius_rows in rows:
        n = size_rows.shape[1] + 1
        if not counts.size:
            counts, shaped = (np.zeros((member.shape[1], n), dtype=np.int64) for _ in range(2))
            log_radius = np.zeros((2, *counts.shape))
        for number in range(member.shape[1]):
            mine = member[batch, number] > 0
            size, radius = size_rows[mine].ravel(), radius_rows[mine].ravel()
            counts[number] += np.bincount(size, minlength=n)
            has_shape = (size > 1) & (radius > 0)
            logs, of_size = np.log(radius[has_shape].astype(float)), size[has_shape]
            shaped[number] += np.bincount(of_size, minlength=n)
            log_radius[0, number] += np.bincount(of_size, logs, n)
            log_radius[1, number] += np.bincount(of_size, logs**2, n)
    counts[:, 0] = 0  # the empty ends of the rows, which are no clusters
    return counts, shaped, log_radius


def _law(sizes: Int[np.ndarray, "size"], counts: Int[np.ndarray, "size"], x_min: int | None) -> dict[str, Any]:
    try:
        law = fit_power_law(sizes, counts, x_min)
    except MicroslipError as reason:
        return {"reason": str(reason)}
    return {
        "reason": "",
        "eta": law.exponent,
        "standard_error": law.standard_error,
        "x_min": law.smallest,
        "n_tail": law.n_tail,
        "ks_distance": law.distance,
        "log_log_eta": law.log_log_exponent,
        "lognormal_ratio": law.against_lognormal.ratio,
        "lognormal_p_value": law.against_lognormal.p_value,
        "truncated_ratio": law.against_truncated.ratio,
        "truncated_p_value": law.against_truncated.p_value,
        "truncated_exponent": law.truncated_exponent,
        "truncated_rate": law.truncated_rate,
    }
