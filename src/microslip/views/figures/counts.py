"""Stages per strain by size against what varies: in the stress of the volume and in that of the walls."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microslip.views.figures.study import family_parts, place_systems
from microslip.views.figures.study_record import StudyFigure, StudyTables
from microslip.views.panels import Drawing
from microslip.views.style import ORDER_MAP, TWO_COLUMNS, add_letters, journal_style, new_figure

_TITLES = {"volume": "stress of the volume", "walls": "stress of the walls"}


@journal_style()
def draw_counts(summary: pd.DataFrame, counts: pd.DataFrame, families: pd.DataFrame) -> Figure:
    """Stages per unit of strain above each size with standard errors; a row per family, a column per known stress.

    `counts` is the table of counts.csv; the others are those of `StudyTables`.
    """
    parts = family_parts(summary, families)
    stresses = [name for name in _TITLES if name in set(counts["stress"])] or ["walls"]
    figure = new_figure(TWO_COLUMNS, 2.8 * len(parts))
    grid = figure.subplots(len(parts), len(stresses), squeeze=False, sharey=True)
    for row, part in enumerate(parts):
        for column, stress in enumerate(stresses):
            axes = grid[row, column]
            _counts_panel(part, counts[counts["stress"] == stress], axes)
            axes.set_ylabel("" if column else r"stages per strain [1]")
            # the left of the title holds the panel's letter
            axes.set_title(_TITLES[stress], fontsize=8)
    grid[0, -1].legend(
        title="larger than [$p$]", title_fontsize=6.5, fontsize=6.5, loc="upper left", bbox_to_anchor=(1.0, 1.0)
    )
    add_letters(grid.flat)
    return figure


def _counts_panel(part: pd.DataFrame, counts: pd.DataFrame, axes: Axes) -> None:
    x = place_systems(part, axes)
    sizes = sorted(counts["threshold"].unique())
    for number, size in enumerate(sizes):
        of_size = counts[counts["threshold"] == size].set_index("system").reindex(part["system"])
        rate = of_size["stages_per_strain"].to_numpy(dtype=float)
        # none at all has no place on a logarithmic axis, nor has an error bar to below 0
        rate = np.where(rate > 0, rate, np.nan)
        error = of_size["stages_per_strain_error"].to_numpy(dtype=float)
        axes.errorbar(
            x,
            rate,
            yerr=[np.minimum(error, 0.9 * rate), error],
            fmt="o-",
            color=colormaps[ORDER_MAP](0.92 * number / max(1, len(sizes) - 1)),
            capsize=2,
            label=f"{size:.0e}".replace("e-0", "e-"),
            linewidth=0.9,
            elinewidth=0.9,
            markersize=3.5,
        )
    axes.set_yscale("log")


def draw(tables: StudyTables) -> Drawing:
    """As `draw_counts`."""
    return Drawing(draw_counts(tables.summary, tables.counts, tables.families))


FIGURE = StudyFigure(
    name="counts",
    title="Stages by size",
    draw=draw,
    caption=(
        "Stages per unit of strain above seven sizes, with standard errors from blocks of strain, in the stress of the "
        "volume and in that of the walls where each is known. Where the two differ, the walls ring."
    ),
    alternative="Stages per strain above seven sizes against what varies, in the stress of the volume and of the walls",
    numbers=("counts.csv",),
)
