"""Text that a terminal, a page or a shell takes as text: control characters made visible, names quoted."""

from __future__ import annotations

import difflib
import shlex
import unicodedata
from collections.abc import Collection
from pathlib import Path

# Unicode's controls, marks that turn the direction of what follows, halves of a character, and ends of lines.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: str, kept: str = "") -> str:
    """The text with control characters, ends of lines among them, as `\\x1b`, and bytes that are no text as `\\xff`.

    `kept`: control characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter in kept else _visible(letter) for letter in text)


def quoted(path: Path | str) -> str:
    """A path as a shell takes it in a command to be copied; `./-x` for a name that looks like an option."""
    text = str(path)
    text = f"./{text}" if text.startswith(("-", "~")) else text
    if text.isprintable():
        return shlex.quote(text)
    inside = "".join(f"\\{letter}" if letter in "\\'" else _visible(letter) for letter in text)
    return f"$'{inside}'"


def shortened(text: str, most: int = 80) -> str:
    """The text, or its first characters and how long it is."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def nearest(name: str, names: Collection[str], otherwise: str = "known are") -> str:
    """The remedy for a name that nobody knows: the one that it resembles, or all that there are."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"{otherwise} {', '.join(names)}"


def _visible(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        # a byte that is no UTF-8, as Python holds it in names of files
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(letter) not in _UNSEEN:
        return letter
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
