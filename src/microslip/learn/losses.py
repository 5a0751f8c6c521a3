"""What a training makes small: the loss of every stage, in units of the scaled target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float

from microslip.learn.config import Training

# Beyond e to this power a predicted scale is no longer followed, so that one stage cannot make it overflow.
MOST_LOG_SCALE = 8.0

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def n_outputs(loss: str) -> int:
    """Numbers that a network gives for each stage under a loss: its prediction, and the logarithm of its scale."""
    return 2 if loss == "likelihood" else 1


def loss_of(config: Training) -> Loss:
    """The function that takes outputs (stage, output) and scaled targets (stage,) and returns losses (stage,)."""

    def of(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        error = outputs[:, 0] - target
        if config.loss == "likelihood":
            return student(error, outputs[:, 1], config.degrees_of_freedom, config.scale_power)
        return huber(error, config.huber) if config.loss == "huber" else error**2

    return of


def huber(error: Float[torch.Tensor, "stage"], limit: float) -> Float[torch.Tensor, "stage"]:
    """Squares of small errors, the tangent to them of large ones, so that a few large stages do not rule the gradient.

    .. math:: L = e^2 \\; (|e| \\le \\delta), \\qquad 2 \\delta |e| - \\delta^2 \\; (|e| > \\delta)

    Source: Huber, Ann. Math. Statist. 35 (1964) 73, times two: the mean squared error where δ is large.
    """
    size = error.abs()
    return torch.where(size <= limit, error**2, 2 * limit * size - limit**2)


def student(
    error: Float[torch.Tensor, "stage"], log_scale: Float[torch.Tensor, "stage"], degrees: float, power: float
) -> Float[torch.Tensor, "stage"]:
    """Negative log likelihood of Student's t about the prediction, with a scale s of each stage's own.

    .. math:: L = [s^{2 \\beta}] \\left( \\log s + \\frac{\\nu + 1}{2} \\log\\left(1 + \\frac{e^2}{\\nu s^2}\\right)
        \\right)

    Large ν is Gauss's law. The factor in brackets has no gradient: without it, β = 0, stages of a large scale, which
    are the large ones, hardly count, and the more is put down to chance the less they do; with β = 1 they count as in
    the mean squared error.

    Source: Seitzer, Tavakoli, Antic & Martius, ICLR 2022, for the factor; constants are left out.
    """
    log_scale = log_scale.clamp(-MOST_LOG_SCALE, MOST_LOG_SCALE)
    squares = error**2 * torch.exp(-2 * log_scale)
    likelihood = log_scale + 0.5 * (degrees + 1) * torch.log1p(squares / degrees)
    return torch.exp(2 * power * log_scale).detach() * likelihood


def weights_by_size(
    target: Float[np.ndarray, "stage"], of: Float[np.ndarray, "some"], power: float
) -> Float[np.ndarray, "stage"]:
    """How much each stage counts: (1 + |t|/m)^α, with the median size m and a mean of 1 over the stages `of` [p]."""
    size = float(np.median(np.abs(of))) or 1.0
    return np.asarray(((1 + np.abs(target) / size) ** power) / np.mean((1 + np.abs(of) / size) ** power))
