"""Predicted fluctuations of stages, in the units of the stress."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import nn

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.learn.inputs import is_odd_in_turn, is_odd_in_y
from microslip.learn.losses import MOST_LOG_SCALE
from microslip.learn.networks.predictor import Predictor
from microslip.learn.samples import Samples, Scaling, assemble, check_samples, group_of, turns_of_group

# Stages in a batch that only predicts.
PREDICTION_BATCH = 128

# Fields pushed through the network at a time where they are given one by one, such as the points of a path.
FIELD_BATCH = 64


class Decoded(nn.Module):
    """A network whose output is the fluctuation [p], so that attributions are in p whatever it was trained on.

    It is the mean over the group of `scaling.symmetries`, 1/|G| Σ_g f(g x), and so are gradients of it: a stage that is
    turned has the attributions turned with it.
    """

    def __init__(self, network: Predictor, scaling: Scaling) -> None:
        super().__init__()
        self.network, self.scaling = network, scaling
        self.network.eval()
        odd = torch.tensor([[is_odd_in_y(name), is_odd_in_turn(name)] for name in scaling.names])
        # of a quantity that changes its sign, the mean does so, too
        means = torch.tensor(scaling.means) / torch.tensor(scaling.deviations)
        self.group = []
        for mirrored, rotated in group_of(scaling.symmetries):
            axes = ((3,) if mirrored else ()) + ((2, 4) if rotated else ())
            changes_sign = ((odd[:, 0] & mirrored) ^ (odd[:, 1] & rotated)).float()
            self.group.append((axes, 1 - 2 * changes_sign, 2 * means * changes_sign))

    def forward(self, voxels: torch.Tensor) -> torch.Tensor:
        return torch.stack([self._decoded(self._turned(voxels, *each)) for each in self.group]).mean(dim=0)

    def _turned(
        self, voxels: torch.Tensor, axes: tuple[int, ...], sign: torch.Tensor, shift: torch.Tensor
    ) -> torch.Tensor:
        if not axes:
            return voxels
        sign, shift = (values.to(voxels).view(-1, 1, 1, 1) for values in (sign, shift))
        return voxels.flip(axes) * sign - shift

    def _decoded(self, voxels: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = self.network(voxels.contiguous(memory_format=torch.channels_last_3d))
        return (torch.sinh(scaled) if self.scaling.target == "asinh" else scaled) * self.scaling.target_scale


def predict(
    network: Predictor,
    samples: Samples,
    scaling: Scaling,
    stages: Int64[np.ndarray, "chosen"],
    decoded: bool = True,
) -> Float[np.ndarray, "chosen"]:
    """Predicted fluctuation of the chosen stages [p]; as the network gives it where not decoded.

    The mean over the group of `scaling.symmetries`, in [p] where decoded: 1/|G| Σ_g f(g x).

    Raises
    ------
    MicroslipError
        The samples' inputs or grid are not those of the network; stages that the samples do not hold; a prediction that
        is not finite.
    """
    arguments.flag("decoded", decoded)
    of_group = _outputs(network, samples, scaling, stages)[..., 0]
    return np.asarray(scaling.decode(of_group).mean(axis=0)) if decoded else of_group.mean(axis=0)


def predict_with_scale(
    network: Predictor, samples: Samples, scaling: Scaling, stages: Int64[np.ndarray, "chosen"]
) -> tuple[Float[np.ndarray, "chosen"], Float[np.ndarray, "chosen"]]:
    """`predict`, and the scale of the error that the network expects [p], NaN of one that was not asked for it."""
    outputs = _outputs(network, samples, scaling, stages)
    prediction = scaling.decode(outputs[..., 0]).mean(axis=0)
    if outputs.shape[-1] < 2:
        return prediction, np.full(len(prediction), np.nan)
    log_scale = np.clip(outputs[..., 1], -MOST_LOG_SCALE, MOST_LOG_SCALE)
    return prediction, scaling.decode_scale(outputs[..., 0], log_scale).mean(axis=0)


def _outputs(
    network: Predictor, samples: Samples, scaling: Scaling, stages: Int64[np.ndarray, "chosen"]
) -> Float[np.ndarray, "element chosen output"]:
    """What the network gives for the chosen stages, turned by every element of the group; errors as in `predict`."""
    check_samples(samples)
    arguments.record("network", network, Predictor, "give a network, such as that of train")
    arguments.record("scaling", scaling, Scaling, "give what fit_scaling returns")
    stages = arguments.wholes("stages", stages, ("entry",), 0, len(samples.target) - 1)
    if samples.names != scaling.names:
        raise MicroslipError(
            f"the network of this scaling takes {', '.join(scaling.names)}, the samples hold {', '.join(samples.names)}"
        )
    network.eval()
    device = next(network.parameters()).device
    group = len(turns_of_group(0, scaling.symmetries))
    parts = [np.empty((group, 0, network.n_outputs), dtype=np.float32)]
    with torch.inference_mode():
        for start in range(0, len(stages), PREDICTION_BATCH):
            chosen = stages[start : start + PREDICTION_BATCH]
            turned = [
                network(assemble(samples, scaling, chosen, turns).to(device), whole=True).float().cpu().numpy()
                for turns in turns_of_group(len(chosen), scaling.symmetries)
            ]
            parts.append(np.stack(turned))
    of_group = np.concatenate(parts, axis=1)
    is_finite = np.isfinite(of_group).all(axis=(0, 2))
    if not is_finite.all():
        bad = int(stages[np.argmin(is_finite)])
        raise MicroslipError(
            f"samples: the prediction of stage {bad} is not finite: its inputs or the network's weights are not"
        )
    return of_group


def predict_fields(
    network: Predictor, scaling: Scaling, fields: Float[np.ndarray, "field channel x y z"]
) -> Float64[np.ndarray, "field"]:
    """Predictions [p] of scaled voxels, shape (field, channel, x, y, z)."""
    decoded = Decoded(network, scaling)
    with torch.inference_mode():
        parts = [
            decoded(torch.from_numpy(fields[start : start + FIELD_BATCH]))
            for start in range(0, len(fields), FIELD_BATCH)
        ]
    return np.asarray(torch.cat(parts).double().numpy())


def mean_prediction(
    networks: Sequence[Predictor], scaling: Scaling, inputs: Float[np.ndarray, "stage channel x y z"]
) -> Float64[np.ndarray, "stage"]:
    """Mean prediction [p] of networks of one scaling, for inputs on their scales that are not standardised yet."""
    standardised = scaling.standardise(inputs)
    return np.asarray(np.mean([predict_fields(network, scaling, standardised) for network in networks], axis=0))
