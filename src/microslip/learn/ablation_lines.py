"""Networks trained on less, each a line of one table beside the untouched input, and trees on hand-made numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from microslip.grids.splits import TEST, TRAIN, SplitSets
from microslip.learn.ablations import change_of, cut
from microslip.learn.baselines import boosting
from microslip.learn.config import Ablation, Network, Training
from microslip.learn.evaluate import all_scores, r_squared
from microslip.learn.inputs import Change, changed
from microslip.learn.prediction import predict
from microslip.learn.reading import keep_samples
from microslip.learn.samples import fit_scaling
from microslip.learn.train import train

# A training that is stuck begins anew so often, with a seed so much higher: no other training has it.
MOST_RESTARTS, SEED_OF_RESTART = 2, 1_000_000

# What a network is stuck by: epochs that it must have had, R² and spread of its predictions of the training set.
FEWEST_EPOCHS, STUCK_R2, STUCK_SPREAD = 5, 0.01, 0.02

Batches = Callable[[], Iterator[np.ndarray]]
"""Begins to read the inputs of all stages, some at a time."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Line:
    """One line of the table: what family of changes it belongs to, the value, and how the network's inputs are made.

    `cost`: of an epoch, in those of the untouched input.
    """

    family: str
    value: str
    batches: Batches
    training_share: float = 1.0
    cost: float = 1.0

    @property
    def name(self) -> str:
        """Of the files that keep its results."""
        return f"{self.family}-{self.value}".replace(" ", "_")


def lines_of_changes(settings: Ablation, untouched: Batches, seed: int) -> Iterator[Line]:
    """The untouched input and every change of it that needs no other voxels, in the order of the table."""

    def by(change: Change | None) -> Batches:
        return untouched if change is None else lambda: changed(untouched(), change, seed)

    for name in settings.variants:
        yield Line("input", name, by(change_of(name, settings.active_fraction)))
    for share in settings.cell_shares:
        yield Line("cell share", f"{share:g}", by(partial(cut, share=share)), cost=share)
    for share in settings.training_shares:
        yield Line("training share", f"{share:g}", untouched, share, share)


def with_less(sets: SplitSets, share: float, rule: str, seed: int) -> SplitSets:
    """The sets with a part of the training set; of blocks the stages nearest to those that judge: a shorter run."""
    if share >= 1:
        return dict(sets)
    n = round(share * len(sets[TRAIN]))
    drawn = np.random.default_rng(seed).permutation(sets[TRAIN])[:n]
    return sets | {TRAIN: np.sort(drawn) if rule == "random" else sets[TRAIN][-n:]}


def train_line(
    line: Line,
    splits: dict[str, SplitSets],
    target: Float[np.ndarray, "stage"],
    cycle: Int[np.ndarray, "stage"],
    network: Network,
    training: Training,
    n_seeds: int,
    folder: Path,
    report: Callable[[int, int], None],
) -> Rows:
    """Scores of the line's networks on the test set of every rule, for every seed.

    Parameters
    ----------
    line
        What the networks see.
    splits
        The sets of every rule.
    target, cycle
        Fluctuation [p] and cycle of every stage.
    network, training, n_seeds
        Shape and training of the networks, with seeds from `training.seed` on.
    folder
        Where inputs and the states of interrupted trainings are kept.
    report
        Called after every epoch with the number of the training and that of the epochs done.
    """
    samples = keep_samples(line.batches(), network.inputs, target, folder / "inputs.npy")
    rows: Rows = []
    for rule, whole in splits.items():
        sets = with_less(whole, line.training_share, rule, training.seed)
        scaling = fit_scaling(samples, sets[TRAIN], training)
        for seed in range(training.seed, training.seed + n_seeds):

            def advance(row: dict[str, float | int], number: int = len(rows)) -> None:
                report(number, int(row["epoch"]) + 1)

            for restarts in range(MOST_RESTARTS + 1):
                own = training.model_copy(update={"seed": seed + restarts * SEED_OF_RESTART})
                state = folder / f"{line.name}-{rule}-{own.seed}.pt"
                trained = train(samples, sets, scaling, network, own, state, advance)
                prediction = predict(trained.network, samples, scaling, np.arange(len(target)))
                stuck = is_stuck(target[sets[TRAIN]], prediction[sets[TRAIN]], len(trained.history))
                if not stuck:
                    break
            rows.append(
                {"family": line.family, "value": line.value, "rule": rule, "seed": seed}
                | _scored(target, prediction, cycle, sets, seed)
                | {"nodes": " × ".join(str(size) for size in samples.grid), "epochs": len(trained.history)}
                | {"restarts": restarts, "stuck": int(stuck)}
            )
    for state in folder.glob(f"{line.name}-*.pt"):
        state.unlink()
    return rows


def is_stuck(target: Float[np.ndarray, "stage"], prediction: Float[np.ndarray, "stage"], n_epochs: int) -> bool:
    """Whether a network that had epochs enough predicts one number for all its training stages: dead units, no score.

    R² below 0.01 on the training set, and predictions that spread by less than 2 % of what the fluctuations do. An
    input without any information ends so as well: then all restarts do.
    """
    if n_epochs < FEWEST_EPOCHS:
        return False
    return bool(r_squared(target, prediction) < STUCK_R2 and np.std(prediction) < STUCK_SPREAD * np.std(target))


def boosted_rows(
    features: dict[str, Float[np.ndarray, "stage feature"]],
    splits: dict[str, SplitSets],
    target: Float[np.ndarray, "stage"],
    cycle: Int[np.ndarray, "stage"],
    seed: int,
) -> Rows:
    """Boosting on hand-made numbers, on the same test sets."""
    return [
        {"family": "boosting", "value": name, "rule": rule, "seed": seed}
        | _scored(target, boosting(values, target, sets, seed), cycle, sets, seed)
        | {"restarts": 0, "stuck": 0}
        for name, values in features.items()
        for rule, sets in splits.items()
    ]


def _scored(
    target: np.ndarray, prediction: np.ndarray, cycle: np.ndarray, sets: SplitSets, seed: int
) -> dict[str, Any]:
    """Size of the training set, scores on the test set with intervals, and R² on the training set."""
    train_set, test = sets[TRAIN], sets[TEST]
    of_test = all_scores(target[test], prediction[test], cycle[test], seed)
    return {"n_train": len(train_set), **of_test, "r2_train": r_squared(target[train_set], prediction[train_set])}


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """R² and sign accuracy of every line and rule: mean over seeds, the interval's mean ends, difference from `full`.

    Returns
    -------
    Columns family, value, rule, seeds, n_train, r2, r2_low, r2_high, r2_spread (over seeds), sign_accuracy, r2_stick,
    r2_slip, r2_train, restarts and stuck, the numbers of trainings begun anew and of those that ended stuck,
    less_than_full.
    """
    columns = ["n_train", "r2", "r2_low", "r2_high", "sign_accuracy", "r2_stick", "r2_slip", "r2_train"]
    groups = table.groupby(["family", "value", "rule"], sort=False)
    summary = groups[columns].mean()
    summary.insert(0, "seeds", groups.size())
    summary["r2_spread"] = groups["r2"].std()
    for name in ("restarts", "stuck"):
        summary[name] = groups[name].sum().astype(int)
    summary = summary.reset_index()
    full = summary[(summary["family"] == "input") & (summary["value"] == "full")].set_index("rule")["r2"]
    summary["less_than_full"] = summary["rule"].map(full) - summary["r2"]
    return summary
