"""What the process that makes replicas is told, and the names of its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# In the folder of what is made, beside states of the engine and the replicas of each stage.
PLAN, CHOSEN, SERIES = "plan.json", "chosen.csv", "stretch.npz"

# States that are kept along the stretch, from which stages begin; and samples between two of them, at least.
MOST_STATES, FEWEST_BETWEEN = 50, 50


@dataclass(frozen=True)
class Plan:
    """What is sheared: from which state, how far, and what of it is read.

    `height` H₀ [m] and `offset` of the level from the top wall's face [d̄], as in a checkpoint. `column`: the stress
    that is cut into stages, as in the series of a run. `first_strain`: where the stretch begins. `drive`: what an
    adaptive drive remembers.
    """

    height: float
    offset: float
    column: str
    first_strain: float
    n_samples: int
    drive: dict[str, Any]

    @property
    def between(self) -> int:
        """Samples between two states that are kept."""
        return max(FEWEST_BETWEEN, -(-self.n_samples // MOST_STATES))
