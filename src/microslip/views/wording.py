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


def count(number: int, word: str) -> str:
    """A number of things: 1 slip, 2 slips."""
    return f"{show(int(number))} {word}" if number == 1 else f"{show(int(number))} {word}s"


def between(value: float, low: float, high: float) -> str:
    """A value with its interval in brackets, all to the same place; without brackets where there is no interval."""
    ends = [float(value), float(low), float(high)]
    if not all(math.isfinite(end) for end in ends):
        return show(ends[0])
    largest = max(abs(end) for end in ends)
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    if power >= 3:
        return f"{show(ends[0])} [{show(ends[1])}, {show(ends[2])}]"
    # below a thousandth the power of ten is written once, behind the bracket
    small = power < -3
    digits = 2 if small else 2 - power
    scaled = [round(end / 10.0**power if small else end, digits) for end in ends]
    # what rounds to zero has no sign
    texts = [f"{end if end else 0.0:.{digits}f}".replace("-", "−") for end in scaled]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]" + (f" × 10{str(power).translate(_SUPERSCRIPT)}" if small else "")


def with_error(value: float, error: float) -> str:
    """value ± error, both to the second digit of the error."""
    if error <= 0 or not 1e-3 <= abs(value) < 1e6:
        return f"{show(value)} ± {show(error, 2)}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}".replace("-", "−")
