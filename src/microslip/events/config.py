"""What counts as a stage."""

from __future__ import annotations

from pydantic import Field

from microslip.core.settings import Settings


class Stages(Settings):
    """Turning points of the stress cut it into stick (rising) and slip (falling) stages."""

    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="smallest swing of s that ends a stage [p]; left out: the recording's, below which no frames exist",
    )
