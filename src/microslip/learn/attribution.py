"""Integrated Gradients: what each node contributes to a predicted fluctuation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients
from jaxtyping import Float32, Float64

from microslip.learn.config import Attribution
from microslip.learn.network import SlipNet
from microslip.learn.samples import Scaling

# Path points pushed through the network at a time: memory does not grow with the number of steps.
PATH_BATCH = 64

# The path is not refined beyond this many points.
STEPS_AT_MOST = 1024


@dataclass(frozen=True)
class Attributed:
    """`attribution` (x, y, z) [p]: its sum is prediction − prediction of the baseline, within `completeness_error`.

    `completeness_error` is |Σ attribution − difference| over |difference|; `n_steps` the path points that it took.
    """

    attribution: Float64[np.ndarray, "x y z"]
    completeness_error: float
    n_steps: int


def integrated_gradients(
    network: SlipNet, scaling: Scaling, inputs: Float32[np.ndarray, "x y z"], config: Attribution
) -> Attributed:
    """Gradient of the prediction along the straight path from a baseline, times the distance gone, per node.

    .. math:: A_k = (x_k - x_k^0) \\int_0^1 \\frac{\\partial F}{\\partial x_k}(x^0 + \\alpha (x - x^0)) \\, d\\alpha

    Parameters
    ----------
    network, scaling
        From `load_checkpoint`.
    inputs
        One stage's scaled voxels, shape (x, y, z).
    config
        Baseline and accuracy; Gauss–Legendre points are doubled until the completeness error is met.

    Source: Sundararajan, Taly & Yan, ICML 2017; Mei et al. 2023, section 4.1. The integral is captum's.
    """
    start = 0.0 if config.baseline == "mean" else scaling.zero_field()
    voxels = torch.from_numpy(np.ascontiguousarray(inputs))[None, None]
    baseline = torch.full_like(voxels, start)
    method = IntegratedGradients(network)
    with torch.no_grad():
        difference = float((network(voxels) - network(baseline)).double())
    n_steps = config.n_steps
    while True:
        found = method.attribute(
            voxels, baselines=baseline, n_steps=n_steps, method="gausslegendre", internal_batch_size=PATH_BATCH
        )
        attribution = found[0, 0].detach().double().numpy()
        error = abs(float(attribution.sum()) - difference) / max(abs(difference), float(np.finfo(np.float32).eps))
        if error <= config.completeness or n_steps >= STEPS_AT_MOST:
            return Attributed(attribution * scaling.target_deviation, error, n_steps)
        n_steps = min(2 * n_steps, STEPS_AT_MOST)
