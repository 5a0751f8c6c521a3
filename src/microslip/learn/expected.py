"""Expected Gradients: attributions whose paths start at stages of the training set, not at one made-up field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.learn.attribution import LARGEST, Nodes, Voxels
from microslip.learn.networks.predictor import Predictor
from microslip.learn.prediction import FIELD_BATCH, Decoded, predict_fields
from microslip.learn.samples import Scaling
from microslip.statistics.ranks import spearman

Fields = Float32[np.ndarray, "start channel x y z"]


@dataclass(frozen=True)
class Expected:
    """`attribution` (channel, x, y, z) [p], whose sum is `difference` [p] but for the error of a finite draw.

    `difference` is the prediction less the mean prediction of the starts. `sum_error` [p] is the standard error of the
    sum against it. `standard_error` (x, y, z) [p] is that of each node's share, summed over channels; `repeatability`
    the rank correlation of the sizes of the shares from one half of the starts with those from the other.
    """

    attribution: Nodes
    standard_error: Float64[np.ndarray, "x y z"]
    difference: float
    sum_error: float
    repeatability: float

    @property
    def relative_error(self) -> float:
        """Root mean square of the standard errors over that of the nodes' shares; NaN where all of these are 0."""
        size = float(np.sqrt(np.mean(self.attribution.sum(axis=0) ** 2)))
        return float(np.sqrt(np.mean(self.standard_error**2))) / size if size > 0 else float("nan")


def expected_gradients(network: Predictor, scaling: Scaling, inputs: Voxels, starts: Fields, seed: int) -> Expected:
    """Mean over many starts of the gradient at a random point of the way from each, times that way.

    .. math:: A_k = \\mathrm{E}_{x' \\sim \\mathrm{train},\\ \\alpha \\sim U(0, 1)} \\left[ (x_k - x'_k)
              \\frac{\\partial F}{\\partial x_k}(x' + \\alpha (x - x')) \\right]

    Parameters
    ----------
    network, scaling
        From `load_checkpoint`; F is the prediction in p.
    inputs
        One stage's scaled voxels, shape (channel, x, y, z).
    starts
        Scaled voxels of other stages, drawn from the training set, shape (start, channel, x, y, z). Each serves once.
    seed
        Of α: one from each of as many equal parts of (0, 1) as there are starts, in random order, which is uniform
        and varies less than free draws.

    Raises
    ------
    MicroslipError
        Voxels that are not finite or not of the network's channels and grid; fewer than four starts.

    Source: Erion, Janizek, Sturmfels, Lundberg & Lee, Nature Machine Intelligence 3 (2021) 620. captum's GradientShap
    without noise draws the same with replacement, and gives no error.
    """
    arguments.record("network", network, Predictor, "give a network, such as that of train")
    arguments.record("scaling", scaling, Scaling, "give what fit_scaling returns")
    shape = (network.n_channels, *network.grid)
    voxels = arguments.reals("inputs", inputs, shape, largest=LARGEST).astype(np.float32)
    n = len(starts)
    if n < 4:
        raise MicroslipError(f"starts: {n} stages are too few to know an error from: give four or more")
    starts = arguments.reals("starts", starts, (n, *shape), largest=LARGEST).astype(np.float32)
    rng, decoded = np.random.default_rng(seed), Decoded(network, scaling)
    alpha = rng.permutation((np.arange(n) + rng.random(n)) / n).astype(np.float32)
    total = torch.zeros(shape, dtype=torch.float64)
    of_nodes = torch.zeros((2, *shape[1:]), dtype=torch.float64)
    squares, sums = torch.zeros(shape[1:], dtype=torch.float64), []
    for first in range(0, n, FIELD_BATCH):
        start = torch.from_numpy(starts[first : first + FIELD_BATCH])
        way = torch.from_numpy(voxels)[None] - start
        points = start + torch.from_numpy(alpha[first : first + FIELD_BATCH]).view(-1, 1, 1, 1, 1) * way
        points.requires_grad_(True)
        (gradient,) = torch.autograd.grad(decoded(points).sum(), points)
        shares = gradient.double() * way.double()
        total += shares.sum(dim=0)
        nodes = shares.sum(dim=1)
        # FIELD_BATCH is even: the halves are the even and the odd starts
        for half in (0, 1):
            of_nodes[half] += nodes[half::2].sum(dim=0)
        squares += (nodes**2).sum(dim=0)
        sums.append(nodes.sum(dim=(1, 2, 3)).numpy())
    mean = of_nodes.sum(dim=0) / n
    variance = torch.clamp(squares / n - mean**2, min=0) * n / (n - 1)
    rises = predict_fields(network, scaling, voxels[None])[0] - predict_fields(network, scaling, starts)
    even, odd = (np.abs(half).ravel() for half in of_nodes.numpy())
    return Expected(
        (total / n).numpy(),
        np.sqrt(variance.numpy() / n),
        float(rises.mean()),
        float(np.std(np.concatenate(sums) - rises, ddof=1) / np.sqrt(n)),
        spearman(even, odd),
    )
