"""Results of a run as rows of text for the report's tables: scores, statistics, claims, ablations, nulls."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from microslip.core.units import printed_unit
from microslip.statistics.claims import BESIDE
from microslip.statistics.lengths import rows_of
from microslip.statistics.registry import STATISTICS
from microslip.views.names import RULES
from microslip.views.report.attribution_claims import ATTRIBUTION_PARTS
from microslip.views.report.check import share
from microslip.views.report.parts import Parts
from microslip.views.settings import setting
from microslip.views.tables import score
from microslip.views.wording import between, show

MODELS = {
    "network": "network",
    "ridge_voxels": "ridge on voxels",
    "d2min_quantiles": "quantiles of D²min",
    "mean_d2min": "mean D²min",
    "strain_increment": "length of the stage",
}
SPLITS = ("train", "validation", "test")
# Baselines from how much grains move, without where they move.
WITHOUT_PATTERN = ("mean_d2min", "d2min_quantiles", "strain_increment")

# Name and unit of the quantities that the statistics follow.
QUANTITIES = {
    name: (statistic.title, printed_unit(statistic.unit) or "1")
    for name, statistic in STATISTICS.items()
    if statistic.followed and statistic.reported
}

FAMILIES = {
    "input": "input",
    "cell share": "share of the cell",
    "training share": "share of the training stages",
    "spacing": "spacing of the nodes [d₅₀]",
    "radius": "averaging radius [d₅₀]",
    "boosting": "boosted trees on",
}
INPUTS = {
    "full": "as it is",
    "shuffled": "nodes shuffled",
    "phases": "phases random: amplitudes of the Fourier modes alone",
    "pattern": "pattern alone, amplitude taken out",
    "amplitude": "amplitude alone, pattern taken out",
    "mask": "active or not",
}
NETWORKS = {
    "trained": "trained network",
    "untrained": "untrained network",
    "shuffled": "trained on noise",
    "input": "no network: the input",
}


def with_interval(
    metrics: dict[str, Any], rule: str, model: str = "network", name: str = "r2"
) -> tuple[float, float, float]:
    """A score on the test set and the ends of its interval, NaN where they are missing."""
    value, low, high = (score(metrics, rule, model, "test", f"{name}{end}") for end in ("", "_low", "_high"))
    return value, low, high


def best_without_pattern(metrics: dict[str, Any], rule: str) -> tuple[str, float] | None:
    """The baseline without the place of any grain that has the largest R² on the test set, and that R²."""
    r2 = {model: score(metrics, rule, model, "test") for model in WITHOUT_PATTERN}
    finite = {model: value for model, value in r2.items() if np.isfinite(value)}
    return max(finite.items(), key=lambda item: item[1]) if finite else None


def scores(metrics: dict[str, Any]) -> list[dict[str, str]]:
    """R² and sign accuracy of every predictor on the test sets, with intervals where they are known."""
    rows = []
    for model, name in MODELS.items():
        if not any(isinstance(setting(metrics, f"{rule}.{model}.test"), dict) for rule in RULES):
            continue
        row = {f"r2_{rule}": between(*with_interval(metrics, rule, model)) for rule in RULES}
        for column, key in (("sign", "sign_accuracy"), ("rmse", "rmse")):
            row[column] = show(score(metrics, "blocked", model, "test", key))
        rows.append({"model": name, **row})
    return rows


def every_score(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per rule, predictor and set."""
    return [
        {"rule": rule, "model": MODELS[model], "split": split, **metrics[rule][model][split]}
        for rule in RULES
        for model in MODELS
        for split in SPLITS
        if isinstance(setting(metrics, f"{rule}.{model}.{split}"), dict)
    ]


def length_of(parts: Parts, kind: str) -> tuple[float, float, float] | None:
    """ξ of all stages of a kind with its interval [d̄], as in evolution.csv; None where there is none."""
    table = parts.tables.get("statistics/correlation_length")
    if table is None or "xi" not in table:
        return None
    rows = rows_of(table[(table["kind"] == kind) & (table["by"] == "kind")])
    if rows.empty or not np.isfinite(rows["xi"].iloc[0]):
        return None
    return tuple(float(rows[name].iloc[0]) for name in ("xi", "xi_low", "xi_high"))  # type: ignore[return-value]


def by_kind(parts: Parts) -> tuple[list[str], list[dict[str, Any]]]:
    """Kinds of stages, and per quantity its value with interval over all stages of each kind."""
    table = parts.tables.get("statistics/evolution")
    if table is None:
        return [], []
    table = table[table["by"] == "kind"]
    kinds = [str(kind) for kind in dict.fromkeys(table["kind"])]
    rows = []
    for quantity, (name, unit) in QUANTITIES.items():
        of = table[table["quantity"] == quantity].set_index("kind")
        values = {kind: of.loc[kind] for kind in kinds if kind in of.index}
        ends = ["value", "value_low", "value_high"]
        cells = [between(*values[kind][ends]) if kind in values else "–" for kind in kinds]
        if any(cell != "–" for cell in cells):
            rows.append({"name": name, "unit": unit, "cells": cells})
    return kinds, rows


def walls(parts: Parts) -> list[dict[str, str]]:
    """By size of the stages: how many there are, and how far both walls and the volume tell the same of them."""
    rows = []
    for row in _records(parts, "statistics/walls"):
        low, high = _number(row, "low"), _number(row, "high")
        if low == 0:
            size = f"below {show(high)} p"
        else:
            size = f"{show(low)} to {show(high)} p" if np.isfinite(high) else f"above {show(low)} p"
        correlation = _number(row, "correlation")
        rows.append(
            {
                "size": size,
                "n_stages": f"{int(row['n_stages']):,}",
                "same_sign": share(_number(row, "same_sign")),
                "correlation": f"{correlation:.2f}" if np.isfinite(correlation) else "–",
            }
        )
    return rows


def claims(parts: Parts) -> list[dict[str, str]]:
    """The paper's claims about growth with the stress fluctuation and about slips against sticks, with verdicts."""
    rows = []
    for row in _records(parts, "statistics/claims"):
        slope = between(*_interval(row, "conditioned"))
        rows.append(
            {
                "section": str(row["section"]),
                "claim": f"{_name(row['quantity'])}: {row['claim']} with the size of {row['kind']}s",
                "verdict": str(row["verdict"]),
                "measured": f"slope {slope} a decade at equal Δγ, which decides" if slope != "–" else _reason(row),
                "also": _beside(row) if slope != "–" else "",
                "again": "",
            }
        )
    contrasts = _records(parts, "statistics/contrasts")
    tested = {str(row["quantity"]) for row in contrasts}
    for row in contrasts:
        matched = between(*_interval(row, "matched"))
        measured = matched != "–"
        means = (
            f"all stages {between(*_interval(row, 'difference'))}: {show(_number(row, 'stick'))} in sticks,"
            f" {show(_number(row, 'slip'))} in slips"
        )
        rows.append(
            {
                "section": str(row["section"]),
                "claim": f"{_name(row['quantity'])}: {row['claim']} than in {_other(row['claim'])}",
                "verdict": str(row["verdict"]),
                "measured": f"slip less stick {matched} at equal |Δs| and Δγ, which decides"
                if measured
                else _reason(row),
                "also": "; ".join(filter(None, [means, _among_many(row)])) if measured else "",
                # the mean of all grains is nearly the same in both kinds, so that this is the same number
                "again": _SAME[str(row["quantity"])] if _SAME.get(str(row["quantity"])) in tested else "",
            }
        )
    return rows


def _other(claim: Any) -> str:
    return "slips" if str(claim).endswith("sticks") else "sticks"


# A contrast, and the one that tests the same claim with nearly the same number.
_SAME = {"packing_fraction_excess": "packing_fraction_active"}


def _beside(row: dict[str, Any]) -> str:
    """The slope without regard to Δγ and what it says, nulls, and what the verdict is among so many."""
    parts = [f"as it is {between(*_interval(row, 'slope'))}"]
    plain = row.get("plain_verdict", row["verdict"])
    if plain != row["verdict"]:
        parts[0] += f", which alone would say “{plain}”"
    for name, meaning in BESIDE.items():
        value = between(*_interval(row, name))
        if value != "–":
            parts.append(f"{meaning} {value}")
    return "; ".join(filter(None, [*parts, _among_many(row)]))


def _among_many(row: dict[str, Any]) -> str:
    corrected = row.get("corrected_verdict", row["verdict"])
    return f"among so many claims “{corrected}”" if corrected != row["verdict"] else ""


def _reason(row: dict[str, Any]) -> str:
    reason = row.get("reason")
    return reason if isinstance(reason, str) else ""


def counted(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Claims without those that another row has tested with nearly the same number."""
    return [row for row in rows if not row.get("again")]


def verdicts(rows: list[dict[str, str]]) -> str:
    """How many claims hold, in words, each counted once; empty where none was tested."""
    rows = counted(rows)
    counts = Counter(row["verdict"] for row in rows)
    order = ("yes", "not contradicted", "no", "not decided", "not measured")
    singular = {"yes": "holds", "no": "does not hold"}
    plural = {"yes": "hold", "no": "do not hold"}
    if counts["not measured"] == len(rows):
        return "none can be measured in this run"
    return ", ".join(
        f"{counts[name]} {singular.get(name, f'is {name}') if counts[name] == 1 else plural.get(name, f'are {name}')}"
        for name in order
        if counts[name]
    )


def power_laws(parts: Parts) -> list[dict[str, str]]:
    """η of the cluster sizes of all sticks and all slips, under each rule for x_min."""
    rows = []
    for row in _records(parts, "statistics/power_law"):
        if row["by"] != "kind" or not np.isfinite(_number(row, "eta")):
            continue
        rows.append(
            {
                "kind": str(row["kind"]),
                "rule": str(row["x_min_rule"]),
                "eta": f"{show(_number(row, 'eta'), 4)} ± {show(_number(row, 'standard_error'), 2)}",
                "x_min": show(_number(row, "x_min")),
                "n": show(_number(row, "n_tail"), 9),
                "log_log": show(_number(row, "log_log_eta")),
                "lognormal": _preferred(row, "lognormal", "log-normal"),
                "truncated": _preferred(row, "truncated", "cut off"),
            }
        )
    return rows


def _preferred(row: dict[str, Any], rival: str, name: str) -> str:
    ratio, p = _number(row, f"{rival}_ratio"), _number(row, f"{rival}_p_value")
    if not np.isfinite(ratio):
        return "–"
    if not p < 0.05:
        return "neither"
    return name if ratio < 0 else "power law"


def ablations(parts: Parts) -> list[dict[str, str]]:
    """R² of changed inputs, cells, training sets and grids on the test set of each split rule."""
    table = parts.tables.get("ablations/summary")
    if table is None:
        return []
    rows = []
    for (family, value), group in table.groupby(["family", "value"], sort=False):
        cells = {
            str(row["rule"]): between(row["r2"], row["r2_low"], row["r2_high"]) for row in group.to_dict("records")
        }
        name = INPUTS.get(str(value), str(value)) if family == "input" else str(value).replace("_", " ")
        rows.append(
            {"family": FAMILIES.get(str(family), str(family)), "value": name}
            | {rule: cells.get(rule, "–") for rule in RULES}
        )
    return rows


def nulls(parts: Parts) -> list[dict[str, str]]:
    """ξ_Attr/ξ_D of the trained network and of its nulls."""
    return [
        {
            "network": NETWORKS.get(str(row["network"]), str(row["network"])),
            "field": ATTRIBUTION_PARTS[row["field"]],
            "ratio": between(_number(row, "ratio"), _number(row, "low"), _number(row, "high")),
            "n": f"{show(int(row['n']))} of {show(int(row['n_stages']))}",
            "spearman": show(_number(row, "spearman"), 2),
            "active": show(_number(row, "ratio_active")),
        }
        for row in _records(parts, "interpretation/claim")
    ]


def _records(parts: Parts, name: str) -> list[dict[str, Any]]:
    table = parts.tables.get(name)
    return [] if table is None else table.to_dict("records")


def _number(row: dict[str, Any], name: str) -> float:
    value = row.get(name)
    return float("nan") if value is None or pd.isna(value) else float(value)


def _interval(row: dict[str, Any], name: str) -> list[float]:
    """A value and the ends of its interval, NaN where they are missing."""
    return [_number(row, f"{name}{end}") for end in ("", "_low", "_high")]


def _name(quantity: Any) -> str:
    return QUANTITIES.get(str(quantity), (str(quantity).replace("_", " "), ""))[0]
