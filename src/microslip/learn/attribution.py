"""What each node contributes to a predicted fluctuation: Integrated Gradients, and two other opinions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion
from jaxtyping import Float32, Float64

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.learn.config import Attribution
from microslip.learn.networks.predictor import Predictor
from microslip.learn.prediction import FIELD_BATCH, Decoded
from microslip.learn.samples import Scaling

# The path is not refined beyond this many points.
STEPS_AT_MOST = 2048

# Pieces that are halved at a time: those that make up this much of what is missed.
SPLIT_SHARE = 0.5

# Scaled voxels beyond this are none of a stage, and their products are beyond single precision.
LARGEST = 1e9

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


def baseline_field(scaling: Scaling, shape: tuple[int, ...], baseline: str) -> Voxels:
    """Where the path starts: every node at its channel's training mean, or where nothing moves ("zero"); scaled inputs.

    The profile is that mean at every height, and needs the stages: `choose_baseline`.
    """
    field = np.zeros(shape, dtype=np.float32)
    if baseline == "zero":
        field += scaling.zero_field()[:, None, None, None]
    return field


def mean_profile(batches: Iterable[Float32[np.ndarray, "_ channel x y z"]]) -> Voxels:
    """Mean of scaled inputs over stages, x and y at every height, as a field of the stages' shape."""
    total, n, shape = np.zeros((1, 1, 1, 1)), 0, (1, 1, 1, 1)
    for batch in batches:
        total = total + batch.astype(float).mean(axis=(2, 3), keepdims=True).sum(axis=0)
        n, shape = n + len(batch), batch.shape[1:]
    return np.ascontiguousarray(np.broadcast_to(total / max(n, 1), shape), dtype=np.float32)


def choose_baseline(
    scaling: Scaling, shape: tuple[int, ...], kind: str, train: Iterable[Float32[np.ndarray, "_ channel x y z"]]
) -> Voxels:
    """Where the paths start, scaled: `profile`, the mean of the training stages by height, or `baseline_field`'s kinds.

    `train` are the inputs of the training stages, some at a time; of a profile alone they are read.
    """
    if kind == "profile":
        return mean_profile(scaling.standardise(batch) for batch in train)
    return baseline_field(scaling, shape, kind)


def integrated_gradients(
    network: Predictor, scaling: Scaling, inputs: Voxels, config: Attribution, baseline: Voxels | None = None
) -> Attributed:
    """Gradient of the prediction along the straight path from a baseline, times the distance gone, per node.

    .. math:: A_k = (x_k - x_k^0) \\int_0^1 \\frac{\\partial F}{\\partial x_k}(x^0 + \\alpha (x - x^0)) \\, d\\alpha

    Parameters
    ----------
    network, scaling
        From `load_checkpoint`; F is the prediction in p.
    inputs
        One stage's scaled voxels, shape (channel, x, y, z).
    baseline
        Where the path starts, such as `mean_profile`; `baseline_field` of `config.baseline` where left out.
    config
        Accuracy. The path starts as `n_steps` pieces, each with the gradient in its middle. F along the
        path bends where units switch on and off; pieces over which it rises by something else than that gradient
        says are halved, the worst first, until the completeness error is met.

    Raises
    ------
    MicroslipError
        Voxels or a baseline that are not finite or not of the network's channels and grid; a network of another
        scaling, or one that predicts no finite number.

    Source: Sundararajan, Taly & Yan, ICML 2017; Mei et al. 2023, section 4.1.
    """
    voxels, start = _both(network, scaling, inputs, config, baseline)
    path = _Path(Decoded(network, scaling), start, voxels - start)
    edges = np.linspace(0, 1, config.n_steps + 1)
    values = path.predict(edges)
    if not np.isfinite(values).all():
        raise MicroslipError("network: its prediction is not finite on the way from the baseline to the stage")
    difference = float(values[-1] - values[0])
    # no sum comes nearer than the rounding of single-precision predictions
    rounding = 8 * float(np.finfo(np.float32).eps) * float(np.abs(values).max())
    low, high, at_low, at_high = edges[:-1], edges[1:], values[:-1], values[1:]
    rise, in_middle = path.advance((low + high) / 2, high - low)
    while True:
        missed = at_high - at_low - rise
        off = abs(float(missed.sum()))
        error = off / abs(difference) if abs(difference) > rounding else 0.0
        room = (STEPS_AT_MOST - path.n_points) // 3
        if off <= max(config.completeness * abs(difference), rounding) or room < 1:
            return Attributed(path.total.numpy(), error, path.n_points)
        worst = np.argsort(-np.abs(missed))
        share = np.cumsum(np.abs(missed[worst])) / np.abs(missed).sum()
        split = np.sort(worst[: min(1 + int(np.searchsorted(share, SPLIT_SHARE)), room)])
        middle, width = (low[split] + high[split]) / 2, high[split] - low[split]
        # the piece is taken back, and its halves are put in its place
        path.advance(middle, -width)
        halves = np.concatenate([(low[split] + middle) / 2, (middle + high[split]) / 2])
        rise_of_halves, in_halves = path.advance(halves, np.tile(width / 2, 2))
        n, kept = len(split), np.setdiff1d(np.arange(len(low)), split)
        parts = {
            "low": (low, low[split], middle),
            "high": (high, middle, high[split]),
            "at_low": (at_low, at_low[split], in_middle[split]),
            "at_high": (at_high, in_middle[split], at_high[split]),
            "rise": (rise, rise_of_halves[:n], rise_of_halves[n:]),
            "in_middle": (in_middle, in_halves[:n], in_halves[n:]),
        }
        low, high, at_low, at_high, rise, in_middle = (
            np.concatenate([old[kept], first, second]) for old, first, second in parts.values()
        )


class _Path:
    """Predictions and gradients on the straight line from a baseline, in batches; `total` gathers the attribution."""

    def __init__(self, decoded: Decoded, baseline: torch.Tensor, way: torch.Tensor) -> None:
        self.decoded, self.baseline, self.way = decoded, baseline, way
        self.total = torch.zeros(way.shape[1:], dtype=torch.float64)
        self.n_points = 0

    def _points(self, alpha: Float64[np.ndarray, "point"]) -> torch.Tensor:
        steps = torch.from_numpy(alpha.astype(np.float32)).view(-1, 1, 1, 1, 1)
        return self.baseline + steps * self.way

    def predict(self, alpha: Float64[np.ndarray, "point"]) -> Float64[np.ndarray, "point"]:
        """Prediction [p] at each point."""
        with torch.inference_mode():
            parts = [
                self.decoded(self._points(alpha[start : start + FIELD_BATCH]))
                for start in range(0, len(alpha), FIELD_BATCH)
            ]
        return np.asarray(torch.cat(parts).double().numpy())

    def advance(
        self, alpha: Float64[np.ndarray, "point"], width: Float64[np.ndarray, "point"]
    ) -> tuple[Float64[np.ndarray, "point"], Float64[np.ndarray, "point"]]:
        """Add gradient × way × width of each point to the total; the rise that this makes, and the prediction [p]."""
        rises, values = [], []
        for start in range(0, len(alpha), FIELD_BATCH):
            some = slice(start, start + FIELD_BATCH)
            points = self._points(alpha[some]).requires_grad_(True)
            prediction = self.decoded(points)
            (gradient,) = torch.autograd.grad(prediction.sum(), points)
            weights = torch.from_numpy(width[some]).view(-1, 1, 1, 1, 1)
            parts = gradient.double() * self.way.double() * weights
            self.total += parts.sum(dim=0)
            rises.append(parts.sum(dim=(1, 2, 3, 4)).numpy())
            values.append(prediction.detach().double().numpy())
        self.n_points += len(alpha)
        return np.concatenate(rises), np.concatenate(values)


def smoothed_integrated_gradients(
    network: Predictor,
    scaling: Scaling,
    inputs: Voxels,
    config: Attribution,
    seed: int,
    baseline: Voxels | None = None,
) -> Nodes:
    """Mean of the Integrated Gradients of noisy copies of the stage [p].

    Source: Smilkov et al., arXiv 1706.03825; the noise is captum's, `config.noise` deviations of the input wide.
    """
    voxels, start = _both(network, scaling, inputs, config, baseline)
    method = NoiseTunnel(IntegratedGradients(Decoded(network, scaling)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        attributions = method.attribute(
            voxels, nt_type="smoothgrad", nt_samples=config.n_noisy, nt_samples_batch_size=1, stdevs=config.noise,
            baselines=start, n_steps=config.n_steps, method="gausslegendre", internal_batch_size=FIELD_BATCH,
        )  # fmt: skip
    return np.asarray(attributions[0].detach().double().numpy())


def occlusion(
    network: Predictor, scaling: Scaling, inputs: Voxels, config: Attribution, baseline: Voxels | None = None
) -> Nodes:
    """How much the prediction falls when a cube of nodes is set to the baseline [p], mean over the cubes of a node.

    Source: Zeiler & Fergus, ECCV 2014; captum's. Cubes lie half an edge apart.
    """
    voxels, start = _both(network, scaling, inputs, config, baseline)
    edges = tuple(min(config.occlusion, n) for n in inputs.shape[1:])
    window = (inputs.shape[0], *edges)
    strides = (inputs.shape[0], *(max(1, (edge + 1) // 2) for edge in edges))
    with torch.no_grad():
        attributions = Occlusion(Decoded(network, scaling)).attribute(
            voxels, sliding_window_shapes=window, strides=strides, baselines=start, perturbations_per_eval=32
        )
    return np.asarray(attributions[0].double().numpy())


def _both(
    network: Predictor, scaling: Scaling, inputs: Voxels, config: Attribution, baseline: Voxels | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """A stage and its baseline as a network takes them."""
    arguments.record("network", network, Predictor, "give a network, such as that of train")
    arguments.record("scaling", scaling, Scaling, "give what fit_scaling returns")
    arguments.record("config", config, Attribution, "give an Attribution of microslip.learn.config")
    if len(scaling.names) != network.n_channels:
        raise MicroslipError(f"scaling is of {len(scaling.names)} channels, the network takes {network.n_channels}")
    shape = (network.n_channels, *network.grid)
    voxels = arguments.reals("inputs", inputs, shape, largest=LARGEST)
    if baseline is None:
        start = baseline_field(scaling, shape, config.baseline)
    else:
        start = arguments.reals("baseline", baseline, shape, largest=LARGEST)
    return torch.from_numpy(voxels.astype(np.float32))[None], torch.from_numpy(start.astype(np.float32))[None]
