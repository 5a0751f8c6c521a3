"""What can be predicted without the pattern: boosting on a few numbers of each stage, and a straight line on voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float, Float64
from sklearn.ensemble import HistGradientBoostingRegressor

from microslip.core.errors import MicroslipError
from microslip.grids.splits import TRAIN, VALIDATION, SplitSets
from microslip.learn.inputs import STAGES_PER_READ
from microslip.learn.samples import Samples, Scaling

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)

# Ridge solves for one weight a feature: nodes are pooled until there are no more than these.
FEATURES_AT_MOST = 2048

PENALTIES = np.logspace(-1, 7, 33)

# Of statistics/stages.csv: the kind of hand-made features that Ma et al. 2022 boosted.
CLUSTER_NUMBERS = (
    "xi", "eta", "fractal_dimension", "moran_i", "efficiency", "n_clusters", "n_large", "largest_cluster", "n_wrapping"
)  # fmt: skip


def amplitude_features(d2min: xr.DataArray) -> dict[str, Float[np.ndarray, "stage feature"]]:
    """Logarithms of each stage's mean D²min and of its quantiles over grains: amplitude without any pattern."""
    mean, quantiles = [], []
    for start in range(0, len(d2min), STAGES_PER_READ):
        part = d2min[start : start + STAGES_PER_READ].to_numpy()
        # walls have no value in any stage; without them the quantiles take a hundredth of the time
        part = part[:, ~np.isnan(part).all(axis=0)]
        quantile = np.nanquantile if np.isnan(part).any() else np.quantile
        mean.append(np.nanmean(part, axis=1))
        quantiles.append(quantile(part, QUANTILES, axis=1).T)
    tiny = np.finfo(float).tiny
    return {
        "mean_d2min": np.log10(np.concatenate(mean)[:, None] + tiny),
        "d2min_quantiles": np.log10(np.concatenate(quantiles) + tiny),
    }


def length_feature(stages: pd.DataFrame) -> Float[np.ndarray, "stage feature"]:
    """Logarithm of each stage's strain increment: how long it lasted, and nothing else."""
    return np.asarray(np.log10(stages[["strain_increment"]].to_numpy(dtype=float)))


def cluster_features(per_stage: pd.DataFrame) -> Float[np.ndarray, "stage feature"]:
    """Correlation length, cluster statistics, Moran's I and efficiency of each stage, NaN where a fit failed.

    Raises
    ------
    MicroslipError
        The table of the statistics step lacks one of them.
    """
    missing = [name for name in CLUSTER_NUMBERS if name not in per_stage]
    if missing:
        raise MicroslipError(f"statistics/stages.csv lacks {', '.join(missing)}: run `microslip statistics` again")
    return np.asarray(per_stage[list(CLUSTER_NUMBERS)].to_numpy(dtype=float))


def boosting(
    features: Float[np.ndarray, "stage feature"], target: Float[np.ndarray, "stage"], sets: SplitSets, seed: int
) -> Float[np.ndarray, "stage"]:
    """Gradient-boosted trees on the training stages; a prediction of the fluctuation [p] for every stage.

    A feature that no training stage knows teaches nothing and is left out; without any, the mean of the training
    stages is predicted.
    """
    # such as an exponent in a small cell: it cannot be binned
    features = features[:, known_features(features, sets)]
    if not features.shape[1]:
        return np.full(len(target), target[sets[TRAIN]].mean())
    model = HistGradientBoostingRegressor(random_state=seed, max_iter=200, learning_rate=0.05, early_stopping=False)
    model.fit(features[sets[TRAIN]], target[sets[TRAIN]])
    return np.asarray(model.predict(features))


def known_features(features: Float[np.ndarray, "stage feature"], sets: SplitSets) -> Bool[np.ndarray, "feature"]:
    """Whether any training stage knows a feature: fits fail for few grains or short runs."""
    return np.asarray(np.isfinite(features[sets[TRAIN]]).any(axis=0))


def ridge(samples: Samples, scaling: Scaling, sets: SplitSets) -> Float64[np.ndarray, "stage"]:
    """Linear regression with a quadratic penalty on the inputs of all nodes; a prediction [p] for every stage.

    .. math:: w = (X^T X + \\lambda)^{-1} X^T t

    Nodes are averaged over blocks until there are at most `FEATURES_AT_MOST`, so that XᵀX fits into memory however many
    stages there are. The penalty λ is the one with the smallest error on the validation set.
    """
    factor = 1
    while samples.inputs.shape[1] * np.prod([-(-n // factor) for n in samples.grid]) > FEATURES_AT_MOST:
        factor += 1
    is_train = np.zeros(len(samples.target), dtype=bool)
    is_train[sets[TRAIN]] = True
    offset = float(samples.target[is_train].mean())
    total = sum(x[is_train[some]].sum(axis=0) for some, x in _pooled_batches(samples, scaling, factor))
    centre = np.asarray(total) / is_train.sum()
    gram, moment = np.zeros((1, 1)), np.zeros(1)
    for some, x in _pooled_batches(samples, scaling, factor):
        x = x[is_train[some]] - centre
        gram = gram + x.T @ x
        moment = moment + x.T @ (samples.target[some][is_train[some]] - offset)
    values, vectors = np.linalg.eigh(gram)
    weights = vectors @ ((vectors.T @ moment)[:, None] / (np.maximum(values, 0)[:, None] + PENALTIES))
    by_penalty = np.concatenate([(x - centre) @ weights + offset for _, x in _pooled_batches(samples, scaling, factor)])
    held = sets[VALIDATION]
    errors = np.mean((by_penalty[held] - samples.target[held, None]) ** 2, axis=0)
    return by_penalty[:, int(np.argmin(errors))]


def _pooled_batches(
    samples: Samples, scaling: Scaling, factor: int
) -> Iterator[tuple[slice, Float64[np.ndarray, "some feature"]]]:
    for start in range(0, len(samples.target), STAGES_PER_READ):
        some = slice(start, min(start + STAGES_PER_READ, len(samples.target)))
        yield some, _pooled(scaling.standardise(samples.inputs[some]), factor)


def _pooled(inputs: Float[np.ndarray, "stage channel x y z"], factor: int) -> Float64[np.ndarray, "stage feature"]:
    """Means over blocks of `factor`³ nodes, blocks at the far faces smaller."""
    for axis in (2, 3, 4):
        starts = np.arange(0, inputs.shape[axis], factor)
        widths = np.diff([*starts, inputs.shape[axis]])
        shape = [1] * 5
        shape[axis] = -1
        inputs = np.add.reduceat(inputs.astype(float), starts, axis=axis) / widths.reshape(shape)
    return inputs.reshape(len(inputs), -1)
