"""All figures of a run as files: PNG for the screen, PDF for print, and the small tables behind them as CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from microslip.data.files import replacing, write_json, write_table
from microslip.data.provenance import fingerprint, versions
from microslip.data.run import Run
from microslip.views.drawn import Drawn
from microslip.views.figures.record import About
from microslip.views.figures.registry import FIGURES
from microslip.views.panels import Drawing
from microslip.views.settings import read_config
from microslip.views.source_units import in_source_units
from microslip.views.style import journal_style

DOTS_PER_INCH = 200

# As text, a table of this length takes some 10 MB; longer ones can be read from the run's own stores.
ROWS_AT_MOST = 200_000


def draw_figures(
    run: Run,
    folder: Path,
    advance: Callable[[int, int], None] | None = None,
    layers: pd.DataFrame | None = None,
    mark: str | None = None,
) -> list[Path]:
    """Draw every figure that has data into a folder; panels without data say which command makes them.

    Parameters
    ----------
    run
        The run drawn.
    folder
        Where NAME.png, NAME.pdf and NAME-TABLE.csv are written, and captions.json, the words to each. A figure that
        shows nothing loses its older files, and its caption is `NOT_MADE`.
    advance
        Called with the number of figures done and their total.
    layers
        The trained network's layers, as in `Predictor.layers`; None where there is no network.
    mark
        A digest of what the run holds. With it an interrupted drawing of the same data goes on where it stopped;
        without it every figure is drawn.

    Returns
    -------
    list of Path
        The files written.
    """
    written: list[Path] = []
    words, about = {}, About.of(run)
    config = read_config(run)
    drawn = Drawn(folder, None if mark is None else fingerprint([mark, config, versions()]))
    for done, (name, figure) in enumerate(FIGURES.items()):
        if advance is not None:
            advance(done, len(FIGURES))
        files = drawn.files(name)
        if files is None:
            drawing = figure.draw(run, layers) if figure.of_network else figure.draw(run)
            if drawing.tables and not about.pressure_known:
                in_source_units(drawing.figure)
            files = save_drawing(drawing, folder, name) if drawing.tables else []
            _remove_others(folder, name, files)
            drawn.add(name, files)
        written += files
        caption = figure.words(config, about.with_data(bool(files)))
        words[name] = {"title": figure.title, "caption": caption, "alternative": figure.alternative}
    write_json(folder / "captions.json", words)
    written.append(folder / "captions.json")
    drawn.finish()
    if advance is not None:
        advance(len(FIGURES), len(FIGURES))
    return written


def save_drawing(drawing: Drawing, folder: Path, name: str) -> list[Path]:
    """Write one figure as PNG and PDF, and its tables as CSV; the paths written."""
    written = []
    with journal_style():
        settle_layout(drawing.figure)
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


def _remove_others(folder: Path, name: str, files: list[Path]) -> None:
    """Remove the files of an earlier drawing: a run that lost its data must not show them."""
    for path in {folder / f"{name}.png", folder / f"{name}.pdf", *folder.glob(f"{name}-*.csv")} - {*files}:
        path.unlink(missing_ok=True)


def settle_layout(figure: Figure) -> None:
    """Lay a figure out once for all its files.

    Pictures keep the shape of the cell, so that their axes shrink: the layout is right in the second pass.
    """
    engine = figure.get_layout_engine()
    # letters are a little wider or narrower at another resolution
    figure.set_dpi(DOTS_PER_INCH)
    if engine is not None:
        for _ in range(2):
            engine.execute(figure)
        figure.set_layout_engine("none")
