"""What can be predicted without the pattern: boosting on a few numbers of each stage."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingRegressor

from microslip.grids.splits import TRAIN, SplitSets

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)

# Stages read at a time.
STAGES_PER_READ = 256


def amplitude_features(d2min: xr.DataArray) -> dict[str, Float[np.ndarray, "stage feature"]]:
    """Logarithms of each stage's mean D²min and of its quantiles over grains: amplitude without any pattern."""
    mean, quantiles = [], []
    for start in range(0, len(d2min), STAGES_PER_READ):
        part = d2min[start : start + STAGES_PER_READ].to_numpy()
        mean.append(np.nanmean(part, axis=1))
        quantiles.append(np.nanquantile(part, QUANTILES, axis=1).T)
    tiny = np.finfo(float).tiny
    return {
        "mean_d2min": np.log10(np.concatenate(mean)[:, None] + tiny),
        "d2min_quantiles": np.log10(np.concatenate(quantiles) + tiny),
    }


def boosting(
    features: Float[np.ndarray, "stage feature"], target: Float[np.ndarray, "stage"], sets: SplitSets, seed: int
) -> Float[np.ndarray, "stage"]:
    """Gradient-boosted trees on the training stages; a prediction of the fluctuation [p] for every stage."""
    model = HistGradientBoostingRegressor(random_state=seed, max_iter=200, learning_rate=0.05, early_stopping=False)
    model.fit(features[sets[TRAIN]], target[sets[TRAIN]])
    prediction: np.ndarray = model.predict(features)
    return prediction
