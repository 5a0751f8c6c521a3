"""Equations as MathML: browsers draw it themselves, so that a page needs no script from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

log = logging.getLogger(__name__)


def _convert(node: nodes.Element, *, block: bool) -> str:
    text = re.sub(r"\\Big(?=[(\[])", r"\\Bigl", node.astext())
    text = re.sub(r"\\Big(?=[)\]])", r"\\Bigr", text)
    try:
        return tex2mathml(text, as_block=block)
    except MathError as problem:
        log.warning("%s in the equation %s", problem, text, location=node)
        return f"<code>{text}</code>"


def _inline(writer: Any, node: nodes.Element) -> None:
    writer.body.append(_convert(node, block=False))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.Element) -> None:
    writer.body.append(_convert(node, block=True))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
