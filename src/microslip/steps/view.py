"""The page of a run, written as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.steps.common import Advance

# Some 110 MB for 20,000 grains.
STAGES = 200


def export_view(
    run: Run, folder: Path, stages: str | None, states: Iterable[StepState], advance: Advance
) -> tuple[int, int]:
    """Write the page with the grains of `stages` stages, a number or "all"; how many those were, and the bytes."""
    from microslip.views.explorer.exporting import choose_stages, export_page
    from microslip.views.tables import read_predictions

    try:
        table = run.stages
    except MicroslipError:
        chosen = np.empty(0, dtype=int)
    else:
        try:
            predictions = read_predictions(run)
        except MicroslipError:
            predictions = None
        try:
            explained = run.attributions["stage"].to_numpy()
        except MicroslipError:
            explained = np.empty(0, dtype=int)
        wanted = len(table) if stages == "all" else int(stages or STAGES)
        chosen = choose_stages(table, predictions, wanted, explained)
    return len(chosen), export_page(run, folder, chosen, states=states, advance=advance)
