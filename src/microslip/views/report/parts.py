"""What a run folder holds for a report, each part read on its own: one that is missing or damaged leaves the others."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.attributes import stress_unit
from microslip.data.files import read_table
from microslip.data.openings import OPENINGS
from microslip.data.run import Run
from microslip.data.stage_stress import VOLUME, StressMeasure
from microslip.data.step_state import StepState
from microslip.data.store import open_dataset
from microslip.dem.flow import flow_of
from microslip.grids.splits import FEWEST_TO_SPLIT
from microslip.views.settings import setting

# Columns without which a table cannot be shown.
TABLES = {
    "statistics/correlation_length": ["kind", "by"],
    "statistics/correlation_sensitivity": ["kind", "by", "xi"],
    "statistics/correlation": ["kind", "by", "r", "correlation", "standard_error"],
    "statistics/evolution": ["kind", "by", "quantity", "value", "value_low", "value_high"],
    "statistics/claims": ["section", "quantity", "kind", "claim", "verdict"],
    "statistics/contrasts": ["section", "quantity", "claim", "verdict"],
    "statistics/power_law": ["kind", "by", "x_min_rule"],
    "statistics/stages": ["stage", "d2min_all"],
    "statistics/walls": ["low", "high", "n_stages", "same_sign", "correlation"],
    "interpretation/claim": ["network", "field", "n", "n_stages", "ratio", "low", "high"],
    "interpretation/layers": ["n_layers", "spearman"],
    "interpretation/areas": ["replacement", "mode", "order", "area", "more", "more_low", "more_high"],
    "interpretation/clusters": [
        *("network", "clusters", "control", "n", "share_nodes", "share_size"),
        *("ratio", "ratio_low", "ratio_high", "trained_over_low"),
    ],
    "model/predictions": ["rule", "split", "target"],
    OPENINGS.removesuffix(".csv"): ["verb", "rule", "test_set", "settings"],
    "assessment/summary": ["rule", "fold", "method", "seeds", "n", "r2", "r2_low", "r2_high", "n_above", "coverage"],
    "assessment/coverage_by_size": ["rule", "fold", "method", "by", "coverage", "low", "high"],
    "ablations/summary": ["family", "value", "rule", "r2", "r2_low", "r2_high"],
}

# Of the samples of the stress.
SERIES = (
    *("strain", "stress", "stress_bottom", "stress_top", "stress_volume", "momentum_rate"),
    *("normal_stress", "solid_fraction"),
)


@dataclass(frozen=True)
class Parts:
    """Parts of a run, None or empty where the run has not made them; `problems` says which are damaged, and how.

    `series` holds arrays by name, shape (sample,): `stress` the one that is cut into stages, as `measure` says, `walls`
    the mean of both walls; `last_frame` the positions at the end, shape (grain, axis) [d̄];
    `states` what the pipeline knows of the steps, None where it was not asked; `explained` the split rule of the
    network that was explained, empty where that is not known; `flow` the numbers of statistics/profiles.json,
    empty where no profile can be known.
    """

    run: Run
    config: dict[str, Any]
    config_text: str
    attributes: dict[str, Any]
    steps: dict[str, dict[str, Any]]
    states: Mapping[str, StepState] | None
    series: dict[str, np.ndarray] | None
    kind: np.ndarray | None
    last_frame: np.ndarray | None
    stages: pd.DataFrame | None
    fields_attributes: dict[str, Any]
    below_floor: np.ndarray | None
    metrics: dict[str, Any]
    completeness: np.ndarray | None
    tables: dict[str, pd.DataFrame]
    problems: dict[str, str] = field(default_factory=dict)
    explained: str = ""
    flow: dict[str, Any] = field(default_factory=dict)
    measure: StressMeasure = VOLUME

    @property
    def name(self) -> str:
        """The run's own name."""
        return self.run.folder.resolve().name

    @property
    def folder(self) -> str:
        """The run as commands name it that are given beside its folder, wherever that is by now."""
        return quoted(self.name)

    @property
    def imported(self) -> bool:
        """Whether another program made the grains move."""
        return bool(self.attributes.get("imported")) or "source" in self.config

    @property
    def without_walls(self) -> bool:
        """Whether it was sheared by sliding images of a cell without walls."""
        return not self.imported and self.kind is not None and not (self.kind != 0).any()

    @property
    def volume_is_held(self) -> bool:
        """Whether the shear kept the volume and not the pressure."""
        return not self.imported and setting(self.config, "loading.hold") == "volume"

    @property
    def stress_unit(self) -> str:
        """What stresses are in: p, or source units where no pressure is known."""
        return stress_unit({**self.attributes, "imported": self.imported})

    @property
    def results(self) -> list[StepState]:
        """What is known of the steps; figures are no result: the page says beside them that they are old."""
        return [state for state in (self.states or {}).values() if state.verb != "figures"]

    def has(self, part: str) -> bool:
        """Whether a part holds something: an attribute of this record, or a table by its path without its ending."""
        value = self.tables.get(part) if "/" in part else getattr(self, part)
        return value is not None and len(value) > 0

    @property
    def n_below_floor(self) -> int:
        """How many stages move less than the positions are known to."""
        return 0 if self.below_floor is None else int(np.sum(self.below_floor))

    @property
    def too_few_to_train(self) -> str:
        """Why there are no networks where the stages do not suffice for them; empty where they do."""
        n = None if self.stages is None else len(self.stages)
        if n is None or n >= FEWEST_TO_SPLIT:
            return ""
        return f"a network takes at least {FEWEST_TO_SPLIT} stages, and this run has {n}"


def read_parts(run: Run, states: Mapping[str, StepState] | None = None) -> Parts:
    """Read every part of a run that a report shows."""
    folder, problems = run.folder, dict[str, str]()

    def read(part: str, name: str, reader: Callable[[], Any], otherwise: Any = None) -> Any:
        path = folder / name
        if not path.exists():
            return otherwise
        try:
            return reader()
        except MicroslipError as problem:
            problems[part] = str(problem)
        except Exception as problem:
            # a damaged chunk raises whatever its codec raises
            problems[part] = f"{path} cannot be read ({type(problem).__name__}: {problem}): run its step again"
        return otherwise

    attributes = read("trajectory", "trajectory.zarr", lambda: run.attributes, {})
    text = read("config.toml", "config.toml", (folder / "config.toml").read_text, "")
    steps = read("provenance.json", "provenance.json", lambda: dict(run.provenance["steps"]), {})
    config = read("config.toml", "config.toml", lambda: tomllib.loads(text), {})
    if not config and isinstance(attributes.get("config"), dict):
        config = dict(attributes["config"])
    if "source" in config and steps.get("stages", {}).get("threshold"):
        # chosen by what the frames support, where the settings leave it open
        config["stages"] = {**config.get("stages", {}), "threshold": steps["stages"]["threshold"]}
    tables = {
        name: read(f"{name}.csv", f"{name}.csv", partial(read_table, folder / f"{name}.csv", columns))
        for name, columns in TABLES.items()
    }
    return Parts(
        run=run,
        config=config,
        config_text=text,
        attributes=attributes,
        steps=steps,
        states=states,
        series=read("series", "trajectory.zarr", lambda: _series(run)),
        kind=read("grains", "trajectory.zarr", lambda: run.grains["kind"].to_numpy()),
        last_frame=read("frames", "trajectory.zarr", lambda: _last_frame(run)),
        stages=read("stages.csv", "stages.csv", lambda: run.stages),
        fields_attributes=read("fields", "fields.zarr", lambda: dict(run.fields.attrs), {}),
        below_floor=read("fields", "fields.zarr", lambda: _if_there(folder / "fields.zarr", "below_floor")),
        metrics=read("metrics.json", "model/metrics.json", lambda: run.metrics, {}),
        completeness=read(
            "attributions", "attributions.zarr", lambda: _if_there(folder / "attributions.zarr", "completeness_error")
        ),
        tables={name: table for name, table in tables.items() if table is not None},
        problems=problems,
        measure=read("series", "trajectory.zarr", lambda: run.stress_measure, VOLUME),
        flow=read("profiles", "trajectory.zarr", lambda: _flow(run, config), {}),
        explained=read("attributions", "attributions.zarr", lambda: _rule(folder / "attributions.zarr"), ""),
    )


def _series(run: Run) -> dict[str, np.ndarray] | None:
    stored = run.series
    series = {name: stored[name].to_numpy() for name in SERIES if name in stored}
    if "stress" in series:
        series["walls"] = series["stress"]
        series["stress"] = run.stress.to_numpy()
    return series if len(series.get("strain", ())) else None


def _last_frame(run: Run) -> np.ndarray | None:
    frames = run.frames
    if "position" not in frames or not frames.sizes["frame"]:
        return None
    last: np.ndarray = frames["position"][-1].to_numpy()
    return last


def _if_there(store: Path, name: str) -> np.ndarray | None:
    arrays = open_dataset(store)
    return arrays[name].to_numpy() if name in arrays else None


def _flow(run: Run, config: dict[str, Any]) -> dict[str, Any]:
    flow = flow_of(run, config)
    return {} if flow is None else flow.numbers


def _rule(store: Path) -> str:
    return str(open_dataset(store).attrs.get("rule", ""))
