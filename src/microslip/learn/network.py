"""The networks: a stage's voxels → the stage's stress change."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import nn

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.learn.config import MOST_WEIGHTS, Network

# Nodes of a grid beyond which no memory holds a stage's features.
MOST_NODES = 10**8


def has_room(grid: tuple[int, int, int], config: Network) -> bool:
    """Whether the last of the network's poolings still has something to halve."""
    return bool(max(grid) > 2 ** (len(config.channels) - 1))


class Predictor(nn.Module):
    """What all networks share: shape (stage, channel, x, y, z) in, one number for each stage out, 0 before training."""

    def __init__(self, grid: tuple[int, int, int], config: Network) -> None:
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
            )
        # what the last pooling leaves of the grid, seen by every unit of the head
        halvings = 2 ** len(config.channels)
        weights = config.hidden * config.channels[-1] * math.prod(-(-n // halvings) for n in grid)
        if weights > MOST_WEIGHTS:
            raise MicroslipError(
                f"network.hidden = {config.hidden} over {config.channels[-1]} channels of a grid of"
                f" {' × '.join(map(str, grid))} nodes has {weights:.2g} weights, which take {16 * weights / 1e9:.3g} GB"
                " while they are trained: lower network.hidden, or raise voxels.spacing"
            )
        self.grid = tuple(grid)
        self.n_channels = len(config.inputs)

    @abstractmethod
    def respond(self, voxels: torch.Tensor) -> torch.Tensor:
        """One number for each stage, shape (stage, 1)."""

    def forward(self, voxels: torch.Tensor) -> torch.Tensor:
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
        return self.respond(voxels).squeeze(1)


class SlipNet(Predictor):
    """The 3D CNN of Mei et al. 2023 (section 3.2) for a grid of any size.

    Convolutions keep the size (zero padding of one node), pools halve it and round up, so that an axis shorter than
    2⁴ nodes shrinks to one and stays there; for the axes that divide evenly this is the paper's network. The output is
    the stress fluctuation in units of the training set's standard deviation, shape (stage,), for input of shape
    (stage, channel, x, y, z).
    """

    def __init__(self, grid: tuple[int, int, int], config: Network) -> None:
        super().__init__(grid, config)
        layers: list[nn.Module] = []
        n_in, size = self.n_channels, list(self.grid)
        for n_out in config.channels:
            layers.append(nn.Conv3d(n_in, n_out, kernel_size=3, padding=1, bias=not config.batch_normalisation))
            layers.append(nn.MaxPool3d(2, ceil_mode=True))
            if config.batch_normalisation:
                # after the pool, an eighth of the work
                layers.append(nn.BatchNorm3d(n_out))
            layers.append(nn.ReLU())
            n_in, size = n_out, [-(-n // 2) for n in size]
        self.convolutions = nn.Sequential(*layers)
        n_features = n_in * size[0] * size[1] * size[2]
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(n_features, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 1)
        )
        start_weights(self)

    def respond(self, voxels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.head(self.convolutions(voxels))
        return features

    @torch.no_grad()
    def calibrate(self, voxels: torch.Tensor) -> None:
        """Shift and scale the initial weights so that what each layer hands on has mean 0 and deviation 1 per channel.

        Parameters
        ----------
        voxels
            Some training stages, shape (stage, channel, x, y, z).

        A normalisation that is part of the start and not of the network: without one the plain network spends most of
        its epochs on a plateau. Source: Mishkin & Matas, ICLR 2016, here with a shift and for every channel.
        """
        features = voxels
        for layer in [*self.convolutions, *list(self.head)[:-1]]:
            if isinstance(layer, nn.Conv3d | nn.Linear) and layer.bias is not None:
                found = layer(features)
                if isinstance(layer, nn.Conv3d):
                    found = nn.functional.max_pool3d(found, 2, ceil_mode=True)
                over = tuple(axis for axis in range(found.dim()) if axis != 1)
                deviation = found.std(dim=over).clamp_min(1e-6)
                layer.weight /= deviation.view(-1, *[1] * (layer.weight.dim() - 1))
                layer.bias.copy_((layer.bias - found.mean(dim=over)) / deviation)
            features = layer(features)


class ResidualNet(Predictor):
    """A residual 3D CNN that knows the cell: periodic in x and y, walls in z.

    As many pools as the paper's network; after each one a block of two convolutions that is added to its input. The
    last features are averaged, and their largest is taken, over x and y, for a stage that is shifted along them is
    the same stage; along z they are kept, for the walls are there.
    """

    def __init__(self, grid: tuple[int, int, int], config: Network) -> None:
        super().__init__(grid, config)
        layers: list[nn.Module] = []
        n_in, height = self.n_channels, self.grid[2]
        for stage, n_out in enumerate(config.channels):
            layers += [
                PeriodicConvolution(n_in, n_out), nn.MaxPool3d(2, ceil_mode=True), nn.BatchNorm3d(n_out), nn.ReLU()
            ]  # fmt: skip
            if stage > 0:
                layers.append(ResidualBlock(n_out))
            n_in, height = n_out, -(-height // 2)
        self.convolutions = nn.Sequential(*layers)
        self.plane = OverThePlane()
        self.head = nn.Sequential(nn.Linear(2 * n_in * height, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 1))
        start_weights(self)

    def respond(self, voxels: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.plane(self.convolutions(voxels)))
        return found


class OverThePlane(nn.Module):
    """Mean and largest of every feature over x and y, at each height."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1).flatten(1)


class PeriodicConvolution(nn.Module):
    """Conv3d 3³ that wraps around in x and y and meets zeros beyond the walls in z."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(n_in, n_out, kernel_size=3, padding=(0, 0, 1), bias=False)

    def forward(self, voxels: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.convolution(nn.functional.pad(voxels, (0, 0, 1, 1, 1, 1), mode="circular"))
        return found


class ResidualBlock(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            PeriodicConvolution(n, n), nn.BatchNorm3d(n), nn.ReLU(), PeriodicConvolution(n, n), nn.BatchNorm3d(n)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.relu(features + self.way(features))


# Each network.kind and its network.
NETWORKS: dict[str, type[Predictor]] = {"plain": SlipNet, "residual": ResidualNet}


def build_network(grid: tuple[int, int, int], config: Network) -> Predictor:
    """The network of the configured kind.

    Raises
    ------
    MicroslipError
        The grid is too small for so many poolings, or no network has that kind.
    """
    if config.kind not in NETWORKS:
        raise MicroslipError(f"network.kind = {config.kind} is not built here: known are {', '.join(NETWORKS)}")
    return NETWORKS[config.kind](grid, config)


def start_weights(network: nn.Module) -> None:
    """He's initial weights; with torch's default the signal fades over the layers, and training waits on a plateau.

    The last layer is zero: the first predictions are all zero change, whatever the stage.
    """
    last = None
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            last = layer
    if last is not None:
        nn.init.zeros_(last.weight)
