"""Where the network looks: slices and projections of D²min beside the attribution of the same stage."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from microslip.views.style import BLUE, INK, SIGNED_MAP, SIZE_MAP, axes_or_new, journal_style, symmetric_limit


def log_nodes(d2min: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """log₁₀ of D²min [d̄²], NaN at empty nodes (0)."""
    d2min = np.asarray(d2min, dtype=float)
    logs: np.ndarray = np.log10(d2min, out=np.full(d2min.shape, np.nan), where=d2min > 0)
    return logs


def mid_depth(nodes: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x z"]:
    """The plane of nodes in the middle of the depth (y)."""
    return nodes[:, nodes.shape[1] // 2, :]


def largest_over_depth(nodes: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x z"]:
    """The largest value along y, NaN where all are NaN."""
    filled = np.where(np.isnan(nodes), -np.inf, nodes).max(axis=1)
    return np.where(np.isinf(filled), np.nan, filled)


def mean_over_depth(nodes: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x z"]:
    """The mean along y."""
    mean: np.ndarray = np.asarray(nodes, dtype=float).mean(axis=1)
    return mean


@journal_style()
def node_map(
    plane: Float[np.ndarray, "x z"],
    x: Float[np.ndarray, "x"],
    z: Float[np.ndarray, "z"],
    *,
    signed: bool,
    label: str,
    unit: str = "",
    limits: tuple[float, float] | None = None,
    colour_bar: bool = True,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """One plane of nodes, flow to the right and height upwards; signed values on a scale that is symmetric about 0.

    Parameters
    ----------
    plane
        Values, shape (x, z), NaN for empty nodes.
    x, z
        Coordinates of the nodes [d̄].
    signed
        Signed values (attribution) or sizes (log₁₀ D²min).
    label, unit, limits
        The colour scale's label, the values' unit (in mathematics; signed values are drawn in a power of ten of it),
        and its ends.
    colour_bar, title, axes
        Whether the scale is drawn below; the panel's title; the reader's own axes.
    """
    figure, axes = axes_or_new(axes)
    if limits is None:
        known = plane[np.isfinite(plane)]
        largest = symmetric_limit(plane)
        limits = (-largest, largest) if signed else tuple(np.quantile(known, [0.02, 0.995])) if known.size else (0, 1)
    # a power of ten in the label reads better than an offset at the scale's end
    exponent = int(np.floor(np.log10(limits[1]))) if signed else 0
    factor = 10.0**-exponent
    if signed and exponent:
        unit = rf"10^{{{exponent}}}\,{unit}"
    half = [(axis[1] - axis[0]) / 2 if len(axis) > 1 else 0.5 for axis in (x, z)]
    image = axes.imshow(
        plane.T * factor,
        origin="lower",
        extent=(x[0] - half[0], x[-1] + half[0], z[0] - half[1], z[-1] + half[1]),
        cmap=colormaps[SIGNED_MAP if signed else SIZE_MAP].with_extremes(bad="#E4E7EB"),
        vmin=limits[0] * factor,
        vmax=limits[1] * factor,
        interpolation="nearest",
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    axes.set_xlabel(r"$x$ [$\bar d$]")
    axes.set_ylabel(r"$z$ [$\bar d$]")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_title(title, loc="left")
    if colour_bar:
        beyond = {
            (False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"
        }[bool((plane < limits[0]).any()), bool((plane > limits[1]).any())]  # fmt: skip
        bar = figure.colorbar(
            image, ax=axes, orientation="horizontal", fraction=0.06, pad=0.03, aspect=30, extend=beyond
        )
        bar.set_label(f"{label} [${unit}$]" if unit else label)
        bar.ax.xaxis.set_major_locator(MaxNLocator(4))
        bar.outline.set_linewidth(0.5)
    return figure


@journal_style()
def completeness_histogram(
    completeness_error: Float[np.ndarray, "stage"], *, title: str = "", axes: Axes | None = None
) -> Figure:
    """Histogram of |Σ attribution − difference of the predictions| over that difference, shape (stage,)."""
    figure, axes = axes_or_new(axes)
    errors = np.asarray(completeness_error, dtype=float)
    errors = np.maximum(errors[np.isfinite(errors)], 1e-12)
    if errors.size:
        low, high = np.log10(errors.min()), np.log10(errors.max())
        edges = np.logspace(low - 0.05, max(high, low + 0.5) + 0.05, 21)
        axes.hist(errors, edges.tolist(), color=BLUE, alpha=0.8)
        axes.axvline(float(np.median(errors)), color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.text(
            0.02, 0.97, f"median {np.median(errors):.1e}\nlargest {errors.max():.1e}", transform=axes.transAxes,
            va="top", fontsize=7.5,
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_ylim(0, axes.get_ylim()[1] * 1.35)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel("relative completeness error [1]")
    axes.set_ylabel("stages [1]")
    axes.set_title(title, loc="left")
    return figure
