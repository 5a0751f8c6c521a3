"""What happens to the grains that move: changes of energy with exponential tails, and the room they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from microslip.statistics.exponential import CORE
from microslip.views.groups import each_group, fluctuation_limits, kinds_in, said_shifted
from microslip.views.style import INK, KIND_COLOUR, axes_or_new, journal_style

SIGMA_LABEL = r"$\Delta\sigma_1$ [$p$]"
ENERGY_LABEL = r"$\Delta E\,/\,\langle|\Delta E|\rangle$ [1]"
PACKING_LABEL = r"$\phi_\mathrm{local}$ [1]"

_GRAINS = ("all", "active")
_LEGEND: dict[str, Any] = {
    "ncols": 2, "fontsize": 6.5, "handlelength": 1.7, "handletextpad": 0.3, "columnspacing": 0.5, "borderaxespad": 0.1
}  # fmt: skip


def _line(kind: str, grains: str) -> dict[str, Any]:
    """How a curve is drawn: where sticks and slips agree, the broad line shows on both sides of the thin one."""
    broad = kind == "stick"
    return {
        "color": KIND_COLOUR[kind],
        # dashes grow with the width: those of the broad line must fit into a legend, too
        "linestyle": "-" if grains == "active" else (0, (1.1, 0.8) if broad else (3.4, 2.0)),
        "linewidth": 2.6 if broad else 1.0,
        "alpha": 0.5 if broad else 1.0,
    }


@journal_style()
def energy_by_size(
    density: pd.DataFrame,
    kinds: list[str],
    *,
    grains: str = "all",
    shift: float = 4.0,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Density of ΔE over its mean size in the bins of |Δs|, coloured by its mean; sticks dashed.

    Parameters
    ----------
    density
        Table of statistics/energy_density.csv.
    kinds, grains
        Of the stages, in the order that they are stacked; all or active.
    shift
        Factor between one bin and the next, so that they can be told apart.
    title, axes
        The panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
    bins = density[density["by"] == "bin"] if (density["by"] == "bin").any() else density
    chosen = bins[bins["kind"].isin(kinds) & (bins["grains"] == grains) & (bins["n"] > 0)]
    for number, (_, kind, colour, rows) in enumerate(each_group(chosen, fluctuation_limits(bins))):
        line = (0, (4, 1.5)) if kind == "stick" else "-"
        axes.plot(rows["x"], shift**number * rows["density"], color=colour, linewidth=0.9, linestyle=line)
    axes.set_yscale("log")
    drawn = kinds_in(chosen)
    if len(drawn) > 1:
        lines = [
            Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (4, 1.5)) if kind == "stick" else "-", label=kind)
            for kind in drawn
        ]
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.12)
        axes.legend(handles=lines, loc="upper center", **_LEGEND)
    axes.set_xlabel(ENERGY_LABEL)
    axes.set_ylabel("density [1]" + said_shifted(chosen, shift))
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def energy_tails(density: pd.DataFrame, tails: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Density of ΔE over its mean size, all sticks and all slips, of all and of active grains, with exponential tails.

    `density` and `tails` are the tables of statistics/energy_density.csv and energy_tails.csv. A tail is
    share/decay · exp(−(|x| − 1)/decay) beyond one mean size.
    """
    figure, axes = axes_or_new(axes)
    whole = density[(density["by"] == "kind") & (density["n"] > 0)]
    for kind in kinds_in(whole):
        for which in _GRAINS:
            rows = whole[(whole["kind"] == kind) & (whole["grains"] == which)]
            axes.plot(rows["x"], rows["density"], label=f"{kind}, {which}", **_line(kind, which))
            fits = tails[(tails["by"] == "kind") & (tails["kind"] == kind) & (tails["grains"] == which)]
            for fit in fits.itertuples():
                if not np.isfinite(getattr(fit, "decay", np.nan)):
                    continue
                size = np.linspace(CORE, float(rows["x"].abs().max()), 60)
                tail = fit.share / fit.decay * np.exp(-(size - CORE) / fit.decay)
                axes.plot((1 if fit.side == "gain" else -1) * size, tail, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_xlabel(ENERGY_LABEL)
    axes.set_ylabel("density [1]")
    if axes.get_legend_handles_labels()[0]:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.25)
        axes.legend(loc="upper center", **_LEGEND)
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def packing_densities(density: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Density of φ_local of all and of active grains in all sticks and all slips; statistics/packing_density.csv."""
    figure, axes = axes_or_new(axes)
    whole = density[density["by"] == "kind"]
    for kind in kinds_in(whole):
        for which in _GRAINS:
            rows = whole[(whole["kind"] == kind) & (whole["grains"] == which)]
            axes.plot(rows["x"], rows["density"], label=f"{kind}, {which}", **_line(kind, which))
    if len(whole):
        # the bins reach further than the grains
        seen = whole.loc[whole["density"] > 0.005 * whole["density"].max(), "x"]
        axes.set_xlim(float(seen.min()) - 0.01, float(seen.max()) + 0.01)
        axes.set_ylim(0, 1.35 * float(whole["density"].max()))
        axes.legend(loc="upper center", **_LEGEND)
    axes.set_xlabel(PACKING_LABEL)
    axes.set_ylabel("density [1]")
    axes.set_title(title, loc="left")
    return figure
