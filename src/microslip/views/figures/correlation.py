"""How far non-affine motion is correlated: C(r) by size of the stress fluctuation, and the length ξ it decays over."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.statistics.correlation import CORRELATIONS
from microslip.statistics.lengths import length_name, rows_of
from microslip.statistics.ornstein_zernike import OrnsteinZernike
from microslip.views.figures.record import NEIGHBOURS, STAGE_ENDS, About, RunFigure, Sentence
from microslip.views.groups import binned, bins_by_size, each_group, fluctuation_limits, kinds_in, size_bar
from microslip.views.names import FLUCTUATION_LABEL, LENGTH_LABEL, STRAIN_LABEL
from microslip.views.panels import Drawing, NotMeasured, panel
from microslip.views.style import (
    KIND_COLOUR,
    KIND_MARKER,
    NEW_AXES,
    TWO_COLUMNS,
    add_letters,
    draws_panel,
    few_log_labels,
    journal_style,
    new_figure,
)
from microslip.views.tables import GROUP, read, read_per_stage


@draws_panel()
def correlation_curves(
    correlation: pd.DataFrame,
    lengths: pd.DataFrame,
    kind: str,
    *,
    of: str = "raw",
    shift: float = 1.0,
    limits: tuple[float, float] | None = None,
    colour_bar: bool = True,
    title: str = "",
    axes: Axes = NEW_AXES,
) -> None:
    """C(r) of D²min in the bins of one kind of stage with the fits A r^−m exp(−r/ξ), coloured by mean |Δs|.

    Parameters
    ----------
    correlation, lengths
        Tables of statistics/correlation.csv and statistics/correlation_length.csv.
    kind
        stick or slip.
    of
        raw, profile or in_plane.
    shift
        Factor between one curve and the next, so that curves on top of each other can be told apart.
    limits
        Ends of the colour scale [p].
    colour_bar
        Whether the scale is drawn.
    """
    bins = rows_of(binned(correlation[correlation["kind"] == kind]), of)
    lengths = rows_of(lengths, of)
    limits = limits or fluctuation_limits(bins)
    for number, (group, _, colour, curve) in enumerate(each_group(bins, limits)):
        factor = shift**number
        positive = curve[curve["correlation"] > 0]
        value, error = positive["correlation"] * factor, positive["standard_error"] * factor
        # an error bar to below 0 has no place on a logarithmic axis
        lower = np.minimum(error, 0.9 * value)
        axes.errorbar(
            positive["r"], value, yerr=[lower, error], fmt=KIND_MARKER.get(kind, "o"), markersize=3.2, color=colour,
            elinewidth=0.7, markeredgewidth=0,
        )  # fmt: skip
        for fit in lengths[lengths["group"] == group].itertuples():
            if not np.isfinite(fit.xi):
                continue
            r = np.linspace(fit.r_min, fit.r_max, 100)
            law = OrnsteinZernike(
                fit.xi, fit.xi_low, fit.xi_high, fit.amplitude, abs(fit.exponent), fit.r_min, fit.r_max
            )
            axes.plot(r, factor * law(r), color=colour, linewidth=1)
    axes.set_yscale("log")
    # points that noise alone could have made may leave the picture, and their error bars with them
    clear = bins[bins["correlation"] > bins["standard_error"].clip(lower=0)]
    if len(clear):
        axes.set_ylim(0.6 * float(clear["correlation"].min()), None)
    few_log_labels(axes.yaxis)
    axes.set_xlabel(r"distance $r$ [$\bar d$]")
    axes.set_ylabel(r"$C(r)$ of $D^2_\mathrm{min}$ [1]" + ("" if shift == 1 else ", shifted"))
    if colour_bar:
        size_bar(axes, limits, fraction=0.06, pad=0.02)


@draws_panel()
def correlation_length(
    lengths: pd.DataFrame, *, of: str = "raw", also: str = "", title: str = "", axes: Axes = NEW_AXES
) -> None:
    """ξ [d̄] with its confidence interval against mean |Δs| [p] of the bins; dashed, ξ of all sticks and of all slips.

    `lengths` is the table of statistics/correlation_length.csv; `of` raw, profile or in_plane; `also` another of these,
    with open markers.
    """
    bounded, others = rows_of(lengths, of), rows_of(lengths, also) if also else lengths.iloc[:0]
    for kind, colour in KIND_COLOUR.items():
        of_kind = bounded[(bounded["kind"] == kind) & np.isfinite(bounded["xi"])]
        bins = bins_by_size(of_kind)
        for whole in of_kind[of_kind["by"] == "kind"].itertuples():
            axes.axhspan(whole.xi_low, whole.xi_high, color=colour, alpha=0.13, linewidth=0)
            axes.axhline(whole.xi, color=colour, linewidth=0.9, linestyle=(0, (4, 3)))
        if bins.empty:
            continue
        error = [(bins["xi"] - bins["xi_low"]).clip(lower=0), (bins["xi_high"] - bins["xi"]).clip(lower=0)]
        axes.errorbar(
            bins["at"], bins["xi"], yerr=error, fmt=KIND_MARKER[kind] + "-", color=colour, markersize=4.5,
            linewidth=0.9, elinewidth=0.9, capsize=2, label=kind,
        )  # fmt: skip
        beside = bins_by_size(others[(others["kind"] == kind) & np.isfinite(others["xi"])])
        axes.plot(
            beside["at"], beside["xi"], KIND_MARKER[kind] + ":", color=colour, markersize=3.6, markerfacecolor="white",
            linewidth=0.8, label=f"{kind}, {also.replace('_', ' ')}" if len(beside) else "_",
        )  # fmt: skip
    axes.set_xscale("log")
    few_log_labels(axes.xaxis)
    axes.set_xlabel(FLUCTUATION_LABEL)
    axes.set_ylabel(LENGTH_LABEL)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", fontsize=7)


@draws_panel()
def along_the_strain(
    per_stage: pd.DataFrame, quantity: str, label: str, *, log: bool = False, title: str = "", axes: Axes = NEW_AXES
) -> None:
    """A quantity of every stage where it was, a bar as long as the stage: for windows, which have no size to stand at.

    Parameters
    ----------
    per_stage
        Columns kind, start_strain, end_strain and the quantity, as in statistics/stages.csv and stages.csv.
    quantity, label, log
        The column, its axis with the unit, and whether that is logarithmic.
    """
    measured = per_stage[np.isfinite(per_stage[quantity])]
    for kind, part in measured.groupby("kind", sort=False):
        colour = KIND_COLOUR[str(kind)]
        axes.hlines(part[quantity], part["start_strain"], part["end_strain"], color=colour, linewidth=1.6, label=kind)
    if log:
        axes.set_yscale("log")
        few_log_labels(axes.yaxis)
    axes.set_xlabel(STRAIN_LABEL)
    axes.set_ylabel(label)
    if len(measured):
        axes.legend(loc="best")


@journal_style()
def draw(run: Run) -> Drawing:
    """C(r) of D²min by size of the fluctuation with ξ, for sticks and for slips: plain, and about the profile in z."""
    try:
        kinds = kinds_in(read(run, "statistics/correlation.csv", GROUP))
    except MicroslipError:
        kinds = ["stick", "slip"]
    drawing = Drawing(new_figure(TWO_COLUMNS, 4.9))
    widths = [1.0, 1.18, 1.05][2 - len(kinds) :]
    rows = np.atleast_2d(drawing.figure.subplots(2, len(kinds) + 1, width_ratios=widths))
    for (*of_kinds, last), of in zip(rows, ("raw", "profile"), strict=True):
        _draw_row(run, drawing, of_kinds, last, kinds, of)
    add_letters([*rows.ravel()])
    return drawing


def _draw_row(run: Run, drawing: Drawing, of_kinds: list[Axes], last: Axes, kinds: list[str], of: str) -> None:
    """C(r) of every kind and ξ, of the plain fluctuation or of that about the profile."""
    about, sized = "" if of == "raw" else " about profile", kinds != ["window"]
    drawn = []
    for axes, kind in zip(of_kinds, kinds, strict=True):
        with panel(axes, run, "statistics/correlation.csv", f"C(r), {kind}{about}"):
            curves, lengths = _of(read(run, "statistics/correlation.csv", _CURVES), of), _read_lengths(run)
            correlation_curves(
                curves, lengths, kind, of=of, limits=fluctuation_limits(binned(curves)),
                colour_bar=sized and kind == kinds[-1], title=f"{kind.capitalize()}{about}", axes=axes,
            )  # fmt: skip
            drawing.tables["curves"] = read(run, "statistics/correlation.csv", _CURVES)
            drawn.append(axes)
    if len(drawn) > 1:
        # both hold the points of either
        ends = np.array([axes.get_ylim() for axes in drawn])
        drawn[0].set_ylim(ends[:, 0].min(), ends[:, 1].max())
        few_log_labels(drawn[0].yaxis)
        drawn[1].sharey(drawn[0])
        drawn[1].set_ylabel("")
        drawn[1].tick_params(labelleft=False)
    title = f"Length{about}" if about else "Correlation length"
    with panel(last, run, "statistics/correlation_length.csv", title):
        lengths = drawing.tables["lengths"] = _read_lengths(run)
        _of(lengths, of)
        if sized:
            correlation_length(lengths, of=of, also="" if of == "raw" else "in_plane", title=title, axes=last)
        else:
            per_stage, name = read_per_stage(run), length_name(of)
            along_the_strain(per_stage, name, LENGTH_LABEL, title=title, axes=last)
            drawing.tables["windows"] = per_stage[
                ["stage", "start_strain", "end_strain", *(each for each in _LENGTHS if each in per_stage)]
            ]


def _of(table: pd.DataFrame, of: str) -> pd.DataFrame:
    """The rows of `raw` or `profile`, which tables of an earlier version do not hold."""
    rows = rows_of(table, of)
    if rows.empty:
        raise NotMeasured("The profile in z was not subtracted by the version that made this table.")
    return rows


_LENGTHS = tuple(length_name(of) for of in CORRELATIONS)
_CURVES = f"{GROUP} r correlation standard_error"


def _read_lengths(run: Run) -> pd.DataFrame:
    columns = f"{GROUP} xi xi_low xi_high amplitude exponent r_min r_max"
    return read(run, "statistics/correlation_length.csv", columns)


_FITS = Sentence(
    "Fits start at {} d̄ with m = {}; distances reach {} d̄ or half the smallest period.",
    ("correlation.fit_from", "correlation.exponent", "correlation.farthest"),
)


def _caption(about: About) -> str:
    subtracted = (
        "the same of the fluctuation about the mean of each layer of height, 1 d̄ high: what a band of shear alone "
        "gives is gone; unrelated grains of one layer of n then have C = −1/n. "
    )
    if not about.stress:
        return (
            "(a) C(r) of D²min, mean over all windows of strain, with the fit A r⁻ᵐ exp(−r/ξ). Bars: standard error "
            f"between windows. (b) ξ of every window. (c, d) About the profile: {subtracted}"
        )
    return (
        "(a, b) C(r) of D²min, stages grouped by the size of their stress fluctuation, with fits A r⁻ᵐ exp(−r/ξ). "
        "Bars: standard error between stages. (c) ξ with its confidence interval; dashed with a band, all sticks and "
        f"all slips. (d to f) About the profile: {subtracted}(f) Open: of pairs along planes of flow alone, whose "
        "heights differ by at most 0.5 d̄. Grains that know nothing of each other have C = 0 and no ξ."
    )


FIGURE = RunFigure(
    name="correlation",
    title="Spatial correlation of non-affine motion",
    draw=draw,
    caption=_caption,
    alternative=(
        "Correlation against distance for sticks and slips, correlation length against stress fluctuation; below, the "
        "same with the profile in z subtracted."
    ),
    needs="statistics/correlation.csv",
    settings=(STAGE_ENDS, NEIGHBOURS, _FITS),
    counterpart="2c, d",
)
