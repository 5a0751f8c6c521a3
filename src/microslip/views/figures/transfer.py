"""How well the network of each run predicts the stages of each other run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microslip.learn.lines import LEFT_OUT
from microslip.views.names import R2_FLOOR
from microslip.views.style import BLUE, GREY, INK, SIZE_MAP, VERMILLION, journal_style, titled_axes

# Networks that know few stages of the run that they are tested on, or none.
TUNING_COLOUR = {"alone": GREY, "as it is": BLUE, "fine-tuned": VERMILLION}


@journal_style()
def transfer_map(table: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """R² of the network of each run (rows) on the stages of each run (columns); table of transfer.csv.

    Networks that learnt from all runs but the one that is tested share the last row.
    """
    table = table.assign(trained_on=table["trained_on"].where(table["rule"] != LEFT_OUT, "all others"))
    trained = list(dict.fromkeys(table["trained_on"]))
    tested = list(dict.fromkeys(table["tested_on"]))
    figure, axes = titled_axes(axes, title, 1.2 + 0.75 * len(tested), 0.9 + 0.42 * len(trained))
    values = table.pivot(index="trained_on", columns="tested_on", values="r2").loc[trained, tested].to_numpy()
    shown = np.ma.masked_invalid(values)
    axes.imshow(shown, cmap=SIZE_MAP, vmin=R2_FLOOR, vmax=1.0, aspect="auto")
    for row in range(len(trained)):
        for column in range(len(tested)):
            value = values[row, column]
            if np.isfinite(value):
                axes.text(
                    column, row, f"{value:.2f}".replace("-", "−"), ha="center", va="center", fontsize=7.5,
                    color="white" if value < 0.4 else INK,
                )  # fmt: skip
    axes.set_xticks(range(len(tested)), tested, rotation=30, ha="right")
    axes.set_yticks(range(len(trained)), trained)
    axes.set_xlabel("tested on")
    axes.set_ylabel("trained on")
    return figure


@journal_style()
def packings_curve(table: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """R² of each run by networks of 1, 2 and more other runs, and the mean over runs; table of packings.csv."""
    figure, axes = titled_axes(axes, title, 3.4, 2.6)
    for name, part in table.groupby("tested_on", sort=False):
        error = np.abs(part[["r2_low", "r2_high"]].to_numpy() - part[["r2"]].to_numpy()).T
        axes.errorbar(part["n_runs"], part["r2"], error, fmt=".-", lw=0.8, elinewidth=0.6, ms=4, label=str(name))
    mean = table.groupby("n_runs")["r2"].mean()
    axes.plot(mean.index, mean, color=INK, lw=1.8, label="mean")
    axes.set_xticks(mean.index)
    axes.set_xlabel("runs that the network learnt from")
    axes.set_ylabel("R² of the run left out")
    axes.legend(fontsize=6.5, frameon=False)
    return figure


@journal_style()
def tuning_gain(table: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """R² on the later stages of each run, a point for every run that taught, a dash for their mean; fine_tuning.csv."""
    networks = table[table["method"] == "network"]
    # every run teaches, in the order given
    tested = list(dict.fromkeys(networks["trained_on"]))
    figure, axes = titled_axes(axes, title, max(3.4, 1.2 + 0.6 * len(tested)), 2.6)
    for shift, (line, colour) in zip((-0.22, 0.0, 0.22), TUNING_COLOUR.items(), strict=True):
        of_line = networks[networks["line"] == line]
        place = shift + np.array([tested.index(name) for name in of_line["tested_on"]])
        r2 = np.maximum(of_line["r2"].to_numpy(), R2_FLOOR)
        axes.plot(place, r2, "o", color=colour, ms=2.5, alpha=0.7)
        mean = pd.Series(r2).groupby(place).mean()
        axes.plot(mean.index, mean, "_", color=colour, ms=12, mew=1.8, label=line)
    axes.set_xticks(range(len(tested)), tested, rotation=30, ha="right")
    axes.set_xlabel("tested on")
    axes.set_ylabel("R² of the later stages")
    axes.legend(fontsize=6.5, frameon=False)
    return figure
