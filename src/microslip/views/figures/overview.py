"""The run at a glance: grains in a large slip, the stress around it, predicted against true stress changes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from microslip.data.run import Run
from microslip.views.choose import TYPICAL, largest_slip, typical_stages
from microslip.views.figures.cell_and_stress import _series, cycle_window, stress_window
from microslip.views.figures.correlation import along_the_strain
from microslip.views.figures.record import NEIGHBOURS, SETS, STAGE_ENDS, WALL_GRAINS, About, RunFigure
from microslip.views.figures.training import both_test_sets
from microslip.views.names import D2MIN_LABEL
from microslip.views.panels import Drawing, grains_of, panel
from microslip.views.render.snapshot import draw_snapshot
from microslip.views.style import journal_style, new_figure
from microslip.views.tables import knows_stress, read_per_stage, read_predictions


@journal_style()
def draw(run: Run) -> Drawing:
    """The run at a glance: grains in a large slip, the stress around it, predicted against true stress changes."""
    stressed = knows_stress(run)
    figure = new_figure(12.0 if stressed else 8.6, 3.6)
    # parts of their own, so that the colour bar of one does not shorten the others
    ratios = [1.36, 1.12, 1.12] if stressed else [1.36, 1.2]
    parts = np.asarray(figure.subfigures(1, len(ratios), width_ratios=ratios), dtype=object)
    left, middle, *others = (part.subplots() for part in parts)
    tables: dict[str, pd.DataFrame] = {}
    with panel(left, run, "fields", "Non-affine motion in a large slip"):
        stages, (diameter, kind) = run.stages, grains_of(run)
        row = largest_slip(stages)[1] if stressed else typical_stages(stages, TYPICAL)[1]
        frame = int(stages["start_frame"].iloc[row])
        moment = "a large slip" if stressed else "a window of strain"
        draw_snapshot(
            run.frames["position"][frame].to_numpy(), diameter, kind, run.box_at(frame),
            values=run.fields["d2min"][row].to_numpy(), label=f"non-affine motion {D2MIN_LABEL}",
            pixels=1100, title=f"Non-affine motion of every grain in {moment}", axes=left,
        )  # fmt: skip
        if not stressed:
            tables["window"] = stages.iloc[[row]]
    if not stressed:
        with panel(middle, run, "statistics", "Motion along the strain"):
            per_stage = read_per_stage(run)
            along_the_strain(
                per_stage, "d2min_all", f"mean {D2MIN_LABEL}", log=True, title="Motion along the strain",
                axes=middle,
            )  # fmt: skip
            tables["motion"] = per_stage[["stage", "start_strain", "end_strain", "d2min_all"]]
        return Drawing(figure, tables)
    with panel(middle, run, "stages", "Stick and slip"):
        stages, (strain, stress) = run.stages, _series(run)
        cycle = largest_slip(stages)
        window = cycle_window(stages, *cycle, margin=2.5)
        stress_window(
            strain, stress, stages, window, cycle=cycle, title="The shear stress sticks and slips", axes=middle
        )
        inside = (strain >= window[0]) & (strain <= window[1])
        tables["stress"] = pd.DataFrame({"strain": strain[inside], "stress": stress[inside]})
    with panel(others[0], run, "train", "Predicted stress change"):
        table = read_predictions(run)
        both_test_sets(table, run.metrics, title="Stress change from the pattern of motion", axes=others[0])
        tables["predictions"] = table[table["split"] == "test"]
    return Drawing(figure, tables)


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
