"""Networks that differ by their seed alone: their mean predicts, their spread says how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64

from microslip.grids.splits import VALIDATION, SplitSets
from microslip.learn.config import Network, Training
from microslip.learn.evaluate import NORMAL, conformal_interval, covered
from microslip.learn.prediction import predict
from microslip.learn.samples import Samples, fit_scaling
from microslip.learn.train import Trained, train


@dataclass(frozen=True)
class Ensemble:
    """Trained networks, and for every stage of the samples their mean prediction, spread, and interval of 90 % [p].

    `spread` is the standard deviation over the members, NaN for a single one. `history` has a column `member`.
    """

    members: tuple[Trained, ...]
    prediction: Float64[np.ndarray, "stage"]
    spread: Float64[np.ndarray, "stage"]
    low: Float64[np.ndarray, "stage"]
    high: Float64[np.ndarray, "stage"]

    @property
    def history(self) -> pd.DataFrame:
        """Loss curves of all members."""
        parts = [one.history.assign(member=member) for member, one in enumerate(self.members)]
        return pd.concat(parts, ignore_index=True)


def train_ensemble(
    samples: Samples,
    sets: SplitSets,
    network: Network,
    training: Training,
    state: Path,
    report: Callable[[int, int], None] | None = None,
) -> Ensemble:
    """Train `training.ensemble` networks on the same sets, with seeds one apart.

    Parameters
    ----------
    samples, sets, network, training
        As in `train`.
    state
        Path without a suffix; the state of each member is kept beside it, so that an interrupted training goes on.
    report
        Called with the number of epochs done and the number to be done in all.

    The interval is q times (spread + its median over stages) about the mean, with q from the validation set
    (`conformal_interval`); for a single network, which has no spread, it is equally wide everywhere. The validation set
    also chose the epoch, so that the interval is a little too narrow: its coverage is measured on the test set.
    """
    scaling = fit_scaling(samples, sets["train"], training)
    members, predictions = [], []
    for member in range(training.ensemble):

        def tell(row: dict[str, float | int], member: int = member) -> None:
            if report is not None:
                report(member * training.epochs + int(row["epoch"]) + 1, training.ensemble * training.epochs)

        own = training.model_copy(update={"seed": training.seed + member})
        one = train(samples, sets, scaling, network, own, state.with_name(f"{state.name}-{member}.pt"), tell)
        members.append(one)
        predictions.append(predict(one.network, samples, scaling, np.arange(len(samples.target))))
    prediction = np.mean(predictions, axis=0)
    single = training.ensemble == 1
    spread = np.full(len(prediction), np.nan) if single else np.std(predictions, axis=0, ddof=1)
    # the smallest spreads are luck: few members may agree by chance
    scale = np.ones(len(prediction)) if single else spread + np.median(spread)
    if not (scale > 0).all():
        # networks that agree to the last digit have no spread to go by
        scale = np.ones(len(prediction))
    held = sets[VALIDATION]
    residual = samples.target[held] - prediction[held]
    low, high = conformal_interval(residual, scale[held], prediction, scale)
    return Ensemble(tuple(members), prediction, spread, low, high)


def interval_scores(ensemble: Ensemble, target: Float64[np.ndarray, "stage"], stages: np.ndarray) -> dict[str, float]:
    """Coverage of the 90 % interval and its median width [p], and the coverage of ±1.645 spreads alone."""
    chosen = target[stages], ensemble.low[stages], ensemble.high[stages]
    mean, half = ensemble.prediction[stages], NORMAL * ensemble.spread[stages]
    alone = covered(chosen[0], mean - half, mean + half) if np.isfinite(half).all() else float("nan")
    return {
        "coverage": covered(*chosen),
        "interval_width": float(np.median(chosen[2] - chosen[1])),
        "coverage_of_spread": alone,
    }
