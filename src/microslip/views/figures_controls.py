"""Figures of the controls, put together from a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.views import controls
from microslip.views.compose import Drawing, own_voxels, panel
from microslip.views.style import TWO_COLUMNS, journal_style, letter, new_figure, say_missing

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
    title = "What the network sees"
    try:
        summary = _table(run, "ablations/summary.csv", ["family", "value", "rule", "r2", "r2_low", "r2_high"])
    except MicroslipError:
        return Drawing(_missing(run, "ablate", title))
    figure = new_figure(TWO_COLUMNS, 5.0)
    left, right = np.asarray(figure.subfigures(1, 2, width_ratios=[1.05, 1.0]), dtype=object)
    bars, four = left.subplots(), right.subplots(2, 2).ravel()
    spacing, radius = own_voxels(run)
    controls.ablation_bars(summary, FAMILIES, title=title, axes=bars)
    sweeps = [
        ("Grid", "spacing", spacing, r"$L_\mathrm{grid}$ [$d_{50}$]"),
        ("Radius", "radius", radius, r"$\delta$ [$d_{50}$]"),
        ("Cell", "cell share", 1.0, "part of the length [1]"),
        ("Training set", "training share", 1.0, "part of the stages [1]"),
    ]
    for axes, (name, family, own, label) in zip(four, sweeps, strict=True):
        controls.sweep(summary, family, own, label, title=name, axes=axes)
        if (legend := axes.get_legend()) is not None:
            # the colours are those of the first panel
            legend.remove()
    for axes, name in zip([bars, *four], "abcde", strict=True):
        letter(axes, name)
    return Drawing(figure, {"summary": summary})


@journal_style()
def lengths(run: Run) -> Drawing:
    """Correlation of attributions against that of D²min, for the trained network and for networks that know nothing."""
    figure = new_figure(TWO_COLUMNS, 7.4)
    (a, b), (c, d), (e, f) = figure.subplots(3, 2)
    tables: dict[str, pd.DataFrame] = {}
    columns = ["network", "field", "group", "kind"]
    for axes, title, field in ((a, "C(r), with sign", "signed"), (b, "C(r), size", "size")):
        with panel(axes, run, "explain", title):
            tables["correlation"] = _table(run, "interpretation/correlation.csv", [*columns, "r", "c_attribution"])
            controls.attribution_correlation(tables["correlation"], field=field, title=title, axes=axes)
    for axes, title, field, networks in (
        (c, "Lengths, with sign", "signed", ("trained",)),
        (d, "Lengths, size", "size", ("trained",)),
        (e, "Lengths of nulls, size", "size", ("untrained", "shuffled", "input")),
    ):
        with panel(axes, run, "explain", title):
            tables["ellipses"] = _table(run, "interpretation/ellipses.csv", [*columns, "mean_xi_attribution"])
            controls.length_plane(tables["ellipses"], networks, field=field, title=title, axes=axes)
    with panel(f, run, "explain", "What is the ratio worth?"):
        tables["claim"] = _table(
            run, "interpretation/claim.csv", ["network", "field", "n", "n_stages", "ratio", "low", "high"]
        )
        controls.ratio_bars(tables["claim"], title="What is the ratio worth?", axes=f)
    for axes, name in zip((a, b, c, d, e, f), "abcdef", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


@journal_style()
def nulls(run: Run) -> Drawing:
    """Attributions while the network forgets, and predictions while nodes are taken out or put in."""
    figure = new_figure(TWO_COLUMNS, 2.8)
    first, second, third = figure.subplots(1, 3)
    tables: dict[str, pd.DataFrame] = {}
    with panel(first, run, "explain", "Random layers"):
        tables["layers"] = _table(run, "interpretation/layers.csv", ["n_layers", "spearman", "deviation"])
        controls.randomised_layers(tables["layers"], title="Random layers", axes=first)
    for axes, mode in ((second, "deletion"), (third, "insertion")):
        with panel(axes, run, "explain", mode.capitalize()):
            tables["deletion"] = _table(run, "interpretation/deletion.csv", ["mode", "order", "fraction", "median"])
            controls.deletion_curves(tables["deletion"], mode, title=mode.capitalize(), axes=axes)
    if "deletion" in tables:
        # one for both panels, beside the lines
        figure.legend(*second.get_legend_handles_labels(), loc="outside lower right", ncols=4, fontsize=7)
        for axes in (second, third):
            if (legend := axes.get_legend()) is not None:
                legend.remove()
    for axes, name in zip((first, second, third), "abc", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


def _table(run: Run, name: str, columns: list[str]) -> pd.DataFrame:
    return read_table(run.folder / name, columns)


def _missing(run: Run, verb: str, title: str) -> Figure:
    """One sentence in place of a whole figure."""
    figure = new_figure(TWO_COLUMNS, 2.0)
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    say_missing(axes, f"Not made yet. Run `microslip {verb}` on this run", 60)
    return figure
