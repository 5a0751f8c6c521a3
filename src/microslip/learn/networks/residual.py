"""A network that knows where the cell repeats and where its walls are."""

from __future__ import annotations

import torch
from torch import nn

from microslip.learn.config import Network
from microslip.learn.networks.predictor import Predictor, start_weights


class ResidualNet(Predictor):
    """A residual 3D CNN that knows the cell: periodic in x and y, walls in z.

    As many pools as the paper's network; after each one a block of two convolutions that is added to its input. The
    last features are averaged, and their largest is taken, over x and y, for a stage that is shifted along them is
    the same stage; along z they are kept, for the walls are there.
    """

    def __init__(self, grid: tuple[int, int, int], config: Network, n_outputs: int = 1) -> None:
        super().__init__(grid, config, n_outputs)
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
        self.head = nn.Sequential(
            nn.Linear(2 * n_in * height, config.hidden), nn.ReLU(), nn.Linear(config.hidden, n_outputs)
        )
        start_weights(self, config)

    def respond(self, voxels: torch.Tensor) -> torch.Tensor:
        response: torch.Tensor = self.head(self.plane(self.convolutions(voxels)))
        return response


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
        features: torch.Tensor = self.convolution(nn.functional.pad(voxels, (0, 0, 1, 1, 1, 1), mode="circular"))
        return features


class ResidualBlock(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            PeriodicConvolution(n, n), nn.BatchNorm3d(n), nn.ReLU(), PeriodicConvolution(n, n), nn.BatchNorm3d(n)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.relu(features + self.way(features))
