"""Distributions of ΔE and φ_local over grains: histograms of a stage, densities and tails of a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Num

from microslip.core.errors import MicroslipError
from microslip.statistics.bins import membership
from microslip.statistics.config import Distributions
from microslip.statistics.exponential import fit_tails, tail_moments

# Whose grains, and what of them is counted.
GRAINS = ("all", "active")
HISTOGRAMS = ("energy", "packing")


def histogram_edges(settings: Distributions) -> dict[str, Float[np.ndarray, "edge"]]:
    """Edges of the bins of ΔE over its mean size, and of φ_local."""
    reach = settings.energy_range
    return {
        "energy": np.linspace(-reach, reach, settings.energy_bins + 1),
        "packing": np.linspace(settings.packing_low, settings.packing_high, settings.packing_bins + 1),
    }


def energy_scale(groups: pd.DataFrame, sizes: Float[np.ndarray, "stage"]) -> Float[np.ndarray, "stage"]:
    """⟨|ΔE|⟩ over all grains of the stages in each stage's bin [p d̄³]; NaN in no bin, or where it is not known.

    `sizes`: the same of each stage alone.
    """
    scale = np.full(len(sizes), np.nan)
    for members in groups.loc[groups["by"] == "bin", "members"]:
        if np.isfinite(sizes[members]).any():
            scale[members] = np.nanmean(sizes[members])
    return scale


def measure_distributions(
    energy: Float[np.ndarray, "grain"],
    packing: Float[np.ndarray, "grain"],
    active: Bool[np.ndarray, "grain"],
    scale: float,
    edges: Mapping[str, Float[np.ndarray, "edge"]],
) -> dict[str, np.ndarray]:
    """Histograms of ΔE/scale and φ_local of one stage, of all and of active grains, and what the tails need of ΔE.

    `energy` ΔE [p d̄³], `packing` φ_local; grains with NaN are left out. Without a scale there is no distribution of ΔE.
    """
    rows = {}
    for grains, chosen in (("all", np.ones(len(active), dtype=bool)), ("active", active)):
        scaled = energy[chosen & np.isfinite(energy)].astype(float)
        scaled = scaled / scale if scale > 0 else scaled[:0]
        rows[f"energy_{grains}"] = np.histogram(scaled, edges["energy"])[0]
        rows[f"tails_{grains}"] = tail_moments(scaled)
        rows[f"packing_{grains}"] = np.histogram(packing[chosen & np.isfinite(packing)], edges["packing"])[0]
    return rows


def density(
    counts: Num[np.ndarray, "bin"], edges: Float[np.ndarray, "edge"]
) -> tuple[Float[np.ndarray, "bin"], Float[np.ndarray, "bin"]]:
    """Probability density of a histogram, and its error if values were independent."""
    total = counts.sum() * np.diff(edges)
    return counts / total, np.sqrt(counts) / total


def distribution_tables(
    groups: pd.DataFrame,
    n_stages: int,
    rows: Iterable[tuple[slice, Mapping[str, np.ndarray]]],
    edges: Mapping[str, Float[np.ndarray, "edge"]],
) -> dict[str, pd.DataFrame]:
    """Densities of ΔE and φ_local of every group, and the exponential tails of the first.

    Parameters
    ----------
    groups, n_stages
        From `bin_stages`, and the stages of the run.
    rows
        Some stages at a time: which, and what `measure_distributions` gives for each.
    edges
        From `histogram_edges`.

    Returns
    -------
    `energy_density`, `packing_density`, where something was counted: the group, grains, x, n, density, standard_error.
    `energy_tails`: the group, grains, side (gain or loss) and the fields of `ExponentialTail`, or the reason for none.
    """
    member = membership(groups, n_stages)
    sums: dict[str, np.ndarray] = {}
    for batch, arrays in rows:
        for name, values in arrays.items():
            sums[name] = sums.get(name, 0.0) + member[batch].T @ values
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in HISTOGRAMS}
    tails = []
    for number, group in enumerate(groups.drop(columns="members").to_dict("records")):
        for grains in GRAINS:
            about = {**group, "grains": grains}
            for name in HISTOGRAMS:
                counts = sums[f"{name}_{grains}"][number]
                if counts.sum() > 0:
                    value, error = density(counts, edges[name])
                    x = (edges[name][:-1] + edges[name][1:]) / 2
                    columns = {"x": x, "n": counts.astype(int), "density": value, "standard_error": error}
                    tables[name].append(pd.DataFrame({**about, **columns}))
            try:
                gain, loss = fit_tails(sums[f"tails_{grains}"][number])
            except MicroslipError as reason:
                tails.append({**about, "reason": str(reason)})
            else:
                tails += [{**about, "side": "gain", **vars(gain)}, {**about, "side": "loss", **vars(loss)}]
    densities = {f"{name}_density": pd.concat(parts, ignore_index=True) for name, parts in tables.items() if parts}
    return densities | {"energy_tails": pd.DataFrame(tails)}
