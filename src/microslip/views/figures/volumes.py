"""D²min and attribution in space, for the largest slip and the largest stick explained."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from microslip.data.run import Run
from microslip.views.choose import choose_explained
from microslip.views.figures.attributions import log_nodes
from microslip.views.figures.record import NODES, PATH, RunFigure, explained_network
from microslip.views.names import LOG_D2MIN_LABEL
from microslip.views.panels import Drawing, panel, stage_title
from microslip.views.render.volume import Scale, draw_slices, draw_volume
from microslip.views.style import TWO_COLUMNS, journal_style, letter, new_figure, symmetric_limit


@journal_style()
def draw(run: Run) -> Drawing:
    """D²min and attribution in space, for the largest slip and the largest stick explained."""
    figure = new_figure(TWO_COLUMNS, 8.6)
    rows = np.asarray(figure.subfigures(2, 1), dtype=object)
    tables: dict[str, pd.DataFrame] = {}
    drawn: list[Axes] = []
    for number, (part, kind) in enumerate(zip(rows, ("slip", "stick"), strict=True)):
        grid = part.subplots(2, 2)
        with panel(grid[0, 0], run, "explain", f"Motion in a {kind}"):
            explained, stages, voxels = run.attributions, run.stages, run.voxels
            numbers = explained["stage"].to_numpy()
            at = choose_explained(stages, numbers)[number]
            stage = stages.set_index("stage", drop=False).loc[numbers[at]]
            logs = log_nodes(voxels["d2min"][int(numbers[at])].to_numpy())
            given = np.where(np.isnan(logs), np.nan, explained["attribution"][at].to_numpy())
            box = run.box
            columns = (
                (stage_title(stage, length=False), *_motion(logs)),
                ("Attribution", *_attribution(given)),
            )
            for column, (name, nodes, scale, label) in enumerate(columns):
                draw_volume(nodes, box, scale, title=name, axes=grid[0, column])
                draw_slices(nodes, box, scale, title="Nodes" if box.planar else "Slices", axes=grid[1, column])
                bar = part.colorbar(
                    ScalarMappable(scale.norm, scale.colour_map), ax=list(grid[:, column]), orientation="horizontal",
                    fraction=0.05, aspect=40, shrink=0.7, pad=0.02, extend="both",
                )  # fmt: skip
                bar.set_label(label)
                bar.outline.set_linewidth(0.5)
            place = [voxels[axis].to_numpy() for axis in "xyz"]
            x, y, z = (axis.ravel() for axis in np.meshgrid(*place, indexing="ij"))
            tables[kind] = pd.DataFrame(
                {"x": x, "y": y, "z": z, "log10_d2min": logs.ravel(), "attribution": given.ravel()}
            )
            tables[kind] = tables[kind].astype("float32")
            drawn += list(grid.flat)
        if kind not in tables:
            for axes in list(grid.flat)[1:]:
                axes.set_axis_off()
            drawn.append(grid[0, 0])
    for axes, name in zip(drawn, "abcdefgh", strict=False):
        letter(axes, name)
    return Drawing(figure, tables)


def _motion(logs: np.ndarray) -> tuple[np.ndarray, Scale, str]:
    """log₁₀ of D²min on nodes, its scale and label."""
    low, high = (float(end) for end in np.nanquantile(logs, [0.05, 0.999]))
    return logs, Scale(low, high, signed=False), LOG_D2MIN_LABEL


def _attribution(given: np.ndarray) -> tuple[np.ndarray, Scale, str]:
    """Attribution on nodes in a power of ten of p, which reads better than an offset at the scale's end."""
    largest = symmetric_limit(given, 0.998)
    power = int(np.floor(np.log10(largest)))
    end = largest / 10.0**power
    return given / 10.0**power, Scale(-end, end, signed=True), rf"attribution [$10^{{{power}}}\,p$]"


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
    step="explain",
    needs="attributions.zarr",
    settings=(*NODES, PATH),
    closing=explained_network,
    counterpart="7a",
)
