"""Per-stage statistics → tables by size of the fluctuation, with intervals, and what they say of the paper's claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.statistics.config import Bootstrap, Correlation
from microslip.statistics.evolution import Expected, trend
from microslip.statistics.fractal import dimension_at
from microslip.statistics.heavy_tails import FEWEST_CLUSTERS
from microslip.statistics.lengths import curve_sums, length_or_nan, mean_curve
from microslip.statistics.power_law import exponent_at
from microslip.statistics.resampling import FEWEST_BLOCKS, block_sums, draws, interval, number_blocks, p_value, resample

PerStage = Mapping[str, np.ndarray]

# Quantity and what the paper says of it with growing |Δs|: section, in sticks, in slips.
CLAIMS: dict[str, tuple[str, Expected, Expected]] = {
    "xi": ("3.1", "unchanged", "grows"),
    "eta": ("4.2", "unchanged", "falls"),
    "fractal_dimension": ("4.2", "unchanged", "grows"),
    "moran_i": ("4.2", "unchanged", "grows"),
    "efficiency": ("4.2", "unchanged", "grows"),
}

# Quantity and which kind of stage has the larger value, after section 4.3.
CONTRASTS = {
    "abs_delta_sigma1_ratio": "slip",
    "abs_delta_energy_ratio": "slip",
    "packing_fraction_active": "slip",
    "packing_fraction_excess": "slip",
}


@dataclass(frozen=True)
class Quantity:
    """A number of a group of stages: from sums over them, shape (..., k), to values, shape (...).

    `columns` (stage, k) are what is summed.
    """

    columns: Float[np.ndarray, "stage k"]
    value: Callable[[np.ndarray], np.ndarray]


def _mean(values: np.ndarray) -> Quantity:
    def value(sums: np.ndarray) -> np.ndarray:
        return sums[..., 1] / np.where(sums[..., 0] > 0, sums[..., 0], np.nan)

    known = np.isfinite(values)
    return Quantity(np.stack([known, np.where(known, values, 0.0)], axis=1), value)


def _ratio_of_means(above: np.ndarray, below: np.ndarray) -> Quantity:
    def value(sums: np.ndarray) -> np.ndarray:
        return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)

    known = np.isfinite(above) & np.isfinite(below)
    return Quantity(np.where(known[:, None], np.stack([above, below], axis=1), 0.0), value)


def _exponent(per_stage: PerStage, smallest: int) -> Quantity:
    def value(sums: np.ndarray) -> np.ndarray:
        enough = sums[..., 0] >= FEWEST_CLUSTERS
        mean_log = sums[..., 1] / np.where(enough, sums[..., 0], 1.0)
        return np.where(enough, exponent_at(mean_log, smallest), np.nan)

    return Quantity(np.stack([per_stage["n_large"], per_stage["sum_log_size"]], axis=1).astype(float), value)


def _length(per_stage: PerStage, r: np.ndarray, settings: Correlation) -> Quantity:
    def value(sums: np.ndarray) -> np.ndarray:
        curves = mean_curve(sums)
        found = np.empty(curves.shape[:-1])
        for place in np.ndindex(found.shape):
            found[place] = length_or_nan(r, curves[place], settings)
        return found

    return Quantity(curve_sums(per_stage["correlation"]), value)


def quantities(
    per_stage: PerStage, r: Float[np.ndarray, "bin"], correlation: Correlation, smallest: int
) -> dict[str, Quantity]:
    """Everything that is followed against the fluctuation, by name; what was not measured is NaN."""
    found = {
        "xi": _length(per_stage, r, correlation),
        "eta": _exponent(per_stage, smallest),
        "fractal_dimension": Quantity(per_stage["log_moments"], dimension_at),
    }
    for name in ("moran_i", "efficiency", "n_clusters", "n_large", "largest_cluster", "n_wrapping"):
        found[name] = _mean(per_stage[name])
    for name in ("d2min", "shear_strain", "volumetric_strain", "packing_fraction"):
        found[f"{name}_all"] = _mean(per_stage[f"{name}_all"])
        found[f"{name}_active"] = _mean(per_stage[f"{name}_active"])
    for name in ("abs_delta_sigma1", "abs_delta_energy"):
        found[f"{name}_all"] = _mean(per_stage[f"{name}_all"])
        found[f"{name}_active"] = _mean(per_stage[f"{name}_active"])
        found[f"{name}_ratio"] = _ratio_of_means(per_stage[f"{name}_active"], per_stage[f"{name}_all"])
    found["packing_fraction_excess"] = _mean(per_stage["packing_fraction_active"] - per_stage["packing_fraction_all"])
    return found


def of_single_stages(followed: Mapping[str, Quantity]) -> dict[str, np.ndarray]:
    """Every quantity of every stage alone, a group of one, shape (stage,)."""
    return {name: quantity.value(quantity.columns) for name, quantity in followed.items()}


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


def evolution(
    groups: pd.DataFrame, n_stages: int, followed: Mapping[str, Quantity], settings: Bootstrap
) -> tuple[pd.DataFrame, dict[str, Float[np.ndarray, "sample group"]]]:
    """Every quantity in every group with its interval from a bootstrap over blocks of consecutive stages.

    Parameters
    ----------
    groups
        From `bin_stages`.
    n_stages
        Stages of the run.
    followed
        From `quantities`.
    settings
        Draws, blocks, confidence and seed.

    Returns
    -------
    DataFrame
        group, kind, by, low, high, n_stages, mean_fluctuation [p], quantity, value, value_low, value_high, n_known; the
        interval is NaN of a group that lies in fewer than five blocks. `n_known` is the number of stages that the value
        rests on: those in which something of it was measured.
    dict
        The values of all samples by quantity, shape (sample, group).
    """
    block = number_blocks(n_stages, settings.n_blocks)
    n_blocks = int(block[-1]) + 1
    member = membership(groups, n_stages)
    # a group that lies in few blocks is hardly varied by drawing them
    few = [len(np.unique(block[member[:, column] > 0])) < FEWEST_BLOCKS for column in range(member.shape[1])]
    weights = draws(n_blocks, settings.n_samples, settings.seed)
    about = groups.drop(columns="members")
    tables, samples = [], {}
    for name, quantity in followed.items():
        sums = block_sums(quantity.columns, block, member)
        value = quantity.value(group_sums(quantity.columns, member))
        samples[name] = quantity.value(resample(sums, weights))
        samples[name][:, few] = np.nan
        low, high = interval(samples[name], settings.confidence)
        measured = np.nan_to_num(quantity.columns).any(axis=1)
        n_known = (member.T @ measured).astype(int)
        tables.append(about.assign(quantity=name, value=value, value_low=low, value_high=high, n_known=n_known))
    return pd.concat(tables, ignore_index=True), samples


def judge_claims(
    table: pd.DataFrame, samples: Mapping[str, Float[np.ndarray, "sample group"]], confidence: float = 0.95
) -> pd.DataFrame:
    """The paper's claims on sticks and slips, each as a slope against log₁₀|Δs| with its interval and a verdict.

    Returns
    -------
    DataFrame
        section, quantity, kind, claim, then the fields of `Trend`.
    """
    rows = []
    for name, (section, *expected) in CLAIMS.items():
        of_quantity = table[table["quantity"] == name].reset_index(drop=True)
        for kind, claim in zip(("stick", "slip"), expected, strict=True):
            chosen = of_quantity[(of_quantity["kind"] == kind) & (of_quantity["by"] == "bin")]
            found = trend(
                chosen["mean_fluctuation"].abs().to_numpy(),
                chosen["value"].to_numpy(),
                samples[name][:, chosen.index.to_numpy()],
                claim,
                confidence,
            )
            rows.append({"section": section, "quantity": name, "kind": kind, "claim": claim, **asdict(found)})
    return pd.DataFrame(rows)


def contrast_kinds(
    stages: pd.DataFrame,
    of_stage: PerStage,
    table: pd.DataFrame,
    samples: Mapping[str, Float[np.ndarray, "sample group"]],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Slip against stick, all stages of each: the claims of section 4.3.

    Parameters
    ----------
    stages
        Table of stages.
    of_stage
        What is followed, of each stage alone; from `of_single_stages`.
    table, samples, confidence
        From `evolution`, and of the intervals.

    Returns
    -------
    DataFrame
        section, quantity, claim, stick, slip, difference (slip − stick) with its interval and p-value from the
        bootstrap over blocks; `rank_p_value` of the Mann–Whitney test between the stages, which takes them as
        independent; verdict.
    """
    # takes a tenth of the command line's start, and is needed here alone
    from scipy.stats import mannwhitneyu

    rows = []
    for name, larger in CONTRASTS.items():
        of_quantity = table[table["quantity"] == name].reset_index(drop=True)
        whole = of_quantity[of_quantity["by"] == "kind"]
        at = {kind: int(place) for place, kind in whole["kind"].items()}
        row: dict[str, object] = {"section": "4.3", "quantity": name, "claim": f"larger in {larger}s"}
        if set(at) != {"stick", "slip"} or not whole["value"].notna().all():
            rows.append({**row, "verdict": "not measured"})
            continue
        stick, slip = (float(of_quantity["value"][at[kind]]) for kind in ("stick", "slip"))
        drawn = samples[name][:, at["slip"]] - samples[name][:, at["stick"]]
        low, high = (float(bound) for bound in interval(drawn, confidence))
        ranks = [of_stage[name][(stages["kind"] == kind).to_numpy()] for kind in ("stick", "slip")]
        ranked = mannwhitneyu(*(one[np.isfinite(one)] for one in ranks))
        verdict = "not decided" if not (low > 0 or high < 0) else "yes" if (low > 0) == (larger == "slip") else "no"
        rows.append(
            {
                **row,
                "stick": stick,
                "slip": slip,
                "difference": slip - stick,
                "difference_low": low,
                "difference_high": high,
                "p_value": p_value(drawn),
                "rank_p_value": float(ranked.pvalue),
                "verdict": verdict,
            }
        )
    return pd.DataFrame(rows)


def density(
    counts: Int[np.ndarray, "bin"], edges: Float[np.ndarray, "edge"]
) -> tuple[Float[np.ndarray, "bin"], Float[np.ndarray, "bin"]]:
    """Probability density of a histogram, and its error if values were independent."""
    total = counts.sum() * np.diff(edges)
    return counts / total, np.sqrt(counts) / total
