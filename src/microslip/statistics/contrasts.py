"""Slips beside sticks: the claims of section 4.3, all stages of each, and those of equal |Δs| and Δγ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int

from microslip.statistics.conditioning import (
    FEWEST_CELLS,
    FEWEST_IN_A_CELL,
    Measured,
    cells_of,
    measure,
    with_ends,
)
from microslip.statistics.ranks import rank_p_value
from microslip.statistics.resampling import FEWEST_BLOCKS, estimate
from microslip.statistics.statistic import PerStage, Quantity
from microslip.statistics.trend import detectable

# Quantity and which kind of stage has the larger value, after section 4.3: contacts govern slips, free volume sticks.
CONTRASTS = {
    "abs_delta_sigma1_ratio": "slip",
    "abs_delta_energy_ratio": "slip",
    "packing_fraction_active": "slip",
    "packing_fraction_excess": "slip",
    "contacts_lost_excess": "slip",
    "cell_growth": "stick",
}


_COLUMNS = [
    *("section", "quantity", "claim", "verdict", "plain_verdict", "reason", "n_blocks", "stick", "slip"),
    *(f"{name}{end}" for name in ("difference", "matched") for end in ("", "_low", "_high")),
    *("overlap", "p_value", "detectable", "rank_p_value"),
]


def contrast_kinds(
    stages: pd.DataFrame,
    of_stage: PerStage,
    followed: Mapping[str, Quantity],
    table: pd.DataFrame,
    samples: Mapping[str, Float[np.ndarray, "sample group"]],
    block: Int[np.ndarray, "stage"],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Slip against stick: the claims of section 4.3, judged between stages of equal |Δs| and Δγ.

    Parameters
    ----------
    stages
        Table of stages.
    of_stage
        Every quantity of each stage alone, from `of_single_stages`.
    followed
        From `quantities`.
    table, samples, block, confidence
        From `evolution` and `strain_blocks`, and of the intervals.

    Returns
    -------
    DataFrame
        section, quantity, claim; verdict, on the matched difference; plain_verdict; reason; n_blocks; stick, slip,
        difference (slip − stick) of all stages; matched, the difference at equal sizes as of `matched_differences`, and
        overlap, the share of the stages that lie in cells with both kinds; p_value of the matched one; detectable;
        `rank_p_value` of the Mann–Whitney test between all stages, which takes them as independent.
    """
    cells, rows = cells_of(stages, ["stick", "slip"]), []
    is_kind = {kind: (stages["kind"] == kind).to_numpy() for kind in ("stick", "slip")}
    n_blocks = int(block.max()) + 1
    for name, larger in CONTRASTS.items():
        of_quantity = table[table["quantity"] == name].reset_index(drop=True)
        whole = of_quantity[of_quantity["by"] == "kind"]
        at = {kind: int(place) for place, kind in whole["kind"].items()}
        row: dict[str, object] = {"section": "4.3", "quantity": name, "claim": f"larger in {larger}s"}
        row |= {"verdict": "not measured", "plain_verdict": "not measured", "n_blocks": n_blocks}
        if set(at) != {"stick", "slip"} or not whole["value"].notna().all():
            rows.append(row | {"reason": _nothing(stages, at)})
            continue
        stick, slip = (samples[name][:, at[kind]] for kind in ("stick", "slip"))
        row |= {"stick": float(stick[0]), "slip": float(slip[0])}
        row |= with_ends((slip - stick)[:, None], ["difference"], confidence)
        row["rank_p_value"] = rank_p_value(*(of_stage[name][is_kind[kind]] for kind in ("stick", "slip")))
        plain = estimate(slip[0] - stick[0], slip[1:] - stick[1:], confidence)
        row["plain_verdict"] = _verdict(larger, float(plain.value), float(plain.p_value), confidence)
        row["verdict"] = "not decided"
        if n_blocks < FEWEST_BLOCKS:
            rows.append(row | {"reason": f"the run holds fewer than {FEWEST_BLOCKS} blocks"})
            continue
        if cells is None:
            rows.append(row | {"reason": "too few stages of known size and length"})
            continue
        by_kind = [
            measure(followed[name], cells.member * is_kind[kind][:, None], cells.sizes, block)
            for kind in ("stick", "slip")
        ]
        matched, overlap = matched_differences(*by_kind)
        row |= {**with_ends(matched[:, None], ["matched"], confidence), "overlap": overlap}
        of = estimate(matched[0], matched[1:], confidence)
        if not np.isfinite(of.p_value):
            rows.append(row | {"reason": "too few sticks and slips of like size and length"})
            continue
        row |= {"p_value": float(of.p_value), "detectable": detectable(float(of.error), n_blocks, confidence)}
        rows.append(row | {"verdict": _verdict(larger, float(of.value), float(of.p_value), confidence)})
    return pd.DataFrame(rows, columns=_COLUMNS)


def matched_differences(stick: Measured, slip: Measured) -> tuple[Float64[np.ndarray, "sample"], float]:
    """Slip less stick at equal log₁₀|Δs| and log₁₀Δγ, in every sample, and the share of stages in cells with both.

    The difference d of each cell with both kinds counts with n₁ n₂/(n₁ + n₂). What the sizes x still differ within the
    cells is taken out by a straight line:

    .. math:: d_c = D + b \\cdot (x^{slip}_c - x^{stick}_c)

    NaN with fewer than 6 cells.
    """
    both = (stick.n[0] >= FEWEST_IN_A_CELL) & (slip.n[0] >= FEWEST_IN_A_CELL)
    both &= np.isfinite(stick.value[0]) & np.isfinite(slip.value[0])
    n = stick.n[0] + slip.n[0]
    overlap = float(n[both].sum() / n.sum()) if n.sum() else 0.0
    matched = np.full(len(stick.value), np.nan)
    for sample in range(len(matched)):
        difference = slip.value[sample] - stick.value[sample]
        used = both & np.isfinite(difference)
        if used.sum() < FEWEST_CELLS:
            continue
        n_stick, n_slip = stick.n[sample, used], slip.n[sample, used]
        weight = np.sqrt(n_stick * n_slip / (n_stick + n_slip))
        apart = slip.sizes[sample, used] - stick.sizes[sample, used]
        design = np.column_stack([np.ones(len(weight)), apart])
        matched[sample] = np.linalg.lstsq(design * weight[:, None], difference[used] * weight, rcond=None)[0][0]
    return matched, overlap


def _verdict(larger: str, difference: float, p_value: float, confidence: float) -> str:
    if not p_value < 1 - confidence:
        return "not decided"
    return "yes" if (difference > 0) == (larger == "slip") else "no"


def _nothing(stages: pd.DataFrame, at: Mapping[str, int]) -> str:
    if (stages["kind"] == "window").any():
        return "windows of strain of a run without a stress: there are neither sticks nor slips"
    return "the run does not hold it" if set(at) == {"stick", "slip"} else "the run has stages of one kind alone"
