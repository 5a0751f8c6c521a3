"""D²min of every grain in a typical stick and in the slip after it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm

from microslip.data.run import Run
from microslip.views.choose import TYPICAL, typical_stages
from microslip.views.figures.record import NEIGHBOURS, STAGE_ENDS, WALL_GRAINS, About, RunFigure
from microslip.views.names import D2MIN_LABEL
from microslip.views.panels import Drawing, grain_table, grains_of, panel, stage_title
from microslip.views.render.snapshot import draw_snapshot, log_limits
from microslip.views.style import SIZE_MAP, TWO_COLUMNS, journal_style, letter, new_figure


@journal_style()
def draw(run: Run) -> Drawing:
    """D²min of every grain in a typical stick and in the slip after it, one camera, one colour scale."""
    figure = new_figure(TWO_COLUMNS, 3.3)
    both = figure.subplots(1, 2)
    tables: dict[str, pd.DataFrame] = {}
    for which, (axes, title) in enumerate(zip(both, ("D²min in a stick", "D²min in a slip"), strict=True)):
        with panel(axes, run, "fields", title):
            stages = run.stages
            pair = typical_stages(stages, TYPICAL)
            d2min = run.fields["d2min"][list(pair)].to_numpy()
            limits = log_limits(d2min)
            stage, (diameter, kind), values = stages.iloc[pair[which]], grains_of(run), d2min[which]
            frame = int(stage["start_frame"])
            position, box = run.frames["position"][frame].to_numpy(), run.box_at(frame)
            draw_snapshot(
                position, diameter, kind, box, values=values, limits=limits, colour_bar=False,
                title=stage_title(stage), axes=axes,
            )  # fmt: skip
            name = str(stage["kind"]) if str(stage["kind"]) not in tables else f"{stage['kind']}_2"
            known = (kind == 0) & np.isfinite(position).all(axis=1)
            tables[name] = grain_table(position, diameter, box, known, d2min=values)
    if len(tables) == len(both):
        bar = figure.colorbar(
            ScalarMappable(LogNorm(*limits), SIZE_MAP),
            ax=list(both),
            orientation="horizontal",
            fraction=0.06,
            aspect=45,
            shrink=0.6,
        )
        bar.set_label(D2MIN_LABEL)
        bar.outline.set_linewidth(0.5)
    for axes, name in zip(both, "ab", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


def _caption(about: About) -> str:
    shown = (
        "One camera, one colour scale: a stick stage and the slip after it. Positions and neighbours are those at the "
        "start of the stage."
    )
    of_windows = (
        "One camera, one colour scale: two windows of strain. Positions and neighbours are those at the start of the "
        "window."
    )
    return (shown if about.stress else of_windows) + (" " + WALL_GRAINS if about.walls else "")


FIGURE = RunFigure(
    name="d2min_snapshots",
    title="Non-affine motion in a stick and in a slip",
    draw=draw,
    caption=_caption,
    alternative="Two pictures of the same grains, coloured by non-affine motion in a stick and in a slip.",
    step="fields",
    needs="fields.zarr",
    settings=(STAGE_ENDS, NEIGHBOURS),
    counterpart="2a, b",
)
