"""The native engine is one process."""

from __future__ import annotations

from microslip.dem.process import Alone, Company


def company() -> Company:
    """This process."""
    return Alone()
