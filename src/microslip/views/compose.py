"""What figures of several panels share: panels that may lack data, and the tables that a run holds for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.views.choose import TooFewStages
from microslip.views.style import say_missing


@dataclass(frozen=True)
class Drawing:
    """A figure and the numbers behind its panels, by name."""

    figure: Figure
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


class NoStress(MicroslipError):
    """An imported run whose files hold no stress."""


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
    except NoStress:
        axes.set_title(title, loc="left")
        say_missing(axes, "The imported files hold no stress.")
    except IndexError:
        # results that name frames or stages of another import
        axes.set_title(title, loc="left")
        say_missing(axes, f"Of another import. Run `microslip {verb} {run.folder}`")
    except MicroslipError as missing:
        axes.set_title(title, loc="left")
        say_missing(axes, f"{_why(missing)} `microslip {verb} {run.folder}`")


def _why(missing: MicroslipError) -> str:
    """The start of the sentence in an empty panel."""
    if isinstance(missing, TooFewStages):
        return "Too few stages for this panel. Shear further or lower stages.threshold, then run"
    return "Not made yet. Run"


def read_correlation(run: Run) -> pd.DataFrame:
    """Table of statistics/correlation.csv."""
    columns = ["group", "kind", "by", "mean_fluctuation", "r", "correlation", "standard_error"]
    return read_table(run.folder / "statistics" / "correlation.csv", columns)


def read_lengths(run: Run) -> pd.DataFrame:
    """Table of statistics/correlation_length.csv."""
    columns = ["group", "kind", "by", "mean_fluctuation", "xi", "xi_low", "xi_high"]
    columns += ["amplitude", "exponent", "r_min", "r_max"]
    return read_table(run.folder / "statistics" / "correlation_length.csv", columns)


def read_history(run: Run) -> pd.DataFrame:
    """Table of model/history.csv."""
    return read_table(run.folder / "model" / "history.csv", ["rule", "epoch", "train_loss", "validation_loss"])


def read_predictions(run: Run) -> pd.DataFrame:
    """Table of model/predictions.csv, whose rows name their split rule."""
    table = run.predictions
    return table if "rule" in table else table.assign(rule="random")
