"""Sizes and radii of clusters, gathered in bins that grow with the size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Int

_PER_OCTAVE = 2
_GROUP = ["kind", "by", "mean_fluctuation"]


def sizes_of_grains(label: Int[np.ndarray, "grain"]) -> Int[np.ndarray, "grain"]:
    """Number of grains in the cluster of each grain, shape (grain,); 0 for label 0, which is not active."""
    sizes: np.ndarray = np.bincount(label, minlength=1)[label]
    sizes[label == 0] = 0
    return sizes


def binned_sizes(cluster_sizes: pd.DataFrame) -> pd.DataFrame:
    """Probability of cluster sizes in every group, in bins of two an octave: single sizes are too few far out.

    Parameters
    ----------
    cluster_sizes
        Columns group, kind, by, mean_fluctuation [p], size [grains] and n_clusters, as in `cluster_tables`.

    Returns
    -------
    DataFrame
        group, kind, by, mean_fluctuation, size (geometric mean of the bin's smallest and largest), density (probability
        of a single size), n_clusters; bins without a cluster are left out.
    """
    tables = []
    largest = int(cluster_sizes["size"].max()) if len(cluster_sizes) else 1
    # whole numbers from which bins begin: the first ones hold a single size
    edges = np.unique(np.round(2 ** (np.arange(_PER_OCTAVE * np.log2(largest) + 3) / _PER_OCTAVE))).astype(int)
    middle = np.sqrt(edges[:-1] * (edges[1:] - 1.0))
    for name, part in cluster_sizes.groupby("group", sort=False):
        counts = np.zeros(len(edges) - 1)
        np.add.at(counts, np.searchsorted(edges, part["size"], side="right") - 1, part["n_clusters"])
        density = counts / (counts.sum() * np.diff(edges))
        columns = {"size": middle, "density": density, "n_clusters": counts.astype(int)}
        tables.append(pd.DataFrame({"group": name, **part[_GROUP].iloc[0], **columns})[counts > 0])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def binned_radii(cluster_sizes: pd.DataFrame) -> pd.DataFrame:
    """Geometric mean of the radii of gyration in every group, in the bins of two an octave.

    Parameters
    ----------
    cluster_sizes
        As in `binned_sizes`, with n_shaped and radius [d̄].

    Returns
    -------
    DataFrame
        group, kind, by, mean_fluctuation, size (geometric mean over the clusters), radius [d̄], n_clusters (those with
        a radius).
    """
    shaped = cluster_sizes[cluster_sizes["n_shaped"] > 0]
    place = np.floor(_PER_OCTAVE * np.log2(shaped["size"]) + 1e-9)
    rows = []
    for (name, _), part in shaped.groupby(["group", place], sort=False):
        size, radius = (np.exp(np.average(np.log(part[key]), weights=part["n_shaped"])) for key in ("size", "radius"))
        means = {"size": size, "radius": radius, "n_clusters": part["n_shaped"].sum()}
        rows.append({"group": name, **part[_GROUP].iloc[0], **means})
    columns = ["group", *_GROUP, "size", "radius", "n_clusters"]
    return pd.DataFrame(rows, columns=columns).sort_values("size", kind="stable", ignore_index=True)
