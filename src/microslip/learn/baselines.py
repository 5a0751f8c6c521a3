"""What can be predicted without the pattern: boosting on a few numbers of each stage, and a straight line on voxels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float, Float64, Int64
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


@dataclass(frozen=True)
class Boosted:
    """Trees, the features that they take, and the mean of their training stages, where there is no such feature [p]."""

    model: HistGradientBoostingRegressor | None
    known: Bool[np.ndarray, "feature"]
    mean: float

    def predict(self, features: Float[np.ndarray, "stage feature"]) -> Float64[np.ndarray, "stage"]:
        """Fluctuations of stages [p], of whatever run."""
        if self.model is None or not len(features):
            return np.full(len(features), self.mean)
        return np.asarray(self.model.predict(features[:, self.known]), dtype=float)


def fit_boosting(
    features: Float[np.ndarray, "stage feature"], target: Float[np.ndarray, "stage"], sets: SplitSets, seed: int
) -> Boosted:
    """Gradient-boosted trees on the training stages.

    A feature that no training stage knows teaches nothing and is left out; without any, the mean of the training
    stages is predicted.
    """
    # such as an exponent in a small cell: it cannot be binned
    known, train = known_features(features, sets), sets[TRAIN]
    model = HistGradientBoostingRegressor(random_state=seed, max_iter=200, learning_rate=0.05, early_stopping=False)
    model = model.fit(features[train][:, known], target[train]) if known.any() else None
    return Boosted(model, known, float(target[train].mean()))


def boosting(
    features: Float[np.ndarray, "stage feature"], target: Float[np.ndarray, "stage"], sets: SplitSets, seed: int
) -> Float64[np.ndarray, "stage"]:
    """What the trees of `fit_boosting` predict of every stage [p]."""
    return fit_boosting(features, target, sets, seed).predict(features)


def known_features(features: Float[np.ndarray, "stage feature"], sets: SplitSets) -> Bool[np.ndarray, "feature"]:
    """Whether any training stage knows a feature: fits fail for few grains or short runs."""
    return np.asarray(np.isfinite(features[sets[TRAIN]]).any(axis=0))


@dataclass(frozen=True)
class Line:
    """A straight line on pooled voxels: t = (x − centre)·weights + offset [p], of voxels as `scaling` has them."""

    scaling: Scaling
    factor: int
    centre: Float64[np.ndarray, "feature"]
    weights: Float64[np.ndarray, "feature"]
    offset: float

    def predict(self, inputs: Float[np.ndarray, "stage channel x y z"]) -> Float64[np.ndarray, "stage"]:
        """Fluctuations of stages [p], of whatever run; inputs on their scales, not standardised yet."""
        x = _pooled(self.scaling.standardise(inputs), self.factor)
        return np.asarray((x - self.centre) @ self.weights + self.offset)


def fit_ridge(samples: Samples, scaling: Scaling, sets: SplitSets) -> Line:
    """Linear regression with a quadratic penalty on the inputs of all nodes.

    .. math:: w = (X^T X + \\lambda)^{-1} X^T t

    Nodes are averaged over blocks until there are at most `FEATURES_AT_MOST`, so that XᵀX fits into memory however many
    stages there are. The penalty λ is the one with the smallest error on the validation set.
    """
    factor = pooling(samples)
    train, held = sets[TRAIN], sets[VALIDATION]
    offset = float(samples.target[train].mean())
    centre = np.asarray(sum(x.sum(axis=0) for _, x in _pooled_batches(samples, scaling, factor, train))) / len(train)
    gram, moment = np.zeros((1, 1)), np.zeros(1)
    for some, x in _pooled_batches(samples, scaling, factor, train):
        gram = gram + (x - centre).T @ (x - centre)
        moment = moment + (x - centre).T @ (samples.target[some] - offset)
    values, vectors = np.linalg.eigh(gram)
    weights = vectors @ ((vectors.T @ moment)[:, None] / (np.maximum(values, 0)[:, None] + PENALTIES))
    errors = [
        ((x - centre) @ weights + offset - samples.target[some, None]) ** 2
        for some, x in _pooled_batches(samples, scaling, factor, held)
    ]
    best = int(np.argmin(np.mean(np.concatenate(errors), axis=0)))
    return Line(scaling, factor, centre, weights[:, best], offset)


def ridge(samples: Samples, scaling: Scaling, sets: SplitSets) -> Float64[np.ndarray, "stage"]:
    """What the line of `fit_ridge` predicts of every stage [p]."""
    line, n = fit_ridge(samples, scaling, sets), len(samples.target)
    parts = [line.predict(samples.inputs[start : start + STAGES_PER_READ]) for start in range(0, n, STAGES_PER_READ)]
    return np.concatenate(parts)


def pooling(samples: Samples) -> int:
    """Nodes along an edge of the smallest blocks that leave at most `FEATURES_AT_MOST` numbers of a stage."""
    factor = 1
    while samples.inputs.shape[1] * np.prod([-(-n // factor) for n in samples.grid]) > FEATURES_AT_MOST:
        factor += 1
    return factor


def pooled_inputs(samples: Samples, scaling: Scaling) -> Float64[np.ndarray, "stage feature"]:
    """The scaled inputs of every stage, averaged over such blocks."""
    every = np.arange(len(samples.target))
    return np.concatenate([values for _, values in _pooled_batches(samples, scaling, pooling(samples), every)])


def _pooled_batches(
    samples: Samples, scaling: Scaling, factor: int, stages: Int64[np.ndarray, "chosen"]
) -> Iterator[tuple[Int64[np.ndarray, "some"], Float64[np.ndarray, "some feature"]]]:
    for start in range(0, len(stages), STAGES_PER_READ):
        some = stages[start : start + STAGES_PER_READ]
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
