"""Two to four run folders on one page: each is read for itself, so that a damaged one spoils no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.data.run import Run, open_run
from microslip.states import step_states
from microslip.steps.run_settings import run_config
from microslip.study.summary import slip_sizes, summarise_series
from microslip.views.report.comparison import MOST_RUNS, write_comparison
from microslip.views.report.comparison_numbers import Compared
from microslip.views.report.parts import Parts, read_parts


def compare_runs(folders: Sequence[Path], target: Path, say: Callable[[str], None]) -> None:
    """Write the page of two to four runs, side by side, to one HTML file.

    Raises
    ------
    MicroslipError
        Fewer than two runs, more than four, one of them twice, or a folder that is no run folder.
    """
    if not 2 <= len(folders) <= MOST_RUNS:
        raise MicroslipError(f"{len(folders)} runs side by side: give two to {MOST_RUNS}")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise MicroslipError("a run is named twice: give different run folders")
    runs = [_read(open_run(folder)) for folder in folders]
    for run in runs:
        for problem in dict.fromkeys(run.parts.problems.values()):
            say(Caution(f"{run.parts.name}: {problem}"))
    write_comparison(runs, target)


def comparison_target(folders: Sequence[Path], into: Path | None) -> Path:
    """Where the page goes: index.html of `into`, else with-B.html in the report folder of the first run."""
    if into is not None:
        return into / "index.html"
    names = "-".join(folder.resolve().name for folder in folders[1:])
    return folders[0] / "report" / f"with-{names}.html"


def _read(run: Run) -> Compared:
    try:
        config = run_config(run.folder)
        parts = read_parts(run, step_states(run.folder, config))
    except MicroslipError as problem:
        parts = read_parts(run)
        parts.problems.setdefault("config.toml", str(problem))
        return Compared(parts, {}, None)
    return Compared(parts, *_steady_state(parts, config))


def _steady_state(parts: Parts, config: Config) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Numbers of the steady state, with errors from blocks of strain, and the sizes of its slips."""
    series = parts.series
    if series is None or "stress" not in series:
        return {}, None
    finite = np.isfinite(series["stress"]) & np.isfinite(series["strain"])
    if finite.sum() < 2:
        return {}, None
    nowhere = np.full(int(finite.sum()), np.nan)
    columns = {
        name: series[name][finite] if name in series else nowhere
        for name in ("strain", "stress", "normal_stress", "solid_fraction")
    }
    first = config.steady_sample(columns["strain"])
    smoothing = config.stage_smoothing
    try:
        row = summarise_series(columns, first, smoothing)
        return row, slip_sizes(columns["strain"], columns["stress"], first, smoothing)
    except (MicroslipError, IndexError, ValueError) as problem:
        # such as a series that ends within its warm-up
        parts.problems["steady state"] = f"{parts.run.folder}: no steady state to compare ({problem})"
        return {}, None
