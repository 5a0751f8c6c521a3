"""What an attribution must differ from to mean anything: networks that know nothing, and orders of deletion."""

from __future__ import annotations

import copy

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import nn

from microslip.core.errors import MicroslipError
from microslip.learn.attribution import Voxels
from microslip.learn.networks.layers import weighted_layers
from microslip.learn.networks.predictor import Predictor
from microslip.learn.prediction import predict_fields
from microslip.learn.samples import Scaling

# They start anew where all layers do, for what they hold follows from the layers before.
NORMALISATIONS = (nn.BatchNorm3d, nn.BatchNorm1d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm3d)


def layers_from_the_output(network: Predictor) -> list[str]:
    """Names of the layers with weights but normalisations, the one that a stage passes last first."""
    layers = dict(network.named_modules())
    return [name for name in weighted_layers(network) if not isinstance(layers[name], NORMALISATIONS)][::-1]


def randomised(network: Predictor, n_layers: int, seed: int) -> Predictor:
    """A copy whose last `n_layers` layers have random weights; with all of them it never saw the data.

    Normalisations start anew too where all layers do.

    Raises
    ------
    MicroslipError
        A layer of a kind that is not known how to start.

    Source: Adebayo et al., NeurIPS 2018 (cascading randomisation).
    """
    other = copy.deepcopy(network)
    layers = dict(other.named_modules())
    names = layers_from_the_output(other)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in names[:n_layers]:
            _start_anew(name, layers[name])
        if n_layers >= len(names):
            for layer in other.modules():
                if isinstance(layer, NORMALISATIONS):
                    layer.reset_parameters()
    other.eval()
    return other


def _start_anew(name: str, layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv3d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif callable(start := getattr(layer, "reset_parameters", None)):
        start()
    else:
        raise MicroslipError(
            f"the weights of the layer {name} ({type(layer).__name__}) cannot be made random, and a null that keeps"
            " some is none: give its class a method reset_parameters"
        )


def replaced_in_order(
    network: Predictor,
    scaling: Scaling,
    inputs: Voxels,
    baseline: Voxels,
    order: Int64[np.ndarray, "node"],
    fractions: Float[np.ndarray, "step"],
    insertion: bool,
) -> Float64[np.ndarray, "step"]:
    """Prediction [p] when the first nodes of an order are set to the baseline, or alone differ from it.

    Parameters
    ----------
    network, scaling
        From `load_checkpoint`.
    inputs, baseline
        One stage's scaled voxels and the baseline, shape (channel, x, y, z).
    order
        All nodes, flat, the most important first.
    fractions
        Shares of nodes that are replaced, shape (step,).
    insertion
        Start from the baseline and put nodes of the stage in, instead of taking them out.

    Source: Petsiuk, Das & Saenko, BMVC 2018 (deletion and insertion).
    """
    start, end = (baseline, inputs) if insertion else (inputs, baseline)
    flat_start, flat_end = (np.ascontiguousarray(field).reshape(len(inputs), -1) for field in (start, end))
    fields = np.repeat(flat_start[None], len(fractions), axis=0)
    for row, fraction in enumerate(fractions):
        nodes = order[: round(float(fraction) * len(order))]
        fields[row][:, nodes] = flat_end[:, nodes]
    return predict_fields(network, scaling, fields.reshape(len(fractions), *inputs.shape))
