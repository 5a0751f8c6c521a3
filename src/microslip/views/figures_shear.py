"""Figures of the shear cell, its stress, and the non-affine motion of its grains, put together from a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.views import dynamics, learning, shear
from microslip.views.choose import TYPICAL, choose_cycle, largest_slip, typical_stages
from microslip.views.compose import (
    Drawing,
    NoStress,
    grain_table,
    knows_stress,
    panel,
    read_config,
    read_correlation,
    read_lengths,
    read_per_stage,
    read_predictions,
    stage_title,
    steady_from,
)
from microslip.views.groups import binned, fluctuation_limits, kinds_in
from microslip.views.snapshot import draw_snapshot, log_limits
from microslip.views.style import SIZE_MAP, TWO_COLUMNS, few_log_labels, journal_style, letter, new_figure


def _series(run: Run) -> tuple[np.ndarray, np.ndarray]:
    series = run.series
    strain, stress = series["strain"].to_numpy(), series["stress"].to_numpy()
    if len(stress) and not np.isfinite(stress).any():
        raise NoStress
    return strain, stress


def _warm_up(run: Run, strain: np.ndarray) -> float:
    """Strain at which the steady state begins."""
    first = steady_from(read_config(run), strain, bool(run.attributes.get("imported")))
    return float(strain[min(first, len(strain) - 1)]) if len(strain) else 0.0


def _grains(run: Run) -> tuple[np.ndarray, np.ndarray]:
    grains = run.grains
    return grains["diameter"].to_numpy(), grains["kind"].to_numpy()


@journal_style()
def overview(run: Run) -> Drawing:
    """The run at a glance: grains in a large slip, the stress around it, predicted against true stress changes."""
    stressed = knows_stress(run)
    figure = new_figure(12.0 if stressed else 8.6, 3.6)
    # parts of their own, so that the colour bar of one does not shorten the others
    ratios = [1.36, 1.12, 1.12] if stressed else [1.36, 1.2]
    parts = np.asarray(figure.subfigures(1, len(ratios), width_ratios=ratios), dtype=object)
    left, middle, *others = (part.subplots() for part in parts)
    tables: dict[str, pd.DataFrame] = {}
    with panel(left, run, "fields", "Non-affine motion in a large slip"):
        stages, (diameter, kind) = run.stages, _grains(run)
        row = largest_slip(stages)[1] if stressed else typical_stages(stages, TYPICAL)[1]
        frame = int(stages["start_frame"].iloc[row])
        moment = "a large slip" if stressed else "a window of strain"
        draw_snapshot(
            run.frames["position"][frame].to_numpy(), diameter, kind, run.box_at(frame),
            values=run.fields["d2min"][row].to_numpy(), label=f"non-affine motion {dynamics.D2MIN_LABEL}",
            pixels=1100, title=f"Non-affine motion of every grain in {moment}", axes=left,
        )  # fmt: skip
        if not stressed:
            tables["window"] = stages.iloc[[row]]
    if not stressed:
        with panel(middle, run, "statistics", "Motion along the strain"):
            per_stage = read_per_stage(run)
            dynamics.along_the_strain(
                per_stage, "d2min_all", f"mean {dynamics.D2MIN_LABEL}", log=True, title="Motion along the strain",
                axes=middle,
            )  # fmt: skip
            tables["motion"] = per_stage[["stage", "start_strain", "end_strain", "d2min_all"]]
        return Drawing(figure, tables)
    with panel(middle, run, "stages", "Stick and slip"):
        stages, (strain, stress) = run.stages, _series(run)
        cycle = largest_slip(stages)
        window = shear.cycle_window(stages, *cycle, margin=2.5)
        shear.stress_window(
            strain, stress, stages, window, cycle=cycle, title="The shear stress sticks and slips", axes=middle
        )
        inside = (strain >= window[0]) & (strain <= window[1])
        tables["stress"] = pd.DataFrame({"strain": strain[inside], "stress": stress[inside]})
    with panel(others[0], run, "train", "Predicted stress change"):
        table = read_predictions(run)
        learning.both_test_sets(table, run.metrics, title="Stress change from the pattern of motion", axes=others[0])
        tables["predictions"] = table[table["split"] == "test"]
    return Drawing(figure, tables)


@journal_style()
def cell_and_stress(run: Run) -> Drawing:
    """The cell, one typical cycle, and the whole stress-strain curve; the cell alone where no stress is known."""
    stressed = knows_stress(run)
    figure = new_figure(TWO_COLUMNS, 4.6) if stressed else new_figure(4.2, 3.0)
    axes = figure.subplot_mosaic(
        [["cell", "cycle"], ["curve", "curve"]] if stressed else [["cell"]],
        height_ratios=[1.4, 1.0] if stressed else None,
        width_ratios=[1.05, 1.0] if stressed else None,
    )
    tables: dict[str, pd.DataFrame] = {}
    with panel(axes["cell"], run, "simulate", "Shear cell"):
        diameter, kind = _grains(run)
        frames = run.frames["position"]
        if not len(frames):
            raise MicroslipError("no frame has been kept")
        first, box = frames[0].to_numpy(), run.box_at(0)
        # another program's walls may not be named
        annotate = bool((kind > 0).any()) or not run.attributes.get("imported")
        draw_snapshot(first, diameter, kind, box, annotate=annotate, title="Shear cell", axes=axes["cell"])
        tables["cell"] = grain_table(first, diameter, box, np.isfinite(first).all(axis=1), kind=kind)
    if not stressed:
        return Drawing(figure, tables)
    marked = None
    with panel(axes["cycle"], run, "stages", "One stick-slip cycle"):
        stages, (strain, stress) = run.stages, _series(run)
        cycle = choose_cycle(stages, TYPICAL)
        window = shear.cycle_window(stages, *cycle)
        shear.stress_window(
            strain, stress, stages, window, cycle=cycle, title="One stick-slip cycle", axes=axes["cycle"]
        )
        inside = (strain >= window[0]) & (strain <= window[1])
        tables["cycle"] = pd.DataFrame({"strain": strain[inside], "stress": stress[inside]})
        if inside.any():
            marked = (float(strain[inside][0]), float(strain[inside][-1]))
    with panel(axes["curve"], run, "simulate", "Stress and strain"):
        strain, stress = _series(run)
        shear.stress_strain(
            strain, stress, warm_up=_warm_up(run, strain), window=marked,
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
    for which, (axes, title) in enumerate(zip(both, ("D²min in a stick", "D²min in a slip"), strict=True)):
        with panel(axes, run, "fields", title):
            stages = run.stages
            pair = typical_stages(stages, TYPICAL)
            d2min = run.fields["d2min"][list(pair)].to_numpy()
            limits = log_limits(d2min)
            stage, (diameter, kind), values = stages.iloc[pair[which]], _grains(run), d2min[which]
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
        bar.set_label(dynamics.D2MIN_LABEL)
        bar.outline.set_linewidth(0.5)
    for axes, name in zip(both, "ab", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


@journal_style()
def correlation(run: Run) -> Drawing:
    """C(r) of D²min by size of the fluctuation, for sticks and for slips, and the correlation length ξ."""
    try:
        kinds = kinds_in(read_correlation(run))
    except MicroslipError:
        kinds = ["stick", "slip"]
    sized = kinds != ["window"]
    figure = new_figure(TWO_COLUMNS, 2.7)
    *of_kinds, last = figure.subplots(1, len(kinds) + 1, width_ratios=[1.0, 1.18, 1.05][3 - len(kinds) - 1 :])
    tables: dict[str, pd.DataFrame] = {}
    for number, (axes, kind) in enumerate(zip(of_kinds, kinds, strict=True)):
        with panel(axes, run, "statistics", f"C(r), {kind}"):
            curves, lengths = read_correlation(run), read_lengths(run)
            dynamics.correlation_curves(
                curves, lengths, kind, limits=fluctuation_limits(binned(curves)),
                colour_bar=sized and number == len(kinds) - 1, title=kind.capitalize(), axes=axes,
            )  # fmt: skip
            tables["curves"] = curves
    if "curves" in tables and len(of_kinds) > 1:
        # both hold the points of either
        ends = np.array([axes.get_ylim() for axes in of_kinds[:2]])
        of_kinds[0].set_ylim(ends[:, 0].min(), ends[:, 1].max())
        few_log_labels(of_kinds[0].yaxis)
        of_kinds[1].sharey(of_kinds[0])
        of_kinds[1].set_ylabel("")
        of_kinds[1].tick_params(labelleft=False)
    with panel(last, run, "statistics", "Correlation length"):
        tables["lengths"] = read_lengths(run)
        if sized:
            dynamics.correlation_length(tables["lengths"], title="Correlation length", axes=last)
        else:
            per_stage = read_per_stage(run)
            dynamics.along_the_strain(
                per_stage, "xi", dynamics.LENGTH_LABEL, title="Correlation length of each window", axes=last
            )
            tables["windows"] = per_stage[["stage", "start_strain", "end_strain", "xi"]]
    for axes, name in zip([*of_kinds, last], "abc", strict=False):
        letter(axes, name)
    return Drawing(figure, tables)
