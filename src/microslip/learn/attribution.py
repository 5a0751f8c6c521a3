"""What each node contributes to a predicted fluctuation: Integrated Gradients, and two other opinions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion
from jaxtyping import Float32, Float64
from torch import nn

from microslip.learn.config import Attribution
from microslip.learn.network import Predictor
from microslip.learn.samples import Scaling

# Path points pushed through the network at a time: memory does not grow with the number of steps.
PATH_BATCH = 64

# The path is not refined beyond this many points.
STEPS_AT_MOST = 2048

Voxels = Float32[np.ndarray, "channel x y z"]
Nodes = Float64[np.ndarray, "channel x y z"]


@dataclass(frozen=True)
class Attributed:
    """`attribution` (channel, x, y, z) [p]: its sum is prediction − prediction of the baseline, but for the error.

    `completeness_error` is |Σ attribution − difference| over |difference|; `n_steps` the path points that it took.
    """

    attribution: Nodes
    completeness_error: float
    n_steps: int


class Decoded(nn.Module):
    """A network whose output is the fluctuation [p], so that attributions are in p whatever it was trained on."""

    def __init__(self, network: Predictor, scaling: Scaling) -> None:
        super().__init__()
        self.network, self.scaling = network, scaling
        self.network.eval()

    def forward(self, voxels: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = self.network(voxels.contiguous(memory_format=torch.channels_last_3d))
        return (torch.sinh(scaled) if self.scaling.target == "asinh" else scaled) * self.scaling.target_scale


def baseline_field(scaling: Scaling, shape: tuple[int, ...], baseline: str) -> Voxels:
    """Where the path starts: every node at its channel's training mean, or where nothing moves; scaled inputs."""
    field = np.zeros(shape, dtype=np.float32)
    if baseline == "zero":
        field += scaling.zero_field()[:, None, None, None]
    return field


def integrated_gradients(network: Predictor, scaling: Scaling, inputs: Voxels, config: Attribution) -> Attributed:
    """Gradient of the prediction along the straight path from a baseline, times the distance gone, per node.

    .. math:: A_k = (x_k - x_k^0) \\int_0^1 \\frac{\\partial F}{\\partial x_k}(x^0 + \\alpha (x - x^0)) \\, d\\alpha

    Parameters
    ----------
    network, scaling
        From `load_checkpoint`; F is the prediction in p.
    inputs
        One stage's scaled voxels, shape (channel, x, y, z).
    config
        Baseline and accuracy; Gauss–Legendre points are doubled until the completeness error is met.

    Source: Sundararajan, Taly & Yan, ICML 2017; Mei et al. 2023, section 4.1. The integral is captum's.
    """
    voxels, baseline = _both(scaling, inputs, config)
    decoded = Decoded(network, scaling)
    method = IntegratedGradients(decoded)
    with torch.no_grad():
        difference = float((decoded(voxels) - decoded(baseline)).double())
    # below this the difference itself is rounding
    smallest = float(np.finfo(np.float32).eps) * scaling.target_scale
    n_steps = config.n_steps
    while True:
        found = method.attribute(
            voxels, baselines=baseline, n_steps=n_steps, method="gausslegendre", internal_batch_size=PATH_BATCH
        )
        attribution = found[0].detach().double().numpy()
        error = abs(float(attribution.sum()) - difference) / max(abs(difference), smallest)
        if error <= config.completeness or n_steps >= STEPS_AT_MOST:
            return Attributed(attribution, error, n_steps)
        n_steps = min(2 * n_steps, STEPS_AT_MOST)


def smoothed_integrated_gradients(
    network: Predictor, scaling: Scaling, inputs: Voxels, config: Attribution, seed: int
) -> Nodes:
    """Mean of the Integrated Gradients of noisy copies of the stage [p].

    Source: Smilkov et al., arXiv 1706.03825; the noise is captum's, `config.noise` deviations of the input wide.
    """
    voxels, baseline = _both(scaling, inputs, config)
    method = NoiseTunnel(IntegratedGradients(Decoded(network, scaling)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = method.attribute(
            voxels, nt_type="smoothgrad", nt_samples=config.n_noisy, nt_samples_batch_size=1, stdevs=config.noise,
            baselines=baseline, n_steps=config.n_steps, method="gausslegendre", internal_batch_size=PATH_BATCH,
        )  # fmt: skip
    return np.asarray(found[0].detach().double().numpy())


def occlusion(network: Predictor, scaling: Scaling, inputs: Voxels, config: Attribution) -> Nodes:
    """How much the prediction falls when a cube of nodes is set to the baseline [p], mean over the cubes of a node.

    Source: Zeiler & Fergus, ECCV 2014; captum's. Cubes lie half an edge apart.
    """
    voxels, baseline = _both(scaling, inputs, config)
    edges = tuple(min(config.occlusion, n) for n in inputs.shape[1:])
    window = (inputs.shape[0], *edges)
    strides = (inputs.shape[0], *(max(1, (edge + 1) // 2) for edge in edges))
    with torch.no_grad():
        found = Occlusion(Decoded(network, scaling)).attribute(
            voxels, sliding_window_shapes=window, strides=strides, baselines=baseline, perturbations_per_eval=32
        )
    return np.asarray(found[0].double().numpy())


def _both(scaling: Scaling, inputs: Voxels, config: Attribution) -> tuple[torch.Tensor, torch.Tensor]:
    baseline = baseline_field(scaling, inputs.shape, config.baseline)
    return torch.from_numpy(np.ascontiguousarray(inputs))[None], torch.from_numpy(baseline)[None]
