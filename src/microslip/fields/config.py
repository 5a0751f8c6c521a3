"""What steers the fields."""

from __future__ import annotations

from pydantic import Field

from microslip.core.settings import Settings


class Nonaffine(Settings):
    """Non-affine motion."""

    cutoff: float = Field(
        2.0, gt=0, description="L_c [d̄]: grains this near at the start of the stage are neighbours, as in the paper"
    )
