"""Figures of a run as a page shows them: embedded, with the words to them, and links to their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json
from microslip.views.figures.record import NOT_MADE, About
from microslip.views.figures.registry import FIGURES
from microslip.views.report.attachments import LARGEST
from microslip.views.report.page import embedded
from microslip.views.report.parts import Parts

# Steps that need a network, and so enough stages to train one.
UNTRAINED = ("train", "ablate", "explain")


@dataclass(frozen=True)
class Illustration:
    """A figure that shows something: its picture and the words to it, as they were when it was drawn."""

    name: str
    title: str
    caption: str
    alternative: str
    picture: Path


def illustrations(parts: Parts) -> tuple[list[Illustration], list[tuple[str, str]]]:
    """Figures that show something, in order, and titles of those that do not, with the command for them or why not."""
    folder = parts.run.folder
    words_drawn = _words(folder / "figures" / "captions.json")
    walls = parts.kind is None or bool((parts.kind != 0).any())
    stress = parts.series is None or "stress" not in parts.series or bool(np.isfinite(parts.series["stress"]).any())
    about = About(walls=walls, stress=stress, pressure_known=parts.stress_unit == "p", measure=parts.measure)
    shown: list[Illustration] = []
    lacking: list[tuple[str, str]] = []
    for name, figure in FIGURES.items():
        title = figure.title
        words = words_drawn.get(name, {})
        text = words.get("caption") or figure.words(parts.config, about)
        path = folder / "figures" / f"{name}.png"
        if not (folder / figure.needs).exists():
            if figure.of_few_runs:
                continue
            untrained = parts.too_few_to_train if figure.step in UNTRAINED else ""
            lacking.append((title, untrained or f"microslip {figure.step} {parts.folder}"))
        elif text == NOT_MADE:
            # drawing again helps only where the data were made after the other figures
            lacking.append(
                (title, f"nothing to show when the figures were drawn; `microslip run {parts.folder}` looks again")
            )
        elif not path.is_file():
            lacking.append((title, f"microslip figures {parts.folder}"))
        else:
            alternative = words.get("alternative") or figure.alternative
            shown.append(Illustration(name, words.get("title") or title, text, alternative, path))
    return shown, lacking


def _words(path: Path) -> dict[str, dict[str, str]]:
    """Words to the figures as they were drawn; none where the figures are older than that, or the file is damaged."""
    try:
        return dict(read_json(path))
    except (MicroslipError, ValueError, TypeError):
        return {}


def figure_rows(shown: list[Illustration]) -> list[dict[str, Any]]:
    """Figures for a page: embedded, numbered, with the addresses of their files beside the page."""
    rows = []
    for number, figure in enumerate(shown, start=1):
        folder = figure.picture.parent
        tables = [path for path in sorted(folder.glob(f"{figure.name}-*.csv")) if path.stat().st_size <= LARGEST]
        rows.append(
            {
                "name": figure.name,
                "number": number,
                "title": figure.title,
                "source": embedded(figure.picture),
                "caption": figure.caption,
                "alternative": figure.alternative,
                "narrow": FIGURES[figure.name].narrow,
                "pdf": f"figures/{figure.name}.pdf" if (folder / f"{figure.name}.pdf").is_file() else "",
                "tables": [
                    (table.stem.removeprefix(f"{figure.name}-").replace("_", " "), f"figures/{table.name}")
                    for table in tables
                ],
            }
        )
    return rows
