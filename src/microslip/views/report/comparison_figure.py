"""Runs in one figure: stress, sizes of slips, spatial correlation, and scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microslip.statistics.lengths import rows_of
from microslip.views.names import RULES, STRAIN_LABEL, STRESS_LABEL
from microslip.views.panels import thin_series
from microslip.views.report.comparison_numbers import Compared
from microslip.views.report.results import with_interval
from microslip.views.style import (
    BLUE,
    GREEN,
    PURPLE,
    TWO_COLUMNS,
    VERMILLION,
    add_letters,
    journal_style,
    new_figure,
    say_missing,
)

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE)
# Told apart in grey print, too.
MARKERS = ("o", "s", "^", "D")


@journal_style()
def draw_comparison(runs: Sequence[Compared], names: Sequence[str]) -> Figure:
    """Two to four runs: s(γ), share of slips as large or larger, C(r) of sticks and slips, R² on the test sets."""
    figure = new_figure(TWO_COLUMNS, 4.9)
    axes = figure.subplots(2, 2)
    for place, draw, title in zip(
        axes.flat,
        (_stress, _slips, _correlation, _scores),
        ("Shear stress", "Sizes of slips", "Correlation of D²min", "Prediction of unseen stages"),
        strict=True,
    ):
        place.set_title(title, loc="left")
        if not draw(place, runs, names):
            say_missing(place, "None of the runs knows this yet.")
    add_letters(axes.flat)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    if handles:
        # a dollar sign in a name would start a formula
        labels = [label.replace("$", r"\$") for label in labels]
        legend = figure.legend(handles, labels, loc="outside upper left", ncols=2)
        for line in legend.get_lines():
            line.set_linewidth(2.5)
    return figure


def in_one_unit(runs: Sequence[Compared]) -> bool:
    """Whether stresses of the runs can stand on one axis: source units of two runs are two units."""
    return all(run.parts.stress_unit == "p" for run in runs)


def _scale(run: Compared, relative: bool) -> float:
    """What stresses are divided by: the mean stress of the steady state where units differ."""
    if not relative:
        return 1.0
    mean = float(run.steady.get("stress", np.nan))
    return mean if np.isfinite(mean) and mean > 0 else float("nan")


def _stress(axes: Axes, runs: Sequence[Compared], names: Sequence[str]) -> bool:
    relative = not in_one_unit(runs)
    measures = [run.parts.measure for run in runs]
    differ = len({measure.title for measure in measures}) > 1
    for number, (run, name) in enumerate(zip(runs, names, strict=True)):
        series = run.parts.series or {}
        strain, stress = series.get("strain", np.empty(0)), series.get("stress", np.empty(0))
        finite = np.isfinite(strain) & np.isfinite(stress) if len(strain) == len(stress) else np.zeros(0, dtype=bool)
        # a run without a stress stays in the legend
        x, y = thin_series(strain[finite], stress[finite], 1600) if finite.any() else (np.empty(0), np.empty(0))
        label = f"{name}, {measures[number].title}" if differ else name
        axes.plot(x, y / _scale(run, relative), color=COLOURS[number], linewidth=0.6, alpha=0.85, label=label)
    axes.set_xlabel(STRAIN_LABEL)
    label = STRESS_LABEL if differ or not measures else measures[0].label
    axes.set_ylabel(r"$s/\langle s\rangle$ [1]; units differ" if relative else label)
    return True


def _slips(axes: Axes, runs: Sequence[Compared], names: Sequence[str]) -> bool:
    drawn, relative = False, not in_one_unit(runs)
    for number, run in enumerate(runs):
        if run.slips is not None and len(run.slips):
            axes.plot(
                run.slips["size"] / _scale(run, relative), run.slips["fraction"], color=COLOURS[number], linewidth=1.2
            )
            drawn = True
    axes.set_xscale("log")
    axes.set_yscale("log")
    size = r"$\Delta s/\langle s\rangle$ [1]" if relative else r"$\Delta s$ [$p$]"
    axes.set_xlabel(f"size of the slip {size}, threshold $10^{{-4}}$")
    axes.set_ylabel("share as large or larger [1]")
    return drawn


def _correlation(axes: Axes, runs: Sequence[Compared], names: Sequence[str]) -> bool:
    drawn = False
    for number, run in enumerate(runs):
        table = run.parts.tables.get("statistics/correlation")
        if table is None:
            continue
        table = rows_of(table)
        for kind, dashes in (("slip", "-"), ("stick", (0, (4, 2))), ("window", (0, (1, 1)))):
            rows = table[(table["by"] == "kind") & (table["kind"] == kind) & table["correlation"].notna()]
            if len(rows):
                axes.plot(rows["r"], rows["correlation"], color=COLOURS[number], linestyle=dashes, linewidth=1.1)
                drawn = True
    axes.axhline(0, color="0.6", linewidth=0.6)
    axes.set_xlabel(r"$r$ [$\bar d$]; slips drawn through, sticks dashed")
    axes.set_ylabel(r"$C(r)$ [1]")
    return drawn


def _scores(axes: Axes, runs: Sequence[Compared], names: Sequence[str]) -> bool:
    drawn = False
    for number, run in enumerate(runs):
        for place, rule in enumerate(reversed(RULES)):
            value, low, high = with_interval(run.parts.metrics, rule)
            if not np.isfinite(value):
                continue
            x = place + 0.16 * (number - (len(runs) - 1) / 2)
            bars = [[value - low], [high - value]] if np.isfinite([low, high]).all() else None
            axes.errorbar(x, value, yerr=bars, fmt=MARKERS[number], color=COLOURS[number], capsize=2, markersize=4.5)
            drawn = True
    axes.set_xticks(range(len(RULES)), [f"{rule} split" for rule in reversed(RULES)])
    axes.set_xlim(-0.5, len(RULES) - 0.5)
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1)
    axes.set_ylabel(r"$R^2$, test set [1]")
    return drawn
