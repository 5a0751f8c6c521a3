"""Settings of the replicas."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from microslip.core.settings import Settings


class Replicas(Settings):
    """A stretch sheared on from a run's end, and stages of it done again from the same start, but for a breath."""

    strain: float = Field(
        0.1, ge=1e-9, le=1e3, description="of the stretch; some hundred stages or more, of which some are chosen"
    )
    stages: int = Field(24, ge=2, le=100_000, description="chosen, half stick and half slip, over all sizes")
    copies: int = Field(4, ge=1, le=1000, description="replicas of each stage for each perturbation")
    perturbations: tuple[Annotated[float, Field(ge=0, le=0.01)], ...] = Field(
        (1e-9,),
        min_length=1,
        max_length=20,
        description="by which every component of every bulk grain's place is moved at the start of the stage: the"
        " deviation of a normal distribution [d̄]; contacts are some 1e-3 d̄ deep at a stiffness number of 1000",
    )
    seed: int = Field(1, ge=0, lt=2**31, description="of the perturbations")
