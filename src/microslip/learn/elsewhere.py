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
from microslip.learn.prediction import predict_with_scale
from microslip.learn.reading import StageReader
from microslip.learn.samples import Samples, Scaling


@dataclass(frozen=True)
class Fitted:
    """Networks of one scaling, the baselines that learnt from the same stages, and the errors that set the intervals.

    `held`: what each network predicts of the validation set, whose fluctuations are `held_target` [p], and
    `held_scale`: the error that it expects there, NaN of one that learnt with another loss than likelihood. Without
    them there are no intervals, without `boosted` and `line` no baselines.
    """

    networks: tuple[Predictor, ...]
    scaling: Scaling
    held: Float[np.ndarray, "network held"]
    held_scale: Float[np.ndarray, "network held"]
    held_target: Float64[np.ndarray, "held"]
    boosted: Mapping[str, Boosted] = field(default_factory=dict)
    line: Line | None = None


def networks_alone(networks: Sequence[Predictor], scaling: Scaling) -> Fitted:
    """Networks whose stages are not known any more: no intervals, no baselines."""
    none = np.empty((len(networks), 0))
    return Fitted(tuple(networks), scaling, none, none, np.empty(0))


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
    of_held = [predict_with_scale(network, samples, scaling, held) for network in networks]
    boosted = {name: fit_boosting(values, samples.target, sets, seed) for name, values in features.items()}
    line = fit_ridge(samples, scaling, sets)
    target = np.asarray(samples.target[held], dtype=float)
    return Fitted(tuple(networks), scaling, *_stacked(of_held), target, boosted, line)


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
    predictions, expected, straight = [fitted.held], [fitted.held_scale], []
    for batch in reader.among(stages):
        if not len(batch):
            continue
        samples, everywhere = Samples(batch, fitted.scaling.names, np.zeros(len(batch))), np.arange(len(batch))
        of_batch = [predict_with_scale(one, samples, fitted.scaling, everywhere) for one in fitted.networks]
        for table, part in zip((predictions, expected), _stacked(of_batch), strict=True):
            table.append(part)
        if fitted.line is not None:
            straight.append(fitted.line.predict(batch))
    baselines = {name: trees.predict(features[name][stages]) for name, trees in fitted.boosted.items()}
    if straight:
        baselines["ridge_voxels"] = np.concatenate(straight)
    both = np.concatenate([fitted.held_target, target[stages]])
    numbers = range(1, len(fitted.networks) + 1)
    own = (np.concatenate(table, axis=1) for table in (predictions, expected))
    return line_predictions(next(own), both, len(fitted.held_target), numbers, stages, baselines, next(own))


def _stacked(
    of_networks: Sequence[tuple[Float[np.ndarray, "stage"], Float[np.ndarray, "stage"]]],
) -> tuple[Float64[np.ndarray, "network stage"], Float64[np.ndarray, "network stage"]]:
    """Predictions and expected errors of stages, by network."""
    prediction, scale = (np.stack(part).astype(float) for part in zip(*of_networks, strict=True))
    return prediction, scale
