"""Attributions at the clusters of active grains, beside nodes that are like them in height or in D²min."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int64

from microslip.statistics.clusters import Clusters
from microslip.statistics.resampling import SCORE_COVERAGE, median_interval

CONTROLS = {
    "number": "any nodes in no cluster",
    "height": "nodes in no cluster at equal height",
    "amplitude": "nodes in no cluster of equal D²min",
}
"""What the nodes in clusters are held against, in words."""

WHICH = {"all": "all clusters", "wrapping": "clusters that wrap around the cell", "bounded": "clusters that do not"}

# Decades of D²min within which two nodes count as equally active.
DECADES = 0.05


def nodes_in_clusters(
    nearest: Int64[np.ndarray, "*n"], clusters: Clusters, smallest: int
) -> dict[str, Bool[np.ndarray, "*n"]]:
    """Which nodes lie in clusters, by `WHICH`: those whose nearest grain does.

    Parameters
    ----------
    nearest
        Number of the grain nearest to each node, −1 where there is none.
    clusters
        Of the stage's active grains.
    smallest
        Clusters of fewer grains do not count.

    A cluster that reaches around the cell needs no place for this: a node asks for its nearest grain alone.
    """
    # of grains that are not active, and of nodes without one: the last entry
    large, wraps = (np.append(of, False) for of in (clusters.size >= smallest, clusters.wraps))
    number = np.where(nearest >= 0, clusters.label[nearest], 0) - 1
    inside = large[number]
    return {"all": inside, "wrapping": inside & wraps[number], "bounded": inside & ~wraps[number]}


def standardised_means(
    values: Float[np.ndarray, "node"],
    inside: Bool[np.ndarray, "node"],
    outside: Bool[np.ndarray, "node"],
    stratum: Int64[np.ndarray, "node"],
) -> tuple[float, float, float]:
    """Mean inside and outside over the same mixture of strata, that of the nodes inside, and the share of these.

    .. math:: \\bar v_\\mathrm{out} = \\frac{\\sum_s n_s^\\mathrm{in} \\bar v_s^\\mathrm{out}}{\\sum_s n_s^\\mathrm{in}}

    Strata that lack nodes on either side are left out on both; the share is that of the nodes inside which stay. NaN
    where nothing does.

    Source: direct standardisation, such as Rothman, Greenland & Lash, Modern Epidemiology (2008), chapter 15.
    """
    n_strata = int(stratum.max()) + 1 if len(stratum) else 0
    n_in, n_out = (np.bincount(stratum[of], minlength=n_strata) for of in (inside, outside))
    sum_in, sum_out = (np.bincount(stratum[of], values[of], minlength=n_strata) for of in (inside, outside))
    both = (n_in > 0) & (n_out > 0)
    n = int(n_in[both].sum())
    if not n:
        return float("nan"), float("nan"), 0.0
    return float(sum_in[both].sum() / n), float((n_in[both] * sum_out[both] / n_out[both]).sum() / n), n / n_in.sum()


def node_strata(d2min: Float[np.ndarray, "x y z"]) -> dict[str, Int64[np.ndarray, "node"]]:
    """The stratum of every node, flat, for each of `CONTROLS`; nodes of D²min = 0 have one of their own."""
    height = np.broadcast_to(np.arange(d2min.shape[2]), d2min.shape).ravel()
    moves = d2min.ravel() > 0
    level = np.zeros(d2min.size, dtype=np.int64)
    if moves.any():
        decades = np.floor(np.log10(d2min.ravel()[moves]) / DECADES).astype(np.int64)
        level[moves] = decades - decades.min() + 1
    return {"number": np.zeros(d2min.size, dtype=np.int64), "height": height.astype(np.int64), "amplitude": level}


def compare_at_clusters(
    inside: dict[str, Bool[np.ndarray, "node"]],
    strata: dict[str, Int64[np.ndarray, "node"]],
    attribution: Float[np.ndarray, "x y z"],
) -> list[dict[str, Any]]:
    """The attribution of one stage in its clusters beside nodes in none, for every kind of cluster and control.

    Returns
    -------
    Rows of clusters, control; `share_nodes`, `share_size` and `share_signed`, the clusters' shares of the nodes, of
    Σ|A| and of Σ A; `share_matched` of their nodes have a counterpart; `ratio` of mean |A| to that of the
    counterparts; `excess`, mean A less that of the counterparts, over the mean |A| of all nodes, positive where it
    speaks for the prediction. NaN where no cluster is of the kind.
    """
    values = np.asarray(attribution, dtype=float).ravel()
    size, direction = np.abs(values), float(np.sign(values.sum())) or 1.0
    rows = []
    for which, nodes in inside.items():
        some, total, signed = bool(nodes.any()), float(size.sum()), float(values.sum())
        shares = {
            "share_nodes": float(nodes.mean()),
            "share_size": float(size[nodes].sum() / total) if some and total > 0 else np.nan,
            "share_signed": float(values[nodes].sum() / signed) if some and signed != 0 else np.nan,
        }
        for control, stratum in strata.items():
            within, beside, matched = standardised_means(size, nodes, ~inside["all"], stratum)
            own, other, _ = standardised_means(values, nodes, ~inside["all"], stratum)
            rows.append(
                {"clusters": which, "control": control}
                | shares
                | {
                    "share_matched": matched,
                    "ratio": within / beside if beside > 0 else np.nan,
                    "excess": direction * (own - other) / (total / len(size)) if total > 0 else np.nan,
                }
            )
    return rows


def cluster_claims(events: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Medians over stages of what `compare_at_clusters` gives, and the trained network's ratio over that of the nulls.

    Parameters
    ----------
    events
        Its rows with network and stage.
    seed
        Of the resampling of stages.

    Returns
    -------
    One row per network, clusters and control: n, the stages with a ratio; medians of the shares; median ratio and
    excess with 90 % bootstrap intervals; `trained_over`, the median over stages of the trained network's ratio over
    this network's, with its interval.
    """
    keys = ["network", "clusters", "control"]
    trained = events.loc[events["network"] == "trained", ["clusters", "control", "stage", "ratio"]]
    events = events.merge(trained.rename(columns={"ratio": "of_trained"}), on=["clusters", "control", "stage"])
    rows = []
    for key, part in events.groupby(keys, sort=False):
        row = dict(zip(keys, key, strict=True)) | {"n": int(part["ratio"].notna().sum())}
        shares = ("share_nodes", "share_size", "share_signed", "share_matched")
        row |= part.loc[part["ratio"].notna(), list(shares)].median().to_dict()
        followed = {"ratio": part["ratio"].to_numpy(), "excess": part["excess"].to_numpy()}
        with np.errstate(divide="ignore", invalid="ignore"):
            followed["trained_over"] = part["of_trained"].to_numpy() / part["ratio"].to_numpy()
        for name, values in followed.items():
            some = values[np.isfinite(values)]
            low, high = median_interval(some, seed, SCORE_COVERAGE)
            row |= {name: float(np.median(some)) if len(some) else np.nan, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)
