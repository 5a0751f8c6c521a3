"""What happens to the grains that move: changes of energy with exponential tails, and the room they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from microslip.data.run import Run
from microslip.statistics.exponential import CORE, tail_density
from microslip.views.choose import TYPICAL, typical_stages
from microslip.views.figures.record import ACTIVE, STAGE_ENDS, RunFigure
from microslip.views.groups import binned, each_group, fluctuation_limits, kinds_in, shifted_suffix, size_bar
from microslip.views.panels import Drawing, FrameOfGrains, NotMeasured, panel, stage_title
from microslip.views.style import (
    INK,
    KIND_COLOUR,
    NEW_AXES,
    SIGNED_MAP,
    TWO_COLUMNS,
    add_colour_bar,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
    symmetric_limit,
)
from microslip.views.tables import GROUP, read

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


@draws_panel()
def energy_by_size(
    density: pd.DataFrame,
    kinds: list[str],
    *,
    grains: str = "all",
    shift: float = 4.0,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """Density of ΔE over its mean size in the bins of |Δs|, coloured by its mean; sticks dashed.

    Parameters
    ----------
    density
        Table of statistics/energy_density.csv.
    kinds, grains
        Of the stages, in the order that they are stacked; all or active.
    shift
        Factor between one bin and the next, so that they can be told apart.
    """
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
    axes.set_ylabel("density [1]" + shifted_suffix(chosen, shift))


@draws_panel()
def energy_tails(density: pd.DataFrame, tails: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Density of ΔE over its mean size, all sticks and all slips, of all and of active grains, with exponential tails.

    `density` and `tails` are the tables of statistics/energy_density.csv and energy_tails.csv. A tail is
    share/decay · exp(−(|x| − 1)/decay) beyond one mean size.
    """
    whole = density[(density["by"] == "kind") & (density["n"] > 0)]
    for kind in kinds_in(whole):
        for grains in _GRAINS:
            rows = whole[(whole["kind"] == kind) & (whole["grains"] == grains)]
            axes.plot(rows["x"], rows["density"], label=f"{kind}, {grains}", **_line(kind, grains))
            fits = tails[(tails["by"] == "kind") & (tails["kind"] == kind) & (tails["grains"] == grains)]
            for fit in fits.itertuples():
                if not np.isfinite(getattr(fit, "decay", np.nan)):
                    continue
                size = np.linspace(CORE, float(rows["x"].abs().max()), 60)
                tail = tail_density(size, fit.decay, fit.share)
                axes.plot((1 if fit.side == "gain" else -1) * size, tail, color=INK, linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_xlabel(ENERGY_LABEL)
    axes.set_ylabel("density [1]")
    if axes.get_legend_handles_labels()[0]:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.25)
        axes.legend(loc="upper center", **_LEGEND)


@draws_panel()
def packing_densities(density: pd.DataFrame, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Density of φ_local of all and of active grains in all sticks and all slips; statistics/packing_density.csv."""
    whole = density[density["by"] == "kind"]
    for kind in kinds_in(whole):
        for grains in _GRAINS:
            rows = whole[(whole["kind"] == kind) & (whole["grains"] == grains)]
            axes.plot(rows["x"], rows["density"], label=f"{kind}, {grains}", **_line(kind, grains))
    if len(whole):
        # the bins reach further than the grains
        seen = whole.loc[whole["density"] > 0.005 * whole["density"].max(), "x"]
        axes.set_xlim(float(seen.min()) - 0.01, float(seen.max()) + 0.01)
        axes.set_ylim(0, 1.35 * float(whole["density"].max()))
        axes.legend(loc="upper center", **_LEGEND)
    axes.set_xlabel(PACKING_LABEL)
    axes.set_ylabel("density [1]")


@journal_style()
def draw(run: Run) -> Drawing:
    """Changes of the principal stress in space, of the elastic energy, and the room that grains have."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 4.9))
    tables = drawing.tables
    # a colour bar's label beside the next axis's reads as one
    drawing.figure.set_layout_engine("constrained", w_pad=0.07)
    top, bottom = np.asarray(drawing.figure.subfigures(2, 1, height_ratios=[1.15, 1.0]), dtype=object)
    above, below = list(top.subplots(1, 2)), list(bottom.subplots(1, 3))
    for number, (axes, title) in enumerate(zip(above, ("Stress in a stick", "Stress in a slip"), strict=True)):
        with panel(axes, run, "fields.zarr", title):
            rows = typical_stages(run.stages, TYPICAL)
            fields = run.fields
            changes = fields["delta_sigma1"][list(rows)].to_numpy() if "delta_sigma1" in fields else np.array([])
            if not np.isfinite(changes).any():
                raise NotMeasured("No contacts are known, so no stress of single grains.")
            stage = run.stages.iloc[rows[number]]
            grains = FrameOfGrains.of(run, int(stage["start_frame"]))
            # a few grains carry chains far above the others
            limit = symmetric_limit(changes, 0.98)
            grains.draw(
                axes, stage_title(stage), values=changes[number], limits=(-limit, limit), log=False,
                colour_map=SIGNED_MAP, colour_bar=False,
            )  # fmt: skip
            tables[f"{stage['kind']}_{number + 1}"] = grains.table(delta_sigma1=changes[number])
    if len(tables) == len(above):
        add_colour_bar(
            above, Normalize(-limit, limit), SIGNED_MAP, SIGMA_LABEL, fraction=0.06, aspect=45, shrink=0.6,
            extend="both",
        )  # fmt: skip
    with panel(below[0], run, "statistics/energy_density.csv", "Energy, by size"):
        energy = _density(run, "energy", "No elastic energy of grains is known.")
        energy_by_size(energy, kinds_in(energy), title="Energy, by size", axes=below[0])
        if kinds_in(energy) != ["window"]:
            size_bar(below[0], fluctuation_limits(binned(energy)), fraction=0.05, pad=0.02, aspect=22)
        tables["energy"] = energy
    with panel(below[1], run, "statistics/energy_tails.csv", "Energy, with tails"):
        energy = _density(run, "energy", "No elastic energy of grains is known.")
        tails = read(run, "statistics/energy_tails.csv", f"{GROUP} grains")
        energy_tails(energy, tails, title="Energy, with tails", axes=below[1])
        tables["tails"] = tails
    with panel(below[2], run, "statistics/packing_density.csv", "Local packing"):
        packing = _density(run, "packing", "No Voronoi cells are known.")
        packing_densities(packing, title="Local packing", axes=below[2])
        tables["packing"] = packing[packing["by"] == "kind"]
    add_letters([*above, *below])
    return drawing


def _density(run: Run, quantity: str, unknown: str) -> pd.DataFrame:
    """A table of densities; where the statistics are done without it, the grains did not have the quantity."""
    statistics = run.folder / "statistics"
    if not (statistics / f"{quantity}_density.csv").exists() and (statistics / "evolution.csv").exists():
        raise NotMeasured(unknown)
    return read(run, f"statistics/{quantity}_density.csv", f"{GROUP} grains x n density")


FIGURE = RunFigure(
    name="mechanisms",
    title="What happens to active grains",
    draw=draw,
    caption=(
        "(a, b) Change of the major principal stress of every grain over a stick and the slip after it; one camera, one"
        " scale that ends at the 98th percentile of its size; red, larger. (c) Change of the elastic energy of all "
        "grains over its mean size in the bin; sticks dashed, curves shifted by a factor of 4 each. (d) The same for "
        "all sticks and all slips, of all (dashed) and of active grains (drawn through); dotted, exponential tails "
        "beyond one mean size by maximum likelihood. (e) Solid fraction in the radical Voronoi cells, mean over the "
        "frames of the stage."
    ),
    alternative=(
        "Two pictures of grains coloured by their change of stress; densities of the change of energy with straight "
        "tails on a logarithmic axis; densities of the local packing fraction."
    ),
    needs="statistics/evolution.csv",
    settings=(STAGE_ENDS, ACTIVE),
    counterpart="9",
)
