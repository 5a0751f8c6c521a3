"""HTML pages of one file: a template filled in, pictures carried along, and nothing else let in."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from microslip.core.visible import visible
from microslip.data.files import replacing


def write_page(template: str, content: Mapping[str, Any], target: Path) -> None:
    """Fill in one of the templates beside this file and write the page.

    The page forbids the browser to load or run anything but the pictures that it carries and its own style, which is
    named by its digest.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = environment.get_template("page.css.jinja").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    text = environment.get_template(template).render({**content, "style": style, "policy": policy})
    with replacing(target) as beside:
        # names of folders may hold what no page can
        beside.write_text(visible(text, kept="\n\t"), encoding="utf-8")


def embedded(picture: Path) -> str:
    """The address of a PNG that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def embedded_figure(figure: Figure, dots_per_inch: int = 200) -> str:
    """The address of a PNG that holds a figure which lies in no file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
