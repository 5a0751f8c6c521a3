"""What a network is made of, layer by layer, as the network itself says when a stage passes through it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import nn

from microslip.learn.network import Predictor

COLUMNS = ["layer", "kind", "shape", "parameters"]


@torch.no_grad()
def describe_layers(network: Predictor) -> pd.DataFrame:
    """One row per layer, the input first.

    Returns
    -------
    DataFrame
        `layer`, its name in the network; `kind`, the name of its class; `shape` of what it hands on for one stage,
        channels × x × y × z or units; `parameters`, their number.
    """
    rows = [("input", "Input", (network.n_channels, *network.grid), 0)]
    handles = []

    def remember(name: str) -> object:
        def hook(layer: nn.Module, given: tuple[torch.Tensor, ...], found: torch.Tensor) -> None:
            if name == "head.0" and not isinstance(layer, nn.Flatten):
                # between the two parts the features were averaged and their largest taken over the plane
                rows.append(("plane", "Mean and largest over the plane", tuple(given[0].shape[1:]), 0))
            count = sum(weights.numel() for weights in layer.parameters())
            rows.append((name, type(layer).__name__, tuple(found.shape[1:]), count))

        return hook

    for part in ("convolutions", "head"):
        for name, layer in network.get_submodule(part).named_children():
            handles.append(layer.register_forward_hook(remember(f"{part}.{name}")))  # type: ignore[arg-type]
    was_training = network.training
    network.eval()
    try:
        network(torch.zeros(1, network.n_channels, *network.grid, device=next(network.parameters()).device))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    shapes = [" × ".join(str(n) for n in np.atleast_1d(shape)) for _, _, shape, _ in rows]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(shape=shapes)
