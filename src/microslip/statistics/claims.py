"""The paper's claims on growth with |Δs|, judged by the statistics of a run at equal length of the stages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.statistics.conditioning import (
    MOST_INFLATION,
    SLOPES,
    Conditioned,
    Measured,
    counts,
    inflation,
    slopes,
    with_ends,
)
from microslip.statistics.resampling import FEWEST_BLOCKS, estimate
from microslip.statistics.statistic import NULLS, null_name
from microslip.statistics.trend import Expected, detectable, holm, verdict

# Quantity and what the paper says of it with growing |Δs|: section, in sticks, in slips.
CLAIMS: dict[str, tuple[str, Expected, Expected]] = {
    "xi": ("3.1", "unchanged", "grows"),
    "xi_profile": ("3.1", "unchanged", "grows"),
    "xi_in_plane": ("3.1", "unchanged", "grows"),
    "eta": ("4.2", "unchanged", "falls"),
    "fractal_dimension": ("4.2", "unchanged", "grows"),
    "moran_i": ("4.2", "unchanged", "grows"),
    "efficiency": ("4.2", "unchanged", "grows"),
}

# Other grains or points whose slope stands beside that of the active ones: nulls, and another choice of active grains.
BESIDE = NULLS | {
    "height": "grains active beside the mean at their height",
    "points": "as many points at random as there are clusters",
}

_NAMES = ("slope", *SLOPES[1:])
_WITH_ENDS = [*_NAMES, "change", *(of for name in BESIDE for of in (name, f"less_{name}"))]
_COLUMNS = [
    *("section", "quantity", "kind", "claim", "verdict", "plain_verdict", "reason", "n_stages", "n_cells", "n_blocks"),
    *(f"{name}{end}" for name in _WITH_ENDS for end in ("", "_low", "_high")),
    *("variance_inflation", "p_value", "detectable"),
]

_PLAIN, _CONDITIONED = SLOPES.index("plain"), SLOPES.index("conditioned")


def judge_claims(
    table: pd.DataFrame,
    samples: Mapping[str, Float[np.ndarray, "sample group"]],
    conditioned: Mapping[tuple[str, str], Conditioned],
    block: Int[np.ndarray, "stage"],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The paper's claims on sticks and slips, each as a slope against log₁₀|Δs| at fixed Δγ, with interval and verdict.

    Parameters
    ----------
    table, samples
        From `evolution`, of groups of stages.
    conditioned
        From `condition`.
    block
        From `strain_blocks`, shape (stage,).
    confidence
        Of the intervals.

    Returns
    -------
    DataFrame
        section, quantity, kind, claim; verdict, on the conditioned slope; plain_verdict, on the plain one; reason, why
        nothing was decided; n_stages, n_cells, n_blocks; slope (plain), conditioned, of_length and matched as of
        `slopes`, variance_inflation; p_value of the conditioned slope; detectable, the slope found in 80 % of such
        runs; change, the plain relative difference of the last bin from the first; of each of `BESIDE` its conditioned
        slope, and `less_…`, the slope of the difference from it. All slopes with _low and _high.
    """
    n_blocks = int(block.max()) + 1
    rows = []
    for name, (section, *expected) in CLAIMS.items():
        for kind, claim in zip(("stick", "slip"), expected, strict=True):
            row = {"section": section, "quantity": name, "kind": kind, "claim": claim, "n_blocks": n_blocks}
            row |= {"verdict": "not measured", "plain_verdict": "not measured"}
            of = conditioned.get((name, kind))
            if of is None:
                rows.append(row | {"reason": _too_few(table, kind)})
                continue
            row |= _slopes_of(of, claim, confidence)
            row |= with_ends(_change(table, samples[name], name, kind), ["change"], confidence)
            rows.append(row | _beside_nulls(conditioned, name, kind, confidence))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _too_few(table: pd.DataFrame, kind: str) -> str:
    if (table["kind"] == "window").any():
        return "windows of strain of a run without a stress: no stage has a size to follow"
    return f"too few {kind}s of known size and length"


def _slopes_of(of: Conditioned, claim: Expected, confidence: float) -> dict[str, object]:
    found, variance_inflation = estimate(of.slopes[0], of.slopes[1:], confidence), inflation(of.measured)
    n_blocks = len(of.slopes) - 1
    row: dict[str, object] = {
        **counts(of.measured),
        **with_ends(of.slopes, _NAMES, confidence),
        "variance_inflation": variance_inflation,
    }
    decided = np.isfinite(found.p_value)
    if not np.isfinite(found.value[_CONDITIONED]):
        return row | {"reason": "too few cells of stages have a value"}
    if decided[_PLAIN]:
        differs = bool(found.p_value[_PLAIN] < 1 - confidence)
        row["plain_verdict"] = verdict(claim, float(found.value[_PLAIN]), differs)
    if n_blocks < FEWEST_BLOCKS:
        return row | {"verdict": "not decided", "reason": f"the run holds fewer than {FEWEST_BLOCKS} blocks"}
    if not decided[_CONDITIONED]:
        return row | {"verdict": "not decided", "reason": "without some block there is no slope"}
    if variance_inflation > MOST_INFLATION:
        return row | {"verdict": "not decided", "reason": "|Δs| and Δγ go together too closely to be told apart"}
    p_value = float(found.p_value[_CONDITIONED])
    return row | {
        "p_value": p_value,
        "detectable": detectable(float(found.error[_CONDITIONED]), n_blocks, confidence),
        "verdict": verdict(claim, float(found.value[_CONDITIONED]), p_value < 1 - confidence),
    }


def _change(table: pd.DataFrame, samples: np.ndarray, name: str, kind: str) -> Float[np.ndarray, "sample 1"]:
    """The relative difference of the last bin that has an interval from the first, in every sample."""
    of_quantity = table[table["quantity"] == name].reset_index(drop=True)
    bins = of_quantity[(of_quantity["kind"] == kind) & (of_quantity["by"] == "bin") & of_quantity["value_low"].notna()]
    if len(bins) < 2:
        return np.full((len(samples), 1), np.nan)
    first, last = samples[:, bins.index[0]], samples[:, bins.index[-1]]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(first != 0, last / first - 1, np.nan)[:, None]


def _beside_nulls(
    conditioned: Mapping[tuple[str, str], Conditioned], name: str, kind: str, confidence: float
) -> dict[str, float]:
    """The conditioned slope of each of `BESIDE` that was measured, and that of the difference from it."""
    row: dict[str, float] = {}
    for null in BESIDE:
        of, chance = conditioned[name, kind], conditioned.get((null_name(name, null), kind))
        if chance is not None:
            own = of.measured
            less = slopes(Measured(own.value - chance.measured.value, own.n, own.sizes), of.cells.length)
            both = np.stack([chance.slopes[:, _CONDITIONED], less[:, _CONDITIONED]], axis=1)
            row |= with_ends(both, [null, f"less_{null}"], confidence)
    return row


def correct(claims: pd.DataFrame, contrasts: pd.DataFrame, confidence: float = 0.95) -> list[pd.DataFrame]:
    """Both tables with `p_holm` and `corrected_verdict`: one family of all claims and contrasts that have a p-value.

    The corrected verdict is that of `verdict` where the p-value stays below 1 − confidence among so many claims.
    """
    tables = [table.reindex(columns=dict.fromkeys([*table, "p_value"])) for table in (claims, contrasts)]
    corrected = np.split(holm(np.concatenate([table["p_value"].to_numpy(float) for table in tables])), [len(claims)])
    for number, (table, p_holm) in enumerate(zip(tables, corrected, strict=True)):
        lost = table["verdict"].isin(["yes", "no"]) & ~(p_holm < 1 - confidence)
        weaker = np.where(table["claim"] == "unchanged", "not contradicted", "not decided")
        tables[number] = table.assign(p_holm=p_holm, corrected_verdict=table["verdict"].where(~lost, weaker))
    return tables
