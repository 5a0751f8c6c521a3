"""What figures of several panels share: panels that may lack data, and the tables that a run holds for them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import ValidationError

from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.files import read_table
from microslip.data.run import Run
from microslip.dem.config import ShearCell
from microslip.events.config import Stages
from microslip.events.steady import steady_sample
from microslip.views.choose import TooFewStages
from microslip.views.style import say_missing, scientific


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


def knows_stress(run: Run) -> bool:
    """Whether there is a stress, or may be one once there is a trajectory; False for an import without one."""
    try:
        series = run.series
    except MicroslipError:
        return True
    return not run.attributes.get("imported") or bool(np.isfinite(series["stress"].to_numpy()).any())


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


def read_correlation(run: Run) -> pd.DataFrame:
    """Table of statistics/correlation.csv."""
    columns = ["group", "kind", "by", "mean_fluctuation", "r", "correlation", "standard_error"]
    return read_table(run.folder / "statistics" / "correlation.csv", columns)


def read_lengths(run: Run) -> pd.DataFrame:
    """Table of statistics/correlation_length.csv."""
    columns = ["group", "kind", "by", "mean_fluctuation", "xi", "xi_low", "xi_high"]
    columns += ["amplitude", "exponent", "r_min", "r_max"]
    return read_table(run.folder / "statistics" / "correlation_length.csv", columns)


def read_per_stage(run: Run) -> pd.DataFrame:
    """Table of statistics/stages.csv with the strains at both ends of each stage."""
    table = read_table(run.folder / "statistics" / "stages.csv", ["stage", "kind", "xi", "d2min_all"])
    return table.merge(run.stages[["stage", "start_strain", "end_strain"]], on="stage")


def read_history(run: Run) -> pd.DataFrame:
    """Table of model/history.csv."""
    return read_table(run.folder / "model" / "history.csv", ["rule", "epoch", "train_loss", "validation_loss"])


def read_errors(run: Run) -> pd.DataFrame:
    """Table of model/errors.csv."""
    columns = ["rule", "split", "error_low", "error_high", "density"]
    return read_table(run.folder / "model" / "errors.csv", columns)


def read_predictions(run: Run) -> pd.DataFrame:
    """Table of model/predictions.csv, whose rows name their split rule."""
    table = run.predictions
    return table if "rule" in table else table.assign(rule="random")


def grid_sweeps(run: Run) -> pd.DataFrame | None:
    """Scores for other spacings and radii of the grid, and those of the run itself; None where there are none."""
    try:
        columns = ["family", "value", "rule", "r2", "r2_low", "r2_high"]
        summary = read_table(run.folder / "ablations" / "summary.csv", columns)
    except MicroslipError:
        return None
    varied = summary["family"].isin(["spacing", "radius"])
    return summary[varied | (summary["value"] == "full")] if varied.any() else None


def read_config(run: Run) -> dict[str, Any]:
    """The resolved configuration: config.toml of the run, else what the trajectory carries; empty without either."""
    try:
        return tomllib.loads((run.folder / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        pass
    try:
        return dict(run.attributes.get("config", {}))
    except MicroslipError:
        return {}


def steady_from(config: Mapping[str, Any], strain: np.ndarray, imported: bool) -> int:
    """The first sample after the warm-up that a resolved configuration names; see `events.steady`.

    Settings of another version, or none, are not guessed at: loading.warm_up alone counts where it is there.
    """
    sections = {name: config[name] for name in ShearCell.model_fields if name in config}
    try:
        warm_up = Stages.model_validate(config.get("stages", {})).warm_up
        if imported:
            return steady_sample(strain, warm_up)
        shear = ShearCell.model_validate(sections)
        return steady_sample(strain, warm_up, shear.first_stage_sample, shear.recording.strain_step)
    except (ValidationError, MicroslipError):
        loading = config.get("loading", {})
        warm_up = float(loading.get("warm_up", 0.0)) if isinstance(loading, dict) and not imported else 0.0
        return int(np.searchsorted(strain, warm_up))


def own_voxels(run: Run) -> tuple[float, float]:
    """L_grid and δ of the run [d₅₀]; the paper's where its configuration does not say."""
    voxels = read_config(run).get("voxels", {})
    return float(voxels.get("spacing", 1.0)), float(voxels.get("radius", 1.3))
