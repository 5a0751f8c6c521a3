"""Every check of a run, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields

import pandas as pd

from microslip.views.report.check import Check, Result
from microslip.views.report.checks_attributions import ATTRIBUTIONS
from microslip.views.report.checks_cell import CELL
from microslip.views.report.checks_flow import FLOW
from microslip.views.report.checks_network import NETWORK
from microslip.views.report.checks_record import RECORD
from microslip.views.report.checks_stages import MOTION
from microslip.views.report.checks_statistics import STATISTICS
from microslip.views.report.checks_stress import STRESS
from microslip.views.report.parts import Parts

# The record last: it names what the others could not read.
CHECKS: tuple[Check, ...] = (*CELL, *FLOW, *STRESS, *MOTION, *STATISTICS, *NETWORK, *ATTRIBUTIONS, *RECORD)

GROUPS = tuple(dict.fromkeys(check.group for check in CHECKS))


def check_run(parts: Parts) -> list[Result]:
    """Every check that applies to a run; parts that have not been made leave theirs out."""
    results = []
    for check in CHECKS:
        try:
            results.append(check.of(parts))
        except (KeyError, ValueError, TypeError, IndexError) as problem:
            parts.problems[f"check: {check.name}"] = f"{check.name} cannot be checked ({problem!r}): run its step again"
    return [result for result in results if result is not None]


def checks_table(results: Iterable[Result]) -> pd.DataFrame:
    """One row per check, as in checks.csv."""
    return pd.DataFrame([asdict(result) for result in results], columns=[field.name for field in fields(Result)])


def counts(results: Iterable[Result]) -> dict[str, int]:
    """How many checks passed, failed, and are open."""
    verdicts = [result.verdict for result in results]
    return {verdict: verdicts.count(verdict) for verdict in ("passed", "failed", "open")}
