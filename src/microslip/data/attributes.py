"""What the attributes of a trajectory say of its cell, and of the unit of its stresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

SOURCE_UNITS = "source units"


def cell_edges(attributes: Mapping[str, Any]) -> list[float]:
    """Lx, Ly and H₀ of a cell in space, Lx and H₀ of a planar one [d̄]."""
    edges = [float(edge) for edge in attributes["box"]]
    return edges[::2] if attributes.get("planar") else edges


def pressure_known(attributes: Mapping[str, Any]) -> bool:
    """Whether a pressure p sets the scale of the stresses."""
    if not attributes.get("imported"):
        return True
    # older stores say it by a pressure of 1, which a true one may have too
    return bool(attributes.get("pressure_known", attributes.get("pressure") != 1.0))


def diameters_known(attributes: Mapping[str, Any], diameter: Float[np.ndarray, "grain"]) -> bool:
    """Whether grains have diameters of their own, so that they may touch; a glass has none, and all are d̄."""
    if not attributes.get("imported"):
        return True
    # older stores do not say it
    return bool(attributes.get("diameters_known", np.ptp(diameter) > 0))


def stress_unit(attributes: Mapping[str, Any]) -> str:
    """What stresses are in: p, or source units where no pressure is known."""
    return "p" if pressure_known(attributes) else SOURCE_UNITS
