"""Networks and baselines that were fitted on some stages, on the stages of whatever run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64

from microslip.grids.splits import VALIDATION, SplitSets
from microslip.learn.baselines import Boosted, Line, fit_boosting, fit_ridge
from microslip.learn.lines import line_predictions
from microslip.learn.networks.predictor import Predictor
from microslip.learn.prediction import mean_prediction, predict
from microslip.learn.reading import StageReader
from microslip.learn.samples import Samples, Scaling


@dataclass(frozen=True)
class Fitted:
    """Networks of one scaling, the baselines that learnt from the same stages, and the errors that set the intervals.

    `held`: what each network predicts of the validation set, whose fluctuations are `held_target` [p]. Without them
    there are no intervals, without `boosted` and `line` no baselines.
    """

    networks: tuple[Predictor, ...]
    scaling: Scaling
    held: Float64[np.ndarray, "network held"]
    held_target: Float64[np.ndarray, "held"]
    boosted: Mapping[str, Boosted] = field(default_factory=dict)
    line: Line | None = None


def networks_alone(networks: Sequence[Predictor], scaling: Scaling) -> Fitted:
    """Networks whose stages are not known any more: no intervals, no baselines."""
    return Fitted(tuple(networks), scaling, np.empty((len(networks), 0)), np.empty(0))


def with_baselines(
    networks: Sequence[Predictor],
    samples: Samples,
    scaling: Scaling,
    features: Mapping[str, Float[np.ndarray, "stage feature"]],
    sets: SplitSets,
    seed: int,
) -> Fitted:
    """Trained networks with their errors on the validation set, and baselines on the same training stages.

    Parameters
    ----------
    networks, samples, scaling, sets
        That were trained on these samples and sets.
    features, seed
        Of the boosted trees, by the name of the baseline.
    """
    held = sets[VALIDATION]
    errors = np.stack([predict(network, samples, scaling, held) for network in networks])
    boosted = {name: fit_boosting(values, samples.target, sets, seed) for name, values in features.items()}
    line = fit_ridge(samples, scaling, sets)
    target = np.asarray(samples.target[held], dtype=float)
    return Fitted(tuple(networks), scaling, errors.astype(float), target, boosted, line)


def predict_stages(
    fitted: Fitted,
    reader: StageReader,
    features: Mapping[str, Float[np.ndarray, "stage feature"]],
    target: Float[np.ndarray, "stage"],
    stages: Int64[np.ndarray, "test"],
) -> pd.DataFrame:
    """What networks and baselines say of stages that they did not learn from, as `line_predictions` has it.

    Parameters
    ----------
    fitted
        Networks, numbered from 1 on as seeds, and baselines.
    reader, features, target
        Of every stage of the run; a stage whose fluctuation is not known has a NaN.
    stages
        Which are predicted, in order.
    """
    by_network, straight = [fitted.held], []
    for batch in reader.among(stages):
        if not len(batch):
            continue
        by_network.append(np.stack([mean_prediction([one], fitted.scaling, batch) for one in fitted.networks]))
        if fitted.line is not None:
            straight.append(fitted.line.predict(batch))
    baselines = {name: trees.predict(features[name][stages]) for name, trees in fitted.boosted.items()}
    if straight:
        baselines["ridge_voxels"] = np.concatenate(straight)
    both = np.concatenate([fitted.held_target, target[stages]])
    numbers = range(1, len(fitted.networks) + 1)
    predictions = np.concatenate(by_network, axis=1)
    return line_predictions(predictions, both, len(fitted.held_target), numbers, stages, baselines)
