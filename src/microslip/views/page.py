"""HTML pages of one file: a template filled in, pictures carried along."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from microslip.data.files import replacing


def write_page(template: str, content: Mapping[str, Any], target: Path) -> None:
    """Fill in one of the templates beside this file and write the page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent, encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template).render(content)
    with replacing(target) as beside:
        beside.write_text(text, encoding="utf-8")


def embedded(picture: Path) -> str:
    """The address of a PNG that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
