"""How far the attributions of a stage are from adding up to what the network predicted."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from microslip.data.run import Run
from microslip.views.figures.record import PATH, RunFigure, explained_network
from microslip.views.panels import Drawing, panel
from microslip.views.style import BLUE, INK, NEW_AXES, ONE_COLUMN, draws_panel, journal_style, new_figure


@draws_panel()
def completeness_histogram(
    completeness_error: Float[np.ndarray, "stage"], *, title: str = "", axes: Axes = NEW_AXES
) -> None:
    """Histogram of |Σ attribution − difference of the predictions| over that difference, shape (stage,)."""
    errors = np.asarray(completeness_error, dtype=float)
    errors = np.maximum(errors[np.isfinite(errors)], 1e-12)
    if errors.size:
        low, high = np.log10(errors.min()), np.log10(errors.max())
        edges = np.logspace(low - 0.05, max(high, low + 0.5) + 0.05, 21)
        axes.hist(errors, edges.tolist(), color=BLUE, alpha=0.8)
        axes.axvline(float(np.median(errors)), color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.text(
            0.02, 0.97, f"median {np.median(errors):.1e}\nlargest {errors.max():.1e}", transform=axes.transAxes,
            va="top", fontsize=7.5,
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_ylim(0, axes.get_ylim()[1] * 1.35)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel("relative completeness error [1]")
    axes.set_ylabel("stages [1]")


@journal_style()
def draw(run: Run) -> Drawing:
    """How far the attributions of a stage are from adding up to what the network predicted."""
    drawing = Drawing(new_figure(ONE_COLUMN, 2.3))
    axes = drawing.figure.subplots()
    with panel(axes, run, "attributions.zarr", "Completeness of the attributions"):
        explained = run.attributions
        errors = explained["completeness_error"].to_numpy()
        completeness_histogram(errors, title="Completeness of the attributions", axes=axes)
        columns = {"stage": explained["stage"].to_numpy(), "completeness_error": errors}
        drawing.tables["errors"] = pd.DataFrame(columns)
    return drawing


FIGURE = RunFigure(
    name="completeness",
    title="Do the attributions add up?",
    draw=draw,
    caption="|Σ attribution − (prediction − that of the baseline)| over that difference, by stage.",
    alternative="Histogram of the relative completeness error.",
    needs="attributions.zarr",
    settings=(PATH,),
    closing=explained_network,
    in_pressure=False,
    narrow=True,
)
