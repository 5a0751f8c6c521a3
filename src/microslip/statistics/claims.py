"""The paper's claims on sticks and slips, judged by the statistics of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
from jaxtyping import Float

from microslip.statistics.ranks import rank_p_value
from microslip.statistics.resampling import interval, p_value
from microslip.statistics.statistic import PerStage
from microslip.statistics.trend import Expected, trend

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
            bins = of_quantity[(of_quantity["kind"] == kind) & (of_quantity["by"] == "bin")]
            size, drawn = bins["mean_fluctuation"].abs().to_numpy(), samples[name][:, bins.index.to_numpy()]
            slope = trend(size, bins["value"].to_numpy(), drawn, claim, confidence)
            rows.append({"section": section, "quantity": name, "kind": kind, "claim": claim, **asdict(slope)})
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
        Every quantity of each stage alone, from `of_single_stages`.
    table, samples, confidence
        From `evolution`, and of the intervals.

    Returns
    -------
    DataFrame
        section, quantity, claim, stick, slip, difference (slip − stick) with its interval and p-value from the
        bootstrap over blocks; `rank_p_value` of the Mann–Whitney test between the stages, which takes them as
        independent; verdict.
    """
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
        by_kind = [of_stage[name][(stages["kind"] == kind).to_numpy()] for kind in ("stick", "slip")]
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
                "rank_p_value": rank_p_value(*by_kind),
                "verdict": verdict,
            }
        )
    return pd.DataFrame(rows)
