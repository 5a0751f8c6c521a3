"""The figures of a run and of a study, each in a file of its own with its record, in the order of the pipeline.

A new one takes a file NAME.py with its `FIGURE`, and its name in the list below. It is then drawn by `microslip
figures`, with its caption and tables, and stands on the report's page and in the documentation.
"""

from __future__ import annotations

from importlib import import_module

from microslip.views.figures.record import RunFigure
from microslip.views.figures.study_record import StudyFigure

FIGURES: dict[str, RunFigure] = {
    name: import_module(f"{__name__}.{name}").FIGURE
    for name in (
        "overview",
        "cell_and_stress",
        "d2min_snapshots",
        "correlation",
        "coarse_graining",
        "network",
        "training",
        "scores",
        "reliability",
        "ablations",
        "volumes",
        "attributions",
        "completeness",
        "lengths",
        "nulls",
        "clusters",
        "mechanisms",
    )
}

STUDY_FIGURES: dict[str, StudyFigure] = {
    name: import_module(f"{__name__}.{name}").FIGURE for name in ("study", "families")
}
