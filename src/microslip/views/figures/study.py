"""A study at a glance: stress, stages, slips and correlation length of each family of systems, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from microslip.views.figures.study_record import StudyFigure, StudyTables
from microslip.views.panels import Drawing
from microslip.views.style import (
    BLUE,
    GREEN,
    INK,
    KIND_COLOUR,
    KIND_MARKER,
    ORANGE,
    ORDER_MAP,
    TWO_COLUMNS,
    VERMILLION,
    add_letters,
    journal_style,
    new_figure,
)

# How a setting is written on an axis; any other is written as its key.
LABELS = {
    "grains.width": r"width of the diameters $w$ [1]",
    "grains.friction": r"friction $\mu$ [1]",
    "loading.pressure": r"pressure $p$ [Pa]",
    "loading.shear_rate": r"inertial number $I$ [1]",
    "cell": "grains, walls included",
}
_THRESHOLDS = {"1e-4": ("o", BLUE), "3e-4": ("s", GREEN), "1e-3": ("^", ORANGE), "3e-3": ("D", VERMILLION)}

# Values further apart than this factor stand on a logarithmic axis.
_WIDE = 15


@journal_style()
def draw_study(summary: pd.DataFrame, drops: pd.DataFrame, families: pd.DataFrame) -> Figure:
    """Mean stress, stages per strain, sizes of slips and ξ against what varies; one column per family.

    A single family is drawn as two rows of two panels. ξ is left out where no system has one.

    The tables are those of `StudyTables`.
    """
    panels: list[Callable[[pd.DataFrame, Axes], None]] = [stress_panel, stages_panel]
    known_xi = np.isfinite(summary[["xi_stick", "xi_slip"]].to_numpy(dtype=float)).any()
    parts = family_parts(summary, families)
    panels += [lambda part, axes: slips_panel(part, drops, axes)] + ([length_panel] if known_xi else [])
    if len(parts) == 1:
        figure = new_figure(TWO_COLUMNS, 5.0 if known_xi else 2.5)
        shape = (2, 2) if known_xi else (1, 3)
        grid = figure.subplots(*shape).reshape(len(panels), 1)
    else:
        figure = new_figure(max(TWO_COLUMNS, 2.6 * len(parts)), 2.1 * len(panels))
        grid = figure.subplots(len(panels), len(parts), squeeze=False, sharey="row")
    for row, draw in enumerate(panels):
        for column, part in enumerate(parts):
            axes = grid[row, column]
            draw(part, axes)
            if column:
                axes.set_ylabel("")
        if draw in (stages_panel, length_panel):
            _legend_on_top(grid[row, 0], n_columns=4 if len(parts) > 1 or known_xi else 2)
    add_letters(grid.flat)
    return figure


def family_parts(summary: pd.DataFrame, families: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of the summary of each family's systems, with family, value and label; I in place of the shear rate."""
    rows = summary.drop(columns="number")
    parts = [part.merge(rows, on="system", how="left") for _, part in families.groupby("number", sort=True)]
    for part in parts:
        if part["family"].iloc[0] == "loading.shear_rate":
            part["value"] = part["inertial_number"]
    return parts


def stress_panel(part: pd.DataFrame, axes: Axes) -> None:
    """Mean stress with its standard error."""
    x = place_systems(part, axes)
    axes.errorbar(x, part["stress"], yerr=part["stress_error"], fmt="o-", color=INK, capsize=2, **_THIN)
    axes.set_ylabel(r"mean stress $\langle s\rangle$ [$p$]")


def stages_panel(part: pd.DataFrame, axes: Axes) -> None:
    """Stages per unit of strain at each threshold [p], with their standard errors."""
    x = place_systems(part, axes)
    for name, (marker, colour) in _THRESHOLDS.items():
        rate = part[f"stages_per_strain_{name}"].where(part[f"stages_per_strain_{name}"] > 0)
        error = part[f"stages_per_strain_{name}_error"]
        # an error bar to below 0 has no place on a logarithmic axis
        bars = [np.minimum(error, 0.9 * rate), error]
        axes.errorbar(
            x, rate, yerr=bars, fmt=f"{marker}-", color=colour, capsize=2, label=_power(name) + r" $p$", **_THIN
        )
    axes.set_yscale("log")
    axes.set_ylabel(r"stages per strain [1]")


def slips_panel(part: pd.DataFrame, drops: pd.DataFrame, axes: Axes) -> None:
    """Share of the slips that are as large or larger, per system."""
    for number, (system, label) in enumerate(zip(part["system"], part["label"], strict=True)):
        curve = drops[drops["system"] == system]
        colour = colormaps[ORDER_MAP](0.92 * number / max(1, len(part) - 1))
        axes.plot(curve["size"], curve["fraction"], color=colour, linewidth=1.1, label=str(label))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(r"size of the slip $\Delta s$ [$p$]")
    axes.set_ylabel("share as large or larger [1]")
    key = str(part["family"].iloc[0])
    title = key.split(".")[-1].replace("_", " ") if key and key != "cell" else None
    axes.legend(loc="lower left", fontsize=6.5, title=title, title_fontsize=6.5, handlelength=1.2, borderaxespad=0.1)


def length_panel(part: pd.DataFrame, axes: Axes) -> None:
    """ξ of sticks and of slips with its bootstrap interval."""
    x = place_systems(part, axes)
    for kind in ("stick", "slip"):
        xi = part[f"xi_{kind}"].astype(float)
        bars = [(xi - part[f"xi_{kind}_low"]).clip(lower=0), (part[f"xi_{kind}_high"] - xi).clip(lower=0)]
        axes.errorbar(
            x, xi, yerr=bars, fmt=KIND_MARKER[kind] + "-", color=KIND_COLOUR[kind], capsize=2, label=kind, **_THIN
        )
    axes.set_ylabel(r"correlation length $\xi$ [$\bar d$]")


_THIN: dict[str, Any] = {"linewidth": 0.9, "elinewidth": 0.9, "markersize": 4.0}


def _legend_on_top(axes: Axes, n_columns: int) -> None:
    """A legend with room made for it above the curves, in all panels that share the axis."""
    low, high = axes.get_ylim()
    axes.set_ylim(
        low, high * (high / low) ** (1 / n_columns) if axes.get_yscale() == "log" else high + 0.2 * (high - low)
    )
    axes.legend(
        ncols=n_columns, loc="upper center", columnspacing=0.7, handletextpad=0.1, handlelength=1.2, fontsize=6.5,
        borderaxespad=0.1,
    )  # fmt: skip


def place_systems(part: pd.DataFrame, axes: Axes) -> np.ndarray:
    """Where each system stands on the axis of what varies; systems without a number stand side by side."""
    key = str(part["family"].iloc[0])
    x: np.ndarray = part["value"].to_numpy(dtype=float)
    axes.set_xlabel(LABELS.get(key, key))
    if not np.isfinite(x).all():
        x = np.arange(len(part), dtype=float)
        axes.set_xticks(x, [str(label) for label in part["label"]], rotation=30, ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.5, len(x) - 0.5)
        return x
    if x.min() > 0 and x.max() / x.min() >= _WIDE:
        axes.set_xscale("log")
        # a narrow panel has no room for 2, 3, 4, 6 between the powers of ten
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif len(x) <= 6:
        # numbers as small as I would run into each other
        power = math.floor(math.log10(x.max())) if 0 < x.max() < 1e-2 else 0
        axes.set_xticks(x, [f"{value / 10.0**power:.2g}" if power else f"{value:g}" for value in x], minor=False)
        axes.set_xticks([], minor=True)
        if power:
            axes.set_xlabel(LABELS.get(key, key).replace("[1]", rf"[$10^{{{power}}}$]"))
    return x


def _power(name: str) -> str:
    """1e-4 in matplotlib's mathematics."""
    mantissa, exponent = name.split("e")
    front = "" if mantissa == "1" else rf"{mantissa}\cdot"
    return rf"${front}10^{{{exponent}}}$"


def draw(tables: StudyTables) -> Drawing:
    """As `draw_study`."""
    return Drawing(draw_study(tables.summary, tables.drops, tables.families))


FIGURE = StudyFigure(
    name="study",
    title="The systems side by side",
    draw=draw,
    caption=(
        "Mean stress with its standard error; stages per unit of strain at four thresholds; share of the slips that "
        "are as large or larger, at a threshold of 10⁻⁴; where it was measured, ξ of D²min with its bootstrap interval."
    ),
    alternative=(
        "Mean stress, stages per strain, distribution of slip sizes and, where measured, correlation length of the "
        "systems"
    ),
    numbers=("drops.csv",),
)
