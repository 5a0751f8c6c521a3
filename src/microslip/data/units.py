"""The unit of a run's stresses: its pressure p, or that of the files it was imported from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOURCE_UNITS = "source units"


def pressure_known(attributes: Mapping[str, Any]) -> bool:
    """Whether a pressure p sets the scale of the stresses of a trajectory with these attributes."""
    if not attributes.get("imported"):
        return True
    # older stores say it by a pressure of 1, which a true one may have too
    return bool(attributes.get("pressure_known", attributes.get("pressure") != 1.0))


def stress_unit(attributes: Mapping[str, Any]) -> str:
    """What stresses of a trajectory with these attributes are in: p, or source units where no pressure is known."""
    return "p" if pressure_known(attributes) else SOURCE_UNITS
