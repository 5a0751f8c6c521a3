"""The stress in whose turning points the stages of a run begin and end: which column of the series, and its names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from microslip.data.store import check_store, open_dataset

Whose = Literal["volume", "walls"]
# Arrays by name, shape (sample,).
Series = Mapping[str, Any] | xr.Dataset

# Settings of a recording that every resolved file held before frames could be kept by the volume's stress.
BEFORE_THE_VOLUME = {
    *("contacts", "cell_volumes", "strain_step", "threshold"),
    *("smoothing", "smoothing_span", "checkpoint_steps"),
}


@dataclass(frozen=True)
class StressMeasure:
    """A measure of the shear stress.

    `whose`: its name in the settings. `column` of the series. `title`: in tables and headings. `label` of an axis.
    `sentence`: what is summed, for captions.
    """

    whose: Whose
    column: str
    title: str
    label: str
    sentence: str


VOLUME = StressMeasure(
    "volume",
    "stress_volume",
    "stress of the volume",
    r"shear stress of the volume $s$ [$p$]",
    "Shear stress of the volume over the pressure, −(1/Vp) Σ f_x r_z over all contacts.",
)
WALLS = StressMeasure(
    "walls",
    "stress",
    "stress of the walls",
    r"shear stress of the walls $s$ [$p$]",
    "Mean of the shear forces on the two walls over area and pressure.",
)
SERIES_STRESS = StressMeasure(
    "walls", "stress", "imported stress", r"shear stress $s$ [$p$]", "The imported shear stress."
)
MEASURES: dict[Whose, StressMeasure] = {"volume": VOLUME, "walls": WALLS}


def walls_and_volume(series: Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shear stress of the bottom wall, the top wall and the volume [p], shape (sample,); NaN where not recorded."""
    unknown = np.full(len(series["strain"]), np.nan)
    columns = ("stress_bottom", "stress_top", "stress_volume")
    bottom, top, volume = (np.asarray(series[name]) if name in series else unknown for name in columns)
    return bottom, top, volume


def kept_by(recording: Mapping[str, Any]) -> Whose:
    """By whose turning points frames were kept, from a recording's section.

    A resolved file names every setting: one without `stress` is of a run before there was a choice, the walls'.
    """
    if "stress" not in recording:
        return "walls" if recording.keys() >= BEFORE_THE_VOLUME else "volume"
    return "walls" if recording["stress"] == "walls" else "volume"


def imported_measure(asked: Whose | None, series: Series) -> StressMeasure:
    """Of an imported run: the one asked for, else the volume's where it is known wherever the series' own stress is.

    A volume's stress at the frames alone would leave the samples between them without stages.
    """
    if asked is not None:
        return VOLUME if asked == "volume" else SERIES_STRESS
    own, volume = (
        np.isfinite(np.asarray(series[name])) if name in series else np.zeros(0, dtype=bool)
        for name in ("stress", "stress_volume")
    )
    everywhere = volume.any() and (len(own) == 0 or bool(volume[own].all()))
    return VOLUME if everywhere else SERIES_STRESS


def _is_known(series: Series, column: str) -> bool:
    return column in series and bool(np.isfinite(np.asarray(series[column])).any())


def stage_measure(config: Mapping[str, Any], series: Series, imported: bool) -> StressMeasure:
    """The measure in which the stages of a run are looked for, from its resolved settings and its series.

    Parameters
    ----------
    config
        Sections by name, as in config.toml.
    series
        Arrays by name, shape (sample,).
    imported
        Whether another program made the grains move.
    """
    stages, recording = (
        section if isinstance(section := config.get(name, {}), Mapping) else {} for name in ("stages", "recording")
    )
    asked = stages.get("stress")
    if imported:
        return imported_measure(asked if asked in MEASURES else None, series)
    whose = asked if asked in MEASURES else kept_by(recording)
    # a store that was begun before the volume's stress was kept, or knows the walls' alone
    known = whose == asked or whose == "walls" or _is_known(series, VOLUME.column)
    return MEASURES[whose] if known else WALLS


def measure_of_run(folder: Path, series: xr.Dataset | None = None) -> StressMeasure:
    """The same of a run folder: by its config.toml, else by what the trajectory carries; errors as of a store."""
    attributes = dict(check_store(folder / "trajectory.zarr").attrs)
    try:
        config = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        carried = attributes.get("config")
        config = carried if isinstance(carried, dict) else {}
    series = open_dataset(folder / "trajectory.zarr", "series") if series is None else series
    return stage_measure(config, series, bool(attributes.get("imported")))
