"""Small repairs between the docstrings, which are plain text first, and reStructuredText."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

# |x| is an absolute value, not a substitution.
_ABSOLUTE = re.compile(r"(?<!\\)\|(?=\S)([^|`]*\S)\|")


def _mend(_app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    text = "\n".join(lines)
    # a source after the sections belongs to none of them
    text = re.sub(r"^Source: (.*(?:\n\S.*)*)", r"References\n----------\n\1", text, flags=re.MULTILINE)
    mended = []
    inside_math = False
    for line in text.split("\n"):
        if line.lstrip().startswith(".. math::"):
            inside_math = True
        elif inside_math and line and not line.startswith((" ", "\t")):
            inside_math = False
        mended.append(line if inside_math else _ABSOLUTE.sub(r"\\|\1\\|", line))
    if what in {"property", "attribute"}:
        # or else napoleon takes what stands before a colon for a type
        mended.insert(0, "")
    lines[:] = mended


def setup(app: Sphinx) -> dict[str, Any]:
    """Run before napoleon, which reads the sections."""
    app.connect("autodoc-process-docstring", _mend, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
