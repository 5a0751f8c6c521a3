"""A series as one line of text."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

BARS = "▁▂▃▄▅▆▇█"

# Where bars cannot be shown: tenths of the way from the smallest to the largest value.
DIGITS = "0123456789"

WIDTH = 60


def sparkline(values: Float[np.ndarray, "sample"], width: int = WIDTH, marks: str = BARS) -> str:
    """Means of at most `width` equal pieces of a series as marks; a space where none is known."""
    pieces = pieces_of(values, width)
    finite = pieces[np.isfinite(pieces)]
    if not finite.size:
        return ""
    low, high = finite.min(), finite.max()
    scale = (len(marks) - 1) / (high - low) if high > low else 0.0
    return "".join(marks[round((piece - low) * scale)] if np.isfinite(piece) else " " for piece in pieces)


def pieces_of(values: Float[np.ndarray, "sample"], width: int = WIDTH) -> Float[np.ndarray, "piece"]:
    """Means of the finite values in at most `width` equal pieces, NaN where a piece has none."""
    parts = [part[np.isfinite(part)] for part in np.array_split(values, min(width, len(values)))] if len(values) else []
    return np.array([part.mean() if part.size else np.nan for part in parts])
