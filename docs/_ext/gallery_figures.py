"""What the gallery shows of each example: figures of pyplot, and those that a block's last expression returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx_gallery.scrapers import figure_rst

# Dots per inch on a plain screen, and on one of twice as many.
DPI = 120


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figures of a block; our functions return figures that pyplot does not know."""
    names = block_vars["example_globals"]
    figures = [plt.figure(number) for number in plt.get_fignums()]
    last = names.get("___")
    if isinstance(last, Figure) and last not in figures:
        figures.append(last)
    # the name outlives its block
    names["___"] = None
    title = _title(block_vars["src_file"])
    pieces = []
    for figure, place in zip(figures, block_vars["image_path_iterator"], strict=False):
        sharp = Path(place).with_name(Path(place).stem + "_2x.png")
        figure.savefig(place, dpi=DPI)
        figure.savefig(sharp, dpi=2 * DPI)
        pieces.append(figure_rst([place], gallery_conf["src_dir"], title, [{0: place, 2.0: str(sharp)}]))
    plt.close("all")
    return "\n".join(pieces)


def _title(script: str) -> str:
    """The first line of the script's text, which says what the figure is of."""
    return next(line for line in Path(script).read_text(encoding="utf-8").splitlines()[1:] if line.strip())


def setup(app: Sphinx) -> dict[str, Any]:
    """Importable by its name; nothing is registered."""
    return {"parallel_read_safe": True, "parallel_write_safe": True}
