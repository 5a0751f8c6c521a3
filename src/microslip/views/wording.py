"""Numbers as a reader wants them in a text."""

from __future__ import annotations

import math
from typing import Any

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def show(value: Any, digits: int = 3) -> str:
    """A number with few digits, a true minus and powers of ten written out; a dash for what is not known.

    Parameters
    ----------
    value
        A number, a truth, a text, or a list of these.
    digits
        Significant digits.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f").replace("-", "−")
    if isinstance(value, float):
        if value == 0 or 1e-3 <= abs(value) < 1e6:
            return _plain(value, digits)
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        power = str(int(exponent)).translate(_SUPERSCRIPT)
        return f"{float(mantissa):g} × 10{power}".replace("-", "−")
    if isinstance(value, list | tuple):
        return ", ".join(show(each, digits) for each in value)
    return str(value)


def _plain(value: float, digits: int) -> str:
    """No power of ten: whole numbers in groups of three digits."""
    rounded = float(f"{value:.{digits}g}")
    if rounded == int(rounded):
        return show(int(rounded))
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}".rstrip("0").replace("-", "−")
