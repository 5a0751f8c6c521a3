"""The edges of a run's cell, from the attributes of its trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def cell_edges(attributes: Mapping[str, Any]) -> list[float]:
    """Lx, Ly and H₀ of a cell in space, Lx and H₀ of a planar one [d̄]."""
    edges = [float(edge) for edge in attributes["box"]]
    return edges[::2] if attributes.get("planar") else edges
