"""The run at a glance: grains in a large slip, the stress around it, predicted against true stress changes."""

from __future__ import annotations

import numpy as np

from microslip.data.run import Run
from microslip.views.choose import TYPICAL, largest_slip, typical_stages
from microslip.views.figures.cell_and_stress import draw_cycle
from microslip.views.figures.correlation import along_the_strain
from microslip.views.figures.record import NEIGHBOURS, SETS, STAGE_ENDS, WALL_GRAINS, About, RunFigure
from microslip.views.figures.training import both_test_sets
from microslip.views.names import D2MIN_LABEL
from microslip.views.panels import Drawing, FrameOfGrains, panel
from microslip.views.style import journal_style, new_figure
from microslip.views.tables import knows_stress, read_per_stage, read_predictions


@journal_style()
def draw(run: Run) -> Drawing:
    """Grains in a large slip, the stress around it, predicted against true; or, without a stress, motion by strain."""
    stressed = knows_stress(run)
    drawing = Drawing(new_figure(12.0 if stressed else 8.6, 3.6))
    # parts of their own, so that the colour bar of one does not shorten the others
    ratios = [1.36, 1.12, 1.12] if stressed else [1.36, 1.2]
    parts = np.asarray(drawing.figure.subfigures(1, len(ratios), width_ratios=ratios), dtype=object)
    left, middle, *others = (part.subplots() for part in parts)
    with panel(left, run, "fields.zarr", "Non-affine motion in a large slip"):
        stages = run.stages
        row = largest_slip(stages)[1] if stressed else typical_stages(stages, TYPICAL)[1]
        moment = "a large slip" if stressed else "a window of strain"
        FrameOfGrains.of(run, int(stages["start_frame"].iloc[row])).draw(
            left, f"Non-affine motion of every grain in {moment}", values=run.fields["d2min"][row].to_numpy(),
            label=f"non-affine motion {D2MIN_LABEL}", pixels=1100,
        )  # fmt: skip
        if not stressed:
            drawing.tables["window"] = stages.iloc[[row]]
    if not stressed:
        with panel(middle, run, "statistics/stages.csv", "Motion along the strain"):
            per_stage = read_per_stage(run)
            along_the_strain(
                per_stage, "d2min_all", f"mean {D2MIN_LABEL}", log=True, title="Motion along the strain", axes=middle
            )
            drawing.tables["motion"] = per_stage[["stage", "start_strain", "end_strain", "d2min_all"]]
        return drawing
    with panel(middle, run, "stages.csv", "Stick and slip"):
        stages = run.stages
        drawing.tables["stress"], _ = draw_cycle(
            run, largest_slip(stages), 2.5, title="The shear stress sticks and slips", axes=middle
        )
    with panel(others[0], run, "model/predictions.csv", "Predicted stress change"):
        table = read_predictions(run)
        both_test_sets(table, run.metrics, title="Stress change from the pattern of motion", axes=others[0])
        drawing.tables["predictions"] = table[table["split"] == "test"]
    return drawing


def _caption(about: About) -> str:
    shown = (
        "Grains coloured by D²min in a large slip; shear stress around it, stick stages blue and slip stages orange; "
        "predicted against true change of stress on the test sets of both split rules."
    )
    of_windows = "Grains coloured by D²min in one window of strain; mean D²min of every window."
    return (shown if about.stress else of_windows) + (" " + WALL_GRAINS if about.walls else "")


FIGURE = RunFigure(
    name="overview",
    title="The run at a glance",
    draw=draw,
    caption=_caption,
    alternative=(
        "Three panels: sheared spheres coloured by non-affine motion, a stress curve, a scatter plot of predictions."
    ),
    settings=(STAGE_ENDS, NEIGHBOURS, *SETS),
    of_stress=True,
)
