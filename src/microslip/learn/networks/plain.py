"""The paper's network."""

from __future__ import annotations

import math

import torch
from torch import nn

from microslip.learn.config import Network
from microslip.learn.networks.predictor import Predictor, pooled, start_weights


class SlipNet(Predictor):
    """The 3D CNN of Mei et al. 2023 (section 3.2) for a grid of any size.

    Convolutions keep the size (zero padding of one node), pools halve it and round up, so that an axis shorter than
    2⁴ nodes shrinks to one and stays there; for the axes that divide evenly this is the paper's network. The paper's
    grid does not: with `pooling = "floor"` its 51 × 16 × 21 nodes, of which `closed` adds the last in x and y, become
    3 × 1 × 1, and 50 × 15 × 20 would not survive. The output is
    the stress fluctuation in units of the training set's standard deviation, shape (stage,), for input of shape
    (stage, channel, x, y, z).
    """

    def __init__(self, grid: tuple[int, int, int], config: Network, n_outputs: int = 1) -> None:
        super().__init__(grid, config, n_outputs)
        layers: list[nn.Module] = []
        self.closed, rounds_up = config.closed, config.pooling == "ceil"
        n_in = self.n_channels
        for n_out in config.channels:
            layers.append(nn.Conv3d(n_in, n_out, kernel_size=3, padding=1, bias=not config.batch_normalisation))
            layers.append(nn.MaxPool3d(2, ceil_mode=rounds_up))
            if config.batch_normalisation:
                # after the pool, an eighth of the work
                layers.append(nn.BatchNorm3d(n_out))
            layers.append(nn.ReLU())
            n_in = n_out
        self.convolutions = nn.Sequential(*layers)
        n_features = n_in * math.prod(pooled(grid, config))
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(n_features, config.hidden), nn.ReLU(), nn.Linear(config.hidden, n_outputs)
        )
        start_weights(self, config)

    def respond(self, voxels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.head(self.convolutions(self._closed(voxels)))
        return features

    def _closed(self, voxels: torch.Tensor) -> torch.Tensor:
        """With the first planes along x and y repeated behind the last ones, where the network is `closed`."""
        return nn.functional.pad(voxels, (0, 0, 0, 1, 0, 1), mode="circular") if self.closed else voxels

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
        features = self._closed(voxels)
        pools = iter([layer for layer in self.convolutions if isinstance(layer, nn.MaxPool3d)])
        for layer in [*self.convolutions, *list(self.head)[:-1]]:
            if isinstance(layer, nn.Conv3d | nn.Linear) and layer.bias is not None:
                handed_on = layer(features)
                if isinstance(layer, nn.Conv3d):
                    handed_on = next(pools)(handed_on)
                over = tuple(axis for axis in range(handed_on.dim()) if axis != 1)
                deviation = handed_on.std(dim=over).clamp_min(1e-6)
                layer.weight /= deviation.view(-1, *[1] * (layer.weight.dim() - 1))
                layer.bias.copy_((layer.bias - handed_on.mean(dim=over)) / deviation)
            features = layer(features)
