"""The unit of a run's stresses: its pressure p, or that of the files it was imported from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOURCE_UNITS = "source units"


def stress_unit(attributes: Mapping[str, Any]) -> str:
    """What stresses of a trajectory with these attributes are in: p, or source units where no pressure is known."""
    # without a pressure an import divides by 1
    return SOURCE_UNITS if attributes.get("imported") and attributes.get("pressure") == 1.0 else "p"
