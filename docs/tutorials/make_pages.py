"""Runs tutorials and writes their pages: text, code, what the code printed, what it drew.

`make tutorials` calls it from the root of the repository. The tutorials work on a run that takes
minutes, so the pages are kept in the repository and a build of the documentation only reads them.
A test runs the scripts on a small run, and holds each page against the script that made it.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import re
import sys
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

CELL = "# %%"
TEXT_CELL = "# %% [markdown]"

# A figure of one column is some 500 pixels wide, about as large beside the text as in a journal.
DPI = 150


@dataclass(frozen=True)
class Cell:
    """Text in Markdown, or code, and the number of lines before it."""

    is_text: bool
    source: str
    lines_before: int


def split(script: str) -> list[Cell]:
    """The cells of a script in the percent format, which editors and Jupytext know."""
    cells, line = [], 0
    for part in ("\n" + script).split("\n" + CELL)[1:]:
        head, _, body = part.partition("\n")
        is_text = (CELL + head).rstrip() == TEXT_CELL
        if is_text:
            body = "\n".join(
                line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines()
            )
        cells.append(Cell(is_text, body.strip(), line + 1))
        line += part.count("\n") + 1
    return cells


def run_cells(cells: list[Cell], name: str) -> Iterator[tuple[str, Any]]:
    """What each cell prints, and the value of its last line where that is an expression."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        printed, value = io.StringIO(), None
        if not cell.is_text:
            tree = ast.parse("\n" * cell.lines_before + cell.source, name)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            with contextlib.redirect_stdout(printed):
                exec(compile(tree, name, "exec"), names)
                if isinstance(last, ast.Expr):
                    value = eval(compile(ast.Expression(last.value), name, "eval"), names)
        yield printed.getvalue(), value


def stamp(script: Path) -> str:
    """First line of a page: by which a script that changed since is known."""
    digest = hashlib.sha256(script.read_bytes()).hexdigest()[:16]
    return f"<!-- made by `make tutorials` from {script.name}, {digest} -->"


def write_page(script: Path, folder: Path) -> Path:
    """Run a script from the current folder; its page and pictures go into `folder`."""
    cells = split(script.read_text(encoding="utf-8"))
    pictures = folder / script.stem
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()
    parts, topic = [stamp(script)], ""
    for cell, (printed, value) in zip(cells, run_cells(cells, str(script)), strict=True):
        if cell.is_text:
            parts.append(cell.source)
            topic = cell.source.rpartition("# ")[2].partition("\n")[0]
            continue
        parts.append(f"```python\n{cell.source}\n```")
        if value is not None and not isinstance(value, Figure):
            printed += f"{value}\n"
        if printed:
            parts.append(f"```text\n{printed.rstrip()}\n```")
        if isinstance(value, Figure):
            plain = (
                unicodedata.normalize("NFKD", topic.lower()).encode("ascii", "ignore").decode()
            )
            name = re.sub(r"\W+", "-", plain).strip("-") + ".png"
            value.savefig(pictures / name, dpi=DPI, pil_kwargs={"optimize": True})
            parts.append(f"![{topic}]({script.stem}/{name})")
    page = folder / f"{script.stem}.md"
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        started = time.monotonic()
        made = write_page(Path(argument), Path(argument).parent)
        print(f"{made}: {time.monotonic() - started:.0f} s")
