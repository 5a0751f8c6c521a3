"""Checks of the statistics: whether the cell is large enough for ξ, whether ξ depends on the fit, and of power laws."""

from __future__ import annotations

from functools import partial

import pandas as pd

from microslip.statistics.lengths import rows_of
from microslip.views.report.check import Answer, Check, judge
from microslip.views.report.parts import Parts
from microslip.views.wording import show

# ξ, at the largest distance of the fit over it, and from one choice of the fit to another.
LEAST_REACH = 1.5
LARGEST_SPREAD = 2.0
# Of the likelihood-ratio tests.
SIGNIFICANT = 0.05

_RIVALS = {"lognormal": "a log-normal", "truncated": "a power law with a cut-off"}


def _of_kinds(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["by"] == "kind"]


def _reach(parts: Parts) -> Answer:
    table = rows_of(parts.tables["statistics/correlation_length"])
    fitted = table[table["xi"].notna()] if {"xi", "r_max"} <= set(table.columns) else table.iloc[:0]
    if fitted.empty:
        return Answer("open", "no ξ could be fitted")
    reaches = fitted["r_max"] / fitted["xi"]
    shortest = []
    for by, words in (("kind", "all stages of a kind"), ("bin", "bins by size")):
        of_groups = reaches[fitted["by"] == by]
        if len(of_groups):
            row = fitted.loc[of_groups.idxmin()]
            name = row["group"] if "group" in fitted else row["kind"]
            shortest.append(f"{show(float(of_groups.min()), 5)} ξ at the least in {words} ({name})")
    return Answer(judge(float(reaches.min()) >= LEAST_REACH), f"C(r) is followed to {'; '.join(shortest)}")


def _sensitivity(parts: Parts) -> Answer | None:
    rows = _of_kinds(rows_of(parts.tables["statistics/correlation_sensitivity"])).dropna(subset=["xi"])
    if rows.empty:
        return None
    ends = rows.groupby("kind")["xi"].agg(["min", "max"])
    value = "; ".join(f"{kind} {show(row['min'])} to {show(row['max'])} d̄" for kind, row in ends.iterrows())
    return Answer(judge(float((ends["max"] / ends["min"]).max()) <= LARGEST_SPREAD), value)


def _power_law(parts: Parts) -> Answer | None:
    rows = _of_kinds(parts.tables["statistics/power_law"])
    if "lognormal_ratio" not in rows:
        return None
    rows = rows[(rows["x_min_rule"] == "fixed") & rows["lognormal_ratio"].notna()]
    if rows.empty:
        return None
    better = []
    for rival, name in _RIVALS.items():
        if f"{rival}_ratio" in rows:
            wins = (rows[f"{rival}_ratio"] < 0) & (rows[f"{rival}_p_value"] < SIGNIFICANT)
            if wins.any():
                better.append(f"{name} fits better ({', '.join(rows['kind'][wins].astype(str))})")
    return Answer(judge(not better), "; ".join(better) or "no rival fits better")


_of_statistics = partial(Check, "Statistics")

STATISTICS = (
    _of_statistics(
        "Reach of C(r)",
        ("statistics/correlation_length",),
        _reach,
        f"at least {show(LEAST_REACH)} ξ, in every bin too",
        "Half the smallest period bounds r. A length that is as large as that is the cell's, not the packing's.",
        "Use a deeper cell; until then call ξ a lower bound, in the bins named here and those near them.",
    ),
    _of_statistics(
        "ξ under other fits",
        ("statistics/correlation_sensitivity",),
        _sensitivity,
        f"largest over smallest at most {show(LARGEST_SPREAD)}",
        "The exponent of the prefactor and the range of r are choices. What moves with them is no property of the "
        "packing.",
        "Quote ξ with its exponent and range, and compare only ξ of the same fit.",
    ),
    _of_statistics(
        "Power law of the cluster sizes",
        ("statistics/power_law",),
        _power_law,
        f"likelihood ratio of a rival, p ≥ {show(SIGNIFICANT)}",
        "η is a property of the packing where the tail is a power law; else it is the slope of a curve at one place.",
        "Give η with its x_min, and the rival that fits better.",
    ),
)
