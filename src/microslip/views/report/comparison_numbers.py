"""The numbers of runs side by side, and by how much each differs from the first in combined standard errors."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from microslip.statistics.config import Bootstrap
from microslip.statistics.resampling import SCORE_COVERAGE, error_of_interval
from microslip.views.names import RULES
from microslip.views.report import results
from microslip.views.report.attribution_claims import ATTRIBUTION_PARTS, claims_of, explained_network
from microslip.views.report.parts import Parts
from microslip.views.settings import setting
from microslip.views.wording import between, show, with_error

# More than this many combined standard errors apart is set in bold.
FAR = 2.0

# Quantities of the steady state [unit], with errors from blocks of strain.
_STEADY = {
    "stress": ("mean stress ⟨s⟩", "p"),
    "stress_deviation": ("deviation of s", "p"),
    "normal_stress": ("normal stress", "p"),
    "solid_fraction": ("solid fraction", "1"),
    "stages_per_strain_1e-4": ("stages per strain, threshold 10⁻⁴", "1"),
    "stages_per_strain_1e-3": ("stages per strain, threshold 10⁻³", "1"),
    "mean_slip_1e-4": ("mean slip, threshold 10⁻⁴", "p"),
    "slip_99_1e-4": ("99th percentile of slips, threshold 10⁻⁴", "p"),
}
_FOLLOWED = (
    "xi",
    "eta",
    "fractal_dimension",
    "moran_i",
    "efficiency",
    "abs_delta_sigma1_ratio",
    "abs_delta_energy_ratio",
)


@dataclass(frozen=True)
class Compared:
    """A run as it is compared: its parts, its steady state by column of a study's summary, and sizes of its slips."""

    parts: Parts
    steady: dict[str, Any]
    slips: pd.DataFrame | None


@dataclass(frozen=True)
class Measured:
    """A value with its standard error, NaN where that is not known, and the text that shows it."""

    value: float
    error: float
    text: str
    exact: bool = False


def compare(runs: Sequence[Compared]) -> list[dict[str, Any]]:
    """Numbers of every run, and by how much each differs from the first, in combined standard errors where known."""
    rows = []
    in_p = [run.parts.stress_unit == "p" for run in runs]
    for name, unit, values in _quantities(runs):
        if all(value is None for value in values):
            continue
        first = values[0]
        # stresses of a run without a pressure are in another unit, thresholds too
        comparable = unit != "p" and "threshold 10" not in name
        cells = [
            {"text": value.text if value else "–", "value": value.value if value else float("nan")}
            | (_apart(first, value) if number and (comparable or (in_p[0] and in_p[number])) else _NOT_APART)
            for number, value in enumerate(values)
        ]
        rows.append({"name": name, "unit": _unit(unit, runs), "cells": cells})
    return rows


def _unit(unit: str, runs: Sequence[Compared]) -> str:
    """A unit that holds for all of the runs, else which run has which."""
    units = [run.parts.stress_unit for run in runs]
    if unit != "p" or set(units) == {"p"}:
        return unit
    if len(set(units)) == 1:
        return units[0]
    return ", ".join(f"{letter}: {each}" for letter, each in zip("ABCD", units, strict=False))


_NOT_APART = {"difference": "", "sigmas": "", "far": False}


def _apart(first: Measured | None, other: Measured | None) -> dict[str, Any]:
    if first is None or other is None:
        return dict(_NOT_APART)
    difference = other.value - first.value
    if difference == 0:
        return {"difference": "equal", "sigmas": "", "far": False}
    error = float(np.hypot(first.error, other.error))
    whole = (first.exact and other.exact) or abs(difference) >= 1000
    text = show(round(difference)) if whole else show(difference)
    text = "+" + text if difference > 0 else text
    if not np.isfinite(error) or error <= 0:
        return {"difference": text, "sigmas": "", "far": False}
    return {
        "difference": text,
        "sigmas": f"{difference / error:+.1f} σ".replace("-", "−"),
        "far": abs(difference / error) > FAR,
    }


def _quantities(runs: Sequence[Compared]) -> list[tuple[str, str, list[Measured | None]]]:
    parts = [run.parts for run in runs]
    rows: list[tuple[str, str, list[Measured | None]]] = []

    def add(name: str, unit: str, values: list[Measured | None]) -> None:
        rows.append((name, unit, values))

    add("grains, walls included", "1", [_n_rows(part.kind) for part in parts])
    add("inertial number I", "1", [_plain(part.attributes.get("inertial_number")) for part in parts])
    add("stiffness number κ", "1", [_plain(part.attributes.get("stiffness_number")) for part in parts])
    add("stages, at the run's own threshold", "1", [_n_rows(part.stages) for part in parts])
    for key, (name, unit) in _STEADY.items():
        add(name, unit, [_steady(run.steady, key) for run in runs])
    for quantity in _FOLLOWED:
        name, unit = results.QUANTITIES[quantity]
        for kind in ("stick", "slip", "window"):
            add(f"{name}, {kind}", unit, [_followed(part, quantity, kind) for part in parts])
    for rule in reversed(RULES):
        add(f"R², test set, {rule} split", "1", [_score(part, rule, "r2") for part in parts])
    add("sign right, test set, blocked split", "1", [_score(part, "blocked", "sign_accuracy") for part in parts])
    add("R², mean D²min alone, blocked split", "1", [_score(part, "blocked", "r2", "mean_d2min") for part in parts])
    of = " / ".join(
        dict.fromkeys(explained_network(part) for part in parts if part.tables.get("interpretation/claim") is not None)
    )
    for field, words in ATTRIBUTION_PARTS.items():
        add(f"ξ_Attr/ξ_D of the {words}, median of stages, {of}", "1", [_ratio(part, field) for part in parts])
    return rows


def _plain(value: Any) -> Measured | None:
    return None if value is None else Measured(float(value), float("nan"), show(value), isinstance(value, int))


def _n_rows(table: Sized | None) -> Measured | None:
    return _plain(None if table is None else len(table))


def _steady(row: dict[str, Any], key: str) -> Measured | None:
    value, error = row.get(key, float("nan")), row.get(f"{key}_error", float("nan"))
    if not np.isfinite(value):
        return None
    return Measured(value, error, with_error(value, error) if np.isfinite(error) else show(float(value)))


def _interval(values: tuple[float, float, float] | None, confidence: float) -> Measured | None:
    if values is None or not np.isfinite(values[0]):
        return None
    return Measured(values[0], error_of_interval(values[1], values[2], confidence), between(*values))


def _followed(parts: Parts, quantity: str, kind: str) -> Measured | None:
    table = parts.tables.get("statistics/evolution")
    if table is None:
        return None
    rows = table[(table["by"] == "kind") & (table["kind"] == kind) & (table["quantity"] == quantity)]
    if rows.empty:
        return None
    confidence = float(setting(parts.config, "bootstrap.confidence") or Bootstrap().confidence)
    return _interval(tuple(float(rows[f"value{end}"].iloc[0]) for end in ("", "_low", "_high")), confidence)  # type: ignore[arg-type]


def _score(parts: Parts, rule: str, name: str, model: str = "network") -> Measured | None:
    return _interval(results.with_interval(parts.metrics, rule, model, name), SCORE_COVERAGE)


def _ratio(parts: Parts, field: str) -> Measured | None:
    rows = claims_of(parts, field)
    if rows is None:
        return None
    return _interval(tuple(float(rows.loc["trained", name]) for name in ("ratio", "low", "high")), SCORE_COVERAGE)  # type: ignore[arg-type]


def numbers_table(letters: str, numbers: list[dict[str, Any]]) -> pd.DataFrame:
    """The numbers as a table for other programs."""
    return pd.DataFrame(
        [
            {"quantity": row["name"], "unit": row["unit"]}
            | {letter: cell["value"] for letter, cell in zip(letters, row["cells"], strict=True)}
            | {f"{letter}_said": cell["text"] for letter, cell in zip(letters, row["cells"], strict=True)}
            for row in numbers
        ]
    )
