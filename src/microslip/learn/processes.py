"""The processes of a training: this one, or several that share every batch."""

from __future__ import annotations

import functools
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

from microslip.core.errors import MicroslipError
from microslip.core.jobs import outside_any_job
from microslip.core.stopping import shielded
from microslip.data.spread import MOST_PER_CORE
from microslip.learn.config import Training
from microslip.learn.state import History

PRECISION: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed"}

Report = Callable[[dict[str, float | int]], None]
"""Called after an epoch with its row of the history."""

Weights = dict[str, torch.Tensor]

Fit = Callable[[Fabric, Report | None, Callable[[], bool]], tuple[Weights, History]]
"""The work of one process: its place among them, whom to report to, and whether to stop after the epoch."""

# every process would say on the error stream that it has begun
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)


def check_machine(config: Training) -> None:
    """Refuse what this machine cannot run, or would run while it waits for itself.

    Raises
    ------
    MicroslipError
        No GPU where one is asked for, more processes than GPUs, or many times the threads that can run.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise MicroslipError("training.device = cuda, but torch sees no GPU: use cpu or auto")
    n_cores, n_gpus = len(os.sched_getaffinity(0)), torch.cuda.device_count()
    if config.device != "cpu" and n_gpus and config.processes > n_gpus:
        raise MicroslipError(
            f"training.processes = {config.processes} is more than the {n_gpus} GPUs here: lower it, or set"
            " training.device = cpu"
        )
    for key, n in (("threads", config.threads), ("processes", config.processes)):
        if n > MOST_PER_CORE * n_cores:
            raise MicroslipError(
                f"training.{key} = {n} is more than {MOST_PER_CORE} on each of the {n_cores} cores that this process"
                " may use: lower it"
            )


def in_processes(fit: Fit, config: Training, report: Report | None) -> tuple[Weights, History]:
    """What `fit` returns, done by as many processes as configured, whatever the job that this one is in."""
    with outside_any_job():
        if config.processes == 1:
            return fit(_fabric(config, "auto"), report, lambda: False)
        return _in_several(fit, config, report)


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


def _in_several(fit: Fit, config: Training, report: Report | None) -> tuple[Weights, History]:
    """The work of new processes; a thread passes on what the first of them reports.

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
            work = functools.partial(_fit_as_arrays, fit=fit, rows=rows, stop=stop)
            result: Any = _fabric(config, "ddp_spawn").launch(work)
        finally:
            rows.put(None)
            reader.join()
    if raised:
        raise raised[0]
    if isinstance(result, MicroslipError):
        raise result
    weights, history = result
    return {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}, history


def _fit_as_arrays(fabric: Fabric, fit: Fit, rows: Any, stop: Any) -> Any:
    """`fit` in a process: arrays in place of tensors, whose memory ends with the process, and errors as results."""
    try:
        weights, history = fit(fabric, rows.put, stop.is_set)
    except MicroslipError as problem:
        return problem
    return {name: value.numpy() for name, value in weights.items()}, history


def sum_of_all(fabric: Fabric, share: torch.Tensor) -> float:
    """Sum over the processes."""
    whole = fabric.all_reduce(share, reduce_op="sum")
    assert isinstance(whole, torch.Tensor)
    return float(whole)
