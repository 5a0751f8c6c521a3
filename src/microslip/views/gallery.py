"""All figures of a run as files: PNG for the screen, PDF for print, and the small tables behind them as CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from microslip.data.files import replacing, write_table
from microslip.data.run import Run
from microslip.views import figures_controls, figures_learning, figures_shear
from microslip.views.compose import Drawing
from microslip.views.style import journal_style

# In the order of the pipeline; the names are those of the files.
FIGURES: dict[str, Callable[[Run], Drawing]] = {
    "overview": figures_shear.overview,
    "cell_and_stress": figures_shear.cell_and_stress,
    "d2min_snapshots": figures_shear.d2min_snapshots,
    "correlation": figures_shear.correlation,
    "training": figures_learning.training,
    "scores": figures_learning.scores,
    "reliability": figures_controls.reliability,
    "ablations": figures_controls.ablations,
    "attributions": figures_learning.attributions,
    "completeness": figures_learning.completeness,
    "lengths": figures_controls.lengths,
    "nulls": figures_controls.nulls,
}

DOTS_PER_INCH = 200

# Longer tables lie in the run's own stores already.
ROWS_AT_MOST = 5000


def draw_figures(run: Run, folder: Path, advance: Callable[[int, int], None] | None = None) -> list[Path]:
    """Draw every figure into a folder; panels without data say which command makes them.

    Parameters
    ----------
    run
        The run drawn.
    folder
        Where NAME.png, NAME.pdf and NAME-TABLE.csv are written.
    advance
        Called with the number of figures done and their total.

    Returns
    -------
    list of Path
        The files written.
    """
    written: list[Path] = []
    for done, (name, draw) in enumerate(FIGURES.items()):
        if advance is not None:
            advance(done, len(FIGURES))
        drawing = draw(run)
        written += save_drawing(drawing, folder, name)
    if advance is not None:
        advance(len(FIGURES), len(FIGURES))
    return written


def save_drawing(drawing: Drawing, folder: Path, name: str) -> list[Path]:
    """Write one figure as PNG and PDF, and its tables as CSV; the paths written."""
    written = []
    with journal_style():
        for ending in ("png", "pdf"):
            path = folder / f"{name}.{ending}"
            with replacing(path) as beside:
                # without a date the same run gives the same bytes
                metadata = {"CreationDate": None} if ending == "pdf" else None
                drawing.figure.savefig(beside, format=ending, dpi=DOTS_PER_INCH, metadata=metadata)
            written.append(path)
    for part, table in drawing.tables.items():
        if len(table) <= ROWS_AT_MOST:
            path = folder / f"{name}-{part}.csv"
            write_table(path, table)
            written.append(path)
    return written
