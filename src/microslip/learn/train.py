"""The training of a network: what is given is checked, and the loop reads from top to bottom."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.stopping import check
from microslip.grids.splits import TRAIN, VALIDATION, SplitSets
from microslip.learn.config import Network, Training
from microslip.learn.losses import loss_of, n_outputs, weights_by_size
from microslip.learn.networks.predictor import Predictor, build_network
from microslip.learn.networks.registry import NETWORKS
from microslip.learn.prediction import predict
from microslip.learn.processes import Report, check_machine, in_processes, sum_of_all
from microslip.learn.samples import Samples, Scaling, assemble, draw_turns
from microslip.learn.state import Best, History, keep_state, resume_state, weights_of
from microslip.learn.task import Task, check_task

# Training stages that scale the initial weights.
CALIBRATION_STAGES = 256


class LossNotFiniteError(MicroslipError):
    """The training loss is infinite or no number: the rate is too high, or an input is not finite."""


@dataclass(frozen=True)
class Trained:
    """The network with the averaged weights of its best validation epoch, its scaling, and the loss curves.

    `history`: epoch; train_loss, the mean of what is made small; validation_loss, the mean squared error in units of
    the scaled target whatever the loss is, by which the epoch is chosen; validation_r2 of the fluctuations in p, which
    compares losses and targets alike; learning_rate, seconds.
    """

    network: Predictor
    scaling: Scaling
    history: pd.DataFrame


def train(
    samples: Samples,
    sets: SplitSets,
    scaling: Scaling,
    network_config: Network,
    config: Training,
    resume_from: Path | None = None,
    report: Report | None = None,
    start: Predictor | None = None,
) -> Trained:
    """Fit the network to the training stages; stop when the validation loss no longer falls.

    Parameters
    ----------
    samples
        Inputs and fluctuations of every stage; memory-mapped inputs are read batch by batch.
    sets
        Stage numbers of the training and validation sets.
    scaling
        From `fit_scaling` on the training set.
    network_config, config
        Shape of the network; seed, epochs, schedule, processes, device, precision.
    resume_from
        File that holds the state after each epoch; an existing one is resumed, and the result is that of an
        uninterrupted training with the same number of threads. Left out, the state is in memory alone.
    report
        Called after each epoch with its row of the history.
    start
        A network of this shape whose weights the training starts from; random ones where left out.

    With more than one process each takes its share of every batch, and the gradients are those of the whole batch, so
    that a network without batch normalisation learns the same; with it every process normalises its own share.

    Raises
    ------
    LossNotFiniteError
        The loss is not finite.
    MicroslipError
        There is no GPU where one is asked for, more threads or processes are asked for than the machine can run, the
        grid is too small for the network; samples, sets or settings that do not belong together, or a state that is
        not one of this network.
    """
    if resume_from is not None:
        resume_from = arguments.path("resume_from", resume_from)
    task = check_task(samples, sets, scaling, network_config, config)
    if report is not None:
        arguments.function("report", report)
    if start is not None:
        arguments.record("start", start, Predictor, "give a network, such as that of train")
        if start.n_outputs != (wanted := n_outputs(config.loss)):
            raise MicroslipError(
                f"training.loss = {config.loss} wants {wanted} numbers of a network, the one to start from gives"
                f" {start.n_outputs}: keep the loss that it was trained with, or train it anew"
            )
        task = replace(task, start=weights_of(start))
    check_machine(config)
    weights, history = in_processes(functools.partial(_fit, task, resume_from), config, report)
    network = build_network(samples.grid, network_config, n_outputs(config.loss))
    network.load_state_dict(weights)
    network.eval()
    return Trained(network, scaling, pd.DataFrame(history))


def _fit(
    task: Task, state: Path | None, fabric: Fabric, report: Report | None, stopped: Callable[[], bool]
) -> tuple[dict[str, torch.Tensor], History]:
    """Weights of the best epoch and the history, in this process as one of `fabric.world_size`."""
    samples, sets, scaling, config = task.samples, task.sets, task.scaling, task.training
    torch.set_num_threads(max(1, config.threads // fabric.world_size))
    torch.manual_seed(config.seed)
    plain = _initial_network(task)
    network, optimiser = fabric.setup(
        plain,
        torch.optim.AdamW(plain.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True),
    )
    # no batch of a single stage, which cannot be normalised
    n_batches = max(1, min(-(-len(sets[TRAIN]) // config.batch_size), len(sets[TRAIN]) // 2))
    schedule = _schedule(optimiser, config, n_batches)
    averaged = _running_mean(plain, config, n_batches)
    mean_network = averaged.module
    assert isinstance(mean_network, Predictor)
    target, loss_function = torch.from_numpy(scaling.encode(samples.target)), loss_of(config)
    weight = weights_by_size(samples.target, samples.target[sets[TRAIN]], config.size_weight).astype(np.float32)
    weights = torch.from_numpy(weight)
    share = slice(fabric.global_rank, None, fabric.world_size)
    of_validation = samples.target[sets[VALIDATION]]
    spread = float(((of_validation - of_validation.mean()) ** 2).sum())

    history: History = []
    best = Best(np.inf, -1, weights_of(plain))
    parts = {"network": plain, "averaged": averaged, "optimiser": optimiser, "schedule": schedule}
    if state is not None and state.exists():
        best, history = resume_state(state, parts, fabric.device)

    for epoch in range(len(history), config.epochs):
        if epoch - best.epoch > config.patience or stopped():
            break
        started = time.perf_counter()
        network.train()
        rng = np.random.default_rng([config.seed, epoch])
        order = rng.permutation(sets[TRAIN])
        total = torch.zeros((), device=fabric.device)
        for batch in np.array_split(order, n_batches):
            check()
            turns = draw_turns(len(batch), samples.grid, rng, config.rotate).part(share) if config.augment else None
            voxels = fabric.to_device(assemble(samples, scaling, batch[share], turns))
            # a sum over the share, so that shares of unequal size weigh as their stages do
            losses = loss_function(network(voxels, whole=True).float(), fabric.to_device(target[batch[share]]))
            loss = (losses * fabric.to_device(weights[batch[share]])).sum()
            optimiser.zero_grad()
            fabric.backward(loss * (fabric.world_size / len(batch)))
            nn.utils.clip_grad_norm_(plain.parameters(), config.gradient_clip)
            optimiser.step()
            schedule.step()
            averaged.update_parameters(plain)
            total += loss.detach()
        train_loss = sum_of_all(fabric, total) / len(order)
        if not np.isfinite(train_loss):
            raise LossNotFiniteError(
                f"the training loss is not finite in epoch {epoch}: {_why_not_finite(samples, config)}"
            )
        held = sets[VALIDATION][share]
        guess = predict(mean_network, samples, scaling, held, decoded=False)
        error = torch.from_numpy(guess) - target[held]
        validation_loss = sum_of_all(fabric, fabric.to_device((error**2).sum())) / len(sets[VALIDATION])
        missed = torch.tensor(((scaling.decode(guess) - samples.target[held]) ** 2).sum())
        missed_in_all = sum_of_all(fabric, fabric.to_device(missed))
        history.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "validation_loss": validation_loss,
                "validation_r2": 1 - missed_in_all / spread if spread > 0 else np.nan,
                "learning_rate": float(optimiser.param_groups[0]["lr"]),
                "seconds": time.perf_counter() - started,
            }
        )
        if validation_loss < best.loss:
            best = Best(validation_loss, epoch, weights_of(mean_network))
        if fabric.is_global_zero:
            if state is not None:
                keep_state(state, parts, best, history)
            if report is not None:
                report(history[-1])
    return {name: value.cpu() for name, value in best.weights.items()}, history


def _initial_network(task: Task) -> Predictor:
    config = task.network
    network = build_network(task.samples.grid, config, n_outputs(task.training.loss))
    network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    if task.start is not None:
        network.load_state_dict(task.start)
    elif config.calibrated and not config.batch_normalisation and not NETWORKS[config.kind].normalises:
        order = np.random.default_rng(task.training.seed).permutation(task.sets[TRAIN])
        network.calibrate(assemble(task.samples, task.scaling, order[:CALIBRATION_STAGES]))
    return network  # type: ignore[no-any-return]


def _schedule(optimiser: Any, config: Training, n_batches: int) -> LRScheduler:
    optimiser = getattr(optimiser, "optimizer", optimiser)
    if config.schedule == "constant":
        return ConstantLR(optimiser, factor=1.0)
    return OneCycleLR(optimiser, config.learning_rate, total_steps=config.epochs * n_batches)


def _running_mean(network: Predictor, config: Training, n_batches: int) -> AveragedModel:
    decay = 1 - 1 / max(1.0, config.average * n_batches)
    running_mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=running_mean, use_buffers=True)


def _why_not_finite(samples: Samples, config: Training) -> str:
    """What to do: inputs are read only now, for they may be larger than memory."""
    for stage, inputs in enumerate(samples.inputs):
        if not np.isfinite(inputs).all():
            return f"samples hold inputs of stage {stage} that are not finite, run the voxels step again"
    return f"lower training.learning_rate = {config.learning_rate:g}"
