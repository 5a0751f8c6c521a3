"""Profiles over the height: is the flow homogeneous, or does it band?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.dem.flow import flow_of
from microslip.statistics.profiles import LARGEST_DEPARTURE, LARGEST_SHARE, LEAST_SHARE, QUARTERS
from microslip.views.figures.record import ACTIVE, NEIGHBOURS, About, RunFigure
from microslip.views.names import LOG_D2MIN_LABEL
from microslip.views.panels import Drawing, NotMeasured, panel
from microslip.views.settings import read_config
from microslip.views.style import (
    GREY,
    INK,
    NEW_AXES,
    ORDER_MAP,
    TWO_COLUMNS,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
)

# More windows than these are not told apart by their shade.
LABELLED = 6

HEIGHT_LABEL = r"height $z/H$ [1]"
LABELS = {
    "velocity": r"mean velocity $u/U$ [1]",
    "solid_fraction": r"solid fraction $\phi$ [1]",
    "log_d2min": f"median {LOG_D2MIN_LABEL}",
    "active": "active grains / even share [1]",
}
TITLES = {
    "velocity": "Velocity",
    "solid_fraction": "Solid fraction",
    "log_d2min": "Non-affine motion",
    "active": "Activity",
}


@draws_panel(2.4, 2.8)
def over_the_height(layers: pd.DataFrame, quantity: str, *, title: str = "", axes: Axes = NEW_AXES) -> None:
    """A profile of every window of strain against z/H, later windows darker, with the limits of a homogeneous flow.

    Parameters
    ----------
    layers
        Table of statistics/profiles.csv.
    quantity
        velocity, with the line 1 − z/H; solid_fraction; log_d2min; or active, over the share of an even activity.
    """
    if quantity == "velocity":
        ends = np.array([0.0, 1.0])
        axes.fill_betweenx(ends, 1 - ends - LARGEST_DEPARTURE, 1 - ends + LARGEST_DEPARTURE, color="#E4E7EB")
        axes.plot(1 - ends, ends, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    elif quantity == "active":
        axes.axvspan(QUARTERS * LEAST_SHARE, QUARTERS * LARGEST_SHARE, color="#E4E7EB", linewidth=0)
        axes.axvline(1.0, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)))
    windows = list(layers.groupby("window", sort=True))
    shade, colours = Normalize(-0.25 * len(windows) - 0.5, len(windows) - 1), colormaps[f"{ORDER_MAP}_r"]
    for number, (_, rows) in enumerate(windows):
        values = rows[quantity] * (len(rows) if quantity == "active" else 1)
        strains = f"{rows['start_strain'].iloc[0]:.3g} to {rows['end_strain'].iloc[0]:.3g}"
        axes.plot(
            values, (rows["low"] + rows["high"]) / 2, "o-", color=colours(shade(number)), markersize=2.5,
            linewidth=1, label=rf"$\gamma$ = {strains}" if len(windows) <= LABELLED else None,
        )  # fmt: skip
    axes.set_ylim(0, 1)
    axes.set_xlabel(LABELS[quantity], color=INK)
    axes.set_ylabel(HEIGHT_LABEL)


@journal_style()
def draw(run: Run) -> Drawing:
    """Velocity against the line of homogeneous shear, solid fraction, D²min and activity over the height."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 2.9))
    flow, problem = None, None
    try:
        flow = flow_of(run, read_config(run))
    except MicroslipError as raised:
        problem = raised
    if flow is not None:
        drawing.tables.update(layers=flow.layers, windows=flow.windows)
    panels = drawing.figure.subplots(1, len(TITLES), sharey=True)
    for axes, (quantity, title) in zip(panels, TITLES.items(), strict=True):
        with panel(axes, run, "statistics/profiles.csv", title):
            if problem is not None:
                raise problem
            if flow is None:
                raise NotMeasured("Not known: it takes two frames in the steady state, and two walls or a tilt.")
            if not np.isfinite(flow.layers[quantity]).any():
                raise NotMeasured("No motion is known of these frames.")
            over_the_height(flow.layers, quantity, title=title, axes=axes)
            if axes is not panels[0]:
                axes.set_ylabel("")
    if flow is not None and 1 < len(flow.windows) <= LABELLED:
        drawing.figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    add_letters(panels)
    return drawing


def _caption(about: About) -> str:
    line = "1 − z/H, z from the inner face of the moving wall"
    if not about.walls:
        line = "1 − z/H of the cell that leans; z is counted from its lower end"
    return (
        "Windows of strain of the steady state, later ones darker; layers of a tenth of the height. (a) Mean velocity "
        f"along x, from displacements between frames; dashed, {line}; grey, as far as a homogeneous flow may depart. "
        "(b) Solid fraction, spheres sliced by the planes of the layers. (c) Mean over the stages of the median of "
        "log₁₀ D²min. (d) Share of the active grains over the share of the height; grey, the limits of a quarter."
    )


FIGURE = RunFigure(
    name="profiles",
    title="Profiles over the height",
    draw=draw,
    caption=_caption,
    alternative="Velocity, solid fraction, D²min and activity against the height, a curve for each window of strain.",
    settings=(NEIGHBOURS, ACTIVE),
)
