"""How far non-affine motion is correlated: C(r) by size of the stress fluctuation, and the length ξ it decays over."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from microslip.views.style import KIND_COLOUR, KIND_MARKER, ORDER_MAP, axes_or_new, journal_style

D2MIN_LABEL = r"$D^2_\mathrm{min}$ [$\bar d^2$]"
LOG_D2MIN_LABEL = r"$\log_{10}(D^2_\mathrm{min}\,/\,\bar d^2)$"
FLUCTUATION_LABEL = r"mean $|\Delta s|$ [$p$]"


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
    bins = correlation[(correlation["kind"] == kind) & (correlation["by"] == "bin")]
    if bins.empty:
        bins = correlation[correlation["kind"] == kind]
    low, high = limits or fluctuation_limits(bins)
    norm = LogNorm(low, high)
    for number, (group, curve) in enumerate(bins.groupby("group", sort=False)):
        factor = shift**number
        colour = colormaps[ORDER_MAP](norm(np.clip(abs(float(curve["mean_fluctuation"].iloc[0])), low, high)) * 0.92)
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
    axes.set_xlabel(r"distance $r$ [$\bar d$]")
    axes.set_ylabel(r"$C(r)$ of $D^2_\mathrm{min}$ [1]" + ("" if shift == 1 else ", shifted"))
    axes.set_title(title, loc="left")
    if colour_bar:
        bar = figure.colorbar(ScalarMappable(norm, ORDER_MAP), ax=axes, fraction=0.06, pad=0.02)
        bar.set_label(FLUCTUATION_LABEL)
    return figure


def fluctuation_limits(table: pd.DataFrame) -> tuple[float, float]:
    """Smallest and largest mean |Δs| of the groups [p], at least a factor of 2 apart."""
    sizes = table["mean_fluctuation"].abs()
    sizes = sizes[sizes > 0]
    if sizes.empty:
        return 1e-5, 1.0
    low, high = float(sizes.min()), float(sizes.max())
    return low, max(high, 2 * low)


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
    axes.set_xlabel(FLUCTUATION_LABEL)
    axes.set_ylabel(r"correlation length $\xi$ [$\bar d$]")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    axes.set_title(title, loc="left")
    return figure
