"""A stick-slip stress series whose stages are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int, Int64

from microslip.core.errors import MicroslipError
from microslip.data.run import STAGE_COLUMNS


@dataclass(frozen=True)
class StickSlip:
    """A stress series (sample,) and the table of its stages, as `detect_stages` returns it."""

    strain: Float64[np.ndarray, "sample"]
    stress: Float64[np.ndarray, "sample"]
    stages: pd.DataFrame

    @property
    def turning_sample(self) -> Int64[np.ndarray, "turning"]:
        """The samples at which the stages begin and the last one ends."""
        return np.append(self.stages["start_sample"], self.stages["end_sample"].iloc[-1])


def stick_slip(
    n_stages: int = 40,
    *,
    seed: int,
    mean: float = 0.3,
    smallest: float = 1e-4,
    typical: float = 2e-3,
    spread: float = 1.0,
    samples: int = 50,
    strain_step: float = 1e-5,
) -> StickSlip:
    """A stress that rises and falls in straight lines between known turning points; the first stage is a stick.

    Every swing exceeds `smallest` [p], so every threshold up to it finds the same stages. Half-swings above and below
    the mean stress are lognormal about `typical`/2 with a standard deviation of `spread` in their logarithm. A stage
    lasts `samples` samples in the mean. A fall before the first stage and one after the last are no stages, since
    nothing shows where they begin or end.

    Parameters
    ----------
    n_stages
        Stages, sticks and slips in turn; an even number, so that each stick has its slip.
    mean, smallest, typical
        Stresses [p].
    samples, strain_step
        Mean length of a stage in samples, and shear strain between two samples.

    Raises
    ------
    MicroslipError
        A number of stages that is odd or not positive, fewer than four samples a stage.
    """
    if n_stages < 2 or n_stages % 2:
        raise MicroslipError(f"n_stages = {n_stages} is no even number from 2 on: each stick needs its slip")
    if samples < 4:
        raise MicroslipError(f"samples = {samples} are too few for a stage: it takes 4")
    rng = np.random.default_rng(seed)
    n_knots = n_stages + 3
    half = smallest / 2 + rng.lognormal(np.log(typical / 2), spread, n_knots)
    level = mean + half * np.where(np.arange(n_knots) % 2, -1, 1)
    knot = np.concatenate([[0], np.cumsum(rng.integers(samples // 2, samples + samples // 2, n_knots - 1))])
    sample = np.arange(knot[-1] + 1)
    strain, stress = strain_step * sample, np.interp(sample, knot, level)
    turning = knot[1:-1]
    stages = stage_table(turning, strain[turning], stress[turning])
    return StickSlip(strain, stress, stages.drop(columns=["start_frame", "end_frame"]))


def stage_table(
    sample: Int[np.ndarray, "turning"], strain: Float[np.ndarray, "turning"], stress: Float[np.ndarray, "turning"]
) -> pd.DataFrame:
    """The table of the stages between turning points, of which each has a frame: the columns of `stages.csv`.

    Parameters
    ----------
    sample, strain, stress
        Index into the series, shear strain and stress [p] of each turning point; stick and slip alternate.
    """
    stage, fluctuation = np.arange(len(sample) - 1), stress[:-1] - stress[1:]
    table = {
        "stage": stage,
        # a series that begins with a slip gives that slip a cycle of its own
        "cycle": (stage + (fluctuation[0] > 0)) // 2,
        "kind": np.where(fluctuation > 0, "slip", "stick"),
        "start_frame": stage,
        "end_frame": stage + 1,
    }
    for name, values in (("sample", sample), ("strain", strain), ("stress", stress)):
        table |= {f"start_{name}": values[:-1], f"end_{name}": values[1:]}
    table |= {"strain_increment": strain[1:] - strain[:-1], "fluctuation": fluctuation}
    return pd.DataFrame(table)[STAGE_COLUMNS]
