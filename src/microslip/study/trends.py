"""How the numbers of a family go with what varies, and what packings of other seeds say of one system."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from microslip.statistics.packings import combine
from microslip.statistics.trend import holm
from microslip.study.agreement import measured

# Numbers of summary.csv, each with its standard error beside it, that are set against what varies.
QUANTITIES = (
    "stress",
    "stress_deviation",
    "solid_fraction",
    "stages_per_strain_1e-4",
    *(f"{what}_{threshold}" for threshold in ("1e-4", "1e-3") for what in ("mean_slip", "slip_99")),
    *(f"{what}_{kind}" for what in ("xi", "eta", "fractal_dimension", "moran_i") for kind in ("stick", "slip")),
    "r2_test_random",
    "r2_test_blocked",
)

# Fewer systems than this lie on a line whatever they are.
FEWEST_SYSTEMS = 3
# Values further apart than this factor are taken by their logarithms.
WIDE = 15
# The family of packings that differ in their seed alone.
SEEDS = "seed"

TREND_COLUMNS = [
    "family", "quantity", "n_systems", "n_left_out", "axis", "lowest", "highest", "change", "change_low", "change_high",
    "p_value", "p_holm", "n_packings", "spread", "verdict", "corrected_verdict",
]  # fmt: skip


def quantities_of(summary: pd.DataFrame) -> pd.DataFrame:
    """quantity, system, value and error of `QUANTITIES` in a summary, as of `agreement.measured`."""
    return measured(summary, QUANTITIES)


def packings_of(values: pd.DataFrame, systems: Sequence[str], confidence: float = 0.95) -> pd.DataFrame:
    """Every number as a mean over systems that differ in their seed alone, by `statistics.packings.combine`.

    Returns
    -------
    DataFrame
        quantity, n_packings, value with _low and _high, spread (standard deviation between packings beyond the errors
        of each) and heterogeneity (its share of the scatter).
    """
    rows = []
    for quantity, of in values[values["system"].isin(systems)].groupby("quantity", sort=False):
        together = combine(of["value"].to_numpy(float), of["error"].to_numpy(float), confidence)
        rows.append(
            {
                "quantity": quantity,
                "n_packings": together.n,
                "value": together.value,
                "value_low": together.low,
                "value_high": together.high,
                "spread": together.spread,
                "heterogeneity": together.heterogeneity,
            }
        )
    return pd.DataFrame(
        rows,
        columns=["quantity", "n_packings", "value", "value_low", "value_high", "spread", "heterogeneity"],
    )


def trends(
    values: pd.DataFrame, families: pd.DataFrame, packings: pd.DataFrame | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """The change of every number from the least to the greatest value of what varies, along a weighted straight line.

    .. math:: y_k = a + b x_k, \\qquad w_k = 1/(\\sigma_k^2 + \\tau^2), \\qquad
        s_b^2 = \\frac{\\max(1, q)}{\\sum_k w_k (x_k - \\bar x)^2}, \\qquad q = \\frac{1}{n-2} \\sum_k w_k r_k^2

    with Student's t of n − 2 degrees. x is the value, or its logarithm where values span a factor of 15. σ is the error
    from blocks of strain of one packing, τ the standard deviation between packings that differ in their seed alone. The
    interval widens where the systems do not lie on a line.

    Parameters
    ----------
    values
        quantity, system, value and error, as of `quantities_of`.
    families
        family, system, value, as of `study.folder.family_table`; those that vary a number other than the seed.
    packings
        As of `packings_of`: without it, or with one packing, τ is not known and taken as 0, and the verdict says so.

    Returns
    -------
    DataFrame
        family, quantity; n_systems, and n_left_out, which lack a value or an error; axis (linear or log); value of the
        number in the systems of the least and of the greatest x: lowest, highest; change along the line with _low and
        _high; p_value of none, and p_holm, of all rows together; n_packings and spread τ of the reference; verdict and,
        by p_holm, corrected_verdict: rises, falls or not decided, followed by `(one packing)` where τ is not known.

    Source: the weights and the factor max(1, q) are those of Birge, Phys. Rev. 40 (1932) 207.
    """
    of_seeds = {} if packings is None else packings.set_index("quantity").to_dict("index")
    rows = []
    for family, members in families.groupby("family", sort=False):
        if family in (SEEDS, "") or not np.isfinite(members["value"]).all():
            continue
        table = members[["system", "value"]].rename(columns={"value": "x"}).merge(values, on="system")
        for quantity, of in table.groupby("quantity", sort=False):
            seeds = of_seeds.get(quantity, {})
            spread = float(seeds.get("spread", np.nan))
            known = of[np.isfinite(of["value"]) & np.isfinite(of["error"]) & (of["error"] > 0)].sort_values("x")
            row = {
                "family": family,
                "quantity": quantity,
                "n_systems": len(known),
                "n_left_out": len(members) - len(known),
                "n_packings": int(seeds.get("n_packings", 1)),
                "spread": spread,
            }
            if len(known) >= FEWEST_SYSTEMS and known["x"].nunique() >= FEWEST_SYSTEMS:
                errors = np.hypot(known["error"].to_numpy(float), np.nan_to_num(spread))
                row |= _line(known["x"].to_numpy(float), known["value"].to_numpy(float), errors, confidence)
            rows.append(row)
    table = pd.DataFrame(rows, columns=TREND_COLUMNS)
    table["p_holm"] = holm(table["p_value"].to_numpy(float))
    for column, p_value in (("verdict", "p_value"), ("corrected_verdict", "p_holm")):
        table[column] = [_verdict(row, row[p_value] < 1 - confidence) for row in table.to_dict("records")]
    return table


def _verdict(row: Mapping[Hashable, Any], decided: bool) -> str:
    if not np.isfinite(row["p_value"]):
        return "not measured"
    if not decided:
        return "not decided"
    return ("rises" if row["change"] > 0 else "falls") + ("" if np.isfinite(row["spread"]) else " (one packing)")


def _line(x: np.ndarray, y: np.ndarray, errors: np.ndarray, confidence: float) -> dict[str, object]:
    wide = bool(x.min() > 0 and x.max() / x.min() >= WIDE)
    lowest, highest = float(y[0]), float(y[-1])
    x = np.log(x) if wide else x
    weight, degrees = errors**-2.0, len(x) - 2
    away = x - np.average(x, weights=weight)
    about = y - np.average(y, weights=weight)
    slope = float((weight * away) @ about / ((weight * away) @ away))
    q = float(weight @ (about - slope * away) ** 2) / degrees
    span = float(np.ptp(x))
    error = span * float(np.sqrt(max(1.0, q) / ((weight * away) @ away)))
    change, half = slope * span, float(stdtrit(degrees, 0.5 + confidence / 2)) * error
    return {
        "axis": "log" if wide else "linear",
        "lowest": lowest,
        "highest": highest,
        "change": change,
        "change_low": change - half,
        "change_high": change + half,
        "p_value": 2 * float(stdtr(degrees, -abs(change / error))),
    }
