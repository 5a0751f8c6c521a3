"""A run folder, opened for reading: its stores as xarray and pandas, nothing loaded before it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from microslip.core import arguments
from microslip.core.box import Box
from microslip.core.errors import MicroslipError
from microslip.data.artifacts import PACK_NOTE
from microslip.data.files import read_json, read_table
from microslip.data.overview import as_html, as_text
from microslip.data.provenance import read_provenance
from microslip.data.stage_stress import StressMeasure, measure_of_run
from microslip.data.store import check_store, open_dataset

STAGE_COLUMNS = [
    "stage", "cycle", "kind", "start_frame", "end_frame", "start_sample", "end_sample", "start_strain", "end_strain",
    "strain_increment", "start_stress", "end_stress", "fluctuation",
]  # fmt: skip


@dataclass(frozen=True, repr=False)
class Run:
    """What a run folder holds; each property opens its store lazily, and says which step writes a missing one.

    Lengths are in d̄, stresses in p, D²min in d̄².
    """

    folder: Path

    def __repr__(self) -> str:
        return as_text(self.folder)

    def _repr_html_(self) -> str:
        return as_html(self.folder)

    @property
    def box(self) -> Box:
        """Lx, Ly and the undeformed height H₀ [d̄], periodic in x and y, or as the run says; not tilted."""
        attributes = check_store(self.folder / "trajectory.zarr").attrs
        periodic = tuple(attributes.get("periodic", (True, True, False)))  # type: ignore[arg-type]
        return Box(tuple(attributes["box"]), periodic, planar=bool(attributes.get("planar", False)))  # type: ignore[arg-type]

    def boxes(self) -> Callable[[int], Box]:
        """The cell in each frame: the run's own, or, where it deforms, that frame's, with its tilt."""
        whole, frames = self.box, self.frames
        if "cell" not in frames:
            return lambda frame: whole
        cells = frames["cell"].to_numpy()
        return lambda frame: replace(whole, lengths=tuple(cells[frame, :3]), tilt=float(cells[frame, 3]))

    def box_at(self, frame: int) -> Box:
        """The cell in one frame."""
        return self.boxes()(frame)

    @property
    def half_period(self) -> float:
        """Half the smallest periodic length of any frame [d̄]: no distance up to it is ambiguous in any of them."""
        whole, frames = self.box, self.frames
        if "cell" not in frames or not frames.sizes["frame"]:
            return whole.half_period
        smallest = frames["cell"][:, :3].to_numpy().min(axis=0)
        return replace(whole, lengths=tuple(smallest)).half_period

    @property
    def attributes(self) -> dict[str, Any]:
        """How the trajectory was made: configuration, I, Δt, seed, versions."""
        return dict(check_store(self.folder / "trajectory.zarr").attrs)

    @property
    def grains(self) -> xr.Dataset:
        """`diameter`, `kind` and `id` of every grain."""
        return open_dataset(self.folder / "trajectory.zarr", "grains")

    @property
    def series(self) -> xr.Dataset:
        """Strain, stress and the other quantities of every sample."""
        return open_dataset(self.folder / "trajectory.zarr", "series")

    @property
    def stress_measure(self) -> StressMeasure:
        """Whose stress is cut into stages."""
        return measure_of_run(self.folder)

    @property
    def stress(self) -> xr.DataArray:
        """The shear stress that is cut into stages, of every sample [p]."""
        series = self.series
        column = measure_of_run(self.folder, series).column
        if column not in series:
            raise MicroslipError(f"{self.folder} has no series/{column}, which stages.stress asks for")
        return series[column]

    @property
    def frames(self) -> xr.Dataset:
        """Positions of all grains at the turning points."""
        if (self.folder / PACK_NOTE).is_file():
            raise MicroslipError(
                f"{self.folder} came out of an archive of `microslip pack`, which holds no frames but those of"
                " sample.zarr: what needs them takes the run itself"
            )
        return open_dataset(self.folder / "trajectory.zarr", "frames")

    @property
    def trajectory(self) -> xr.DataTree:
        """Grains, series and frames as one tree."""
        attributes = xr.Dataset(attrs=self.attributes)
        return xr.DataTree.from_dict(
            {"/": attributes, "grains": self.grains, "series": self.series, "frames": self.frames}
        )

    @property
    def stages(self) -> pd.DataFrame:
        """One row per stick or slip stage."""
        return read_table(self.folder / "stages.csv", STAGE_COLUMNS)

    @property
    def stage_threshold(self) -> float | None:
        """Smallest swing of s that ends a stage, as the step that found them chose it [p]; None where no record says.

        Of an import the frames may support a larger one than the settings ask for.
        """
        chosen = self.provenance["steps"].get("stages", {}).get("threshold")
        return None if chosen is None else float(chosen)

    @property
    def fields(self) -> xr.Dataset:
        """One value per stage and grain."""
        return open_dataset(self.folder / "fields.zarr")

    @property
    def voxels(self) -> xr.Dataset:
        """D²min on the nodes of a regular grid, per stage."""
        return open_dataset(self.folder / "voxels.zarr")

    @property
    def attributions(self) -> xr.Dataset:
        """Integrated Gradients of the prediction, per explained stage and node."""
        return open_dataset(self.folder / "attributions.zarr")

    @property
    def predictions(self) -> pd.DataFrame:
        """Target and prediction of every stage under every split."""
        return read_table(self.folder / "model" / "predictions.csv", ["stage", "split", "target", "prediction"])

    @property
    def metrics(self) -> dict[str, Any]:
        """Scores of the network and of its baselines."""
        metrics: dict[str, Any] = read_json(self.folder / "model" / "metrics.json", numbers=True)
        return metrics

    @property
    def provenance(self) -> dict[str, Any]:
        """Which step ran with what, when, and for how long."""
        return read_provenance(self.folder)


def as_named(path: str | Path) -> Path:
    """The path of a folder, whole where it begins with a ~ that is part of its name: libraries take that for a home."""
    return Path(path).absolute() if str(path).startswith("~") else Path(path)


def open_run(path: str | Path) -> Run:
    """Open a run folder.

    Raises
    ------
    MicroslipError
        There is no such folder, or it is not a run folder.
    """
    folder = as_named(arguments.path("path", path))
    if not folder.is_dir():
        raise MicroslipError(f"{folder} is not a folder: give the folder that `microslip run` made, such as runs/quick")
    if (folder / "study.toml").is_file():
        systems = sorted(path.parent.name for path in folder.glob("*/config.toml"))
        named = f", such as {folder / systems[0]}" if systems else ""
        raise MicroslipError(f"{folder} is a study's folder: give one of its systems{named}")
    if not any((folder / name).exists() for name in ("config.toml", "provenance.json", "trajectory.zarr")):
        raise MicroslipError(
            f"{folder} is not a run folder (it has no config.toml, provenance.json or trajectory.zarr):"
            " give the folder that `microslip run` made, such as runs/quick"
        )
    return Run(folder)
