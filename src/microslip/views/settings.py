"""Settings of a run as its folder carries them."""

from __future__ import annotations

import tomllib
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.data.run import Run

# The resolved settings of a run, by section.
Config = dict[str, Any]


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


def setting(config: Config, name: str) -> Any:
    """A value of the configuration by its dotted name; None where it is not there."""
    value: Any = config
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def threshold(config: Config) -> Any:
    """The smallest swing of s that ends a stage [p]: that of the stages, else that of the recording."""
    own = setting(config, "stages.threshold")
    return own if own is not None else setting(config, "recording.threshold")


def own_voxels(run: Run) -> tuple[float, float]:
    """L_grid and δ of the run [d₅₀]; the paper's where its configuration does not say."""
    voxels = read_config(run).get("voxels", {})
    return float(voxels.get("spacing", 1.0)), float(voxels.get("radius", 1.3))
