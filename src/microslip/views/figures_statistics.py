"""Figures of the active clusters and of what happens to their grains, put together from a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import SubFigure

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.views import clusters as draw
from microslip.views import mechanisms as mechanical
from microslip.views.choose import TYPICAL, choose_cycle, cycles, largest_slip, typical_stages
from microslip.views.compose import Drawing, NotMeasured, grain_table, panel, stage_title
from microslip.views.groups import FLUCTUATION_LABEL, binned, evolution_curve, fluctuation_limits, kinds_in, size_bar
from microslip.views.snapshot import draw_snapshot
from microslip.views.style import (
    SIGNED_MAP,
    SIZE_MAP,
    TWO_COLUMNS,
    few_log_labels,
    journal_style,
    letter,
    new_figure,
    symmetric_limit,
)

_GROUP = ["group", "kind", "by", "mean_fluctuation"]

EVOLUTIONS = (
    ("eta", "Exponent", r"$\eta$ of $P(N)\propto N^{-\eta}$ [1]"),
    ("fractal_dimension", "Dimension", r"$D$ of $R_g\propto N^{1/D}$ [1]"),
    ("moran_i", "Moran's I", "Moran's $I$ [1]"),
    ("efficiency", "Efficiency", r"$E(G)$ [$1/\bar d$]"),
)


def _table(run: Run, name: str, columns: list[str]) -> pd.DataFrame:
    return read_table(run.folder / "statistics" / name, columns)


@dataclass(frozen=True)
class _Moment:
    """Grains at the start of a stage."""

    position: np.ndarray
    diameter: np.ndarray
    kind: np.ndarray
    box: Box
    title: str
    short_title: str

    def table(self, **columns: np.ndarray) -> pd.DataFrame:
        """Every bulk grain that is there, as in `grain_table`."""
        there = (self.kind == 0) & np.isfinite(self.position).all(axis=1)
        return grain_table(self.position, self.diameter, self.box, there, **columns)

    @property
    def heights(self) -> tuple[float, float]:
        """Lower and upper end of what the picture shows [d̄]: the cell, and the grains where they end below or above."""
        bulk = self.position[(self.kind == 0) & np.isfinite(self.position).all(axis=1), 2]
        if self.box.periodic[2] or not len(bulk):
            return 0.0, self.box.lengths[2]
        return min(0.0, float(bulk.min()) - 0.5), max(self.box.lengths[2], float(bulk.max()) + 0.5)


def _moment(run: Run, row: int) -> _Moment:
    stage, grains = run.stages.iloc[row], run.grains
    frame = int(stage["start_frame"])
    return _Moment(
        run.frames["position"][frame].to_numpy(),
        grains["diameter"].to_numpy(),
        grains["kind"].to_numpy(),
        run.box_at(frame),
        stage_title(stage),
        stage_title(stage, length=False),
    )


@journal_style()
def clusters(run: Run) -> Drawing:
    """Active clusters in space, their sizes and radii, and how they change with the stress fluctuation."""
    figure = new_figure(TWO_COLUMNS, 6.0)
    top, middle, bottom = np.asarray(figure.subfigures(3, 1, height_ratios=[1.35, 1.5, 1.2]), dtype=object)
    tables: dict[str, pd.DataFrame] = {}
    above = _cluster_snapshots(run, top, tables)
    try:
        kinds = kinds_in(binned(_table(run, "cluster_sizes.csv", _GROUP)))
    except MicroslipError:
        kinds = ["stick", "slip"]
    *between, radii = middle.subplots(1, len(kinds) + 1)
    limits = None
    for axes, kind in zip(between, kinds, strict=True):
        title = f"Cluster sizes, {kind}s"
        with panel(axes, run, "statistics", title):
            sizes = binned(_table(run, "cluster_sizes.csv", [*_GROUP, "size", "n_clusters", "n_shaped", "radius"]))
            laws = _table(run, "power_law.csv", ["group", "x_min_rule"])
            limits = fluctuation_limits(sizes)
            part = sizes[sizes["kind"] == kind]
            draw.size_distribution(part, laws, limits=limits, title=title, axes=axes)
            tables["sizes"] = draw.binned_sizes(sizes)
            tables["power_law"] = laws
    with panel(radii, run, "statistics", "Radius of gyration"):
        sizes = binned(_table(run, "cluster_sizes.csv", [*_GROUP, "size", "n_clusters", "n_shaped", "radius"]))
        evolution = _table(run, "evolution.csv", [*_GROUP, "quantity", "value", "value_low", "value_high"])
        draw.radius_curves(sizes, evolution, title="Radius of gyration", axes=radii)
        tables["radii"] = draw.binned_radii(sizes)
    between = [*between, radii]
    if limits is not None and kinds != ["window"]:
        size_bar(middle, between, limits, fraction=0.03, pad=0.01, aspect=25)
    below = bottom.subplots(1, 4)
    for number, (axes, (quantity, title, label)) in enumerate(zip(below, EVOLUTIONS, strict=True)):
        with panel(axes, run, "statistics", title):
            evolution = _table(run, "evolution.csv", [*_GROUP, "quantity", "value", "value_low", "value_high"])
            evolution_curve(evolution, quantity, label, legend=number == 0, title=title, axes=axes)
            followed = [name for name, _, _ in EVOLUTIONS]
            tables["evolution"] = evolution[evolution["quantity"].isin(followed)]
            if axes.get_xlabel() == FLUCTUATION_LABEL:
                # once for all four: they are too narrow for a long unit
                axes.set_xlabel("")
                bottom.supxlabel(FLUCTUATION_LABEL, fontsize=8)
    for axes, name in zip([*above, *between, *below], "abcdefghij", strict=False):
        letter(axes, name)
    return Drawing(figure, tables)


def _cluster_snapshots(run: Run, part: SubFigure, tables: dict[str, pd.DataFrame]) -> list[Axes]:
    """The stick and the slip of a typical cycle, and the largest slip, with one camera and one colour scale."""
    row = list(part.subplots(1, 3))
    titles = ("Clusters, stick", "Clusters, slip", "Clusters, largest slip")
    drawn: list[Axes] = []
    for number, (axes, title) in enumerate(zip(row, titles, strict=True)):
        with panel(axes, run, "statistics", title):
            store = open_dataset(run.folder / "statistics" / "clusters.zarr")
            smallest = int(store.attrs["smallest"])
            stages = looked_at(run.stages)
            largest = max(int(store["size"][each].max()) for each in stages)
            limits = (float(smallest), float(max(largest, 2 * smallest)))
            moment = _moment(run, stages[number])
            label = store["label"][stages[number]].to_numpy()
            draw.cluster_snapshot(
                moment.position, moment.diameter, label, moment.box, limits=limits, smallest=smallest,
                heights=moment.heights, title=moment.short_title, axes=axes,
            )  # fmt: skip
            table = moment.table(cluster=label, cluster_size=draw.sizes_of_grains(label))
            tables[f"grains_{number + 1}"] = table[table["cluster"] > 0]
            drawn.append(axes)
    if len(drawn) == len(row):
        mappable = ScalarMappable(LogNorm(*limits), SIZE_MAP)
        bar = part.colorbar(mappable, ax=row, orientation="horizontal", fraction=0.06, aspect=50, shrink=0.5, pad=0.02)
        bar.set_label(rf"grains in the cluster, {smallest} or more")
        few_log_labels(bar.ax.xaxis)
        bar.outline.set_linewidth(0.5)
    return row


def looked_at(stages: pd.DataFrame) -> tuple[int, int, int]:
    """Rows of the stages whose clusters are drawn: a typical stick and slip, and the largest slip; or three windows."""
    first, second = typical_stages(stages, TYPICAL)
    windows = np.flatnonzero(stages["kind"] == "window")
    if len(windows) > 1:
        return first, second, int(windows[-1])
    largest = largest_slip(stages)[1]
    if second == largest and len(cycles(stages)) > 1:
        # of few cycles the typical one may be the largest, and would be seen twice
        first, second = choose_cycle(stages, TYPICAL, without=largest)
    return first, second, largest


@journal_style()
def mechanisms(run: Run) -> Drawing:
    """Changes of the principal stress in space, of the elastic energy, and the room that grains have."""
    figure = new_figure(TWO_COLUMNS, 4.9)
    # a colour bar's label beside the next axis's reads as one
    figure.set_layout_engine("constrained", w_pad=0.07)
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=[1.15, 1.0]), dtype=object)
    tables: dict[str, pd.DataFrame] = {}
    above = list(top.subplots(1, 2))
    drawn = 0
    for number, (axes, title) in enumerate(zip(above, ("Stress in a stick", "Stress in a slip"), strict=True)):
        with panel(axes, run, "fields", title):
            rows = typical_stages(run.stages, TYPICAL)
            fields = run.fields
            changes = fields["delta_sigma1"][list(rows)].to_numpy() if "delta_sigma1" in fields else np.array([])
            if not np.isfinite(changes).any():
                raise NotMeasured("No contacts are known, so no stress of single grains.")
            moment = _moment(run, rows[number])
            # a few grains carry chains far above the others
            limit = symmetric_limit(changes, 0.98)
            draw_snapshot(
                moment.position, moment.diameter, moment.kind, moment.box, values=changes[number],
                limits=(-limit, limit), log=False, colour_map=SIGNED_MAP, colour_bar=False, title=moment.title,
                axes=axes,
            )  # fmt: skip
            tables[str(run.stages["kind"].iloc[rows[number]]) + f"_{number + 1}"] = moment.table(
                delta_sigma1=changes[number]
            )
            drawn += 1
    if drawn == len(above):
        mappable = ScalarMappable(Normalize(-limit, limit), SIGNED_MAP)
        bar = top.colorbar(
            mappable, ax=above, orientation="horizontal", fraction=0.06, aspect=45, shrink=0.6, extend="both"
        )
        bar.set_label(mechanical.SIGMA_LABEL)
        bar.outline.set_linewidth(0.5)
    below = list(bottom.subplots(1, 3))
    columns = [*_GROUP, "grains", "x", "n", "density"]
    with panel(below[0], run, "statistics", "Energy, by size"):
        energy = _density(run, "energy_density.csv", columns, "No elastic energy of grains is known.")
        mechanical.energy_by_size(energy, kinds_in(energy), title="Energy, by size", axes=below[0])
        if kinds_in(energy) != ["window"]:
            size_bar(bottom, below[0], fluctuation_limits(binned(energy)), fraction=0.05, pad=0.02, aspect=22)
        tables["energy"] = energy
    with panel(below[1], run, "statistics", "Energy, with tails"):
        energy = _density(run, "energy_density.csv", columns, "No elastic energy of grains is known.")
        tails = _table(run, "energy_tails.csv", [*_GROUP, "grains"])
        mechanical.energy_tails(energy, tails, title="Energy, with tails", axes=below[1])
        tables["tails"] = tails
    with panel(below[2], run, "statistics", "Local packing"):
        packing = _density(run, "packing_density.csv", columns, "No Voronoi cells are known.")
        mechanical.packing_densities(packing, title="Local packing", axes=below[2])
        tables["packing"] = packing[packing["by"] == "kind"]
    for axes, name in zip([*above, *below], "abcde", strict=True):
        letter(axes, name)
    return Drawing(figure, tables)


def _density(run: Run, name: str, columns: list[str], unknown: str) -> pd.DataFrame:
    """A table of densities; where the statistics are done without it, the grains did not have the quantity."""
    if not (run.folder / "statistics" / name).exists() and (run.folder / "statistics" / "evolution.csv").exists():
        raise NotMeasured(unknown)
    return _table(run, name, columns)
