"""The records of all figures, by name."""

from __future__ import annotations

from importlib import import_module

from microslip.views.figures import OF_A_STUDY, RUN_FIGURES
from microslip.views.figures.record import RunFigure
from microslip.views.figures.study_record import StudyFigure

_FOLDER = "microslip.views.figures"

FIGURES: dict[str, RunFigure] = {name: import_module(f"{_FOLDER}.{name}").FIGURE for name in RUN_FIGURES}

STUDY_FIGURES: dict[str, StudyFigure] = {name: import_module(f"{_FOLDER}.{name}").FIGURE for name in OF_A_STUDY}
