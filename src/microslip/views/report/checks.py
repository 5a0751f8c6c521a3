"""Checks of a run: stored numbers held against limits, each with why it matters and what to do where it fails."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd

from microslip.views.report.parts import Parts
from microslip.views.wording import show

Verdict = Literal["passed", "failed", "open"]

# In the order of the page.
GROUPS = ("Cell and loading", "Stages and motion", "Statistics", "Network", "Attributions", "Record")


@dataclass(frozen=True)
class Check:
    """A number, its limit and the verdict; `open` is what has not been measured or cannot be decided."""

    group: str
    name: str
    verdict: Verdict
    value: str
    limit: str
    why: str
    remedy: str = ""


def judge(passed: bool | None) -> Verdict:
    """The verdict of a comparison; None where a side of it is not known."""
    if passed is None:
        return "open"
    return "passed" if passed else "failed"


def below(value: float | None, limit: float) -> bool | None:
    """Whether a value keeps below its limit; None where it is not known."""
    return None if value is None or not np.isfinite(value) else bool(value <= limit)


def check_run(parts: Parts) -> list[Check]:
    """Every check that applies to a run, group by group; parts that have not been made leave theirs out."""
    from microslip.views.report.checks_cell import check_cell
    from microslip.views.report.checks_network import check_attributions, check_network
    from microslip.views.report.checks_record import check_record
    from microslip.views.report.checks_stages import check_stages, check_statistics

    found: list[Check] = []
    for checks in (check_cell, check_stages, check_statistics, check_network, check_attributions):
        try:
            found += checks(parts)
        except (KeyError, ValueError, TypeError, IndexError) as problem:
            # said among the parts that are damaged, which are checked last
            name = checks.__name__.removeprefix("check_")
            parts.problems[f"checks of the {name}"] = f"the {name} cannot be checked ({problem!r}): run its step again"
    return found + check_record(parts)


def checks_table(checks: list[Check]) -> pd.DataFrame:
    """One row per check, as in checks.csv."""
    columns = ["group", "name", "verdict", "value", "limit", "why", "remedy"]
    return pd.DataFrame([asdict(check) for check in checks], columns=columns)


def share(value: float) -> str:
    """A share in per cent; none where there is none at all."""
    return "none" if value == 0 else f"{show(100 * value, 2)} %"
