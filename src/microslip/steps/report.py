"""The report: one page of a run."""

from __future__ import annotations

from collections.abc import Mapping

from microslip.config import Config
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.steps.common import Advance, Say
from microslip.views.report.run_report import write_report


def report_step(
    run: Run, config: Config, mark: str, advance: Advance, say: Say, states: Mapping[str, StepState] | None = None
) -> dict[str, str]:
    """One page that shows it all, with its figures and tables beside it; `states` tells which steps are current."""
    folder = run.folder / "report"
    checks = write_report(run, folder, states)
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in ("passed", "failed", "open")}
    say(f"{counts['passed']} checks passed, {counts['failed']} failed, {counts['open']} open")
    for check in checks:
        if check.verdict == "failed":
            say(f"failed: {check.name}, {check.value}; {check.limit}")
    say(f"open {folder / 'index.html'} in a browser")
    return {"name": run.folder.resolve().name}
