"""What counts as a stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from microslip.core.settings import LATER, Settings
from microslip.core.smoothing import Smoothing


class Stages(Settings):
    """Turning points of the stress cut it into stick (rising) and slip (falling) stages."""

    stress: Literal["volume", "walls"] | None = Field(
        None,
        json_schema_extra=LATER,
        description="whose stress is cut into stages; left out: that by which frames were kept, recording.stress; of an"
        " imported run the volume's where it is known, else that of its series",
    )
    threshold: float | None = Field(
        None,
        ge=1e-12,
        lt=1,
        description="smallest swing of s that ends a stage [p]; left out: the recording's, below which no frames exist;"
        " of an imported run the smallest that its frames support",
    )
    warm_up: float | None = Field(
        None, ge=0, le=1e5, description="strain before the first stage; left out: loading.warm_up, 0 of an imported run"
    )
    smoothing: Smoothing | None = Field(
        None, description="causal filter before detection: none, ewma or median; left out: the recording's, or none"
    )
    smoothing_span: int | None = Field(None, ge=1, le=1001, description="samples in that filter; the recording's")
    window: float | None = Field(
        None,
        ge=1e-12,
        le=1e5,
        description="strain of windows of one length in place of stages, for an imported run; goes before threshold",
    )
