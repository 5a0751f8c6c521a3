"""Predictors without a network that say how much there is to know: nearest neighbours, and linear laws of physics."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsRegressor

from microslip.grids.splits import TRAIN, VALIDATION, SplitSets
from microslip.learn.baselines import PENALTIES, pooled_inputs
from microslip.learn.samples import Samples, Scaling

# Numbers of principal components in which fields are compared, and of neighbours whose mean is taken.
COMPONENTS, NEIGHBOURS = (2, 4, 8, 16, 32), (1, 2, 4, 8, 16, 32)


def nearest_neighbours(samples: Samples, scaling: Scaling, sets: SplitSets, seed: int) -> Float64[np.ndarray, "stage"]:
    """The mean fluctuation of the training stages whose fields are most alike; a prediction [p] for every stage.

    Fields are compared in their first principal components, of the training stages; their number and that of the
    neighbours, weighted by 1/distance, are those with the smallest error on the validation set. A stage of the training
    set is its own neighbour.

    Source: Cover, IEEE Trans. Inf. Theory 14 (1968) 50: given enough stages, the nearest neighbour's squared error is
    no more than twice the least that any predictor has.
    """
    pooled, train = pooled_inputs(samples, scaling), sets[TRAIN]
    most = min(max(COMPONENTS), len(train) - 1, pooled.shape[1])
    fitted = PCA(most, svd_solver="covariance_eigh" if pooled.shape[1] < len(train) else "full", random_state=seed)
    parts = fitted.fit(pooled[train]).transform(pooled)
    best, least = np.full(len(parts), samples.target[train].mean()), np.inf
    for n_components in sorted({min(n, most) for n in COMPONENTS}):
        for n_neighbours in sorted({min(n, len(train)) for n in NEIGHBOURS}):
            model = KNeighborsRegressor(n_neighbours, weights="distance")
            model.fit(parts[train, :n_components], samples.target[train])
            held = sets[VALIDATION]
            error = np.mean((model.predict(parts[held, :n_components]) - samples.target[held]) ** 2)
            if error < least:
                best, least = np.asarray(model.predict(parts[:, :n_components])), error
    return best


def linear(
    features: Float[np.ndarray, "stage feature"], target: Float[np.ndarray, "stage"], sets: SplitSets
) -> Float64[np.ndarray, "stage"]:
    """A straight line in a few numbers of each stage, with a quadratic penalty; a prediction [p] for every stage.

    Numbers are standardised by the training stages; one that is not known there, or the same, is left out, and one that
    is missing elsewhere counts as their mean. The penalty has the smallest error on the validation set.
    """
    train, held = sets[TRAIN], sets[VALIDATION]
    known = np.isfinite(features[train]).all(axis=0)
    centre, spread = features[train][:, known].mean(axis=0), features[train][:, known].std(axis=0)
    varies = spread > 1e-12 * np.abs(centre)
    scaled = np.nan_to_num((features[:, known] - centre)[:, varies] / spread[varies])
    offset = target[train].mean()
    u, values, vt = np.linalg.svd(scaled[train], full_matrices=False)
    moment = u.T @ (target[train] - offset)
    # from next to nothing on: of few numbers of many stages a straight line needs no penalty
    penalties = np.concatenate([[1e-12], PENALTIES])
    weights = vt.T @ (moment[:, None] * values[:, None] / (values[:, None] ** 2 + penalties))
    every = scaled @ weights + offset
    return np.asarray(every[:, int(np.argmin(np.mean((every[held] - target[held, None]) ** 2, axis=0)))])
