"""What lies beside a report: the figures for print, the numbers behind them, and the tables of the run."""

from __future__ import annotations

import shutil
from pathlib import Path

from microslip.data.artifacts import tables_in
from microslip.data.files import replacing
from microslip.views.report.parts import Parts

# Larger files are not copied [bytes].
LARGEST = 5_000_000


def attach(parts: Parts, folder: Path) -> list[tuple[str, str, int]]:
    """Copy figures and tables beside the page; name, address and size [bytes] of each table.

    Figures go into `figures/` as PDF with their CSV tables, tables of the run into `tables/`; both are replaced.
    """
    run = parts.run.folder
    with replacing(folder / "figures") as beside:
        beside.mkdir()
        for path in sorted((run / "figures").glob("*")):
            is_figure = path.suffix in (".pdf", ".csv") and not path.name.startswith(".")
            if is_figure and path.stat().st_size <= LARGEST:
                shutil.copyfile(path, beside / path.name)
    tables = []
    with replacing(folder / "tables") as beside:
        beside.mkdir()
        for path in tables_in(run):
            size = path.stat().st_size
            if size <= LARGEST:
                flat = "-".join(path.relative_to(run).parts)
                shutil.copyfile(path, beside / flat)
                tables.append((path.relative_to(run).as_posix(), f"tables/{flat}", size))
    for name in ("config.toml", "provenance.json"):
        if (run / name).is_file():
            with replacing(folder / name) as beside:
                shutil.copyfile(run / name, beside)
    return tables
