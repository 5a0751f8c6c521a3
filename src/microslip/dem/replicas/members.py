"""The replicas of one stage, and the file that keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from microslip.data.files import replacing


@dataclass(frozen=True)
class StageReplicas:
    """A stage and its replicas, the stretch's own stage first among them, which nothing has perturbed.

    `perturbation` [d̄] and `copy`, from 0, of each. `stress` at every sample of the stage [p]. `start` (grain, 3) and
    `end`: centres [d̄]; `start_cell`, `end_cell`: Lx, Ly, Lz and tilt [d̄] of a cell without walls, else empty.
    """

    perturbation: Float64[np.ndarray, "replica"]
    copy: Int64[np.ndarray, "replica"]
    stress: Float64[np.ndarray, "replica sample"]
    start: Float64[np.ndarray, "grain 3"]
    end: Float64[np.ndarray, "replica grain 3"]
    start_cell: Float64[np.ndarray, "edge"]
    end_cell: Float64[np.ndarray, "replica edge"]

    @property
    def fluctuation(self) -> Float64[np.ndarray, "replica"]:
        """s(start) − s(end) of each [p], from the one start that all have."""
        return np.asarray(self.stress[:, 0] - self.stress[:, -1])


def save_replicas(replicas: StageReplicas, path: Path) -> None:
    """Write them, whole or not at all."""
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, **vars(replicas))


def load_replicas(path: Path) -> StageReplicas:
    """Read what `save_replicas` wrote."""
    with np.load(path) as kept:
        return StageReplicas(**{name: kept[name] for name in StageReplicas.__dataclass_fields__})
