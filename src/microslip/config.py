"""The whole configuration: every folder's sections in one model, from a TOML file with overrides to a resolved one."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import tomli_w
from jaxtyping import Float
from pydantic import (
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from microslip.config_files import apply_overrides, count_settings, explain, not_text, read_toml
from microslip.core.errors import MicroslipError
from microslip.core.settings import Settings
from microslip.core.smoothing import Smoothing
from microslip.data.config import Batches
from microslip.data.files import replacing
from microslip.data.run import Run
from microslip.dem.config import OLDER_SECTIONS, ShearCell
from microslip.dem.replicas.config import Replicas
from microslip.dem.sections import Recording
from microslip.dem.steady import steady_sample
from microslip.events.config import Stages
from microslip.fields.config import Nonaffine
from microslip.formats.source import Source
from microslip.grids.config import Split, Voxels, too_many_nodes
from microslip.learn.config import Ablation, Assessment, Attribution, Network, Search, Training
from microslip.statistics.config import ActiveClusters, Bootstrap, Correlation, Distributions


class Config(Settings):
    """Sections of a run's TOML; what is left out has the default of the section's own model.

    A run is simulated, in a `shear_cell`, or imported, from a `source`: the other one is None. The sections of the
    shear cell stand in the TOML beside the others; beside a [source] they are checked, and have no effect.
    """

    # before the cell, whose validator looks at it
    source: Source | None = None
    shear_cell: ShearCell | None = None
    stages: Stages = Stages()
    nonaffine: Nonaffine = Nonaffine()
    voxels: Voxels = Voxels()
    split: Split = Split()
    network: Network = Network()
    training: Training = Training()
    ablation: Ablation = Ablation()
    assessment: Assessment = Assessment()
    search: Search = Search()
    replicas: Replicas = Replicas()
    attribution: Attribution = Attribution()
    correlation: Correlation = Correlation()
    clusters: ActiveClusters = ActiveClusters()
    distributions: Distributions = Distributions()
    bootstrap: Bootstrap = Bootstrap()
    batches: Batches = Batches()

    @model_validator(mode="before")
    @classmethod
    def _gather_the_cell(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        if "shear_cell" in content:
            raise ValueError(f"unknown key shear_cell: give its sections, {', '.join(ShearCell.model_fields)}")
        own = {name: content[name] for name in (*ShearCell.model_fields, *OLDER_SECTIONS) if name in content}
        others = {name: section for name, section in content.items() if name not in own}
        return others | {"shear_cell": own}

    @field_validator("shear_cell")
    @classmethod
    def _none_of_an_import(cls, cell: ShearCell | None, info: ValidationInfo) -> ShearCell | None:
        # checked all the same: a mistyped key is refused wherever it stands
        return cell if info.data.get("source") is None else None

    @model_serializer(mode="wrap")
    def _as_in_the_toml(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content = serialise(self)
        return {**(content.pop("shear_cell", None) or {}), **content}

    @model_validator(mode="after")
    def _fits_the_cell(self) -> Self:
        if self.shear_cell is None:
            # what another program's cell is like, only the files tell
            return self._inputs_exist()
        cell, loading, recording = self.shear_cell.cell, self.shear_cell.loading, self.shear_cell.recording
        # a cell without walls repeats in z too; how high it is, its grains decide: near what is aimed at
        half = min(cell.length, cell.depth, math.inf if cell.walls else cell.height) / 2
        for key in ("nonaffine.cutoff", "voxels.radius", "clusters.moran_distance", "clusters.link_distance"):
            section, name = key.split(".")
            value = getattr(getattr(self, section), name)
            if value > half:
                raise ValueError(
                    f"{key} = {value:g} exceeds half the smallest periodic length, {half:g} d̄:"
                    " use a smaller one or a larger cell"
                )
        for key, spacings in (
            ("voxels.spacing", [self.voxels.spacing]),
            ("a value of ablation.spacings", self.ablation.spacings),
        ):
            for spacing in spacings:
                if problem := too_many_nodes(key, spacing, (cell.length, cell.depth, cell.height)):
                    raise ValueError(problem)
        if self.stages.warm_up is not None and self.stages.warm_up >= loading.strain:
            raise ValueError(
                f"stages.warm_up = {self.stages.warm_up:g} leaves nothing of loading.strain = {loading.strain:g}:"
                " lower it or leave it out"
            )
        if self.stages.threshold is not None and self.stages.threshold < recording.threshold:
            raise ValueError(
                f"stages.threshold = {self.stages.threshold:g} is below"
                f" recording.threshold = {recording.threshold:g}, so some stages would have no frames:"
                " raise the first or lower the second"
            )
        if self.stages.window is not None:
            raise ValueError("stages.window is for imported runs: a simulated run keeps its frames at turning points")
        return self._inputs_exist()

    def _inputs_exist(self) -> Self:
        missing = [name for name in self.network.inputs if name not in (*self.voxels.fields, "strain_increment")]
        if missing:
            raise ValueError(
                f"network.inputs names {missing[0]}, voxels.fields = {list(self.voxels.fields)} does not:"
                f" add it there, and run `microslip voxels` again"
            )
        return self

    @property
    def simulation(self) -> ShearCell:
        """The shear cell of a run that is simulated.

        Raises
        ------
        MicroslipError
            The run is imported.
        """
        if self.shear_cell is None:
            raise MicroslipError("the run is imported: it has no shear cell, and there is nothing to simulate")
        return self.shear_cell

    def section(self, name: str) -> Any:
        """A section, or a setting before the first one, by its name in the TOML.

        Of an imported run the sections of a simulation are the defaults, under which its results are known.
        """
        return getattr((self.shear_cell or ShearCell()) if name in ShearCell.model_fields else self, name)

    def steady_sample(self, strain: Float[np.ndarray, "sample"]) -> int:
        """The first sample of the steady state of a series; see `dem.steady`."""
        return steady_sample(strain, self.stages.warm_up, self.shear_cell)

    @property
    def stage_smoothing(self) -> tuple[Smoothing, int] | None:
        """Causal filter and its span in samples before stages are searched for; the recording's where left out."""
        recording: Recording = self.section("recording")
        name = self.stages.smoothing or recording.smoothing
        return None if name == "none" else (name, self.stages.smoothing_span or recording.smoothing_span)

    @property
    def stage_threshold(self) -> float:
        """Smallest swing of s that ends a stage."""
        recording: Recording = self.section("recording")
        return recording.threshold if self.stages.threshold is None else self.stages.threshold


def load_config(path: Path, overrides: Iterable[str] = ()) -> Config:
    """Read a TOML file and apply overrides such as `loading.strain=0.5`.

    Of a run folder without its `config.toml`, as `read_trajectory` leaves it, the trajectory says how it was made.

    Raises
    ------
    MicroslipError
        The file is missing or not TOML; a key is unknown; a value is out of range.
    """
    content = _settings_of_trajectory(path.parent) if path.name == "config.toml" and not path.exists() else {}
    if not content:
        content = read_toml(path)
        if isinstance(content.get("source"), dict):
            content["source"] = _whole_names(content["source"], path.parent)
    return parse_config(apply_overrides(content, overrides))


def _settings_of_trajectory(folder: Path) -> dict[str, Any]:
    """Sections that a trajectory carries: of a simulation the cell's, of an import its source; nothing without one."""
    try:
        attributes = Run(folder).attributes
    except MicroslipError:
        return {}
    if attributes.get("imported"):
        return {"source": {name: value for name, value in attributes["source"].items() if value is not None}}
    return dict(attributes.get("config", {}))


def source_config(
    files: Sequence[Path], given: Mapping[str, Any], overrides: Iterable[str], before: Mapping[str, Any]
) -> Config:
    """The configuration of an import: of a TOML file with a [source], or of files of frames; `given` goes before both.

    Names of files are those seen from the TOML file's folder, or from here, and are kept whole. `before` holds the
    sections that the run folder had, which files of frames leave as they are.

    Raises
    ------
    MicroslipError
        No file, a TOML file without [source] or without files there, a value out of range.
    """
    if not files:
        raise MicroslipError("no SOURCE: give files of frames, or a TOML file with a [source] section")
    if len(files) == 1 and files[0].suffix == ".toml":
        content = read_toml(files[0])
        if not isinstance(content.get("source"), dict):
            raise MicroslipError(f'{files[0]} has no [source] section: name the files there, files = ["dump*"]')
        content["source"] = _whole_names(content["source"], files[0].parent)
        content = apply_overrides(content, overrides)
        if not content["source"].get("files"):
            raise MicroslipError(f'{files[0]} names no files: name them in its [source], files = ["dump*"]')
    else:
        kept = {name: section for name, section in before.items() if name != "source"}
        content = apply_overrides({**kept, "source": {"files": [os.path.abspath(file) for file in files]}}, overrides)
    content["source"] = {**content["source"], **_whole_names(given, Path())}
    return parse_config(content)


def _whole_names(section: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A [source] whose names of files stand alone, where they were seen from a folder."""
    whole = dict(section)
    for name in ("series", "contacts"):
        if isinstance(whole.get(name), str) and whole[name]:
            whole[name] = os.path.abspath(folder / whole[name])
    if isinstance(whole.get("files"), (list, str)):
        named = [whole["files"]] if isinstance(whole["files"], str) else whole["files"]
        whole["files"] = [os.path.abspath(folder / file) if isinstance(file, str) else file for file in named]
    return whole


def parse_config(content: Mapping[str, Any]) -> Config:
    """Validate; the first thing wrong becomes one sentence with key, value and remedy."""
    if wrong := not_text(content):
        raise MicroslipError(wrong)
    try:
        return Config.model_validate(content)
    except ValidationError as problem:
        raise MicroslipError(explain(problem.errors()[0], Config)) from None


def write_config(config: Config, path: Path) -> None:
    """Write every key with its value, so that the file stands alone; who works on the batches is no part of a run."""
    with replacing(path) as beside:
        content = config.model_dump(mode="json", exclude_none=True, exclude={"batches"})
        first = f"# All {count_settings(content)} settings of this run.\n"
        beside.write_text(first + tomli_w.dumps(content), encoding="utf-8")
