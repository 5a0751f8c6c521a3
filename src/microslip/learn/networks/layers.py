"""What a network is made of, layer by layer, as the network itself says when a stage passes through it.

Nothing is asked by name: a layer is a part that is no mere sequence of parts, and its place is when it is passed. So a
network whose parts have other names, or other ways between them, is told alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import nn

from microslip.core.errors import MicroslipError

if TYPE_CHECKING:
    from microslip.learn.networks.predictor import Predictor

COLUMNS = ["layer", "kind", "shape", "parameters"]

# What a network does between two layers without a part for it, where the shape changes.
BETWEEN = "Between layers"

# Weights of the network that belong to none of its layers.
OWN = "Own weights"


def describe_layers(network: Predictor) -> pd.DataFrame:
    """One row per layer in the order in which a stage passes them, the input first.

    Returns
    -------
    DataFrame
        `layer`, its name in the network; `kind`, the name of its class; `shape` of what it hands on for one stage,
        channels × x × y × z or units; `parameters`, their number, counted where a layer is passed first.

    Raises
    ------
    MicroslipError
        A layer hands on something else than a tensor.
    """
    rows = [("input", "Input", (network.n_channels, *network.grid), 0)]
    counted: set[int] = set()

    def remember(name: str, layer: nn.Module, given: Any, found: Any) -> None:
        tensor = _tensor(found)
        if tensor is None:
            raise MicroslipError(
                f"the layer {name} hands on a {type(found).__name__} and no tensor: it cannot be drawn as a box"
            )
        came = _tensor(given)
        if came is not None and tuple(came.shape[1:]) != rows[-1][2]:
            rows.append(("", BETWEEN, tuple(came.shape[1:]), 0))
        own = [weights for weights in layer.parameters() if id(weights) not in counted]
        counted.update(id(weights) for weights in own)
        rows.append((name, type(layer).__name__, tuple(tensor.shape[1:]), sum(weights.numel() for weights in own)))

    _pass_through(network, list(_layers(network)), remember)
    rest = sum(weights.numel() for weights in network.parameters() if id(weights) not in counted)
    if rest:
        rows.append(("", OWN, rows[-1][2], rest))
    shapes = [" × ".join(str(n) for n in shape) or "1" for _, _, shape, _ in rows]
    return pd.DataFrame(rows, columns=COLUMNS).assign(shape=shapes)


def weighted_layers(network: Predictor) -> list[str]:
    """Names of the parts that hold weights themselves, in the order in which a stage passes them first."""
    names: list[str] = []

    def remember(name: str, layer: nn.Module, given: Any, handed: Any) -> None:
        if name not in names:
            names.append(name)

    parts = [
        (name, layer)
        for name, layer in network.named_modules()
        if layer is not network and next(layer.parameters(recurse=False), None) is not None
    ]
    _pass_through(network, parts, remember)
    return names


def _layers(network: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    for part, layer in network.named_children():
        own = f"{name}.{part}" if name else part
        if isinstance(layer, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            yield from _layers(layer, own)
        else:
            yield own, layer


def _tensor(value: Any) -> torch.Tensor | None:
    while isinstance(value, tuple | list) and value:
        value = value[0]
    return value if isinstance(value, torch.Tensor) else None


@torch.no_grad()
def _pass_through(
    network: Predictor, parts: list[tuple[str, nn.Module]], remember: Callable[[str, nn.Module, Any, Any], None]
) -> None:
    """Send an empty stage through a network that is left as it was, and tell of each part as it is passed."""

    def hook(name: str) -> Any:
        return lambda layer, given, found: remember(name, layer, given, found)

    handles = [layer.register_forward_hook(hook(name)) for name, layer in parts]
    was_training = network.training
    network.eval()
    device = next((weights.device for weights in network.parameters()), None)
    try:
        network(torch.zeros(1, network.n_channels, *network.grid, device=device))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
