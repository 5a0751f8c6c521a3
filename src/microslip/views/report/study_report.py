"""The page of a study: one row per system, the figure, and what all systems share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.core.visible import quoted
from microslip.views.figures.registry import STUDY_FIGURES
from microslip.views.report.page import embedded, write_page
from microslip.views.report.parameters import sections
from microslip.views.wording import show, with_error

# Heading, and the column of the summary; columns with an error are shown as value ± error.
_COLUMNS = {
    "grains": "n_grains",
    "I": "inertial_number",
    "mean s [p]": "stress",
    "deviation of s [p]": "stress_deviation",
    "solid fraction": "solid_fraction",
    "normal stress [p]": "normal_stress",
    "stages per strain, 10⁻⁴": "stages_per_strain_1e-4",
    "stages per strain, 10⁻³": "stages_per_strain_1e-3",
    "of one sample, 10⁻⁴": "one_sample_1e-4",
    "mean slip, 10⁻⁴ [p]": "mean_slip_1e-4",
    "99th percentile, 10⁻⁴ [p]": "slip_99_1e-4",
    "ξ, stick [d̄]": "xi_stick",
    "ξ, slip [d̄]": "xi_slip",
    "R², test, random": "r2_test_random",
    "R², test, blocked": "r2_test_blocked",
    "simulation [s]": "simulation_seconds",
}


def write_study_report(
    target: Path,
    *,
    folder: Path,
    settings: Mapping[str, Any],
    differences: Mapping[str, str],
    summary: pd.DataFrame,
    convergence: pd.DataFrame | None,
    missing: Mapping[str, str],
    transfers: pd.DataFrame | None = None,
) -> None:
    """Write the page of a study to one HTML file.

    Parameters
    ----------
    target
        The file written.
    folder
        The study's folder; the figures are read from its folder `figures`.
    settings
        Content of the study's file: `steps`, and `settings` of the base.
    differences
        What sets each system apart, by name.
    summary, convergence
        Tables of summary.csv and convergence.csv, None where there is no sequence to compare.
    missing
        Systems that are left out and why, by name.
    transfers
        Columns system, r2_of_its_own, r2_of_others and r2_of_all_others, of the networks on each other; their figure is
        transfer/transfer.png in the study's folder. None where they were not tested, or others were.
    """
    shown = {heading: name for heading, name in _COLUMNS.items() if name in summary and summary[name].notna().any()}
    rows = [
        {
            "system": row["system"],
            "difference": differences[row["system"]],
            "cells": [_cell(row, name) for name in shown.values()],
            # a run from elsewhere has no folder here
            "report": (folder / row["system"] / "report" / "index.html").exists(),
        }
        for row in summary.to_dict("records")
    ]
    content = {
        "name": folder.resolve().name,
        "folder": quoted(folder.resolve().name),
        "n_systems": len(differences),
        "steps": settings["steps"],
        "headings": list(shown),
        "rows": rows,
        "n_blocks": sorted({int(n) for n in summary["n_blocks"]}),
        "convergence": _convergence(convergence),
        "missing": missing,
        "transfers": _transfers(transfers),
        "transfer_map": None if transfers is None else embedded(folder / "transfer" / "transfer.png"),
        "figures": [(figure, embedded(folder / "figures" / f"{figure.name}.png")) for figure in STUDY_FIGURES.values()],
        "sections": sections(settings["settings"]),
        "show": show,
    }
    write_page("study.html.jinja", content, target)


def _cell(row: Mapping[str, Any], name: str) -> str:
    """A value, with its interval or its error where there is one."""
    value = row[name]
    if f"{name}_low" in row and np.isfinite(value):
        return f"{show(value)} [{show(row[f'{name}_low'])}, {show(row[f'{name}_high'])}]"
    error = row.get(f"{name}_error", np.nan)
    if not np.isfinite(error) or not np.isfinite(value):
        return show(value)
    return with_error(value, error)


def _transfers(table: pd.DataFrame | None) -> list[tuple[str, list[str]]]:
    if table is None:
        return []
    names = ("r2_of_its_own", "r2_of_others", "r2_of_all_others")
    return [(row["system"], [show(row[name]) for name in names]) for row in table.to_dict("records")]


def _convergence(table: pd.DataFrame | None) -> dict[str, Any] | None:
    """Quantities in rows, systems in columns: the difference from the last system in combined standard errors."""
    if table is None or table.empty:
        return None
    systems = list(dict.fromkeys(table["system"]))
    rows = []
    for quantity, of_quantity in table.groupby("quantity", sort=False):
        by_system = of_quantity.set_index("system")
        cells = []
        for system in systems:
            row = by_system.loc[system]
            comparable = row["within_two_errors"] != "" and row["standard_error"] > 0
            text = f" ({row['difference'] / row['standard_error']:+.1f})".replace("-", "−") if comparable else ""
            cells.append((show(row["value"]) + text, row["within_two_errors"] == "no"))
        rows.append((quantity, cells, show(float(of_quantity["last"].iloc[0]))))
    return {"systems": systems, "rows": rows}
