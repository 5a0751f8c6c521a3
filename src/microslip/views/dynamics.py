"""How far non-affine motion is correlated: C(r) by size of the stress fluctuation, and the length ξ it decays over."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microslip.views.groups import FLUCTUATION_LABEL, binned, each_group, fluctuation_limits, size_bar
from microslip.views.shear import STRAIN_LABEL
from microslip.views.style import KIND_COLOUR, KIND_MARKER, axes_or_new, few_log_labels, journal_style

D2MIN_LABEL = r"$D^2_\mathrm{min}$ [$\bar d^2$]"
LOG_D2MIN_LABEL = r"$\log_{10}(D^2_\mathrm{min}\,/\,\bar d^2)$"
LENGTH_LABEL = r"correlation length $\xi$ [$\bar d$]"


@journal_style()
def correlation_curves(
    correlation: pd.DataFrame,
    lengths: pd.DataFrame,
    kind: str,
    *,
    shift: float = 1.0,
    limits: tuple[float, float] | None = None,
    colour_bar: bool = True,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """C(r) of D²min in the bins of one kind of stage with the fits A r^−m exp(−r/ξ), coloured by mean |Δs|.

    Parameters
    ----------
    correlation, lengths
        Tables of statistics/correlation.csv and statistics/correlation_length.csv.
    kind
        stick or slip.
    shift
        Factor between one curve and the next, so that curves on top of each other can be told apart.
    limits
        Ends of the colour scale [p].
    colour_bar, title, axes
        Whether the scale is drawn; the panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
    bins = binned(correlation[correlation["kind"] == kind])
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
            axes.plot(
                r, factor * fit.amplitude * r ** -abs(fit.exponent) * np.exp(-r / fit.xi), color=colour, linewidth=1
            )
    axes.set_yscale("log")
    # points that noise alone could have made may leave the picture, and their error bars with them
    clear = bins[bins["correlation"] > bins["standard_error"].clip(lower=0)]
    if len(clear):
        axes.set_ylim(0.6 * float(clear["correlation"].min()), None)
    few_log_labels(axes.yaxis)
    axes.set_xlabel(r"distance $r$ [$\bar d$]")
    axes.set_ylabel(r"$C(r)$ of $D^2_\mathrm{min}$ [1]" + ("" if shift == 1 else ", shifted"))
    axes.set_title(title, loc="left")
    if colour_bar:
        size_bar(figure, axes, limits, fraction=0.06, pad=0.02)
    return figure


@journal_style()
def correlation_length(lengths: pd.DataFrame, *, title: str = "", axes: Axes | None = None) -> Figure:
    """ξ [d̄] with its confidence interval against mean |Δs| [p] of the bins; dashed, ξ of all sticks and of all slips.

    `lengths` is the table of statistics/correlation_length.csv.
    """
    figure, axes = axes_or_new(axes)
    for kind, colour in KIND_COLOUR.items():
        of_kind = lengths[(lengths["kind"] == kind) & np.isfinite(lengths["xi"])]
        bins = of_kind[of_kind["by"] == "bin"].assign(size=lambda table: table["mean_fluctuation"].abs())
        bins = bins.sort_values("size")
        for whole in of_kind[of_kind["by"] == "kind"].itertuples():
            axes.axhspan(whole.xi_low, whole.xi_high, color=colour, alpha=0.13, linewidth=0)
            axes.axhline(whole.xi, color=colour, linewidth=0.9, linestyle=(0, (4, 3)))
        if bins.empty:
            continue
        error = [(bins["xi"] - bins["xi_low"]).clip(lower=0), (bins["xi_high"] - bins["xi"]).clip(lower=0)]
        axes.errorbar(
            bins["size"], bins["xi"], yerr=error, fmt=KIND_MARKER[kind] + "-", color=colour, markersize=4.5,
            linewidth=0.9, elinewidth=0.9, capsize=2, label=kind,
        )  # fmt: skip
    axes.set_xscale("log")
    few_log_labels(axes.xaxis)
    axes.set_xlabel(FLUCTUATION_LABEL)
    axes.set_ylabel(LENGTH_LABEL)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    axes.set_title(title, loc="left")
    return figure


@journal_style()
def along_the_strain(
    per_stage: pd.DataFrame, quantity: str, label: str, *, log: bool = False, title: str = "", axes: Axes | None = None
) -> Figure:
    """A quantity of every stage where it was, a bar as long as the stage: for windows, which have no size to stand at.

    Parameters
    ----------
    per_stage
        Columns kind, start_strain, end_strain and the quantity, as in statistics/stages.csv and stages.csv.
    quantity, label, log
        The column, its axis with the unit, and whether that is logarithmic.
    title, axes
        The panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
    known = per_stage[np.isfinite(per_stage[quantity])]
    for kind, part in known.groupby("kind", sort=False):
        colour = KIND_COLOUR[str(kind)]
        axes.hlines(part[quantity], part["start_strain"], part["end_strain"], color=colour, linewidth=1.6, label=kind)
    if log:
        axes.set_yscale("log")
        few_log_labels(axes.yaxis)
    axes.set_xlabel(STRAIN_LABEL)
    axes.set_ylabel(label)
    if len(known):
        axes.legend(loc="best")
    axes.set_title(title, loc="left")
    return figure
