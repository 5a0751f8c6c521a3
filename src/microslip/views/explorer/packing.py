"""Arrays as the page reads them: little-endian, 16 bits a number, the range that they span in front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

Scale = Literal["log", "linear", "signed", "number"]

# The largest code stands for no value.
_LAST = 65534
_NONE = 65535


def pack_values(values: Float[np.ndarray, "grain"], scale: Scale, shown: tuple[float, float]) -> bytes:
    """One value per grain: four float32 (first, last, and the ends of the colour scale), then one uint16 per grain.

    Parameters
    ----------
    values
        Shape (grain,), NaN for none.
    scale
        log: log₁₀ is what is packed, values of 0 become the smallest; number: whole numbers, kept as they are.
    shown
        Ends of the colour scale, in the values' own unit.
    """
    values = np.asarray(values, dtype=float)
    if scale == "log":
        positive = np.where(values > 0, values, np.nan)
        smallest = np.nanmin(positive) if np.isfinite(positive).any() else 1.0
        values = np.log10(np.where(values == 0, smallest, positive))
        shown = (float(np.log10(shown[0])), float(np.log10(shown[1])))
    finite = np.isfinite(values)
    if scale == "number":
        first, last = 0.0, float(_LAST)
    else:
        first = float(np.float32(values[finite].min())) if finite.any() else 0.0
        last = float(np.float32(values[finite].max())) if finite.any() else 0.0
    codes = _encode(values, first, last)
    return np.array([first, last, *shown], dtype="<f4").tobytes() + codes.tobytes()


def pack_places(positions: Float[np.ndarray, "grain 3"]) -> bytes:
    """Centres [d̄]: six float32 (lower corner, upper corner), then three uint16 per grain; not finite becomes none."""
    positions = np.asarray(positions, dtype=float)
    there = np.isfinite(positions).all(axis=1)
    lower = positions[there].min(axis=0).astype("<f4") if there.any() else np.zeros(3, dtype="<f4")
    upper = positions[there].max(axis=0).astype("<f4") if there.any() else np.ones(3, dtype="<f4")
    codes = np.stack([_encode(positions[:, axis], float(lower[axis]), float(upper[axis])) for axis in range(3)], axis=1)
    codes[~there] = _NONE
    return lower.tobytes() + upper.tobytes() + codes.tobytes()


def pack_vectors(vectors: Float[np.ndarray, "grain 3"]) -> bytes:
    """Displacements [d̄]: one float32, the largest component, then three int16 per grain; not finite becomes 0."""
    vectors = np.nan_to_num(np.asarray(vectors, dtype=float), posinf=0.0, neginf=0.0)
    largest = float(np.float32(np.abs(vectors).max(initial=0.0)))
    codes = np.rint(np.clip(vectors / largest, -1, 1) * 32767) if largest else np.zeros_like(vectors)
    return np.array([largest], dtype="<f4").tobytes() + codes.astype("<i2").tobytes()


def pack_columns(columns: Mapping[str, np.ndarray]) -> tuple[bytes, list[dict[str, Any]]]:
    """Columns of one length one after another, each at a multiple of 8 bytes; name, type and offset of each."""
    packed, layout = bytearray(), []
    for name, column in columns.items():
        packed.extend(bytes(-len(packed) % 8))
        layout.append({"name": name, "type": column.dtype.name, "offset": len(packed)})
        packed.extend(column.astype(column.dtype.newbyteorder("<")).tobytes())
    return bytes(packed), layout


def _encode(values: np.ndarray, first: float, last: float) -> np.ndarray:
    """Codes 0 … 65534 for first … last, 65535 for what is not finite."""
    finite = np.isfinite(values)
    span = last - first if last > first else 1.0
    codes = np.full(values.shape, _NONE, dtype="<u2")
    codes[finite] = np.rint(np.clip((values[finite] - first) / span, 0, 1) * _LAST).astype("<u2")
    return codes
