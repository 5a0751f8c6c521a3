"""The stress of the shear cell: the whole curve, and single cycles of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from microslip.views.style import GREY, INK, KIND_COLOUR, axes_or_new, journal_style, scientific

STRESS_LABEL = r"shear stress $s$ [$p$]"
STRAIN_LABEL = r"shear strain $\gamma$ [1]"


def thin_series(
    x: Float[np.ndarray, "sample"], y: Float[np.ndarray, "sample"], n_points: int = 4000
) -> tuple[Float[np.ndarray, "point"], Float[np.ndarray, "point"]]:
    """The smallest and largest y of equal runs of samples, in order: looks like the whole series, at a fixed cost."""
    n_runs = n_points // 2
    if len(x) <= n_points:
        return x, y
    edges = np.linspace(0, len(x), n_runs + 1).astype(int)
    kept = [
        start + extreme
        for start, end in pairwise(edges)
        for extreme in (int(np.argmin(y[start:end])), int(np.argmax(y[start:end])))
    ]
    # the two ends stay, so that the axis does not shrink
    chosen = np.unique([0, *kept, len(x) - 1])
    return x[chosen], y[chosen]


def shade_stages(axes: Axes, stages: pd.DataFrame, low: float, high: float, alpha: float = 0.18) -> None:
    """Blue bands over stick and orange bands over slip stages between two strains."""
    inside = stages[(stages["end_strain"] > low) & (stages["start_strain"] < high)]
    for kind, of_kind in inside.groupby("kind"):
        spans = list(zip(of_kind["start_strain"], of_kind["end_strain"] - of_kind["start_strain"], strict=True))
        axes.broken_barh(
            spans,
            (0, 1),
            transform=axes.get_xaxis_transform(),
            facecolor=KIND_COLOUR[str(kind)],
            alpha=alpha,
            linewidth=0,
            zorder=0,
        )


def stage_handles(alpha: float = 0.35) -> list[Patch]:
    """Legend entries of the bands."""
    return [Patch(facecolor=KIND_COLOUR[kind], alpha=alpha, label=kind) for kind in ("stick", "slip")]


@journal_style()
def stress_strain(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    *,
    warm_up: float = 0.0,
    window: tuple[float, float] | None = None,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Shear stress s [p] against strain γ, shape (sample,), with the warm-up shaded and a window of strain marked."""
    figure, axes = axes_or_new(axes)
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
    axes.set_ylabel(STRESS_LABEL)
    axes.set_title(title, loc="left")
    return figure


def cycle_window(stages: pd.DataFrame, stick: int, slip: int, margin: float = 0.8) -> tuple[float, float]:
    """Strains about a cycle (row numbers of its stick and slip), with a margin on both sides in lengths of it."""
    start, end = float(stages["start_strain"].iloc[stick]), float(stages["end_strain"].iloc[slip])
    return start - margin * (end - start), end + margin * (end - start)


@journal_style()
def stress_window(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    stages: pd.DataFrame,
    window: tuple[float, float],
    *,
    cycle: tuple[int, int] | None = None,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
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
    title, axes
        The panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
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
    axes.set_ylabel(STRESS_LABEL)
    axes.set_title(title, loc="left")
    return figure


def _strain_of_end(strain: np.ndarray, stress: np.ndarray, stage: pd.Series, end: str) -> float:
    """Strain of the sample whose stress a stage carries at an end: that of frames lies a little beside it."""
    at = int(stage.get(f"{end}_sample", -1))
    if 0 <= at < len(stress) and np.isclose(stress[at], stage[f"{end}_stress"], rtol=1e-6):
        return float(strain[at])
    return float(stage[f"{end}_strain"])


def _limits(stress: np.ndarray) -> tuple[float, float]:
    """Limits of the stress axis, with a margin."""
    low, high = float(stress.min()), float(stress.max())
    pad = 0.06 * max(high - low, 1e-12)
    return low - pad, high + pad
