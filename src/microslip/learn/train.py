"""The training loop, from top to bottom."""

from __future__ import annotations

import functools
import io
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.jobs import outside_any_job
from microslip.core.stopping import check, shielded
from microslip.data.files import replacing
from microslip.data.spread import MOST_PER_CORE
from microslip.grids.splits import TRAIN, VALIDATION, SplitSets
from microslip.learn.config import Network, Training
from microslip.learn.networks.predictor import Predictor, build_network
from microslip.learn.samples import Samples, Scaling, assemble, check_samples, draw_turns
from microslip.learn.saved import load_saved

# Stages in a batch that only predicts.
PREDICTION_BATCH = 128

# Training stages that scale the initial weights.
CALIBRATION_STAGES = 256

# What is kept after each epoch.
STATE = ("network", "averaged", "optimiser", "schedule", "history", "best_loss", "best_epoch", "best_weights")

PRECISION: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed"}

Report = Callable[[dict[str, float | int]], None]

# every process would say on the error stream that it has begun
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Trained:
    """The network with the averaged weights of its best validation epoch, its scaling, and the loss curves.

    `history`: epoch, train_loss, validation_loss, learning_rate, seconds; losses in squared units of the scaled target.
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
    resume_from: Path,
    report: Report | None = None,
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
        uninterrupted training with the same number of threads.
    report
        Called after each epoch with its row of the history.

    With more than one process each takes its share of every batch, and the gradients are those of the whole batch, so
    that a network without batch normalisation learns the same; with it every process normalises its own share.

    Raises
    ------
    MicroslipError
        The loss is not finite, there is no GPU where one is asked for, more threads or processes are asked for than the
        machine can run, the grid is too small for the network; samples, sets or settings that do not belong together,
        or a state that is not one of this network.
    """
    resume_from = arguments.path("resume_from", resume_from)
    sets = _check_training(samples, sets, scaling, network_config, config)
    if report is not None:
        arguments.function("report", report)
    if config.device == "cuda" and not torch.cuda.is_available():
        raise MicroslipError("training.device = cuda, but torch sees no GPU: use cpu or auto")
    _check_machine(config)
    work = (samples, sets, scaling, network_config, config, resume_from)
    # the processes are those of the configuration, whatever the job that this one is in
    with outside_any_job():
        if config.processes == 1:
            weights, history = _fit(_fabric(config, "auto"), *work, report)
        else:
            weights, history = _fit_in_processes(config, work, report)
    network = build_network(samples.grid, network_config)
    network.load_state_dict(weights)
    network.eval()
    return Trained(network, scaling, pd.DataFrame(history))


def _check_machine(config: Training) -> None:
    """Refuse what would only wait for itself: more processes than GPUs, or many times the threads that can run."""
    cores, n_gpus = len(os.sched_getaffinity(0)), torch.cuda.device_count()
    if config.device != "cpu" and n_gpus and config.processes > n_gpus:
        raise MicroslipError(
            f"training.processes = {config.processes} is more than the {n_gpus} GPUs here: lower it, or set"
            " training.device = cpu"
        )
    for key, n in (("threads", config.threads), ("processes", config.processes)):
        if n > MOST_PER_CORE * cores:
            raise MicroslipError(
                f"training.{key} = {n} is more than {MOST_PER_CORE} on each of the {cores} cores that this process may"
                " use: lower it"
            )


def _check_training(
    samples: Samples, sets: SplitSets, scaling: Scaling, network_config: Network, config: Training
) -> SplitSets:
    """The sets of stages as arrays of numbers, where everything belongs together."""
    check_samples(samples)
    arguments.record("network_config", network_config, Network, "give a Network of microslip.learn.config")
    arguments.record("config", config, Training, "give a Training of microslip.learn.config")
    arguments.record("scaling", scaling, Scaling, "give what fit_scaling returns")
    if not tuple(samples.names) == tuple(scaling.names) == network_config.inputs:
        raise MicroslipError(
            f"samples hold {', '.join(samples.names)}, scaling {', '.join(scaling.names)}, network_config"
            f" {', '.join(network_config.inputs)}: give all three the same channels"
        )
    arguments.record("sets", sets, dict, "give what random_split or blocked_split returns")
    found = dict(sets)
    for name, least in ((TRAIN, 2), (VALIDATION, 1)):
        if name not in sets:
            raise MicroslipError(f"sets has no {name}: give what random_split or blocked_split returns")
        found[name] = arguments.wholes(f"sets[{name!r}]", sets[name], ("entry",), 0, len(samples.target) - 1)
        if len(found[name]) < least:
            raise MicroslipError(f"sets[{name!r}] holds {len(found[name])} stages: it takes {least} or more")
    return found


def _resume(path: Path, device: torch.device) -> dict[str, Any]:
    """The state after an epoch, as it was kept."""
    try:
        state: dict[str, Any] = load_saved(path, device)
        return {name: state[name] for name in STATE}
    except (MicroslipError, TypeError, KeyError, IndexError) as problem:
        raise MicroslipError(
            f"resume_from = {path} is no state of a training ({problem}): remove it to train from the first epoch, or"
            " name another"
        ) from None


def _fabric(config: Training, strategy: str) -> Fabric:
    accelerator = config.device
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    return Fabric(
        accelerator=accelerator,
        devices=config.processes,
        strategy=strategy,
        precision=PRECISION[config.precision],
        # named, or Fabric looks for others, and imports mpi4py for it: that starts MPI, which swallows a SIGHUP
        plugins=LightningEnvironment(),
    )


def _fit_in_processes(config: Training, work: tuple[Any, ...], report: Report | None) -> Any:
    """The same work by processes of their own; what the first of them reports is passed on from a thread.

    What `report` raises stops the training after the epoch, and is raised here.
    """
    raised: list[BaseException] = []
    # this process answers a Ctrl-C, for all of them
    with shielded(), multiprocessing.get_context("spawn").Manager() as manager:
        rows, stop = manager.Queue(), manager.Event()

        def pass_on() -> None:
            for row in iter(rows.get, None):
                try:
                    if report is not None and not raised:
                        report(row)
                except BaseException as problem:
                    raised.append(problem)
                    stop.set()

        reader = threading.Thread(target=pass_on)
        reader.start()
        try:
            # in one piece: Fabric would look into arguments, and refuses frozen records there
            told = functools.partial(_fit_and_tell, work=work, rows=rows, stop=stop)
            found = _fabric(config, "ddp_spawn").launch(told)
        finally:
            rows.put(None)
            reader.join()
    if raised:
        raise raised[0]
    if isinstance(found, MicroslipError):
        raise found
    weights, history = found
    return {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}, history


def _fit_and_tell(fabric: Fabric, work: tuple[Any, ...], rows: Any, stop: Any) -> Any:
    """`_fit` in a process: arrays instead of tensors, whose memory ends with the process, and errors as results."""
    samples, sets, scaling, network_config, config, resume_from = work
    try:
        weights, history = _fit(
            fabric, samples, sets, scaling, network_config, config, resume_from, rows.put, stop.is_set
        )
    except MicroslipError as problem:
        return problem
    return {name: value.numpy() for name, value in weights.items()}, history


def _fit(
    fabric: Fabric,
    samples: Samples,
    sets: SplitSets,
    scaling: Scaling,
    network_config: Network,
    config: Training,
    resume_from: Path,
    report: Report | None,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[dict[str, torch.Tensor], list[dict[str, float | int]]]:
    """Weights of the best epoch and the history, in this process as one of `fabric.world_size`."""
    torch.set_num_threads(max(1, config.threads // fabric.world_size))
    torch.manual_seed(config.seed)
    plain = build_network(samples.grid, network_config).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    if network_config.calibrated and not network_config.batch_normalisation:
        some = np.random.default_rng(config.seed).permutation(sets[TRAIN])[:CALIBRATION_STAGES]
        plain.calibrate(assemble(samples, scaling, some))
    network, optimiser = fabric.setup(
        plain,
        torch.optim.AdamW(plain.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True),
    )
    # no batch of a single stage, which cannot be normalised
    n_batches = max(1, min(-(-len(sets[TRAIN]) // config.batch_size), len(sets[TRAIN]) // 2))
    schedule = _schedule(optimiser, config, n_batches)
    decay = 1 - 1 / max(1.0, config.average * n_batches)
    running_mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(plain, multi_avg_fn=running_mean, use_buffers=True)
    target = torch.from_numpy(scaling.encode(samples.target))

    history: list[dict[str, float | int]] = []
    best_loss, best_epoch, best_weights = np.inf, -1, _copy(plain)
    if resume_from.exists():
        state = _resume(resume_from, fabric.device)
        try:
            for name, part in (
                ("network", plain),
                ("averaged", averaged),
                ("optimiser", optimiser),
                ("schedule", schedule),
            ):
                part.load_state_dict(state[name])
        except (RuntimeError, ValueError, KeyError):
            raise MicroslipError(
                f"resume_from = {resume_from} holds the state of another network: remove the file, or name another"
            ) from None
        history, best_loss = state["history"], state["best_loss"]
        best_epoch, best_weights = state["best_epoch"], state["best_weights"]

    for epoch in range(len(history), config.epochs):
        if epoch - best_epoch > config.patience or stopped():
            break
        started = time.perf_counter()
        network.train()
        rng = np.random.default_rng([config.seed, epoch])
        order = rng.permutation(sets[TRAIN])
        squares = torch.zeros((), device=fabric.device)
        for batch in np.array_split(order, n_batches):
            check()
            turns = draw_turns(len(batch), samples.grid, rng) if config.augment else None
            mine = slice(fabric.global_rank, None, fabric.world_size)
            share = turns if turns is None else type(turns)(*(one[mine] for one in turns))
            voxels = fabric.to_device(assemble(samples, scaling, batch[mine], share))
            # a sum over the share, so that shares of unequal size weigh as their stages do
            loss = nn.functional.mse_loss(
                network(voxels).float(), fabric.to_device(target[batch[mine]]), reduction="sum"
            )
            optimiser.zero_grad()
            fabric.backward(loss * (fabric.world_size / len(batch)))
            nn.utils.clip_grad_norm_(plain.parameters(), config.gradient_clip)
            optimiser.step()
            schedule.step()
            averaged.update_parameters(plain)
            squares += loss.detach()
        train_loss = _total(fabric, squares) / len(order)
        if not np.isfinite(train_loss):
            raise MicroslipError(
                f"the training loss is not finite in epoch {epoch}: {_why_not_finite(samples, config)}"
            )
        mine_too = sets[VALIDATION][fabric.global_rank :: fabric.world_size]
        assert isinstance(averaged.module, Predictor)
        error = torch.from_numpy(predict(averaged.module, samples, scaling, mine_too, decoded=False)) - target[mine_too]
        row: dict[str, float | int] = {
            "epoch": epoch,
            "train_loss": train_loss,
            "validation_loss": _total(fabric, fabric.to_device((error**2).sum())) / len(sets[VALIDATION]),
            "learning_rate": float(optimiser.param_groups[0]["lr"]),
            "seconds": time.perf_counter() - started,
        }
        history.append(row)
        if row["validation_loss"] < best_loss:
            best_loss, best_epoch, best_weights = row["validation_loss"], epoch, _copy(averaged.module)
        if fabric.is_global_zero:
            state = {
                "network": plain.state_dict(),
                "averaged": averaged.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "history": history,
                "best_loss": best_loss,
                "best_epoch": best_epoch,
                "best_weights": best_weights,
            }
            with replacing(resume_from) as beside:
                beside.write_bytes(as_bytes(state))
            if report is not None:
                report(row)
    return {name: value.cpu() for name, value in best_weights.items()}, history


def _why_not_finite(samples: Samples, config: Training) -> str:
    """What to do: inputs are read only now, for they may be larger than memory."""
    for stage, one in enumerate(samples.inputs):
        if not np.isfinite(one).all():
            return f"samples hold inputs of stage {stage} that are not finite, run the voxels step again"
    return f"lower training.learning_rate = {config.learning_rate:g}"


def as_bytes(content: Any) -> memoryview:
    """What `torch.save` makes of it: in a file of its own it would not survive a disk that fills up."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getbuffer()


def _total(fabric: Fabric, share: torch.Tensor) -> float:
    """Sum over the processes."""
    whole = fabric.all_reduce(share, reduce_op="sum")
    assert isinstance(whole, torch.Tensor)
    return float(whole)


def _schedule(optimiser: Any, config: Training, n_batches: int) -> torch.optim.lr_scheduler.LRScheduler:
    optimiser = getattr(optimiser, "optimizer", optimiser)
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=config.epochs * n_batches)


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def predict(
    network: Predictor,
    samples: Samples,
    scaling: Scaling,
    stages: Int64[np.ndarray, "chosen"],
    decoded: bool = True,
) -> Float[np.ndarray, "chosen"]:
    """Predicted fluctuation of the chosen stages [p]; as the network gives it where not decoded.

    Raises
    ------
    MicroslipError
        The samples' inputs or grid are not those of the network; stages that the samples do not hold; a prediction that
        is not finite.
    """
    check_samples(samples)
    arguments.record("network", network, Predictor, "give a network, such as that of train")
    arguments.record("scaling", scaling, Scaling, "give what fit_scaling returns")
    arguments.flag("decoded", decoded)
    stages = arguments.wholes("stages", stages, ("entry",), 0, len(samples.target) - 1)
    if samples.names != scaling.names:
        raise MicroslipError(
            f"the network of this scaling takes {', '.join(scaling.names)}, the samples hold {', '.join(samples.names)}"
        )
    network.eval()
    device = next(network.parameters()).device
    parts = [np.empty(0, dtype=np.float32)]
    with torch.inference_mode():
        for start in range(0, len(stages), PREDICTION_BATCH):
            voxels = assemble(samples, scaling, stages[start : start + PREDICTION_BATCH]).to(device)
            parts.append(network(voxels).float().cpu().numpy())
    prediction = np.concatenate(parts)
    if not np.isfinite(prediction).all():
        bad = int(stages[np.argmin(np.isfinite(prediction))])
        raise MicroslipError(
            f"samples: the prediction of stage {bad} is not finite: its inputs or the network's weights are not"
        )
    return scaling.decode(prediction) if decoded else prediction
