"""Figures of the grid between grains and network, put together from a run: coarse graining, volumes, the network."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from microslip.data.files import read_json, read_table
from microslip.data.run import Run
from microslip.views import attribution, controls, dynamics
from microslip.views import coarse_graining as sketch
from microslip.views import network as layers_drawn
from microslip.views.choose import TYPICAL, choose_explained, typical_stages
from microslip.views.compose import Drawing, NotMeasured, grid_sweeps, own_voxels, panel, stage_title
from microslip.views.snapshot import log_limits
from microslip.views.style import SIZE_MAP, TWO_COLUMNS, journal_style, letter, new_figure, symmetric_limit
from microslip.views.volumes import Scale, draw_slices, draw_volume


@journal_style()
def coarse_graining(run: Run) -> Drawing:
    """From grains to nodes, g(r) with its minima, and, where known, the score against spacing and radius."""
    figure = new_figure(TWO_COLUMNS, 4.9)
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=[1.15, 1.0]), dtype=object)
    sweeps = grid_sweeps(run)
    above, below = list(top.subplots(1, 2)), list(bottom.subplots(1, 1 if sweeps is None else 3, squeeze=False).flat)
    tables: dict[str, pd.DataFrame] = {}
    spacing, radius = own_voxels(run)
    with panel(above[0], run, "voxels", "Grains"):
        stages, voxels, grains = run.stages, run.voxels, run.grains
        row = typical_stages(stages, TYPICAL)[1]
        frame = int(stages["start_frame"].iloc[row])
        values = run.fields["d2min"][row].to_numpy()
        place = {axis: voxels[axis].to_numpy() for axis in "xyz"}
        nodes = voxels["d2min"][row].to_numpy().astype(float)
        patch = sketch.choose_patch(nodes, place["x"], place["z"])
        position = run.box_at(frame).wrapped_onto(run.box, run.frames["position"][frame].to_numpy())
        slab = sketch.slab_of_grains(
            position, grains["diameter"].to_numpy(), values,
            float(place["y"][len(place["y"]) // 2]), patch,
        )  # fmt: skip
        limits = log_limits(slab["d2min"].to_numpy(), 0.02, 0.98)
        sketch.draw_grains(
            slab, place["x"], place["z"], patch, radius=radius, limits=limits, title="Grains", axes=above[0]
        )
        plane = nodes[:, len(place["y"]) // 2, :]
        sketch.draw_nodes(plane, place["x"], place["z"], patch, radius=radius, limits=limits,
                                   title="Nodes", axes=above[1])  # fmt: skip
        bar = top.colorbar(
            ScalarMappable(sketch.norm(limits), SIZE_MAP), ax=above, fraction=0.03, aspect=25, extend="both"
        )
        bar.set_label(dynamics.D2MIN_LABEL)
        tables["grains"], tables["nodes"] = slab, sketch.node_table(plane, place["x"], place["z"])
    if "nodes" not in tables:
        above[1].set_axis_off()
    with panel(below[0], run, "statistics", "Pair correlation"):
        if not run.box.repeats_across:
            raise NotMeasured("g(r) is normalised for cells that repeat in x and y; this one does not.")
        curve = read_table(run.folder / "statistics" / "pair_correlation.csv", ["r", "g"])
        about = read_json(run.folder / "statistics" / "pair_correlation.json")
        sketch.pair_correlation_curve(
            curve, (about["first_minimum"], about["second_minimum"]), spacing=spacing, radius=radius,
            title="Pair correlation", axes=below[0],
        )  # fmt: skip
        tables["pair_correlation"] = curve
    for axes, (title, family, own, label) in zip(
        below[1:],
        (
            ("Spacing", "spacing", spacing, r"$L_\mathrm{grid}$ [$d_{50}$]"),
            ("Radius", "radius", radius, r"$\delta$ [$d_{50}$]"),
        ),
        strict=False,
    ):
        if sweeps is not None:
            controls.sweep(sweeps, family, own, label, title=title, axes=axes)
            tables["sweeps"] = sweeps
    for axes, name in zip([*above, *below], "abcde", strict=False):
        letter(axes, name)
    return Drawing(figure, tables)


@journal_style()
def volumes(run: Run) -> Drawing:
    """D²min and attribution in space, for the largest slip and the largest stick explained."""
    figure = new_figure(TWO_COLUMNS, 8.6)
    rows = np.asarray(figure.subfigures(2, 1), dtype=object)
    tables: dict[str, pd.DataFrame] = {}
    drawn: list[Axes] = []
    for number, (part, kind) in enumerate(zip(rows, ("slip", "stick"), strict=True)):
        grid = part.subplots(2, 2)
        with panel(grid[0, 0], run, "explain", f"Motion in a {kind}"):
            explained, stages, voxels = run.attributions, run.stages, run.voxels
            numbers = explained["stage"].to_numpy()
            at = choose_explained(stages, numbers)[number]
            stage = stages.set_index("stage", drop=False).loc[numbers[at]]
            logs = attribution.log_nodes(voxels["d2min"][int(numbers[at])].to_numpy())
            given = np.where(np.isnan(logs), np.nan, explained["attribution"][at].to_numpy())
            box = run.box
            columns = (
                (stage_title(stage, length=False), *_motion(logs)),
                ("Attribution", *_attribution(given)),
            )
            for column, (name, nodes, scale, label) in enumerate(columns):
                draw_volume(nodes, box, scale, title=name, axes=grid[0, column])
                draw_slices(nodes, box, scale, title="Nodes" if box.planar else "Slices", axes=grid[1, column])
                bar = part.colorbar(
                    ScalarMappable(scale.norm, scale.colour_map), ax=list(grid[:, column]), orientation="horizontal",
                    fraction=0.05, aspect=40, shrink=0.7, pad=0.02, extend="both",
                )  # fmt: skip
                bar.set_label(label)
                bar.outline.set_linewidth(0.5)
            place = [voxels[axis].to_numpy() for axis in "xyz"]
            x, y, z = (axis.ravel() for axis in np.meshgrid(*place, indexing="ij"))
            tables[kind] = pd.DataFrame(
                {"x": x, "y": y, "z": z, "log10_d2min": logs.ravel(), "attribution": given.ravel()}
            )
            tables[kind] = tables[kind].astype("float32")
            drawn += list(grid.flat)
        if kind not in tables:
            for axes in list(grid.flat)[1:]:
                axes.set_axis_off()
            drawn.append(grid[0, 0])
    for axes, name in zip(drawn, "abcdefgh", strict=False):
        letter(axes, name)
    return Drawing(figure, tables)


def _motion(logs: np.ndarray) -> tuple[np.ndarray, Scale, str]:
    """log₁₀ of D²min on nodes, its scale and label."""
    low, high = (float(end) for end in np.nanquantile(logs, [0.05, 0.999]))
    return logs, Scale(low, high, signed=False), dynamics.LOG_D2MIN_LABEL


def _attribution(given: np.ndarray) -> tuple[np.ndarray, Scale, str]:
    """Attribution on nodes in a power of ten of p, which reads better than an offset at the scale's end."""
    largest = symmetric_limit(given, 0.998)
    power = int(np.floor(np.log10(largest)))
    end = largest / 10.0**power
    return given / 10.0**power, Scale(-end, end, signed=True), rf"attribution [$10^{{{power}}}\,p$]"


@journal_style()
def network(run: Run, layers: pd.DataFrame | None = None) -> Drawing:
    """The network layer by layer, with the shapes of what each layer hands on.

    Its layers are those of `Predictor.layers`, for nothing here can open a network.
    """
    figure = new_figure(TWO_COLUMNS, 2.25)
    axes = figure.subplots()
    tables: dict[str, pd.DataFrame] = {}
    with panel(axes, run, "train", "The network"):
        if layers is None:
            raise layers_drawn.NoNetwork
        layers_drawn.draw_network(layers, title="The network", axes=axes)
        tables["layers"] = layers
    return Drawing(figure, tables)
