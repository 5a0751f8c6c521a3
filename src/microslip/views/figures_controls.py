"""Figures of the controls, put together from a run."""

from __future__ import annotations

import tomllib

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.views import controls
from microslip.views.compose import Drawing, panel
from microslip.views.style import TWO_COLUMNS, journal_style, letter, new_figure

FAMILIES = ("input", "boosting")


@journal_style()
def reliability(run: Run) -> Drawing:
    """Whether stick is told from slip, by the size of the stage, and whether predictions mean what they say."""
    figure = new_figure(TWO_COLUMNS, 2.5)
    left, right = figure.subplots(1, 2)
    tables: dict[str, pd.DataFrame] = {}
    with panel(left, run, "train", "Stick or slip?"):
        tables["sign_by_size"] = _table(run, "model/sign_by_size.csv", ["rule", "split", "size_low", "sign_accuracy"])
        controls.sign_accuracy(tables["sign_by_size"], title="Stick or slip?", axes=left)
    with panel(right, run, "train", "Calibration"):
        tables["calibration"] = _table(run, "model/calibration.csv", ["rule", "split", "predicted", "true"])
        controls.calibration(tables["calibration"], title="Calibration", axes=right)
    letter(left, "a")
    letter(right, "b")
    return Drawing(figure, tables)


@journal_style()
def ablations(run: Run) -> Drawing:
    """What the pattern adds to the amplitude, and what grid, radius, cell and number of stages do."""
    figure = new_figure(TWO_COLUMNS, 5.0)
    left, right = np.asarray(figure.subfigures(1, 2, width_ratios=[1.05, 1.0]), dtype=object)
    bars = left.subplots()
    four = right.subplots(2, 2).ravel()
    names = ["What the network sees", "Grid", "Radius", "Cell", "Training set"]
    tables: dict[str, pd.DataFrame] = {}
    spacing, radius = _own_voxels(run)
    with panel(bars, run, "ablate", names[0]):
        summary = _table(run, "ablations/summary.csv", ["family", "value", "rule", "r2", "r2_low", "r2_high"])
        tables["summary"] = summary
        controls.ablation_bars(summary, FAMILIES, title=names[0], axes=bars)
    sweeps = [
        ("spacing", spacing, r"$L_\mathrm{grid}$ [$d_{50}$]"),
        ("radius", radius, r"$\delta$ [$d_{50}$]"),
        ("cell share", 1.0, "share of the cell's length [1]"),
        ("training share", 1.0, "share of the training set [1]"),
    ]
    for axes, title, (family, own, label) in zip(four, names[1:], sweeps, strict=True):
        with panel(axes, run, "ablate", title):
            summary = _table(run, "ablations/summary.csv", ["family", "value", "rule", "r2", "r2_low", "r2_high"])
            controls.sweep(summary, family, own, label, title=title, axes=axes)
        if axes is not four[0] and (legend := axes.get_legend()) is not None:
            legend.remove()
    for axes, name in zip([bars, *four], "abcde", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


@journal_style()
def lengths(run: Run) -> Drawing:
    """Correlation of attributions against that of D²min, for the trained network and for networks that know nothing."""
    figure = new_figure(TWO_COLUMNS, 5.2)
    (a, b), (c, d) = figure.subplots(2, 2)
    tables: dict[str, pd.DataFrame] = {}
    columns = ["network", "field", "group", "kind"]
    with panel(a, run, "explain", "C(r), trained network"):
        tables["correlation"] = _table(run, "interpretation/correlation.csv", [*columns, "r", "c_attribution"])
        controls.attribution_correlation(tables["correlation"], title="C(r), trained network", axes=a)
    for axes, title, networks in (
        (b, "Lengths, trained", ("trained",)),
        (c, "Lengths, nulls", ("untrained", "shuffled", "input")),
    ):
        with panel(axes, run, "explain", title):
            tables["ellipses"] = _table(run, "interpretation/ellipses.csv", [*columns, "mean_xi_attribution"])
            controls.length_plane(tables["ellipses"], networks, title=title, axes=axes)
    with panel(d, run, "explain", "What is the ratio worth?"):
        tables["claim"] = _table(run, "interpretation/claim.csv", ["network", "field", "ratio", "low", "high"])
        controls.ratio_bars(tables["claim"], title="What is the ratio worth?", axes=d)
    for axes, name in zip((a, b, c, d), "abcd", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


@journal_style()
def nulls(run: Run) -> Drawing:
    """Attributions while the network forgets, and predictions while nodes are taken out or put in."""
    figure = new_figure(TWO_COLUMNS, 2.5)
    first, second, third = figure.subplots(1, 3)
    tables: dict[str, pd.DataFrame] = {}
    with panel(first, run, "explain", "Random layers"):
        tables["layers"] = _table(run, "interpretation/layers.csv", ["n_layers", "spearman", "deviation"])
        controls.randomised_layers(tables["layers"], title="Random layers", axes=first)
    for axes, mode in ((second, "deletion"), (third, "insertion")):
        with panel(axes, run, "explain", mode.capitalize()):
            tables["deletion"] = _table(run, "interpretation/deletion.csv", ["mode", "order", "fraction", "median"])
            controls.deletion_curves(tables["deletion"], mode, title=mode.capitalize(), axes=axes)
    if (legend := third.get_legend()) is not None:
        legend.remove()
    for axes, name in zip((first, second, third), "abc", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


def _table(run: Run, name: str, columns: list[str]) -> pd.DataFrame:
    return read_table(run.folder / name, columns)


def _own_voxels(run: Run) -> tuple[float, float]:
    """L_grid and δ of the run [d₅₀]; the paper's where its configuration cannot be read."""
    try:
        voxels = tomllib.loads((run.folder / "config.toml").read_text(encoding="utf-8"))["voxels"]
        return float(voxels["spacing"]), float(voxels["radius"])
    except (OSError, KeyError, ValueError, MicroslipError):
        return 1.0, 1.3
