"""The paper's claims as slopes: as they are, at equal length of the stages, and of grains without a pattern."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.statistics.claims import BESIDE
from microslip.views.figures.record import RunFigure, Sentence
from microslip.views.panels import Drawing, table_panel
from microslip.views.style import (
    GREY,
    INK,
    KIND_COLOUR,
    NEW_AXES,
    ORANGE,
    TWO_COLUMNS,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
)

TABLE = "statistics/claims.csv"
COLUMNS = "quantity kind claim verdict"

_NAMES = {
    "xi": "ξ",
    "xi_profile": "ξ about the profile",
    "xi_in_plane": "ξ in planes of flow",
    "eta": "η",
    "fractal_dimension": "D",
    "moran_i": "Moran's I",
    "efficiency": "E(G)",
}

# Slopes of the table beside the conditioned one: marker, colour and name in the legend.
_SHOWN = {
    "slope": ("o", ORANGE, "as it is"),
    "conditioned": ("s", "", "at equal Δγ"),
    "matched": ("D", INK, "within bins of Δγ"),
    "random": ("x", GREY, "grains at random"),
    "layered": ("+", GREY, "permuted in layers"),
    "points": ("1", GREY, "points at random"),
}


@draws_panel()
def slopes_of_claims(claims: pd.DataFrame, kind: str, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """Slopes of one kind of stage, each in units of half the width of the conditioned one's interval.

    Beyond the shaded band, from −1 to 1, a conditioned slope differs from zero.

    Parameters
    ----------
    claims
        Table of statistics/claims.csv.
    kind
        stick or slip.
    """
    rows = claims[(claims["kind"] == kind)].reset_index(drop=True)
    ends = rows.reindex(columns=["conditioned_low", "conditioned_high"]).to_numpy(float)
    unit = (ends[:, 1] - ends[:, 0]) / 2
    axes.axvspan(-1, 1, color=GREY, alpha=0.15, linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.7)
    place = -np.arange(len(rows), dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        for number, (name, (marker, colour, label)) in enumerate(_SHOWN.items()):
            value, low, high = rows.reindex(columns=[name, f"{name}_low", f"{name}_high"]).to_numpy(float).T / unit
            if not np.isfinite(value).any():
                continue
            bars = np.nan_to_num(np.stack([value - low, high - value])).clip(min=0)
            axes.errorbar(
                value, place + 0.25 - 0.1 * number, xerr=bars, fmt=marker, color=colour or KIND_COLOUR[kind],
                markersize=3.5, elinewidth=0.7, label=label,
            )  # fmt: skip
    names = [_NAMES.get(str(name), str(name)) for name in rows["quantity"]]
    axes.set_yticks(place, names)
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_xlabel("slope over half its interval [1]")


@journal_style()
def draw(run: Run) -> Drawing:
    """Sticks and slips side by side."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 3.4))
    panels = drawing.figure.subplots(1, 2, sharey=True)
    for axes, kind in zip(panels, ("stick", "slip"), strict=True):
        table_panel(drawing, axes, run, TABLE, COLUMNS, f"In {kind}s", slopes_of_claims, kind)
    handles, labels = panels[-1].get_legend_handles_labels()
    if handles:
        drawing.figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=6.5)
    add_letters(panels)
    return drawing


FIGURE = RunFigure(
    name="claims",
    title="The paper's claims, at equal length of the stages",
    draw=draw,
    caption=(
        "Change of each quantity per decade of |Δs| (a) in sticks, (b) in slips, with intervals, each over half the "
        "width of the conditioned one's interval, so that beyond the shaded band a conditioned slope differs from "
        "zero. As it is: without regard to the strain Δγ that the stage lasts. At equal Δγ: regression on log |Δs| and "
        f"log Δγ together, which decides. Grey, the same slope of {BESIDE['random']}, of {BESIDE['layered']} and of "
        f"{BESIDE['points']}. The paper: nothing changes in sticks; in slips η falls and all else grows."
    ),
    alternative="Slopes of seven quantities with bars, in sticks and in slips, beside a shaded band about zero.",
    needs=TABLE,
    settings=(
        Sentence(
            "Intervals: {} from blocks of {} strain, each left out once.",
            ("bootstrap.confidence", "bootstrap.block_strain"),
        ),
    ),
)
