"""One look for every figure: journal widths, colour-blind-safe colours, and no trace left in matplotlib's settings."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from inspect import signature
from itertools import cycle
from pathlib import Path
from string import ascii_lowercase
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

# Widths of one and of two columns of a journal page [in].
ONE_COLUMN = 3.5
TWO_COLUMNS = 7.2

# Okabe & Ito (2008): told apart with every common kind of colour blindness, and in grey by their lightness.
BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
ORANGE = "#E69F00"
SKY = "#56B4E9"
PURPLE = "#CC79A7"
INK = "#1F2933"
GREY = "#7B8794"
WALL = "#5B6675"
BULK = "#E3CFA4"

# Windows of strain stand in for stages where no stress is known.
KIND_COLOUR = {"stick": BLUE, "slip": VERMILLION, "window": GREEN}
KIND_MARKER = {"stick": "o", "slip": "s", "window": "^"}

# Perceptually uniform: one for sizes, one for order, one for signed values.
SIZE_MAP = "plasma"
ORDER_MAP = "viridis"
SIGNED_MAP = "RdBu_r"

# Fonts, sizes and lines: a style sheet of matplotlib's, so that `plt.style.use(STYLE)` gives a notebook the same look.
STYLE = "microslip.views.microslip"
STYLE_FILE = Path(__file__).with_name("microslip.mplstyle")


@cache
def _settings() -> Any:
    return matplotlib.rc_params_from_file(STYLE_FILE, use_default_template=False)


@contextmanager
def journal_style() -> Iterator[None]:
    """The settings of all figures, in a `with` block or as a decorator; the reader's own settings return afterwards."""
    with matplotlib.rc_context(_settings()):
        yield


@journal_style()
def new_figure(width: float = ONE_COLUMN, height: float = 2.6) -> Figure:
    """An empty figure of that size [in], unknown to pyplot, so that nothing has to be closed and no window opens."""
    return Figure(figsize=(width, height), layout="constrained")


def titled_axes(axes: Axes | None, title: str, width: float = ONE_COLUMN, height: float = 2.6) -> tuple[Figure, Axes]:
    """The reader's axes and their figure, or a new figure of that size [in] with one pair of axes; with a title."""
    axes = axes or new_figure(width, height).subplots()
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    if title:
        axes.set_title(title, loc="left")
    return figure, axes


# Stands in a signature for the axes of a new figure; `draws_panel` makes them.
NEW_AXES: Any = None

P = ParamSpec("P")


def draws_panel(width: float = ONE_COLUMN, height: float = 2.6) -> Callable[[Callable[P, None]], Callable[P, Figure]]:
    """A decorator of functions that draw one panel into `axes`, under the `title`; it returns the panel's figure.

    Where the reader passes no `axes`, the panel stands alone in a new figure of that size [in].
    """

    def decorate(draw: Callable[P, None]) -> Callable[P, Figure]:
        @wraps(draw)
        @journal_style()
        def draw_panel(*args: P.args, **kwargs: P.kwargs) -> Figure:
            given: dict[str, Any] = dict(kwargs)
            figure, given["axes"] = titled_axes(given.get("axes"), given.get("title", ""), width, height)
            draw(*args, **given)
            return figure

        # the documentation shows what the reader gets
        draw_panel.__signature__ = signature(draw).replace(return_annotation="Figure")  # type: ignore[attr-defined]
        return draw_panel

    return decorate


def add_letters(panels: Iterable[Axes]) -> None:
    """Letters a, b, … in front of the titles of panels, in order."""
    for axes, letter in zip(panels, cycle(ascii_lowercase), strict=False):
        axes.set_title(f"{letter}  {axes.get_title(loc='left')}".rstrip(), loc="left")


def add_colour_bar(
    axes: Axes | Sequence[Axes], norm: Normalize, colours: str | Colormap, label: str, **options: Any
) -> Colorbar:
    """A colour scale below some panels, or where `options` say, which are those of matplotlib's `colorbar`."""
    options = {"orientation": "horizontal"} | options
    figure = (axes if isinstance(axes, Axes) else axes[0]).figure
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, **options)
    bar.set_label(label)
    bar.outline.set_linewidth(0.5)
    return bar


def say_missing(axes: Axes, sentence: str, width: int = 34) -> None:
    """A sentence in place of a panel whose data do not exist, in lines of `width` letters; the title stays."""
    title = axes.get_title(loc="left")
    axes.clear()
    axes.set_axis_off()
    axes.set_title(title, loc="left")
    # a dollar sign in a path would start a formula
    text = "\n".join(textwrap.wrap(sentence, width)).replace("$", r"\$")
    frame = {"boxstyle": "round,pad=0.8", "facecolor": "#F5F7FA", "edgecolor": "#CBD2D9", "linewidth": 0.7}
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, fontsize=7.5, bbox=frame)


def scientific(value: float, digits: int = 1) -> str:
    """A number as a·10ᵇ, or plainly where that is short, in matplotlib's mathematics and with a true minus."""
    if value == 0 or not np.isfinite(value):
        return f"${value:g}$"
    exponent = int(np.floor(np.log10(abs(value))))
    # 9.96 with one digit is 10.0, and that is the next power
    if round(abs(value) / 10.0**exponent, digits) >= 10:
        exponent += 1
    if -3 < exponent < 3:
        return f"${value:.{max(0, digits - exponent)}f}$"
    return rf"${value / 10.0**exponent:.{digits}f}\times 10^{{{exponent}}}$"


def few_log_labels(axis: Axis) -> None:
    """Labels on a logarithmic axis that a narrow panel has room for: powers of ten, a few between them within a decade.

    Labels stand beside each other on a horizontal axis, and one above the other, where more have room, on a vertical
    one.
    """
    low, high = sorted(abs(float(end)) for end in axis.get_view_interval())
    axis.set_minor_formatter(NullFormatter())
    across = isinstance(axis, XAxis)
    if low <= 0 or high / low >= (10 if across else 60):
        return
    beside = (1.0, 3.0) if across else (1.0, 2.0, 5.0)
    between = beside if high / low >= 3 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    axis.set_major_locator(LogLocator(subs=between))
    axis.set_major_formatter(LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(np.inf, np.inf)))


def symmetric_limit(values: np.ndarray, quantile: float = 0.995) -> float:
    """Limit of a signed colour scale about 0: a high quantile of |values|; 1 where all are 0 or missing."""
    sizes = np.abs(np.asarray(values, dtype=float))
    sizes = sizes[np.isfinite(sizes)]
    limit = float(np.quantile(sizes, quantile)) if sizes.size else 0.0
    if limit == 0.0:
        limit = float(sizes.max(initial=0.0))
    return limit if limit > 0 else 1.0
