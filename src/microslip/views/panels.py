"""Panels that may lack their data, and what several of them share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.views.choose import TooFewStages
from microslip.views.style import say_missing, scientific
from microslip.views.tables import knows_stress


@dataclass(frozen=True)
class Drawing:
    """A figure and the numbers behind its panels, by name."""

    figure: Figure
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


class NotMeasured(MicroslipError):
    """No command would make what a panel needs, for the run's frames do not hold it; the message says so."""


class NoStress(NotMeasured):
    """An imported run whose files hold no stress."""

    def __init__(self) -> None:
        super().__init__("The imported files hold no stress.")


@contextmanager
def panel(axes: Axes, run: Run, verb: str, title: str) -> Iterator[None]:
    """Draw a panel in this block; where its data are missing it becomes a sentence that names the command.

    Parameters
    ----------
    axes, title
        The panel and its title.
    run, verb
        The run, and the command that makes the data, such as "train".
    """
    try:
        yield
    except NotMeasured as unknown:
        axes.set_title(title, loc="left")
        say_missing(axes, str(unknown))
    except IndexError:
        # results that name frames or stages of another import
        axes.set_title(title, loc="left")
        say_missing(axes, f"Of another import. Run `microslip {verb}`")
    except MicroslipError as missing:
        axes.set_title(title, loc="left")
        if verb in ("train", "explain", "ablate") and not knows_stress(run):
            say_missing(axes, f"{NoStress()} There is nothing to learn.")
        else:
            say_missing(axes, f"{_why(missing)} `microslip {verb}` on this run")


def _why(missing: MicroslipError) -> str:
    """The start of the sentence in an empty panel."""
    if isinstance(missing, TooFewStages):
        return "Too few stages for this panel. Shear further or lower stages.threshold, then run"
    return "Not made yet. Run"


def grains_of(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Diameter [d̄] and kind of every grain."""
    return run.grains["diameter"].to_numpy(), run.grains["kind"].to_numpy()


def grain_table(
    position: np.ndarray, diameter: np.ndarray, box: Box, chosen: np.ndarray, **columns: np.ndarray
) -> pd.DataFrame:
    """Wrapped centres and diameters [d̄] of the chosen grains, in single precision, and more of each grain."""
    wrapped = box.wrap(position)
    table = pd.DataFrame(dict(zip("xyz", wrapped.T, strict=True)) | {"diameter": diameter}).astype("float32")
    return table.assign(**columns)[chosen]


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
