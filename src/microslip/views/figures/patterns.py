"""Slips and the pattern of active grains against what varies: sizes, η, fractal dimension and Moran's I."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microslip.views.figures.study import family_parts, place_systems
from microslip.views.figures.study_record import StudyFigure, StudyTables
from microslip.views.panels import Drawing
from microslip.views.style import (
    BLUE,
    GREEN,
    KIND_COLOUR,
    KIND_MARKER,
    TWO_COLUMNS,
    add_letters,
    journal_style,
    new_figure,
    say_missing,
)

# Columns of the summary that a row of panels shows, with label, marker and colour of each, and the label of the axis.
_OF_KINDS = tuple((kind, kind, KIND_MARKER[kind], KIND_COLOUR[kind]) for kind in ("stick", "slip"))
ROWS = {
    r"slip size [$p$]": (
        ("mean_slip_1e-4", "mean", "o", BLUE),
        ("slip_99_1e-4", "99th percentile", "^", GREEN),
    ),
    **{
        label: tuple((f"{name}_{kind}", text, marker, colour) for kind, text, marker, colour in _OF_KINDS)
        for label, name in (
            (r"exponent $\eta$ [1]", "eta"),
            (r"fractal dimension $D$ [1]", "fractal_dimension"),
            (r"Moran's $I$ [1]", "moran_i"),
        )
    },
}


@journal_style()
def draw_patterns(summary: pd.DataFrame, families: pd.DataFrame) -> Figure:
    """Numbers of slips and clusters with their standard errors; a column per family, a row per number.

    Rows of which no system knows anything are left out. The tables are those of `StudyTables`.
    """
    parts = family_parts(summary, families)
    rows = [label for label, columns in ROWS.items() if any(_is_known(summary, column[0]) for column in columns)]
    n_rows = max(1, len(rows))
    figure = new_figure(max(TWO_COLUMNS, 2.4 * len(parts)), 1.7 * n_rows + 0.6)
    grid = figure.subplots(n_rows, len(parts), squeeze=False, sharey="row")
    if not rows:
        say_missing(grid[0, 0], "No system is finished.", 30)
        return figure
    for row, label in enumerate(rows):
        for column, part in enumerate(parts):
            _panel(part, ROWS[label], grid[row, column])
            grid[row, column].set_ylabel("" if column else label)
            if row + 1 < n_rows:
                grid[row, column].set_xlabel("")
        if "slip size" in label:
            grid[row, 0].set_yscale("log")
        if row < 2:
            grid[row, -1].legend(fontsize=6.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    add_letters(grid.flat)
    return figure


def _is_known(summary: pd.DataFrame, name: str) -> bool:
    return name in summary and bool(np.isfinite(summary[name].astype(float)).any())


def _panel(part: pd.DataFrame, columns: tuple[tuple[str, str, str, str], ...], axes: Axes) -> None:
    x = place_systems(part, axes)
    for name, label, marker, colour in columns:
        if name not in part:
            continue
        value = part[name].to_numpy(float)
        error = part[f"{name}_error"].to_numpy(float) if f"{name}_error" in part else np.full(len(part), np.nan)
        axes.errorbar(
            x, value, yerr=error, fmt=f"{marker}-", color=colour, capsize=2, label=label, markersize=3.5,
            linewidth=0.9, elinewidth=0.9,
        )  # fmt: skip


def draw(tables: StudyTables) -> Drawing:
    """As `draw_patterns`."""
    return Drawing(draw_patterns(tables.summary, tables.families))


FIGURE = StudyFigure(
    name="patterns",
    title="Slips and patterns against what varies",
    draw=draw,
    caption=(
        "Mean size and 99th percentile of the slips above 10⁻⁴ p; where statistics were measured, η of the cluster "
        "sizes from a fixed size on, and the means over stages of the fractal dimension D and of Moran's I. Bars are "
        "standard errors within one packing, from blocks of strain (η: of the likelihood); packings differ by more."
    ),
    alternative="Sizes of slips, cluster exponent, fractal dimension and index of Moran against what varies",
    numbers=("summary.csv", "trends.csv"),
)
