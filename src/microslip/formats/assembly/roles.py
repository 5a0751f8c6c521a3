"""Diameters of grains, and which of them are walls."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from microslip.core.errors import MicroslipError
from microslip.formats.frame import Frame
from microslip.formats.source import Source


def diameters_of(frame: Frame, source: Source) -> Float64[np.ndarray, "grain"] | None:
    """Diameters in the file's lengths, from the file or by type.

    Raises
    ------
    MicroslipError
        A type without one, a diameter that is not positive.
    """
    columns = frame.columns
    if source.diameters:
        types = _types(frame, "source.diameters gives a diameter to each type")
        missing = sorted(set(np.unique(types).tolist()) - {int(name) for name in source.diameters if name.isdigit()})
        if missing:
            raise MicroslipError(f"{frame.where} holds type {missing[0]}, to which source.diameters gives none")
        diameter_of_grain = np.zeros(frame.n_grains)
        for name, diameter in source.diameters.items():
            if name.isdigit():
                diameter_of_grain[types == int(name)] = diameter
        return diameter_of_grain
    if "diameter" in columns:
        diameter_of_grain = np.asarray(columns["diameter"], dtype=float)
    elif "radius" in columns:
        diameter_of_grain = 2 * np.asarray(columns["radius"], dtype=float)
    else:
        return None
    bad = ~(np.isfinite(diameter_of_grain) & (diameter_of_grain > 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise MicroslipError(
            f"{frame.where}, grain {row + 1}: its diameter is {diameter_of_grain[row]:g}; diameters are positive"
        )
    return diameter_of_grain


def _types(frame: Frame, why: str) -> np.ndarray:
    if "type" not in frame.columns:
        raise MicroslipError(f"{frame.where} has no column type, and {why}: write it, or name it with source.columns")
    return np.asarray(frame.columns["type"])


def walls_of(frame: Frame, source: Source) -> Bool[np.ndarray, "grain"]:
    """Which of the frame's grains belong to a wall."""
    if not source.wall_types:
        return np.zeros(frame.n_grains, dtype=bool)
    return np.isin(_types(frame, "source.wall_types names types"), source.wall_types)
