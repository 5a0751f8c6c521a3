"""Non-affine motion on the way through stages: does it hurry before a slip?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int

from microslip.statistics.resampling import FEWEST_BLOCKS, jackknife

KINDS = ("stick", "slip")


@dataclass(frozen=True)
class Passage:
    """One stage, cut into pieces by the frames inside it.

    `strain` (edge): γ at its start, at the frames inside it and at its end. `d2min` (piece): mean D²min of the bulk
    grains from each of these to the next [d̄²].
    """

    strain: Float[np.ndarray, "edge"]
    d2min: Float[np.ndarray, "piece"]

    @property
    def middle(self) -> Float64[np.ndarray, "piece"]:
        """The middle of each piece, from 0 at the start of the stage to 1 at its end."""
        at = (self.strain - self.strain[0]) / (self.strain[-1] - self.strain[0])
        return np.asarray((at[:-1] + at[1:]) / 2)

    @property
    def speed(self) -> Float64[np.ndarray, "piece"]:
        """√⟨D²min⟩ over the strain of each piece [d̄]."""
        return np.asarray(np.sqrt(self.d2min) / np.diff(self.strain))

    @property
    def relative(self) -> Float64[np.ndarray, "piece"]:
        """That speed over its mean over the strain of the stage."""
        return np.asarray(self.speed * (self.strain[-1] - self.strain[0]) / np.sqrt(self.d2min).sum())


def motion_within_stages(
    cycles: Sequence[tuple[Passage, Passage]], block: Int[np.ndarray, "cycle"], n_bins: int = 6
) -> pd.DataFrame:
    """Non-affine speed against the way through a stick and through the slip after it.

    The speed is √⟨D²min⟩/Δγ between frames that follow each other, with ⟨D²min⟩ over the bulk grains. Cycles count the
    same. Speeds compare where the pieces are of like strain, for the motion of grains that wander grows as its root.

    Parameters
    ----------
    cycles
        A stick and the slip after it, in the order of the strain.
    block
        The block of each cycle, shape (cycle,); each is left out once for the errors.
    n_bins
        Equal parts of a stage; a piece counts where its middle lies.

    Returns
    -------
    DataFrame
        kind, low, high (ends of the part, as shares of the stage's strain), speed (geometric mean over the cycles, [d̄])
        and relative (mean of the speed over its mean over the stage), each with its standard error, NaN with fewer than
        5 blocks; n_stages. Parts in which no stage has a piece are left out.
    """
    if len(np.unique(block)) < FEWEST_BLOCKS:
        block = np.zeros_like(block)
    edges = np.linspace(0, 1, n_bins + 1)
    rows = []
    for number, kind in enumerate(KINDS):
        passages = [cycle[number] for cycle in cycles]
        for part in range(n_bins):
            # the logarithm of the speed, and the relative one, of every stage; NaN of one without a piece here
            of_stages = np.array([_in_part(passage, edges[part], edges[part + 1]) for passage in passages])
            known = np.isfinite(of_stages).all(axis=1) if len(of_stages) else np.zeros(0, dtype=bool)
            if not known.any():
                continue
            blocks = [of_stages[known & (block == each)] for each in np.unique(block)]
            blocks = [each for each in blocks if len(each)]
            (speed, speed_error), (relative, relative_error) = (
                jackknife([each[:, column] for each in blocks], lambda values: float(np.mean(values)))
                for column in (0, 1)
            )
            rows.append(
                {
                    "kind": kind,
                    "low": edges[part],
                    "high": edges[part + 1],
                    "speed": float(np.exp(speed)),
                    "speed_error": float(np.exp(speed) * speed_error),
                    "relative": relative,
                    "relative_error": relative_error,
                    "n_stages": int(known.sum()),
                }
            )
    columns = ["kind", "low", "high", "speed", "speed_error", "relative", "relative_error", "n_stages"]
    return pd.DataFrame(rows, columns=columns)


def _in_part(passage: Passage, low: float, high: float) -> tuple[float, float]:
    here = (passage.middle >= low) & (passage.middle < high) & (passage.d2min > 0)
    if not here.any():
        return float("nan"), float("nan")
    return float(np.log(passage.speed[here]).mean()), float(passage.relative[here].mean())
