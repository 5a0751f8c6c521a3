"""Figures of the shear cell, its stress, and the non-affine motion of its grains, put together from a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.views import dynamics, learning, shear
from microslip.views.choose import choose_cycle, largest_slip
from microslip.views.compose import Drawing, NoStress, panel, read_correlation, read_lengths, read_predictions
from microslip.views.snapshot import draw_snapshot, log_limits
from microslip.views.style import SIZE_MAP, TWO_COLUMNS, journal_style, letter, new_figure, scientific

# The cycle that stands for the others has this quantile of their sizes: well above the wiggles at the threshold.
TYPICAL = 0.97


def _series(run: Run) -> tuple[np.ndarray, np.ndarray]:
    series = run.series
    strain, stress = series["strain"].to_numpy(), series["stress"].to_numpy()
    if len(stress) and not np.isfinite(stress).any():
        raise NoStress("no stress is known")
    return strain, stress


def _warm_up(run: Run) -> float:
    """Strain before the steady state; 0 for an imported run."""
    return float(run.attributes.get("config", {}).get("loading", {}).get("warm_up", 0.0))


def _grains(run: Run) -> tuple[np.ndarray, np.ndarray]:
    grains = run.grains
    return grains["diameter"].to_numpy(), grains["kind"].to_numpy()


@journal_style()
def overview(run: Run) -> Drawing:
    """The run at a glance: grains in a large slip, the stress around it, predicted against true stress changes."""
    figure = new_figure(12.0, 3.6)
    # parts of their own, so that the colour bar of one does not shorten the others
    parts = figure.subfigures(1, 3, width_ratios=[1.36, 1.12, 1.12])
    left, middle, right = (part.subplots() for part in np.asarray(parts, dtype=object))
    tables: dict[str, pd.DataFrame] = {}
    with panel(left, run, "fields", "Non-affine motion in a large slip"):
        stages, (diameter, kind) = run.stages, _grains(run)
        _, slip = largest_slip(stages)
        frame = int(stages["start_frame"].iloc[slip])
        draw_snapshot(
            run.frames["position"][frame].to_numpy(), diameter, kind, run.box_at(frame),
            values=run.fields["d2min"][slip].to_numpy(), label=f"non-affine motion {dynamics.D2MIN_LABEL}",
            pixels=1100, title="Non-affine motion of every grain in a large slip", axes=left,
        )  # fmt: skip
    with panel(middle, run, "stages", "Stick and slip"):
        stages, (strain, stress) = run.stages, _series(run)
        cycle = largest_slip(stages)
        window = shear.cycle_window(stages, *cycle, margin=2.5)
        shear.stress_window(
            strain, stress, stages, window, cycle=cycle, title="The shear stress sticks and slips", axes=middle
        )
    with panel(right, run, "train", "Predicted stress change"):
        table = read_predictions(run)
        learning.both_test_sets(table, title="Stress change predicted from it", axes=right)
        tables["test_predictions"] = table[table["split"] == "test"]
    for axes, name in zip((left, middle, right), "abc", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


@journal_style()
def cell_and_stress(run: Run) -> Drawing:
    """The cell, one typical cycle, and the whole stress-strain curve."""
    figure = new_figure(TWO_COLUMNS, 4.6)
    axes = figure.subplot_mosaic(
        [["cell", "cycle"], ["curve", "curve"]], height_ratios=[1.4, 1.0], width_ratios=[1.05, 1.0]
    )
    tables: dict[str, pd.DataFrame] = {}
    with panel(axes["cell"], run, "simulate", "Shear cell"):
        diameter, kind = _grains(run)
        frames = run.frames["position"]
        if not len(frames):
            raise MicroslipError("no frame has been kept")
        draw_snapshot(
            frames[0].to_numpy(),
            diameter,
            kind,
            run.box_at(0),
            annotate=bool((kind > 0).any()),
            title="Shear cell",
            axes=axes["cell"],
        )
    with panel(axes["cycle"], run, "stages", "One stick-slip cycle"):
        stages, (strain, stress) = run.stages, _series(run)
        cycle = choose_cycle(stages, TYPICAL)
        window = shear.cycle_window(stages, *cycle)
        shear.stress_window(
            strain, stress, stages, window, cycle=cycle, title="One stick-slip cycle", axes=axes["cycle"]
        )
        inside = (strain >= window[0]) & (strain <= window[1])
        tables["cycle"] = pd.DataFrame({"strain": strain[inside], "stress": stress[inside]})
    with panel(axes["curve"], run, "simulate", "Stress and strain"):
        strain, stress = _series(run)
        marked = None
        if len(tables.get("cycle", ())):
            marked = (float(tables["cycle"]["strain"].iloc[0]), float(tables["cycle"]["strain"].iloc[-1]))
        shear.stress_strain(
            strain, stress, warm_up=_warm_up(run), window=marked,
            title="Stress-strain curve" + (", the cycle of panel b marked" if marked else ""), axes=axes["curve"],
        )  # fmt: skip
        thin = shear.thin_series(strain, stress)
        tables["curve"] = pd.DataFrame({"strain": thin[0], "stress": thin[1]})
    for name, key in zip("abc", axes, strict=True):
        letter(axes[key], name)
    return Drawing(figure, tables)


@journal_style()
def d2min_snapshots(run: Run) -> Drawing:
    """D²min of every grain in a typical stick and in the slip after it, one camera, one colour scale."""
    figure = new_figure(TWO_COLUMNS, 3.3)
    both = figure.subplots(1, 2)
    tables: dict[str, pd.DataFrame] = {}
    cycle: list[tuple[Axes, str, int]] = []
    for which, (axes, kind_of_stage) in enumerate(zip(both, ("stick", "slip"), strict=True)):
        with panel(axes, run, "fields", f"D²min in a {kind_of_stage}"):
            stages = run.stages
            pair = choose_cycle(stages, TYPICAL)
            d2min = run.fields["d2min"][list(pair)].to_numpy()
            limits = log_limits(d2min)
            row = pair[which]
            cycle.append((axes, kind_of_stage, row))
            diameter, kind = _grains(run)
            values, name = d2min[which], kind_of_stage.capitalize()
            frame = int(stages["start_frame"].iloc[row])
            position, box = run.frames["position"][frame].to_numpy(), run.box_at(frame)
            change, length = stages["fluctuation"].iloc[row], stages["strain_increment"].iloc[row]
            draw_snapshot(
                position, diameter, kind, box, values=values, limits=limits, colour_bar=False,
                title=name
                + rf": $\Delta s$ = {scientific(change)} $p$, $\Delta\gamma$ = {scientific(length)}", axes=axes,
            )  # fmt: skip
            wrapped = box.wrap(position)
            tables[kind_of_stage] = pd.DataFrame(
                {"x": wrapped[:, 0], "y": wrapped[:, 1], "z": wrapped[:, 2], "diameter": diameter, "d2min": values}
            )[kind == 0]
    if len(cycle) == len(both):
        bar = figure.colorbar(
            ScalarMappable(LogNorm(*limits), SIZE_MAP),
            ax=list(both),
            orientation="horizontal",
            fraction=0.06,
            aspect=45,
            shrink=0.6,
        )
        bar.set_label(dynamics.D2MIN_LABEL)
    for axes, name in zip(both, "ab", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


@journal_style()
def correlation(run: Run) -> Drawing:
    """C(r) of D²min by size of the fluctuation, for sticks and for slips, and the correlation length ξ."""
    figure = new_figure(TWO_COLUMNS, 2.7)
    three = figure.subplots(1, 3, width_ratios=[1.0, 1.18, 1.05])
    tables: dict[str, pd.DataFrame] = {}
    for axes, kind in zip(three, ("stick", "slip"), strict=False):
        with panel(axes, run, "statistics", f"C(r), {kind}"):
            curves, lengths = read_correlation(run), read_lengths(run)
            binned = curves[curves["by"] == "bin"]
            dynamics.correlation_curves(
                curves, lengths, kind, limits=dynamics.fluctuation_limits(binned if len(binned) else curves),
                colour_bar=kind == "slip", title=kind.capitalize(), axes=axes,
            )  # fmt: skip
            tables["curves"] = curves
    if "curves" in tables:
        three[1].sharey(three[0])
        three[1].set_ylabel("")
        three[1].tick_params(labelleft=False)
    with panel(three[2], run, "statistics", "Correlation length"):
        tables["lengths"] = read_lengths(run)
        dynamics.correlation_length(tables["lengths"], title="Correlation length", axes=three[2])
    for axes, name in zip(three, "abc", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)
