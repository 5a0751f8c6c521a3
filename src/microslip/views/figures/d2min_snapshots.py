"""D²min of every grain in a typical stick and in the slip after it."""

from __future__ import annotations

from matplotlib.colors import LogNorm

from microslip.data.run import Run
from microslip.views.choose import TYPICAL, typical_stages
from microslip.views.figures.record import NEIGHBOURS, STAGE_ENDS, WALL_GRAINS, About, RunFigure
from microslip.views.names import D2MIN_LABEL
from microslip.views.panels import Drawing, FrameOfGrains, panel, stage_title
from microslip.views.render.snapshot import log_limits
from microslip.views.style import SIZE_MAP, TWO_COLUMNS, add_colour_bar, add_letters, journal_style, new_figure


@journal_style()
def draw(run: Run) -> Drawing:
    """D²min of every grain in a typical stick and in the slip after it, one camera, one colour scale."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 3.3))
    both = drawing.figure.subplots(1, 2)
    for number, (axes, title) in enumerate(zip(both, ("D²min in a stick", "D²min in a slip"), strict=True)):
        with panel(axes, run, "fields.zarr", title):
            stages = run.stages
            rows = typical_stages(stages, TYPICAL)
            d2min = run.fields["d2min"][list(rows)].to_numpy()
            limits, stage = log_limits(d2min), stages.iloc[rows[number]]
            grains = FrameOfGrains.of(run, int(stage["start_frame"]))
            grains.draw(axes, stage_title(stage), values=d2min[number], limits=limits, colour_bar=False)
            name = str(stage["kind"]) if stage["kind"] not in drawing.tables else f"{stage['kind']}_2"
            drawing.tables[name] = grains.table(d2min=d2min[number])
    if len(drawing.tables) == len(both):
        norm = LogNorm(*limits)
        add_colour_bar(list(both), norm, SIZE_MAP, D2MIN_LABEL, fraction=0.06, aspect=45, shrink=0.6)
    add_letters(both)
    return drawing


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
    needs="fields.zarr",
    settings=(STAGE_ENDS, NEIGHBOURS),
    counterpart="2a, b",
)
