"""Networks that differ by their seed alone: their mean predicts, their spread says how sure that is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.grids.splits import TRAIN, VALIDATION, SplitSets
from microslip.learn.attribution import choose_baseline, integrated_gradients
from microslip.learn.config import Attribution, Network, Training
from microslip.learn.conformal import combine
from microslip.learn.evaluate import covered, scores
from microslip.learn.inputs import STAGES_PER_READ, inputs_of_arrays
from microslip.learn.prediction import mean_prediction, predict_with_scale
from microslip.learn.samples import Samples, Scaling, fit_scaling
from microslip.learn.train import Trained, train
from microslip.statistics.intervals import NORMAL


@dataclass(frozen=True, repr=False)
class Ensemble:
    """Trained networks, what they learnt from, and predictions for every stage of the samples [p].

    `prediction` is the mean over the members; `spread` their standard deviation, NaN for a single one; `low` and `high`
    the ends of the interval of 90 %.
    """

    members: tuple[Trained, ...]
    samples: Samples
    sets: SplitSets
    prediction: Float64[np.ndarray, "stage"]
    spread: Float64[np.ndarray, "stage"]
    low: Float64[np.ndarray, "stage"]
    high: Float64[np.ndarray, "stage"]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(stages)} for {name}" for name, stages in self.sets.items())
        r2 = ", ".join(f"{name} {value:.3f}" for name, value in self.scores["r2"].items())
        return f"Ensemble of {len(self.members)} ({sizes}), R²: {r2}"

    @property
    def scaling(self) -> Scaling:
        """Of all members."""
        return self.members[0].scaling

    @property
    def history(self) -> pd.DataFrame:
        """Loss curves of all members, with a column `member`."""
        parts = [trained.history.assign(member=member) for member, trained in enumerate(self.members)]
        return pd.concat(parts, ignore_index=True)

    @property
    def predictions(self) -> pd.DataFrame:
        """One row per stage of every set: stage, split, target, prediction, spread, low, high [p]."""
        columns = {"target": self.samples.target, "prediction": self.prediction}
        columns |= {"spread": self.spread, "low": self.low, "high": self.high}
        parts = [
            pd.DataFrame({"stage": stages, "split": name} | {key: values[stages] for key, values in columns.items()})
            for name, stages in self.sets.items()
        ]
        return pd.concat(parts, ignore_index=True)

    @property
    def scores(self) -> pd.DataFrame:
        """`scores` on every set, a row each: R², rmse, sign accuracy and the others."""
        target = self.samples.target
        rows = {name: scores(target[stages], self.prediction[stages]) for name, stages in self.sets.items()}
        return pd.DataFrame.from_dict(rows, orient="index")

    def predict(self, voxels: Float[np.ndarray, "*n x y z"]) -> Float64[np.ndarray, "stage"]:
        """Fluctuations [p] of other stages.

        Parameters
        ----------
        voxels
            The fields that it learnt from, in the same order and units and on as many nodes: shape (stage, x, y, z), or
            (stage, field, x, y, z).

        Raises
        ------
        MicroslipError
            Other fields or another grid, or values that are not finite.
        """
        inputs = self._inputs(voxels)
        networks = [trained.network for trained in self.members]
        parts = [
            mean_prediction(networks, self.scaling, inputs[start : start + STAGES_PER_READ])
            for start in range(0, len(inputs), STAGES_PER_READ)
        ]
        return np.concatenate([np.empty(0), *parts])

    def score(self, voxels: Float[np.ndarray, "*n x y z"], fluctuation: Float[np.ndarray, "stage"]) -> dict[str, float]:
        """`scores` of the predictions of other stages, whose fluctuations [p] are known; errors as in `predict`."""
        prediction = self.predict(voxels)
        target = arguments.reals("fluctuation", fluctuation, (("stage", len(prediction), "the voxels"),))
        return scores(target, prediction)

    def attributions(
        self, voxels: Float[np.ndarray, "*n x y z"], settings: Attribution | None = None
    ) -> Float64[np.ndarray, "*n x y z"]:
        """Integrated Gradients of the predictions of stages, in the shape of their voxels [p].

        Parameters
        ----------
        voxels
            As in `predict`.
        settings
            Where the paths start, how many steps they take and how exact they are; the defaults where left out.

        A stage's shares sum to its prediction less that of the baseline. A warning says how many do not come as near to
        that as `settings.completeness` asks. Errors as in `predict`.
        """
        settings = settings or Attribution()
        scaled = self.scaling.standardise(self._inputs(voxels))
        baseline = self.baseline(settings.baseline)
        shares, n_missed = np.zeros(scaled.shape), 0
        for stage, inputs in enumerate(scaled):
            for trained in self.members:
                part = integrated_gradients(trained.network, self.scaling, inputs, settings, baseline)
                shares[stage] += part.attribution / len(self.members)
                n_missed += part.completeness_error > settings.completeness
        if n_missed:
            warnings.warn(
                f"{n_missed} of {len(scaled) * len(self.members)} attributions do not sum to the prediction within"
                f" {settings.completeness:.0%}",
                stacklevel=2,
            )
        return shares.reshape(np.shape(voxels))

    def baseline(self, kind: str) -> Float[np.ndarray, "channel x y z"]:
        """Where the paths of attributions start, scaled: `profile`, `mean` or `zero` as in `attribution.baseline`."""
        train = self.sets[TRAIN]
        starts = range(0, len(train), STAGES_PER_READ)
        batches = (self.samples.inputs[train[start : start + STAGES_PER_READ]] for start in starts)
        return choose_baseline(self.scaling, self.samples.inputs.shape[1:], kind, batches)

    def _inputs(self, voxels: Float[np.ndarray, "*n x y z"]) -> Float[np.ndarray, "stage channel x y z"]:
        inputs = inputs_of_arrays(voxels, self.scaling.names, self.scaling.floor, self.scaling.transform)
        if inputs.shape[2:] != self.samples.grid:
            raise MicroslipError(
                f"the voxels have {' × '.join(map(str, inputs.shape[2:]))} nodes, it learnt from"
                f" {' × '.join(map(str, self.samples.grid))}: give as many"
            )
        return inputs


def train_ensemble(
    samples: Samples,
    sets: SplitSets,
    network: Network,
    training: Training,
    state: Path | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Ensemble:
    """Train `training.ensemble` networks on the same sets, with seeds one apart.

    Parameters
    ----------
    samples, sets, network, training
        As in `train`.
    state
        Path without a suffix; the state of each member is kept beside it, so that an interrupted training goes on. In
        memory alone where left out.
    report
        Called with the number of epochs done and the number to be done in all.

    The interval follows the predicted size and the spread (`interval_scale`), with factors from the validation set
    (`conformal_interval`). The validation set also chose the epoch, so that the interval is a little too narrow: its
    coverage is measured on the test set, and by size.
    """
    scaling = fit_scaling(samples, sets[TRAIN], training)
    members, predictions, expected = [], [], []
    for member in range(training.ensemble):

        def advance(row: dict[str, float | int], member: int = member) -> None:
            if report is not None:
                report(member * training.epochs + int(row["epoch"]) + 1, training.ensemble * training.epochs)

        own = training.model_copy(update={"seed": training.seed + member})
        own_state = None if state is None else state.with_name(f"{state.name}-{member}.pt")
        trained = train(samples, sets, scaling, network, own, own_state, advance)
        members.append(trained)
        prediction, scale = predict_with_scale(trained.network, samples, scaling, np.arange(len(samples.target)))
        predictions.append(prediction)
        expected.append(scale)
    together = combine(np.stack(predictions), samples.target, sets[VALIDATION], np.stack(expected))
    return Ensemble(tuple(members), samples, sets, *together)


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
