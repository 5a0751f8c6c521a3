"""Scores of predicted against true fluctuations."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def r_squared(target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"]) -> float:
    """R² = 1 − Σ(t − p)²/Σ(t − ⟨t⟩)²: 0 for the mean, negative below it; NaN where the target does not vary."""
    spread = float(np.sum((target - target.mean()) ** 2))
    return 1 - float(np.sum((target - prediction) ** 2)) / spread if spread > 0 else float("nan")


def scores(target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"]) -> dict[str, float]:
    """R², root mean square error [p], share of stages whose sign is right, and their number."""
    return {
        "r2": r_squared(target, prediction),
        "rmse": float(np.sqrt(np.mean((target - prediction) ** 2))),
        "sign_accuracy": float(np.mean(np.sign(target) == np.sign(prediction))),
        "n": len(target),
    }
