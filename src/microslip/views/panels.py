"""Panels that may lack their data, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.artifacts import artifact
from microslip.data.run import Run
from microslip.views.choose import TooFewStages
from microslip.views.render.snapshot import draw_snapshot
from microslip.views.style import say_missing, scientific
from microslip.views.tables import knows_stress, read


@dataclass(frozen=True)
class Drawing:
    """A figure and the tables behind its panels, by name."""

    figure: Figure
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


class NotMeasured(MicroslipError):
    """The run's frames do not hold what a panel needs, so that no command can make it."""


class NoStress(NotMeasured):
    """An imported run whose files hold no stress."""

    def __init__(self) -> None:
        super().__init__("The imported files hold no stress.")


@contextmanager
def panel(axes: Axes, run: Run, needs: str, title: str) -> Iterator[None]:
    """Draw a panel in this block; where its data are missing, a sentence in its place names the command for them.

    Parameters
    ----------
    axes, title
        The panel and its title.
    run, needs
        The run, and the file of it that the panel is drawn from, such as "model/history.csv".
    """
    try:
        yield
    except (MicroslipError, IndexError) as problem:
        axes.set_title(title, loc="left")
        say_missing(axes, _missing(problem, run, artifact(needs).step))


def _missing(problem: Exception, run: Run, verb: str) -> str:
    """The sentence in an empty panel."""
    if isinstance(problem, NotMeasured):
        return str(problem)
    if isinstance(problem, IndexError):
        # results of an earlier import name frames or stages that are gone
        return f"Made from another import. Run `microslip {verb}` again"
    if verb in ("train", "explain", "ablate", "assess") and not knows_stress(run):
        return f"{NoStress()} There is nothing to learn."
    if isinstance(problem, TooFewStages):
        return (
            f"Too few stages for this panel. Shear further or lower stages.threshold, then run `microslip {verb}` on "
            "this run"
        )
    return f"Not made yet. Run `microslip {verb}` on this run"


def table_panel(
    drawing: Drawing,
    axes: Axes,
    run: Run,
    path: str,
    columns: str,
    title: str,
    draw: Callable[..., Figure],
    *more: Any,
    **options: Any,
) -> None:
    """A panel drawn from one table of the run; the table joins those of the figure under its file's name.

    Parameters
    ----------
    drawing, axes, title
        The figure, the panel in it, and its title.
    run, path, columns
        The run, the table in its folder, and the columns that it must have, with spaces between them.
    draw, more, options
        What draws the table, and what it takes besides.
    """
    with panel(axes, run, path, title):
        table = read(run, path, columns)
        draw(table, *more, title=title, axes=axes, **options)
        drawing.tables[Path(path).stem] = table


@dataclass(frozen=True)
class FrameOfGrains:
    """Grains in one frame: position (grain, 3) [d̄], NaN of a grain that is not there, diameter [d̄], kind and box."""

    position: np.ndarray
    diameter: np.ndarray
    kind: np.ndarray
    box: Box

    @classmethod
    def of(cls, run: Run, frame: int) -> FrameOfGrains:
        """The grains of a run in a frame."""
        grains, position = run.grains, run.frames["position"][frame].to_numpy()
        return cls(position, grains["diameter"].to_numpy(), grains["kind"].to_numpy(), run.box_at(frame))

    @property
    def present(self) -> np.ndarray:
        """Whether each grain is there."""
        return np.asarray(np.isfinite(self.position).all(axis=1))

    @property
    def heights(self) -> tuple[float, float]:
        """Lower and upper end of what a picture shows [d̄]: of the cell, and of grains that reach beyond it."""
        bulk = self.position[(self.kind == 0) & self.present, 2]
        if self.box.periodic[2] or not len(bulk):
            return 0.0, self.box.lengths[2]
        return min(0.0, float(bulk.min()) - 0.5), max(self.box.lengths[2], float(bulk.max()) + 0.5)

    def draw(self, axes: Axes, title: str, **options: Any) -> None:
        """A picture of the grains; options are those of `draw_snapshot`."""
        draw_snapshot(self.position, self.diameter, self.kind, self.box, title=title, axes=axes, **options)

    def table(self, chosen: np.ndarray | None = None, **columns: np.ndarray) -> pd.DataFrame:
        """Wrapped centres and diameters [d̄] of the bulk grains that are there, or of those chosen, and more of each."""
        wrapped = self.box.wrap(self.position)
        table = pd.DataFrame(dict(zip("xyz", wrapped.T, strict=True)) | {"diameter": self.diameter}).astype("float32")
        return table.assign(**columns)[(self.kind == 0) & self.present if chosen is None else chosen]


def half_spacing(axis: Float[np.ndarray, "node"]) -> float:
    """Half the distance between two nodes on an axis [d̄]; 0.5 where there is one node."""
    return float(axis[1] - axis[0]) / 2 if len(axis) > 1 else 0.5


def show_nodes(
    axes: Axes,
    plane: Float[np.ndarray, "x z"],
    x: Float[np.ndarray, "x"],
    z: Float[np.ndarray, "z"],
    colour_map: str,
    norm: Normalize,
) -> None:
    """A plane of nodes as a picture, one square a node; nodes without a value are grey. Coordinates in d̄."""
    left, right, bottom, top = (axis[end] + (2 * -end - 1) * half_spacing(axis) for axis in (x, z) for end in (0, -1))
    axes.imshow(
        plane.T, origin="lower", extent=(left, right, bottom, top), norm=norm, interpolation="nearest",
        cmap=colormaps[colour_map].with_extremes(bad="#E4E7EB"),
    )  # fmt: skip


def stage_title(stage: pd.Series, length: bool = True) -> str:
    """Kind, Δs [p] and, where asked for, length in strain of a row of stages.csv, for the top of a picture."""
    parts = []
    if np.isfinite(stage["fluctuation"]):
        parts.append(rf"$\Delta s$ = {scientific(float(stage['fluctuation']))} $p$")
    else:
        parts.append(rf"$\gamma$ = {float(stage['start_strain']):.3g}")
    if length:
        parts.append(rf"$\Delta\gamma$ = {scientific(float(stage['strain_increment']))}")
    return f"{str(stage['kind']).capitalize()}: " + ", ".join(parts)


def thin_series(
    x: Float[np.ndarray, "sample"], y: Float[np.ndarray, "sample"], n_points: int = 4000
) -> tuple[Float[np.ndarray, "point"], Float[np.ndarray, "point"]]:
    """The smallest and largest y of each of `n_points` / 2 equal parts of a series: drawn, it looks like the whole."""
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
