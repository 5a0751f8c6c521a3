"""Text that a terminal, a page or a shell takes as text: control characters made visible, names quoted."""

from __future__ import annotations

import shlex
from pathlib import Path

# Beside what is not printable at all: marks that turn the direction of what follows, and could show it as another text.
_TURNING = {*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def visible(text: str) -> str:
    """The text with control characters as `\\x1b`, bytes that are no text as `\\xff`; line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(_visible(one) for one in text)


def quoted(path: Path | str) -> str:
    """A path as a shell takes it in a command to be copied; `./-x` for a name that looks like an option."""
    text = str(path)
    text = f"./{text}" if text.startswith(("-", "~")) else text
    if text.isprintable():
        return shlex.quote(text)
    inside = "".join(_visible(one, everything=True) if not one.isprintable() else _escaped(one) for one in text)
    return f"$'{inside}'"


def shortened(text: str, most: int = 80) -> str:
    """The text, or its first characters and how long it is."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _visible(one: str, everything: bool = False) -> str:
    code = ord(one)
    if one in "\n\t" and not everything:
        return one
    if 0xDC80 <= code <= 0xDCFF:
        # a byte that is no UTF-8, as Python holds it in names of files
        return f"\\x{code - 0xDC00:02x}"
    if one.isprintable() or (code > 0xFF and code not in _TURNING and not 0xD800 <= code <= 0xDFFF and not everything):
        return one
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _escaped(one: str) -> str:
    return f"\\{one}" if one in "\\'" else one
