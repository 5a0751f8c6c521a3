"""The record of a figure of a study: how it is drawn from the tables of all systems, and the words to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from microslip.views.panels import Drawing


@dataclass(frozen=True)
class StudyTables:
    """The tables of a study, over all of its systems.

    Parameters
    ----------
    summary
        Table of summary.csv: one row per system.
    drops
        Table of drops.csv: the distribution of slip sizes of every system.
    counts
        Table of counts.csv: stages per strain of every system, by stress and threshold.
    curves
        system, strain, stress [p]: the steady state of every system, thinned.
    families
        number (of the family), family (the setting that varies), system, value (NaN where it is no number) and label.
    """

    summary: pd.DataFrame
    drops: pd.DataFrame
    counts: pd.DataFrame
    curves: pd.DataFrame
    families: pd.DataFrame


@dataclass(frozen=True)
class StudyFigure:
    """A figure of a study.

    `name` of its files, as of a `RunFigure`; `title`, `caption` and `alternative` text; `draw` from the tables of the
    study; `numbers`: the files in the study's folder that hold what is drawn; `counterpart`: the figure of Mei et al.
    2023 that shows the same.
    """

    name: str
    title: str
    draw: Callable[[StudyTables], Drawing]
    caption: str
    alternative: str
    numbers: tuple[str, ...]
    counterpart: str = ""
