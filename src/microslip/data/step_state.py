"""Whether what a step left in a run folder still belongs to the folder's settings and inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["current", "out of date", "damaged", "not done", "not checked"]


@dataclass(frozen=True)
class StepState:
    """State of one step, and in half a sentence why it is not current."""

    verb: str
    title: str
    state: State
    why: str = ""
