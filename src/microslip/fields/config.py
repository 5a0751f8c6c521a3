"""What steers the fields."""

from __future__ import annotations

from pydantic import Field

from microslip.core.settings import MOST_NEIGHBOUR_DISTANCE, Settings


class Nonaffine(Settings):
    """Non-affine motion."""

    cutoff: float = Field(
        2.0,
        ge=0.1,
        le=MOST_NEIGHBOUR_DISTANCE,
        description="L_c [d̄]: grains this near at the start of the stage are neighbours, as in the paper",
    )
