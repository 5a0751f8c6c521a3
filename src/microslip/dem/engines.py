"""Where the engines are: each in the folder of its kind, loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def engine_module(kind: str, name: str) -> Any:
    """A module of an engine's folder: `launch`, `company` or `engine`; see `dem.seam`."""
    return import_module(f"microslip.dem.{kind}.{name}")
