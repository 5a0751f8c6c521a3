"""Settings of the training chosen by validation alone; Optuna proposes, stops what lags, and keeps the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.grids.splits import SplitSets
from microslip.learn.config import Network, Search, Training
from microslip.learn.networks.registry import NETWORKS
from microslip.learn.samples import Samples, fit_scaling
from microslip.learn.train import LossNotFiniteError, train


@dataclass(frozen=True)
class SearchResult:
    """`trials`: number, state, validation_loss, epochs and the settings tried; `best`: the same of the best one."""

    trials: pd.DataFrame
    best: dict[str, Any]


def search(
    samples: Samples,
    sets: SplitSets,
    network: Network,
    training: Training,
    settings: Search,
    folder: Path,
    advance: Callable[[int, int], None],
) -> SearchResult:
    """Try settings until there are `settings.trials`, with the trials of an interrupted search counted.

    Parameters
    ----------
    samples, sets
        As in `train`; the test set is not looked at.
    network, training
        What is not searched stays as it is here. Searched are training.learning_rate, weight_decay, batch_size, and
        network.kind, batch_normalisation (of the plain network) and hidden.
    settings
        Trials, their epochs, the seed of the proposals.
    folder
        Where study.db, the record, is kept.
    advance
        Called with the number of trials done and wanted.

    Raises
    ------
    MicroslipError
        No trial ended with a finite loss.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="microslip",
        storage=f"sqlite:///{folder / 'study.db'}",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=settings.epochs // 3),
    )
    # a search that goes on must not propose what it proposed before
    study.sampler = optuna.samplers.TPESampler(seed=settings.seed + 1009 * len(study.trials))
    scaling = fit_scaling(samples, sets["train"], training)

    def train_trial(trial: Any) -> float:
        chosen_training = training.model_copy(
            update={
                "learning_rate": trial.suggest_float("training.learning_rate", 1e-4, 3e-3, log=True),
                "weight_decay": trial.suggest_float("training.weight_decay", 1e-6, 1e-2, log=True),
                "batch_size": trial.suggest_categorical("training.batch_size", [16, 32, 64]),
                "epochs": settings.epochs,
                "patience": settings.epochs,
            }
        )
        kind = trial.suggest_categorical("network.kind", list(NETWORKS))
        chosen_network = network.model_copy(
            update={
                "kind": kind,
                "hidden": trial.suggest_categorical("network.hidden", [64, 128, 256]),
                "batch_normalisation": not NETWORKS[kind].normalises
                and trial.suggest_categorical("network.batch_normalisation", [False, True]),
            }
        )
        state = folder / f"trial-{trial.number}.pt"

        def report(row: dict[str, float | int]) -> None:
            trial.report(row["validation_loss"], int(row["epoch"]))
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            trained = train(samples, sets, scaling, chosen_network, chosen_training, state, report)
        except LossNotFiniteError as problem:
            # a rate too high is an answer too
            raise optuna.TrialPruned from problem
        finally:
            state.unlink(missing_ok=True)
        return float(trained.history["validation_loss"].min())

    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    while (n_done := len(study.get_trials(deepcopy=False, states=ended))) < settings.trials:
        advance(n_done, settings.trials)
        study.optimize(train_trial, n_trials=1)
    advance(settings.trials, settings.trials)
    trials = study.get_trials(states=ended)
    rows = [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "validation_loss": min(trial.intermediate_values.values(), default=np.nan),
            "epochs": len(trial.intermediate_values),
            **trial.params,
        }
        for trial in trials
    ]
    complete = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    if not complete:
        raise MicroslipError(f"none of {len(trials)} trials ended with a finite loss: lower the learning rates")
    best = min(complete, key=lambda trial: float(trial.value or np.inf))
    summary = {"number": best.number, "validation_loss": best.value, "settings": best.params}
    return SearchResult(pd.DataFrame(rows), summary)
