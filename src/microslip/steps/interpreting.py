"""Attributions against D²min: correlation lengths, ellipses, and what the ratio of the lengths is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.statistics.bins import bin_stages
from microslip.statistics.clusters import active_grains
from microslip.statistics.config import Correlation
from microslip.statistics.correlation import spatial_correlation
from microslip.statistics.lengths import curve_sums, length_or_nan, mean_curve
from microslip.statistics.resampling import FEWEST_BLOCKS, interval

N_RESAMPLES = 2000

# The bins of `node_edges` begin where distances between nodes do: all of them count in the fit.
FIT_FROM = 0.0


def node_edges(run: Run, config: Config) -> np.ndarray:
    """Distance bins [d̄] for values on nodes: half a spacing wide, so that none is empty, the first about one."""
    spacing = float(np.mean(np.array(run.voxels.attrs["spacing"])[run.box.axes]))
    across = [axis for axis in run.box.axes if axis != 2]
    farthest = min(config.correlation.farthest, min(run.box.lengths[axis] for axis in across) / 2)
    n_bins = int((farthest - 0.75 * spacing) / (0.5 * spacing))
    if n_bins < 4:
        raise MicroslipError(
            f"nodes {spacing:.2g} d̄ apart give {max(n_bins, 0)} distance bins up to {farthest:.2g} d̄, too few for ξ:"
            " lower voxels.spacing or raise correlation.farthest"
        )
    return (0.75 + 0.5 * np.arange(n_bins + 1)) * spacing


@dataclass(frozen=True)
class NodeLengths:
    """How correlation lengths of values on a run's nodes are measured."""

    nodes: np.ndarray
    box: Box
    edges: np.ndarray
    settings: Correlation

    @property
    def r(self) -> np.ndarray:
        """Bin centres [d̄]."""
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2)

    def measure(self, field: np.ndarray) -> tuple[np.ndarray, float]:
        """C(r) and ξ [d̄] of a field (x, y, z); NaN where it does not vary or no ξ fits."""
        if np.ptp(field) == 0:
            return np.full(len(self.r), np.nan), float("nan")
        curve = spatial_correlation(self.nodes, field.ravel(), self.box, self.edges).correlation
        return curve, length_or_nan(self.r, curve, self.settings, FIT_FROM)


def node_lengths(run: Run, config: Config) -> NodeLengths:
    """The nodes of a run, and the distance bins between them; errors as in `node_edges`."""
    voxels, box = run.voxels, run.box
    if "cell" in run.frames:
        # the copies above and below lie aside by a tilt that differs from stage to stage: no pair across those faces
        box = box.slab
    nodes = np.stack(np.meshgrid(*(voxels[name].to_numpy() for name in "xyz"), indexing="ij"), axis=-1).reshape(-1, 3)
    return NodeLengths(nodes, box, node_edges(run, config), config.correlation)


def measure_event(
    lengths: NodeLengths,
    d2min: np.ndarray,
    of_d2min: tuple[np.ndarray, float],
    attribution: np.ndarray,
    active_fraction: float,
) -> list[dict[str, Any]]:
    """C(r) and ξ of D²min and of the attribution of one stage on the same nodes, and the share at active nodes.

    Two rows: of the attribution as it is (`signed`), whose parts cancel, and of its `size`. `of_d2min` is what
    `lengths.measure` gives for D²min, which many attributions of a stage share.
    """
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
    for name, field in (("signed", attribution), ("size", size)):
        curve, xi = lengths.measure(field)
        rows.append(
            {"field": name, "xi_d2min": of_d2min[1], "xi_attribution": xi}
            | shares
            | {"r": lengths.r, "c_d2min": of_d2min[0], "c_attribution": curve}
        )
    return rows


def interpretation_tables(
    events: pd.DataFrame, stages: pd.DataFrame, settings: Correlation, seed: int
) -> dict[str, pd.DataFrame]:
    """C(r) and ξ by bin of the fluctuation with ellipses (fig. 7b, c), and the ratio ξ_Attr/ξ_D of every network.

    `stages` are all of the run, so that a group is that of the same name in the statistics.

    Returns
    -------
    `correlation`: network, field, group, r, c_d2min, c_attribution. `ellipses`: network, field, group, kind,
    mean_fluctuation, n, the ξ of the group's mean C(r), mean and covariance of the stages' own ξ. `claim`: network,
    field, n (of n_stages, those where both lengths can be fitted), the median ratio with its 90 % bootstrap interval,
    the rank correlation of ξ_Attr with ξ_D over stages, and the shares at active nodes.
    """
    from microslip.learn.evaluate import spearman

    groups = bin_stages(stages, settings.n_bins)
    curves, ellipses, claims = [], [], []
    for (network, field), of_network in events.groupby(["network", "field"], sort=False):
        for group in groups[groups["by"] == "bin"].itertuples():
            chosen = of_network[of_network["stage"].isin(group.members)]
            if chosen.empty:
                continue
            r = chosen["r"].iloc[0]
            means = {
                name: mean_curve(curve_sums(np.stack(list(chosen[f"c_{name}"]))).sum(axis=0))
                for name in ("d2min", "attribution")
            }
            columns = {"network": network, "field": field, "group": group.group, "kind": group.kind}
            curves.append(pd.DataFrame({**columns, "r": r, **{f"c_{name}": mean for name, mean in means.items()}}))
            pairs = chosen[["xi_d2min", "xi_attribution"]].dropna().to_numpy()
            covariance = np.cov(pairs.T) if len(pairs) > 2 else np.full((2, 2), np.nan)
            centre = pairs.mean(axis=0) if len(pairs) else np.full(2, np.nan)
            ellipses.append(
                columns
                | {
                    "mean_fluctuation": group.mean_fluctuation,
                    "n": len(pairs),
                    "xi_d2min": length_or_nan(r, means["d2min"], settings, FIT_FROM),
                    "xi_attribution": length_or_nan(r, means["attribution"], settings, FIT_FROM),
                    "mean_xi_d2min": centre[0],
                    "mean_xi_attribution": centre[1],
                    "var_d2min": covariance[0, 0],
                    "covariance": covariance[0, 1],
                    "var_attribution": covariance[1, 1],
                }
            )
        known = of_network.dropna(subset=["xi_d2min", "xi_attribution"])
        ratio = (known["xi_attribution"] / known["xi_d2min"]).to_numpy()
        low, high = _bootstrap_median(ratio, seed)
        claims.append(
            {
                "network": network,
                "field": field,
                "n": len(known),
                "n_stages": len(of_network),
                "ratio": float(np.median(ratio)) if len(ratio) else np.nan,
                "low": low,
                "high": high,
                "spearman": spearman(known["xi_d2min"].to_numpy(), known["xi_attribution"].to_numpy()),
                "share_active": float(of_network["share_active"].mean()),
                "ratio_active": float(of_network["ratio_active"].median()),
            }
        )
    return {
        "correlation": pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        "ellipses": pd.DataFrame(ellipses),
        "claim": pd.DataFrame(claims),
    }


def _bootstrap_median(values: np.ndarray, seed: int) -> tuple[float, float]:
    """90 % interval of a median over stages; NaN of too few to draw from, as of any interval."""
    from microslip.learn.evaluate import COVERAGE

    if len(values) < FEWEST_BLOCKS:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    medians = np.median(rng.choice(values, (N_RESAMPLES, len(values))), axis=1)
    low, high = interval(medians, COVERAGE)
    return float(low), float(high)
