"""Families of systems side by side: their stress curves, and how well the network of each predicts its stages."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from microslip.views.figures.study import family_parts, place_systems
from microslip.views.figures.study_record import StudyFigure, StudyTables
from microslip.views.names import R2_FLOOR, RULE_COLOUR, STRAIN_LABEL
from microslip.views.panels import Drawing
from microslip.views.style import (
    GREY,
    INK,
    KIND_MARKER,
    NEW_AXES,
    ORDER_MAP,
    TWO_COLUMNS,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
    say_missing,
)

# Points of a stress curve: more than a column has dots.
N_POINTS = 1500
_MARKER = dict(zip(RULE_COLOUR, KIND_MARKER.values(), strict=False))


@journal_style()
def draw_families(curves: pd.DataFrame, summary: pd.DataFrame, families: pd.DataFrame) -> Figure:
    """Stress curves (above) and R² (below) of each family of systems; beside each other where there is one family.

    The tables are those of `StudyTables`.
    """
    parts = family_parts(summary, families)
    # one system is no family as long as there are others
    parts = [part for part in parts if len(part) > 1] or parts[:1]
    if len(parts) == 1:
        figure = new_figure(TWO_COLUMNS, 3.0)
        grid = figure.subplots(1, 2, width_ratios=[1.5, 1.0]).reshape(2, 1)
    else:
        figure = new_figure(max(TWO_COLUMNS, 2.4 * len(parts)), 5.0)
        grid = figure.subplots(2, len(parts), squeeze=False, height_ratios=[1.5, 1.0], sharey="row")
    step = step_between(curves)
    for column, part in enumerate(parts):
        title = str(part["family"].iloc[0]).split(".")[-1].replace("_", " ").capitalize()
        stacked_curves(part, curves, step=step, title=title, axes=grid[0, column])
        scores_of_family(part, legend=column == 0, axes=grid[1, column])
        if column:
            for axes in grid[:, column]:
                axes.set_ylabel("")
    if len(parts) > 1:
        _share_limits(grid, parts, step)
    add_letters(grid.flat)
    return figure


def _share_limits(grid: np.ndarray, parts: list[pd.DataFrame], step: float) -> None:
    """Room in every panel of a row for the system with the most, and for the worst R² of all."""
    grid[0, 0].set_ylim(-0.75 * step, (max(len(part) for part in parts) - 0.25) * step)
    ends = [part.filter(regex=r"^r2_test_(random|blocked)(_low)?$").to_numpy(float).ravel() for part in parts]
    scores = np.concatenate(ends)
    if np.isfinite(scores).any():
        low = max(R2_FLOOR, float(np.nanmin(scores)))
        # above 1 there is room for the legend
        grid[1, 0].set_ylim(low - 0.05 * (1 - low), 1 + 0.3 * (1 - low))
        ticks = MaxNLocator(5).tick_values(low, 1)
        grid[1, 0].set_yticks([tick for tick in ticks if low <= tick <= 1.001])


def step_between(curves: pd.DataFrame) -> float:
    """How far curves must be shifted to stand clear of each other [p]: a little more than the widest of them."""
    spreads = [float(np.ptp(rows["stress"].quantile([0.005, 0.995]))) for _, rows in curves.groupby("system")]
    return 1.15 * max(spreads, default=0.0) or 1.0


@draws_panel()
def stacked_curves(
    part: pd.DataFrame, curves: pd.DataFrame, *, step: float | None = None, title: str = "", axes: Axes = NEW_AXES
) -> None:
    """Stress less its mean [p] against strain, one curve per system of a family, shifted upwards (figs 6a to c).

    Parameters
    ----------
    part, curves
        The systems, columns system and label, in order; stresses as in `draw_families`.
    step
        Shift between one system and the next [p]; chosen by `step_between` where left out.
    """
    by_system = {str(name): rows for name, rows in curves.groupby("system", sort=False)}
    present = [(str(s), str(label)) for s, label in zip(part["system"], part["label"], strict=True) if s in by_system]
    step = step or step_between(curves)
    end = max((float(by_system[name]["strain"].max()) for name, _ in present), default=1.0)
    for number, (name, label) in enumerate(present):
        rows, colour = by_system[name], colormaps[ORDER_MAP](0.92 * number / max(1, len(present) - 1))
        shifted = rows["stress"] - rows["stress"].mean() + number * step
        axes.plot(rows["strain"], shifted, color=colour, linewidth=0.6)
        axes.annotate(
            label, (end, number * step), xytext=(3, 0), textcoords="offset points", fontsize=6.5, color=INK,
            va="center", annotation_clip=False,
        )  # fmt: skip
    axes.set_ylim(-0.75 * step, (max(len(present), 1) - 0.25) * step)
    axes.set_xlabel(STRAIN_LABEL)
    axes.set_ylabel(r"$s - \langle s\rangle$ [$p$], shifted by " + f"{step:.2g}")


@draws_panel()
def scores_of_family(part: pd.DataFrame, *, legend: bool = True, title: str = "", axes: Axes = NEW_AXES) -> None:
    """R² on the test set of the network of every system under both splits, with 90 % intervals (figs 6d to f).

    Parameters
    ----------
    part
        Rows of the summary with `r2_test_random`, `r2_test_blocked` and, where known, their `_low` and `_high`; with
        family, value and label of each system.
    legend
        Whether splits are named.
    """
    trained = [rule for rule in RULE_COLOUR if part.get(f"r2_test_{rule}", pd.Series(dtype=float)).notna().any()]
    if not trained:
        say_missing(axes, "No network has been trained: add train to the steps of the study.", 30)
        return
    x = place_systems(part, axes)
    for rule in trained:
        r2 = part[f"r2_test_{rule}"].astype(float)
        low, high = (part.get(f"r2_test_{rule}_{end}", r2).astype(float).fillna(r2) for end in ("low", "high"))
        shown = r2.clip(lower=R2_FLOOR)
        bars = [(shown - low.clip(lower=R2_FLOOR)).clip(lower=0), (high - shown).clip(lower=0)]
        axes.errorbar(
            x, shown, yerr=bars, fmt=_MARKER[rule] + "-", color=RULE_COLOUR[rule], capsize=2, markersize=4,
            linewidth=0.9, elinewidth=0.9, label=f"{rule} split",
        )  # fmt: skip
    axes.axhline(1, color=GREY, linewidth=0.6, linestyle=(0, (1, 2)))
    low, high = axes.get_ylim()
    # room for the legend, where no R² can be
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= 1.001])
    axes.set_ylim(low, high + (0.3 if legend else 0.05) * (high - low))
    axes.set_ylabel(r"$R^2$ on the test set [1]")
    if legend:
        axes.legend(loc="upper left", ncols=2, fontsize=6.5, handlelength=1.4, columnspacing=0.9, borderaxespad=0.1)


def draw(tables: StudyTables) -> Drawing:
    """As `draw_families`, with the stress curves and R² of every system."""
    scores = tables.families.merge(tables.summary.filter(regex="^system$|^r2_"), on="system")
    figure = draw_families(tables.curves, tables.summary, tables.families)
    return Drawing(figure, {"curves": tables.curves, "scores": scores})


FIGURE = StudyFigure(
    name="families",
    title="The families",
    draw=draw,
    caption=(
        "Shear stress in the steady state of every system, and, where networks were trained, R² on the test sets of "
        "both split rules with its interval."
    ),
    alternative="Stress against strain of every system, and R² of its network on the test sets of both split rules",
    numbers=("figures/families-curves.csv", "figures/families-scores.csv"),
    counterpart="6",
)
