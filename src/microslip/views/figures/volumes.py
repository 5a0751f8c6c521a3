"""D²min and attribution in space, for the largest slip and the largest stick explained."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.data.run import Run
from microslip.views.figures.attributions import ExplainedStage
from microslip.views.figures.record import NODES, PATH, RunFigure, explained_network
from microslip.views.names import LOG_D2MIN_LABEL
from microslip.views.panels import Drawing, panel, stage_title
from microslip.views.render.volume import Scale, draw_slices, draw_volume
from microslip.views.style import TWO_COLUMNS, add_colour_bar, add_letters, journal_style, new_figure, symmetric_limit


@journal_style()
def draw(run: Run) -> Drawing:
    """D²min and attribution in space, for the largest slip and the largest stick explained."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 8.6))
    drawn: list[Axes] = []
    for part, kind in zip(np.asarray(drawing.figure.subfigures(2, 1), dtype=object), ("slip", "stick"), strict=True):
        grid = part.subplots(2, 2)
        with panel(grid[0, 0], run, "attributions.zarr", f"Motion in a {kind}"):
            explained, box = ExplainedStage.largest(run, kind), run.box
            attribution = np.where(np.isnan(explained.log_d2min), np.nan, explained.attribution)
            columns = (
                (stage_title(explained.stage, length=False), *_motion(explained.log_d2min)),
                ("Attribution", *_attribution(attribution)),
            )
            for (cloud, slices), (name, nodes, scale, label) in zip(grid.T, columns, strict=True):
                draw_volume(nodes, box, scale, title=name, axes=cloud)
                draw_slices(nodes, box, scale, title="Nodes" if box.planar else "Slices", axes=slices)
                add_colour_bar(
                    [cloud, slices], scale.norm, scale.colour_map, label, fraction=0.05, aspect=40, shrink=0.7,
                    pad=0.02, extend="both",
                )  # fmt: skip
            place = np.meshgrid(explained.x, explained.y, explained.z, indexing="ij")
            values = {"log10_d2min": explained.log_d2min, "attribution": attribution}
            table = dict(zip("xyz", place, strict=True)) | values
            drawing.tables[kind] = pd.DataFrame({name: nodes.ravel() for name, nodes in table.items()}).astype(
                "float32"
            )
            drawn += list(grid.flat)
        if kind not in drawing.tables:
            for axes in list(grid.flat)[1:]:
                axes.set_axis_off()
            drawn.append(grid[0, 0])
    add_letters(drawn)
    return drawing


def _motion(logs: np.ndarray) -> tuple[np.ndarray, Scale, str]:
    """log₁₀ of D²min on nodes, its scale and label."""
    low, high = (float(end) for end in np.nanquantile(logs, [0.05, 0.999]))
    return logs, Scale(low, high, signed=False), LOG_D2MIN_LABEL


def _attribution(attribution: np.ndarray) -> tuple[np.ndarray, Scale, str]:
    """Attribution on nodes in a power of ten of p, which reads better than an offset at the scale's end."""
    largest = symmetric_limit(attribution, 0.998)
    power = int(np.floor(np.log10(largest)))
    end = largest / 10.0**power
    return attribution / 10.0**power, Scale(-end, end, signed=True), rf"attribution [$10^{{{power}}}\,p$]"


FIGURE = RunFigure(
    name="volumes",
    title="Motion and attribution in space",
    draw=draw,
    caption=(
        "D²min on the nodes (left) and attribution (right) for the largest slip (a to d) and the largest stick (e to h)"
        " explained; one camera. Clouds: opaque where D²min is in the upper half of its scale, or the attribution "
        "beyond a quarter of its; red, positive. Slices are horizontal, heights in d̄. Scales end at the 5th and the "
        "99.9th percentile of log₁₀ D²min, and the 99.8th of |attribution|."
    ),
    alternative=("Clouds and slices of non-affine motion beside those of the attribution, for a slip and for a stick."),
    needs="attributions.zarr",
    settings=(*NODES, PATH),
    closing=explained_network,
    counterpart="7a",
)
