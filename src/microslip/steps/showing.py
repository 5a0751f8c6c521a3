"""Figures and report."""

from __future__ import annotations

from microslip.config import Config
from microslip.data.run import Run
from microslip.steps.common import Advance, Say


def figures_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Draw."""
    from microslip.views.gallery import draw_figures

    drawn = draw_figures(run, run.folder / "figures", advance)
    say(f"{len(drawn)} files in {run.folder / 'figures'}")


def report_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """One page that shows it all."""
    from microslip.views.report import write_report

    target = run.folder / "report" / "index.html"
    write_report(run, target)
    say(f"open {target} in a browser")
