"""The network: stage's voxels → stage's stress change."""

from __future__ import annotations

import torch
from torch import nn

from microslip.core.errors import MicroslipError
from microslip.learn.config import Network


class SlipNet(nn.Module):
    """The 3D CNN of Mei et al. 2023 (section 3.2) for a grid of any size.

    Convolutions keep the size (zero padding of one node), pools halve it and round up, so that an axis shorter than
    2⁴ nodes shrinks to one and stays there; for the axes that divide evenly this is the paper's network. The output is
    the stress fluctuation in units of the training set's standard deviation, shape (stage,), for input of shape
    (stage, 1, x, y, z).
    """

    def __init__(self, grid: tuple[int, int, int], config: Network) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in, size = 1, list(grid)
        for n_out in config.channels:
            layers.append(nn.Conv3d(n_in, n_out, kernel_size=3, padding=1, bias=not config.batch_normalisation))
            if config.batch_normalisation:
                layers.append(nn.BatchNorm3d(n_out))
            layers += [nn.MaxPool3d(2, ceil_mode=True), nn.ReLU()]
            n_in, size = n_out, [-(-n // 2) for n in size]
        self.grid = grid
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(n_in * size[0] * size[1] * size[2], config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, 1),
        )
        for layer in [*self.convolutions, *self.head]:
            if isinstance(layer, nn.Conv3d | nn.Linear):
                # with torch's default the signal fades over the layers, and training waits on a plateau
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        # the first predictions are all zero change, whatever the stage
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)

    def forward(self, voxels: torch.Tensor) -> torch.Tensor:
        if tuple(voxels.shape[2:]) != tuple(self.grid):
            raise MicroslipError(
                f"the voxels have {tuple(voxels.shape[2:])} nodes, the network was made for {self.grid}:"
                " train it on this run, or use voxels of its grid"
            )
        prediction: torch.Tensor = self.head(self.convolutions(voxels)).squeeze(1)
        return prediction
