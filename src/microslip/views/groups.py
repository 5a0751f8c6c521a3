"""Groups of stages as figures show them: bins of |Δs| by colour, kinds by marker, values with their intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap, LogNorm

from microslip.views.names import FLUCTUATION_LABEL
from microslip.views.style import KIND_COLOUR, ORDER_MAP, add_colour_bar, few_log_labels

# The light end of the scale is too pale for points and lines on white.
_PALEST = 0.92


def kinds_in(table: pd.DataFrame) -> list[str]:
    """The kinds of stages that a table of groups holds: stick and slip, or window where no stress is known."""
    return [kind for kind in KIND_COLOUR if (table["kind"] == kind).any()]


def binned(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of bins of |Δs|; those of whole kinds where there are no bins."""
    bins = table[table["by"] == "bin"]
    return bins if len(bins) else table


def bins_by_size(of_kind: pd.DataFrame) -> pd.DataFrame:
    """The bins of one kind of stage, from the smallest to the largest mean |Δs|, which is their column `at` [p]."""
    bins = of_kind[of_kind["by"] == "bin"]
    return bins.assign(at=bins["mean_fluctuation"].abs()).sort_values("at")


def fluctuation_limits(table: pd.DataFrame) -> tuple[float, float]:
    """Smallest and largest mean |Δs| of the groups [p], at least a factor of 2 apart."""
    sizes = table["mean_fluctuation"].abs()
    sizes = sizes[sizes > 0]
    if sizes.empty:
        return 1e-5, 1.0
    low, high = float(sizes.min()), float(sizes.max())
    return low, max(high, 2 * low)


def size_colour(mean_fluctuation: float, limits: tuple[float, float]) -> tuple[float, ...]:
    """Colour of a group by its mean |Δs| [p] between limits [p]; the darkest where no stress is known."""
    size = abs(mean_fluctuation)
    place = float(LogNorm(*limits)(np.clip(size, *limits))) if size > 0 else 0.0
    return tuple(colormaps[ORDER_MAP](place * _PALEST))


def each_group(
    table: pd.DataFrame, limits: tuple[float, float] | None = None
) -> Iterator[tuple[str, str, tuple[float, ...], pd.DataFrame]]:
    """Name, kind, colour and rows of every group, in the order of the table."""
    limits = limits or fluctuation_limits(table)
    for name, rows in table.groupby("group", sort=False):
        colour = size_colour(float(rows["mean_fluctuation"].iloc[0]), limits)
        yield str(name), str(rows["kind"].iloc[0]), colour, rows


def shifted_suffix(table: pd.DataFrame, shift: float) -> str:
    """The end of an axis label where the curves of several groups are shifted by a factor."""
    return "" if shift == 1 or table["group"].nunique() < 2 else ", shifted"


def size_bar(axes: Axes | list[Axes], limits: tuple[float, float], **options: Any) -> Colorbar:
    """The colour scale of `size_colour`; options are those of matplotlib's `colorbar`."""
    shown = ListedColormap(colormaps[ORDER_MAP](np.linspace(0.0, _PALEST, 256)))
    bar = add_colour_bar(axes, LogNorm(*limits), shown, FLUCTUATION_LABEL, **{"orientation": "vertical"} | options)
    few_log_labels(bar.ax.yaxis if bar.orientation == "vertical" else bar.ax.xaxis)
    return bar
