"""What all networks share."""

from __future__ import annotations

import math
from abc import abstractmethod
from importlib import import_module

import pandas as pd
import torch
from torch import nn

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.grids.config import MOST_NODES
from microslip.learn.config import MOST_WEIGHTS, Network
from microslip.learn.networks.layers import describe_layers
from microslip.learn.networks.registry import NETWORKS


def pooled(grid: tuple[int, int, int], config: Network) -> tuple[int, int, int]:
    """Nodes that the last pooling leaves of the grid along x, y and z, seen by every unit of the head."""
    x, y, z = grid[0] + config.closed, grid[1] + config.closed, grid[2]
    halvings = 2 ** len(config.channels)
    if config.pooling == "floor":
        return x // halvings, y // halvings, z // halvings
    return -(-x // halvings), -(-y // halvings), -(-z // halvings)


def has_room(grid: tuple[int, int, int], config: Network) -> bool:
    """Whether the last of the network's poolings still has something to halve, and leaves a node of every axis."""
    if config.pooling == "floor":
        return min(pooled(grid, config)) > 0
    return bool(max(grid) > 2 ** (len(config.channels) - 1))


class Predictor(nn.Module):
    """What all networks share: shape (stage, channel, x, y, z) in, one number for each stage out.

    It is 0 before training, unless `config.start` is the library's.

    With `n_outputs = 2` a network has a second number, which is asked for as `whole`: the logarithm of the scale of the
    error that it expects.
    """

    def __init__(self, grid: tuple[int, int, int], config: Network, n_outputs: int = 1) -> None:
        super().__init__()
        arguments.record("config", config, Network, "give a Network of microslip.learn.config")
        nodes = arguments.wholes("grid", grid, (3,), 1, MOST_NODES).tolist()
        grid = (nodes[0], nodes[1], nodes[2])
        if math.prod(grid) > MOST_NODES:
            raise MicroslipError(f"grid = {grid} has {math.prod(grid):.0e} nodes, more than {MOST_NODES:.0e}")
        if min(config.channels) < 1:
            raise MicroslipError(f"config: network.channels = {config.channels} holds a number below 1")
        if not has_room(grid, config):
            raise MicroslipError(
                f"a grid of {' × '.join(map(str, grid))} nodes is too small for {len(config.channels)} poolings, each"
                " of which halves it: lower voxels.spacing, or give network.channels fewer numbers"
                + (", or use network.pooling = ceil" if config.pooling == "floor" else "")
            )
        weights = config.hidden * config.channels[-1] * math.prod(pooled(grid, config))
        if weights > MOST_WEIGHTS:
            raise MicroslipError(
                f"network.hidden = {config.hidden} over {config.channels[-1]} channels of a grid of"
                f" {' × '.join(map(str, grid))} nodes has {weights:.2g} weights, which take {16 * weights / 1e9:.3g} GB"
                " while they are trained: lower network.hidden, or raise voxels.spacing"
            )
        self.grid = tuple(grid)
        self.n_channels, self.n_outputs = len(config.inputs), n_outputs

    @abstractmethod
    def respond(self, voxels: torch.Tensor) -> torch.Tensor:
        """The numbers of each stage, shape (stage, output); the first is the prediction."""

    def forward(self, voxels: torch.Tensor, whole: bool = False) -> torch.Tensor:
        arguments.record("voxels", voxels, torch.Tensor, "give a tensor, such as torch.from_numpy makes of an array")
        if voxels.is_complex() or voxels.dtype == torch.bool:
            raise MicroslipError(f"the voxels are {voxels.dtype}: give real numbers")
        if voxels.dtype == torch.float64 or not voxels.is_floating_point():
            weights = next(self.parameters(), None)
            voxels = voxels.to(torch.float32 if weights is None else weights.dtype)
        if voxels.dim() != 5:
            raise MicroslipError(f"the voxels have shape {tuple(voxels.shape)}: give (stage, channel, x, y, z)")
        if tuple(voxels.shape[1:]) != (self.n_channels, *self.grid):
            raise MicroslipError(
                f"the voxels have {voxels.shape[1]} channels of {tuple(voxels.shape[2:])} nodes, the network was made"
                f" for {self.n_channels} of {self.grid}: train it on this run, or use voxels of its grid"
            )
        outputs = self.respond(voxels)
        return outputs if whole else outputs[:, 0]

    def calibrate(self, voxels: torch.Tensor) -> None:
        """Scale the initial weights on some training stages, where a network has a use for it."""

    def layers(self) -> pd.DataFrame:
        """What it is made of, layer by layer: see `describe_layers`."""
        return describe_layers(self)


def build_network(grid: tuple[int, int, int], config: Network, n_outputs: int = 1) -> Predictor:
    """The network of the configured kind, with as many outputs as its loss wants.

    Raises
    ------
    MicroslipError
        The grid is too small for so many poolings, or no network has that kind.
    """
    if config.kind not in NETWORKS:
        raise MicroslipError(f"network.kind = {config.kind} is not built here: known are {', '.join(NETWORKS)}")
    kind = NETWORKS[config.kind]
    # a network that knows of a prediction alone takes no number of outputs
    more = (n_outputs,) if n_outputs > 1 else ()
    network: Predictor = getattr(import_module(kind.module), kind.name)(grid, config, *more)
    return network


def start_weights(network: nn.Module, config: Network) -> None:
    """He's initial weights; with torch's default the signal fades over the layers, and training waits on a plateau.

    The last layer is zero: the first predictions are all zero change, whatever the stage. With `start = "library"` the
    weights and biases stay those that torch drew, uniform within 1/√(inputs of a unit).
    """
    if config.start == "library":
        return
    last = None
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            last = layer
    if last is not None:
        nn.init.zeros_(last.weight)
