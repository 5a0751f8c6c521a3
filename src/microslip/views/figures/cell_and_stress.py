"""The shear cell, one typical cycle, and the whole stress-strain curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.stage_stress import VOLUME
from microslip.dem.steady import steady_sample_of
from microslip.views.choose import TYPICAL, choose_cycle
from microslip.views.figures.record import STAGE_ENDS, About, RunFigure, Sentence
from microslip.views.names import STRAIN_LABEL, STRESS_LABEL
from microslip.views.panels import Drawing, FrameOfGrains, NoStress, panel, thin_series
from microslip.views.settings import read_config
from microslip.views.style import (
    GREY,
    INK,
    KIND_COLOUR,
    NEW_AXES,
    TWO_COLUMNS,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
    scientific,
)
from microslip.views.tables import knows_stress


def shade_stages(axes: Axes, stages: pd.DataFrame, low: float, high: float, alpha: float = 0.18) -> None:
    """Blue bands over stick and orange bands over slip stages between two strains."""
    inside = stages[(stages["end_strain"] > low) & (stages["start_strain"] < high)]
    for kind, of_kind in inside.groupby("kind"):
        spans = list(zip(of_kind["start_strain"], of_kind["end_strain"] - of_kind["start_strain"], strict=True))
        axes.broken_barh(
            spans, (0, 1), transform=axes.get_xaxis_transform(), facecolor=KIND_COLOUR[str(kind)], alpha=alpha,
            linewidth=0, zorder=0,
        )  # fmt: skip


def stage_handles(alpha: float = 0.35) -> list[Patch]:
    """Legend entries of the bands."""
    return [Patch(facecolor=KIND_COLOUR[kind], alpha=alpha, label=kind) for kind in ("stick", "slip")]


@draws_panel()
def stress_strain(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    *,
    warm_up: float = 0.0,
    window: tuple[float, float] | None = None,
    title: str = "",
    label: str = STRESS_LABEL,
    axes: Axes = NEW_AXES,
) -> None:
    """Shear stress s [p] against strain γ, shape (sample,), with the warm-up shaded and a window of strain marked."""
    x, y = thin_series(np.asarray(strain), np.asarray(stress))
    axes.plot(x, y, color=INK, linewidth=0.5)
    low, high = _limits(y)
    axes.set_xlim(float(x[0]), float(x[-1]))
    axes.set_ylim(low, high)
    if warm_up > float(x[0]):
        axes.axvspan(float(x[0]), warm_up, color="#E4E7EB", zorder=0, linewidth=0)
        axes.text(
            (float(x[0]) + warm_up) / 2, 0.03, "warm-up", rotation=90, transform=axes.get_xaxis_transform(),
            ha="center", va="bottom", color=GREY, fontsize=7.5,
        )  # fmt: skip
    if window is not None:
        axes.axvline(sum(window) / 2, color=KIND_COLOUR["slip"], linewidth=0.8, alpha=0.8)
        axes.plot(
            sum(window) / 2, 1.0, marker="v", markersize=5, color=KIND_COLOUR["slip"], clip_on=False,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    axes.set_xlabel(STRAIN_LABEL)
    axes.set_ylabel(label)


def cycle_window(stages: pd.DataFrame, stick: int, slip: int, margin: float = 0.8) -> tuple[float, float]:
    """Strains about a cycle (row numbers of its stick and slip), with a margin on both sides in lengths of it."""
    start, end = float(stages["start_strain"].iloc[stick]), float(stages["end_strain"].iloc[slip])
    return start - margin * (end - start), end + margin * (end - start)


@draws_panel()
def stress_window(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    stages: pd.DataFrame,
    window: tuple[float, float],
    *,
    cycle: tuple[int, int] | None = None,
    title: str = "",
    label: str = STRESS_LABEL,
    axes: Axes = NEW_AXES,
) -> None:
    """Shear stress in a window of strain, stick and slip stages shaded, the turning points of a `cycle` marked.

    Parameters
    ----------
    strain, stress
        γ [1] and s [p] of every sample, shape (sample,).
    stages
        Table of stages, as in stages.csv.
    window
        First and last strain drawn.
    cycle
        Row numbers of a stick and the slip after it.
    """
    inside = slice(*np.searchsorted(strain, window))
    x, y = thin_series(np.asarray(strain)[inside], np.asarray(stress)[inside])
    axes.plot(x, y, color=INK, linewidth=0.9)
    shade_stages(axes, stages, *window)
    axes.set_xlim(*window)
    low, high = _limits(y)
    axes.set_ylim(low, high + 0.14 * (high - low))
    handles: list[Artist] = [*stage_handles()]
    if cycle is not None:
        stick, slip = stages.iloc[cycle[0]], stages.iloc[cycle[1]]
        ends = ((stick, "start"), (slip, "start"), (slip, "end"))
        handles += axes.plot(
            [_strain_of_end(strain, stress, stage, end) for stage, end in ends],
            [stage[f"{end}_stress"] for stage, end in ends],
            "o", markersize=4.5, markerfacecolor="white", markeredgecolor=KIND_COLOUR["slip"], zorder=4,
            label=rf"cycle, $\Delta s$ = {scientific(slip['fluctuation'])} $p$",
        )  # fmt: skip
    axes.legend(handles=handles, loc="upper right", ncols=3, handlelength=1.1, columnspacing=1.1, borderaxespad=0.1)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(STRAIN_LABEL)
    axes.set_ylabel(label)


def _strain_of_end(strain: np.ndarray, stress: np.ndarray, stage: pd.Series, end: str) -> float:
    """Strain of the sample whose stress a stage has at its start or end; that of its frame may differ a little."""
    at = int(stage.get(f"{end}_sample", -1))
    if 0 <= at < len(stress) and np.isclose(stress[at], stage[f"{end}_stress"], rtol=1e-6):
        return float(strain[at])
    return float(stage[f"{end}_strain"])


def _limits(stress: np.ndarray) -> tuple[float, float]:
    """Limits of the stress axis, with a margin."""
    low, high = float(stress.min()), float(stress.max())
    pad = 0.06 * max(high - low, 1e-12)
    return low - pad, high + pad


def _series(run: Run) -> tuple[np.ndarray, np.ndarray]:
    strain, stress = run.series["strain"].to_numpy(), run.stress.to_numpy()
    if len(stress) and not np.isfinite(stress).any():
        raise NoStress
    return strain, stress


def draw_cycle(
    run: Run, cycle: tuple[int, int], margin: float, *, title: str, axes: Axes
) -> tuple[pd.DataFrame, tuple[float, float] | None]:
    """The stress about a cycle, as in `stress_window`; its table, and the first and last strain where there are any."""
    stages, (strain, stress) = run.stages, _series(run)
    window = cycle_window(stages, *cycle, margin)
    stress_window(strain, stress, stages, window, cycle=cycle, title=title, label=run.stress_measure.label, axes=axes)
    inside = (strain >= window[0]) & (strain <= window[1])
    ends = (float(strain[inside][0]), float(strain[inside][-1])) if inside.any() else None
    return pd.DataFrame({"strain": strain[inside], "stress": stress[inside]}), ends


def _warm_up(run: Run, strain: np.ndarray) -> float:
    """Strain at which the steady state begins."""
    first = steady_sample_of(read_config(run), strain, bool(run.attributes.get("imported")))
    return float(strain[min(first, len(strain) - 1)]) if len(strain) else 0.0


@journal_style()
def draw(run: Run) -> Drawing:
    """The cell, one typical cycle, and the whole stress-strain curve; the cell alone where no stress is known."""
    stressed = knows_stress(run)
    drawing = Drawing(new_figure(TWO_COLUMNS, 4.6) if stressed else new_figure(4.2, 3.0))
    axes = drawing.figure.subplot_mosaic(
        [["cell", "cycle"], ["curve", "curve"]] if stressed else [["cell"]],
        height_ratios=[1.4, 1.0] if stressed else None,
        width_ratios=[1.05, 1.0] if stressed else None,
    )
    with panel(axes["cell"], run, "trajectory.zarr", "Shear cell"):
        if not len(run.frames["position"]):
            raise MicroslipError("no frame has been kept")
        first = FrameOfGrains.of(run, 0)
        # another program's walls may not be named
        annotate = bool((first.kind > 0).any()) or not run.attributes.get("imported")
        first.draw(axes["cell"], "Shear cell", annotate=annotate)
        drawing.tables["cell"] = first.table(first.present, kind=first.kind)
    if not stressed:
        return drawing
    marked = None
    with panel(axes["cycle"], run, "stages.csv", "One stick-slip cycle"):
        cycle = choose_cycle(run.stages, TYPICAL)
        drawing.tables["cycle"], marked = draw_cycle(run, cycle, 0.8, title="One stick-slip cycle", axes=axes["cycle"])
    with panel(axes["curve"], run, "trajectory.zarr", "Stress and strain"):
        strain, stress = _series(run)
        title = "Stress-strain curve" + (", the cycle of panel b marked" if marked else "")
        stress_strain(
            strain, stress, warm_up=_warm_up(run, strain), window=marked, title=title, label=run.stress_measure.label,
            axes=axes["curve"],
        )  # fmt: skip
        drawing.tables["curve"] = pd.DataFrame(
            dict(zip(("strain", "stress"), thin_series(strain, stress), strict=True))
        )
    add_letters(axes.values())
    return drawing


_SETTINGS = (
    Sentence("Warm-up: {} of strain. Stress every {} of strain.", ("loading.warm_up", "recording.strain_step")),
    Sentence("Warm-up at {} /s, the rest at {} /s.", ("loading.warm_up_rate", "loading.shear_rate")),
)


def _caption(about: About) -> str:
    if not about.stress:
        shown = "First frame. The imported files hold no stress."
    elif about.imported:
        shown = f"(a) First frame. (b) One stick-slip cycle, turning points as circles. (c) {about.measure.sentence}"
    elif not about.walls:
        shown = (
            "(a) First kept frame; the cell repeats on all sides, and its copies above and below slide along x. (b) One"
            f" stick-slip cycle, turning points as circles. (c) {VOLUME.sentence} Grey: the warm-up, in which no stage"
            " starts."
        )
    else:
        shown = (
            "(a) First kept frame, wall grains dark. (b) One stick-slip cycle, turning points as circles. (c) "
            f"{about.measure.sentence} Grey: the warm-up, in which no stage starts."
        )
    return shown + " Wall grains are dark." * (about.walls and about.imported)


FIGURE = RunFigure(
    name="cell_and_stress",
    title="Shear cell and stress",
    draw=draw,
    caption=_caption,
    alternative="Spheres in the shear cell, an enlarged stick-slip cycle, the whole stress-strain curve.",
    settings=(STAGE_ENDS, *_SETTINGS),
    counterpart="1",
    of_stress=True,
)
