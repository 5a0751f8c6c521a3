"""The report of a run: one HTML file that carries its figures and loads nothing, with figures and tables beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from microslip.data.files import write_table
from microslip.data.openings import openings_in_words
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.dem.flow import flow_warning
from microslip.views.report import repeat, results, summary
from microslip.views.report.assessed import assessed
from microslip.views.report.attachments import attach
from microslip.views.report.attribution_claims import explained_network
from microslip.views.report.check import Result
from microslip.views.report.checks import GROUPS, check_run, checks_table, counts
from microslip.views.report.illustrations import figure_rows, illustrations
from microslip.views.report.page import write_page
from microslip.views.report.parameters import numbers, sections
from microslip.views.report.parts import Parts, read_parts
from microslip.views.report.remarks import remarks
from microslip.views.wording import show


def write_report(run: Run, folder: Path, states: Mapping[str, StepState] | None = None) -> list[Result]:
    """Write the report of a run into a folder: `index.html`, which stands alone, and what it links to.

    Parameters
    ----------
    run
        The run; figures are read from its folder `figures`. Parts that are missing or damaged are named as such.
    folder
        Where index.html, checks.csv, config.toml, provenance.json, figures/ and tables/ are written.
    states
        Which steps are current; without them the page says that this was not checked.

    Returns
    -------
    list of Result
        What was checked.
    """
    parts = read_parts(run, states)
    checks = check_run(parts)
    tables = attach(parts, folder)
    write_table(folder / "checks.csv", checks_table(checks))
    write_page("report.html.jinja", {**gather(parts, checks), "tables": tables}, folder / "index.html")
    return checks


def gather(parts: Parts, checks: list[Result]) -> dict[str, Any]:
    """Everything that the report states, as plain numbers, tables and texts."""

    def rows(name: str, read: Callable[[], list[Any]]) -> list[Any]:
        try:
            return read()
        except (KeyError, ValueError, TypeError) as problem:
            # the table can be read, but its content is not as expected
            parts.problems[name] = f"{parts.run.folder / name} is not as expected ({problem!r}): run its step again"
            return []

    shown, lacking = illustrations(parts)
    kinds, of_kinds = results.by_kind(parts)
    tables = {
        "scores": rows("model/metrics.json", lambda: results.scores(parts.metrics)),
        "every_score": rows("model/metrics.json", lambda: results.every_score(parts.metrics)),
        "power_laws": rows("statistics/power_law.csv", lambda: results.power_laws(parts)),
        "walls": rows("statistics/walls.csv", lambda: results.walls(parts)),
        "claims": rows("statistics/claims.csv", lambda: results.claims(parts)),
        "assessed": rows("assessment/summary.csv", lambda: assessed(parts)),
        "ablations": rows("ablations/summary.csv", lambda: results.ablations(parts)),
        "nulls": rows("interpretation/claim.csv", lambda: results.nulls(parts)),
    }
    return {
        **tables,
        "name": parts.name,
        "folder": parts.folder,
        "imported": parts.imported,
        "stress_unit": parts.stress_unit,
        "lead": summary.lead(parts),
        "warning": flow_warning(parts.flow) if parts.flow else "",
        "tiles": summary.tiles(parts, checks),
        "findings": summary.findings(parts),
        "opened": openings_in_words(parts.tables.get("test_openings", pd.DataFrame({"rule": []}))),
        "remarks": remarks(parts),
        "paper": summary.against_paper(parts),
        "checks": grouped(checks),
        "counts": counts(checks),
        "failed": [check for check in checks if check.verdict == "failed"],
        "kinds": kinds,
        "by_kind": of_kinds,
        "figures": figure_rows(shown),
        "lacking": lacking,
        "untrained": parts.too_few_to_train,
        "explained": explained_network(parts),
        "late": {verb: state.why for verb, state in (parts.states or {}).items() if state.state == "out of date"},
        "numbers": numbers(parts.attributes),
        "sections": sections(parts.config),
        "timings": repeat.timings(parts),
        "whole_time": repeat.duration(sum(float(entry.get("seconds") or 0) for entry in parts.steps.values())),
        "machine": repeat.machine(parts),
        "versions": repeat.versions(parts),
        "commands": repeat.commands(parts),
        "seeds": repeat.seeds(parts),
        "said": repeat.sentences_of_steps(parts),
        "config_text": parts.config_text,
        "config_file": repeat.download(parts.config_text, "application/toml"),
        "checks_file": repeat.download(checks_table(checks).to_csv(index=False), "text/csv"),
        "duration": repeat.duration,
        "show": show,
    }


def grouped(checks: list[Result]) -> list[tuple[str, list[Result]]]:
    """Checks by group, in the order of the page; empty groups are left out."""
    groups = [(group, [check for check in checks if check.group == group]) for group in GROUPS]
    return [(group, each) for group, each in groups if each]
