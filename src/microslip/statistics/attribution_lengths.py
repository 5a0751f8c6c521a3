"""Correlation lengths of attributions beside those of D²min, on the same nodes: figures 7b and 7c of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.statistics.bins import bin_stages
from microslip.statistics.clusters import active_grains
from microslip.statistics.config import Correlation
from microslip.statistics.correlation import spatial_correlation
from microslip.statistics.lengths import curve_sums, length_or_nan, mean_curve
from microslip.statistics.ranks import spearman
from microslip.statistics.resampling import SCORE_COVERAGE, median_interval

# The first bin of `node_edges` lies about one spacing away: all bins count in the fit.
FIT_FROM = 0.0


@dataclass(frozen=True)
class NodeLengths:
    """How correlation lengths of values on nodes are measured: the nodes [d̄], the cell, distance bins, and the fit.

    `n_layers` of the layers of nodes in z are at places of their own: where the cell repeats in z and nodes lie on both
    of its faces, the last layer is the first one again, and is left out.
    """

    nodes: Float[np.ndarray, "node 3"]
    box: Box
    edges: Float[np.ndarray, "edge"]
    settings: Correlation
    n_layers: int

    def distinct(self, values: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y layer"]:
        """Values of the layers that count."""
        return values[:, :, : self.n_layers]

    @property
    def r(self) -> Float[np.ndarray, "bin"]:
        """Bin centres [d̄]."""
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2)

    def measure(self, values: Float[np.ndarray, "x y z"]) -> tuple[np.ndarray, float]:
        """C(r) and ξ [d̄] of values on the nodes; NaN where they do not vary or no ξ fits."""
        values = self.distinct(values)
        if np.ptp(values) == 0:
            return np.full(len(self.r), np.nan), float("nan")
        curve = spatial_correlation(self.nodes, values.ravel(), self.box, self.edges).correlation
        return curve, length_or_nan(self.r, curve, self.settings, FIT_FROM)


def node_lengths(
    coordinates: Sequence[Float[np.ndarray, "_"]],
    spacing: Sequence[float],
    box: Box,
    settings: Correlation,
    tilt_varies: bool = False,
) -> NodeLengths:
    """How correlation lengths are measured on a grid of nodes.

    Parameters
    ----------
    coordinates, spacing
        Of the nodes along x, y and z [d̄].
    box
        The cell.
    settings
        Largest distance and prefactor of the fit.
    tilt_varies
        Whether the cell leans by another tilt in every stage. Pairs across its slanting faces are then left out.

    Raises
    ------
    MicroslipError
        The nodes are too far apart for four distance bins.
    """
    x, y, z = coordinates
    n_layers = len(z) - bool(box.periodic[2] and np.isclose(z[-1] - z[0], box.lengths[2]))
    nodes = np.stack(np.meshgrid(x, y, z[:n_layers], indexing="ij"), axis=-1).reshape(-1, 3)
    box = box.slab if tilt_varies else box
    edges = node_edges(float(np.mean(np.array(spacing)[box.axes])), box, settings.farthest)
    return NodeLengths(nodes, box, edges, settings, n_layers)


def node_edges(spacing: float, box: Box, farthest: float) -> Float[np.ndarray, "edge"]:
    """Distance bins [d̄] of values on nodes: half a spacing wide, so that none is empty; the first lies about one.

    They end at half the shortest of length, depth and, where it repeats, height.
    """
    farthest = min(farthest, min(box.lengths[axis] for axis in box.axes if axis != 2 or box.periodic[2]) / 2)
    n_bins = int((farthest - 0.75 * spacing) / (0.5 * spacing))
    if n_bins < 4:
        raise MicroslipError(
            f"nodes {spacing:.2g} d̄ apart give {max(n_bins, 0)} distance bins up to {farthest:.2g} d̄, too few for ξ:"
            " lower voxels.spacing or raise correlation.farthest"
        )
    return np.asarray((0.75 + 0.5 * np.arange(n_bins + 1)) * spacing)


def compare_lengths(
    lengths: NodeLengths,
    d2min: Float[np.ndarray, "x y z"],
    of_d2min: tuple[np.ndarray, float],
    attribution: Float[np.ndarray, "x y z"],
    active_fraction: float,
) -> list[dict[str, Any]]:
    """C(r) and ξ of D²min and of the attribution of one stage on the same nodes, and the share at active nodes.

    Two rows: of the attribution as it is (`signed`), whose parts cancel, and of its `size`. `of_d2min` is what
    `lengths.measure` gives for D²min, which many attributions of a stage share.
    """
    d2min, attribution = lengths.distinct(d2min), lengths.distinct(attribution)
    size = np.abs(attribution)
    active = active_grains(d2min.ravel(), active_fraction).reshape(d2min.shape)
    # where all nodes are alike, none is more active than the others
    total = size.sum() if np.ptp(d2min) > 0 else 0.0
    elsewhere = size[~active].mean() if total > 0 and (~active).any() else 0.0
    shares = {
        "share_active": float(size[active].sum() / total) if total > 0 else np.nan,
        "ratio_active": float(size[active].mean() / elsewhere) if elsewhere > 0 else np.nan,
    }
    rows = []
    for name, values in (("signed", attribution), ("size", size)):
        curve, xi = lengths.measure(values)
        rows.append(
            {"field": name, "xi_d2min": of_d2min[1], "xi_attribution": xi}
            | shares
            | {"r": lengths.r, "c_d2min": of_d2min[0], "c_attribution": curve}
        )
    return rows


def interpretation_tables(
    events: pd.DataFrame, stages: pd.DataFrame, settings: Correlation, seed: int
) -> dict[str, pd.DataFrame]:
    """C(r) and ξ by bin of the fluctuation with ellipses, and the ratio ξ_Attr/ξ_D of every network.

    Parameters
    ----------
    events
        Rows of `compare_lengths` with network and stage.
    stages
        All stages of the run, so that a group is that of the same name in the statistics.
    settings, seed
        Of the fits, and of the resampling.

    Returns
    -------
    `correlation`: network, field, group, r, c_d2min, c_attribution. `ellipses`: network, field, group, kind,
    mean_fluctuation, n, the ξ of the group's mean C(r), mean and covariance of the stages' own ξ. `claim`: network,
    field, n (of n_stages, those where both lengths can be fitted), the median ratio with its 90 % bootstrap interval,
    the rank correlation of ξ_Attr with ξ_D over stages, and the shares at active nodes.
    """
    groups = bin_stages(stages, settings.n_bins)
    curves, ellipses, claims = [], [], []
    for (network, field), rows in events.groupby(["network", "field"], sort=False):
        about = {"network": network, "field": field}
        for group in groups[groups["by"] == "bin"].itertuples():
            of_group = rows[rows["stage"].isin(group.members)]
            if of_group.empty:
                continue
            columns = about | {"group": group.group, "kind": group.kind}
            r = of_group["r"].iloc[0]
            means = {
                name: mean_curve(curve_sums(np.stack(list(of_group[f"c_{name}"]))).sum(axis=0))
                for name in ("d2min", "attribution")
            }
            curves.append(pd.DataFrame({**columns, "r": r, **{f"c_{name}": mean for name, mean in means.items()}}))
            ellipses.append(
                columns
                | {"mean_fluctuation": group.mean_fluctuation}
                | _ellipse(of_group)
                | {f"xi_{name}": length_or_nan(r, mean, settings, FIT_FROM) for name, mean in means.items()}
            )
        claims.append(about | _ratio(rows, seed))
    return {
        "correlation": pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        "ellipses": pd.DataFrame(ellipses, columns=_ELLIPSE if ellipses else None),
        "claim": pd.DataFrame(claims),
    }


_ELLIPSE = [
    "network", "field", "group", "kind", "mean_fluctuation", "n", "xi_d2min", "xi_attribution", "mean_xi_d2min",
    "mean_xi_attribution", "var_d2min", "covariance", "var_attribution",
]  # fmt: skip


def _ellipse(rows: pd.DataFrame) -> dict[str, float]:
    """Mean and covariance of (ξ_D, ξ_Attr) over the stages that have both; no covariance of fewer than three."""
    pairs = rows[["xi_d2min", "xi_attribution"]].dropna().to_numpy()
    centre = pairs.mean(axis=0) if len(pairs) else np.full(2, np.nan)
    covariance = np.cov(pairs.T) if len(pairs) > 2 else np.full((2, 2), np.nan)
    return {
        "n": len(pairs),
        "mean_xi_d2min": centre[0],
        "mean_xi_attribution": centre[1],
        "var_d2min": covariance[0, 0],
        "covariance": covariance[0, 1],
        "var_attribution": covariance[1, 1],
    }


def _ratio(rows: pd.DataFrame, seed: int) -> dict[str, float]:
    """The ratio ξ_Attr/ξ_D of a network with its interval, over the stages that have both lengths."""
    fitted = rows.dropna(subset=["xi_d2min", "xi_attribution"])
    ratio = (fitted["xi_attribution"] / fitted["xi_d2min"]).to_numpy()
    low, high = median_interval(ratio, seed, SCORE_COVERAGE)
    return {
        "n": len(fitted),
        "n_stages": len(rows),
        "ratio": float(np.median(ratio)) if len(ratio) else np.nan,
        "low": low,
        "high": high,
        "spearman": spearman(fitted["xi_d2min"].to_numpy(), fitted["xi_attribution"].to_numpy()),
        "share_active": float(rows["share_active"].mean()),
        "ratio_active": float(rows["ratio_active"].median()),
    }
