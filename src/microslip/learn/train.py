"""The training loop, from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float32, Int64
from torch import nn

from microslip.core.errors import MicroslipError
from microslip.data.files import replacing
from microslip.grids.splits import TRAIN, VALIDATION, SplitSets
from microslip.learn.config import Network, Training
from microslip.learn.network import SlipNet
from microslip.learn.samples import Scaling, augment

# Stages in a batch that only predicts.
PREDICTION_BATCH = 128

Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Trained:
    """The network with the weights of its best validation epoch, the scaling of its input, and the loss curves.

    `history`: epoch, train_loss, validation_loss, learning_rate, seconds; losses in squared target deviations.
    """

    network: SlipNet
    scaling: Scaling
    history: pd.DataFrame


def train(
    inputs: Float32[np.ndarray, "stage x y z"],
    target: Float[np.ndarray, "stage"],
    sets: SplitSets,
    scaling: Scaling,
    network_config: Network,
    config: Training,
    resume_from: Path,
    report: Report | None = None,
) -> Trained:
    """Fit the network to the training stages; stop when the validation loss no longer falls.

    Parameters
    ----------
    inputs
        Scaled voxels of every stage, shape (stage, x, y, z), possibly memory-mapped.
    target
        Stress fluctuation of every stage, shape (stage,) [p].
    sets
        Stage numbers of the training and validation sets.
    scaling
        The scaling that made `inputs`.
    resume_from
        File that holds the state after each epoch; an existing one is resumed, and the result is that of an
        uninterrupted training with the same number of threads.
    report
        Called after each epoch with its row of the history.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    network = SlipNet(inputs.shape[1:], network_config)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    n_batches = -(-len(sets[TRAIN]) // config.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.epochs * n_batches
    )
    scaled_target = torch.from_numpy((target / scaling.target_deviation).astype(np.float32))

    history: list[dict[str, float]] = []
    best_loss, best_epoch, best_weights = np.inf, -1, network.state_dict()
    if resume_from.exists():
        state = torch.load(resume_from, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        history, best_loss = state["history"], state["best_loss"]
        best_epoch, best_weights = state["best_epoch"], state["best_weights"]

    for epoch in range(len(history), config.epochs):
        if epoch - best_epoch > config.patience:
            break
        started = time.perf_counter()
        network.train()
        rng = np.random.default_rng([config.seed, epoch])
        order = rng.permutation(sets[TRAIN])
        squares = 0.0
        for batch in np.array_split(order, n_batches):
            voxels = torch.from_numpy(inputs[batch]).unsqueeze(1)
            if config.augment:
                voxels = augment(voxels, rng)
            loss = nn.functional.mse_loss(network(voxels), scaled_target[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clip)
            optimiser.step()
            schedule.step()
            squares += float(loss.detach()) * len(batch)
        if not np.isfinite(squares):
            raise MicroslipError(
                f"the training loss is not finite in epoch {epoch}:"
                f" lower training.learning_rate = {config.learning_rate:g}"
            )
        validation = predict(network, inputs, sets[VALIDATION]) - scaled_target[sets[VALIDATION]].numpy()
        row = {
            "epoch": epoch,
            "train_loss": squares / len(order),
            "validation_loss": float(np.mean(validation**2)),
            "learning_rate": float(optimiser.param_groups[0]["lr"]),
            "seconds": time.perf_counter() - started,
        }
        history.append(row)
        if row["validation_loss"] < best_loss:
            best_loss, best_epoch = row["validation_loss"], epoch
            best_weights = {name: value.clone() for name, value in network.state_dict().items()}
        with replacing(resume_from) as beside:
            torch.save(
                {
                    "network": network.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "history": history,
                    "best_loss": best_loss,
                    "best_epoch": best_epoch,
                    "best_weights": best_weights,
                },
                beside,
            )
        if report is not None:
            report(row)
    network.load_state_dict(best_weights)
    network.eval()
    return Trained(network, scaling, pd.DataFrame(history))


def predict(
    network: SlipNet, inputs: Float32[np.ndarray, "stage x y z"], stages: Int64[np.ndarray, "chosen"]
) -> Float32[np.ndarray, "chosen"]:
    """Predicted fluctuation of the chosen stages in units of the target deviation."""
    network.eval()
    parts = [np.empty(0, dtype=np.float32)]
    with torch.inference_mode():
        for start in range(0, len(stages), PREDICTION_BATCH):
            voxels = torch.from_numpy(inputs[stages[start : start + PREDICTION_BATCH]]).unsqueeze(1)
            parts.append(network(voxels).numpy())
    return np.concatenate(parts)


def save_checkpoint(trained: Trained, network_config: Network, config: Training, path: Path) -> None:
    """Write the weights with all that is needed to use them."""
    content: dict[str, Any] = {
        "weights": trained.network.state_dict(),
        "grid": list(trained.network.grid),
        "network": network_config.model_dump(),
        "training": config.model_dump(),
        "scaling": asdict(trained.scaling),
    }
    with replacing(path) as beside:
        torch.save(content, beside)


def load_checkpoint(path: Path) -> tuple[SlipNet, Scaling]:
    """The network, ready to predict, and its scaling.

    Raises
    ------
    MicroslipError
        The file is missing or is not a checkpoint.
    """
    try:
        content = torch.load(path, weights_only=True)
        network = SlipNet(tuple(content["grid"]), Network.model_validate(content["network"]))
        network.load_state_dict(content["weights"])
        scaling = Scaling(**content["scaling"])
    except FileNotFoundError:
        raise MicroslipError(f"{path} is missing: run `microslip train` first") from None
    except Exception as problem:
        raise MicroslipError(f"{path} is not a checkpoint of this version ({problem}): train again") from None
    network.eval()
    return network, scaling
