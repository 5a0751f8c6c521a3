"""Labels of a run that was imported without a pressure: its stresses are in the unit of its files."""

from __future__ import annotations

import re

from matplotlib.figure import Figure
from matplotlib.text import Text

from microslip.data.attributes import SOURCE_UNITS

# Mathematics whose only letter is p is the unit; a power of ten may stand before it, and lengths after it.
_BRACKETED = re.compile(r"\[\$(10\^\{-?\d+\})?(?:\\,)?(1/)?\s*p\s*(\\,\\bar d\^3)?\$\]")


def in_source_units(figure: Figure) -> None:
    """Put "source units" where texts of a figure have p as the unit of a stress."""
    for text in figure.findobj(Text):
        before = text.get_text()
        after = reworded(before)
        if after != before:
            text.set_text(after)


def reworded(text: str) -> str:
    """A label with its unit exchanged; a number in p loses the letter, for its axis has the unit."""

    def unit(match: re.Match[str]) -> str:
        power, over, lengths = match.groups()
        source_unit = f"1/{SOURCE_UNITS}" if over else SOURCE_UNITS
        front = f"${power}$ " if power else ""
        back = r" $\bar d^3$" if lengths else ""
        return f"[{front}{source_unit}{back}]"

    return re.sub(r"(?<=[\d$}]) \$p\$", "", _BRACKETED.sub(unit, text))
