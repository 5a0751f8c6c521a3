"""Where the network looks: slices and projections of D²min beside the attribution of the same stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from microslip.data.run import Run
from microslip.views.choose import choose_explained
from microslip.views.figures.record import NODES, PATH, RunFigure, explained_network
from microslip.views.names import LOG_D2MIN_LABEL
from microslip.views.panels import Drawing, panel, show_nodes
from microslip.views.style import (
    GREY,
    NEW_AXES,
    SIGNED_MAP,
    SIZE_MAP,
    TWO_COLUMNS,
    add_colour_bar,
    add_letters,
    draws_panel,
    journal_style,
    new_figure,
    scientific,
    symmetric_limit,
)


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


@draws_panel()
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
    axes: Axes = NEW_AXES,
) -> None:
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
    colour_bar
        Whether the scale is drawn below.
    """
    if limits is None:
        finite = plane[np.isfinite(plane)]
        largest = symmetric_limit(plane)
        limits = (-largest, largest) if signed else tuple(np.quantile(finite, [0.02, 0.995])) if finite.size else (0, 1)
    # a power of ten in the label reads better than an offset at the scale's end
    exponent = int(np.floor(np.log10(limits[1]))) if signed else 0
    factor = 10.0**-exponent
    if signed and exponent:
        unit = rf"10^{{{exponent}}}\,{unit}"
    norm, colour_map = Normalize(limits[0] * factor, limits[1] * factor), SIGNED_MAP if signed else SIZE_MAP
    show_nodes(axes, plane * factor, x, z, colour_map, norm)
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    axes.set_xlabel(r"$x$ [$\bar d$]")
    axes.set_ylabel(r"$z$ [$\bar d$]")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if colour_bar:
        beyond = {
            (False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"
        }[bool((plane < limits[0]).any()), bool((plane > limits[1]).any())]  # fmt: skip
        label = f"{label} [${unit}$]" if unit else label
        bar = add_colour_bar(axes, norm, colour_map, label, fraction=0.06, pad=0.03, aspect=30, extend=beyond)
        bar.ax.xaxis.set_major_locator(MaxNLocator(4))


@dataclass(frozen=True)
class ExplainedStage:
    """A stage with log₁₀ of D²min and attribution [p] on its nodes, (x, y, z), which stand at x, y, z [d̄]."""

    stage: pd.Series
    log_d2min: np.ndarray
    attribution: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    @classmethod
    def largest(cls, run: Run, kind: str) -> ExplainedStage:
        """The largest stick or slip of a run that has been explained; errors as in `choose_explained`."""
        explained, stages, voxels = run.attributions, run.stages, run.voxels
        numbers = explained["stage"].to_numpy()
        at = choose_explained(stages, numbers)[kind == "stick"]
        return cls(
            stages.set_index("stage", drop=False).loc[numbers[at]],
            log_nodes(voxels["d2min"][int(numbers[at])].to_numpy()),
            explained["attribution"][at].to_numpy(),
            *(voxels[axis].to_numpy() for axis in "xyz"),
        )


@journal_style()
def draw(run: Run) -> Drawing:
    """D²min beside the attribution, for the largest slip and the largest stick explained."""
    drawing = Drawing(new_figure(TWO_COLUMNS, 4.1))
    drawn: list[Axes] = []
    for part, kind in zip(np.asarray(drawing.figure.subfigures(2, 1), dtype=object), ("slip", "stick"), strict=True):
        row = part.subplots(1, 4)
        with panel(row[0], run, "attributions.zarr", kind.capitalize()):
            explained = ExplainedStage.largest(run, kind)
            logs, attribution, x, z = explained.log_d2min, explained.attribution, explained.x, explained.z
            planes = {
                "log10_d2min_mid_depth": ("mid-depth", mid_depth(logs)),
                "attribution_mid_depth": ("mid-depth", mid_depth(attribution)),
                "log10_d2min_largest": ("largest over depth", largest_over_depth(logs)),
                "attribution_mean": ("mean over depth", mean_over_depth(attribution)),
            }
            for axes, (name, (title, plane)) in zip(row, planes.items(), strict=True):
                signed = name.startswith("attribution")
                label, unit = ("attribution", "p") if signed else (LOG_D2MIN_LABEL, "")
                node_map(plane, x, z, signed=signed, label=label, unit=unit, axes=axes)
                axes.set_title(title, loc="right", fontsize=7.5, fontweight="normal", color=GREY)
                if axes is not row[0]:
                    axes.set_ylabel("")
                    axes.tick_params(labelleft=False)
            change = scientific(float(explained.stage["fluctuation"]))
            name = rf"{kind.capitalize()}, $\Delta s$ = {change} $p$"
            part.suptitle(name, x=0.02, ha="left", fontsize=8.5, fontweight="bold")
            columns = {name: plane.ravel() for name, (_, plane) in planes.items()}
            drawing.tables[kind] = pd.DataFrame({"x": np.repeat(x, len(z)), "z": np.tile(z, len(x)), **columns})
            drawn += list(row)
        if kind not in drawing.tables:
            drawn.append(row[0])
            for axes in row[1:]:
                axes.set_axis_off()
    add_letters(drawn)
    return drawing


FIGURE = RunFigure(
    name="attributions",
    title="Where the network looks",
    draw=draw,
    caption=(
        "Integrated Gradients of the predicted change of stress for the largest slip and the largest stick explained: "
        "positive nodes (red) push towards slip. Scales end at quantiles, arrows where values lie beyond. Grey nodes "
        "are empty."
    ),
    alternative="Maps of non-affine motion beside maps of attribution for a slip and for a stick.",
    needs="attributions.zarr",
    settings=(*NODES, PATH),
    closing=explained_network,
)
