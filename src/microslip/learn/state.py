"""The state of a training after an epoch, in a file, from which an interrupted training goes on.

Its parts are the network, the running mean of its weights, the optimiser and the schedule of its rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from microslip.core.errors import MicroslipError
from microslip.data.files import replacing
from microslip.learn.saved import as_bytes, load_saved

History = list[dict[str, float | int]]


@dataclass(frozen=True)
class Best:
    """The epoch with the smallest validation loss, and the weights then."""

    loss: float
    epoch: int
    weights: dict[str, torch.Tensor]


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of a network's weights."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def keep_state(path: Path, parts: dict[str, Any], best: Best, history: History) -> None:
    """Write the state; an interruption leaves the one before."""
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"history": history, "best_loss": best.loss, "best_epoch": best.epoch, "best_weights": best.weights}
    with replacing(path) as beside:
        beside.write_bytes(as_bytes(state))


def resume_state(path: Path, parts: dict[str, Any], device: torch.device) -> tuple[Best, History]:
    """Put the parts into the state that was kept; the best epoch and the history until then.

    Raises
    ------
    MicroslipError
        The file is no state of a training, or one of another network.
    """
    try:
        state: dict[str, Any] = load_saved(path, device)
        of_parts = [(part, state[name]) for name, part in parts.items()]
        best = Best(state["best_loss"], state["best_epoch"], state["best_weights"])
        history: History = state["history"]
    except (MicroslipError, TypeError, KeyError, IndexError) as problem:
        raise MicroslipError(
            f"resume_from = {path} is no state of a training ({problem}): remove it to train from the first epoch, or"
            " name another"
        ) from None
    try:
        for part, content in of_parts:
            part.load_state_dict(content)
    except (RuntimeError, ValueError, KeyError):
        raise MicroslipError(
            f"resume_from = {path} holds the state of another network: remove the file, or name another"
        ) from None
    return best, history
