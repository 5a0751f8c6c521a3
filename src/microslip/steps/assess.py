"""Network and baselines with several seeds, under every split and on folds that roll forward in strain."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.messages import Caution
from microslip.data.files import read_table, replacing, write_table
from microslip.data.openings import log_openings
from microslip.data.run import Run
from microslip.grids.splits import TEST, TRAIN, VALIDATION
from microslip.learn.assessment import ROLLING, assessed_splits, longest_embargo
from microslip.learn.baselines import boosting, ridge
from microslip.learn.lines import ALL_FOLDS, ENDS, INTERVALS, KEY, in_words, line_predictions, score_lines, size_lines
from microslip.learn.prediction import predict_with_scale
from microslip.learn.reading import keep_samples, stage_features, stage_reader
from microslip.learn.samples import fit_scaling
from microslip.learn.train import train
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.opening import opening
from microslip.steps.trained_cell import fit_to_cell


def assess_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Train with several seeds on every split and fold, and put the network's scores beside those of the baselines."""
    config = fit_to_cell(run, config, say)
    stages, settings = run.stages, config.assessment
    target, cycle = stages["fluctuation"].to_numpy(), stages["cycle"].to_numpy()
    training = config.training.model_copy(update={"epochs": settings.epochs or config.training.epochs, "ensemble": 1})
    splits = assessed_splits(stages, config.split, settings, training.seed)
    _say_embargo(stages, config, say)
    partial = scratch_folder(run.folder / ".assessing", mark)
    reader = stage_reader(run, config.network.inputs, training)
    samples = keep_samples(reader.batches(), reader.names, target, partial / "inputs.npy")
    features = stage_features(run)
    seeds = [training.seed + turn for turn in range(settings.seeds)]
    n_epochs, parts = len(splits) * settings.seeds * training.epochs, []
    for number, ((rule, fold), sets) in enumerate(splits.items()):
        kept = partial / f"{rule}-{fold}.csv"
        if not kept.exists():
            scaling, held, test = fit_scaling(samples, sets[TRAIN], training), sets[VALIDATION], sets[TEST]
            of_baselines = {
                name: boosting(values, target, sets, training.seed)[test] for name, values in features.items()
            }
            of_baselines["ridge_voxels"] = ridge(samples, scaling, sets)[test]
            predicted, seeds, both = (
                [],
                [training.seed + n for n in range(settings.seeds)],
                np.concatenate([held, test]),
            )
            for turn, own_seed in enumerate(seeds):
                done = (number * settings.seeds + turn) * training.epochs

                def report(row: dict[str, float | int], done: int = done) -> None:
                    advance(done + int(row["epoch"]) + 1, n_epochs)

                own = training.model_copy(update={"seed": own_seed})
                state = partial / f"{rule}-{fold}-{own.seed}.pt"
                trained = train(samples, sets, scaling, config.network, own, state, report)
                predicted.append(predict_with_scale(trained.network, samples, scaling, both))
            log_openings(
                run.folder,
                [
                    opening(
                        "assess", f"fold {fold}" if fold else "network", rule, target[test], config.network, training,
                        settings.seeds,
                    )
                ],
            )  # fmt: skip
            guesses, expected = (np.stack(parts_of) for parts_of in zip(*predicted, strict=True))
            table = line_predictions(guesses, target[both], len(held), seeds, test, of_baselines, expected)
            table.insert(0, "rule", rule)
            table.insert(1, "fold", fold)
            write_table(kept, table)
            for state in partial.glob(f"{rule}-{fold}-*.pt"):
                state.unlink()
        parts.append(read_table(kept, [*KEY, *INTERVALS, *ENDS]))
        advance((number + 1) * settings.seeds * training.epochs, n_epochs)
    predictions = pd.concat(parts, ignore_index=True)
    scores, summary = score_lines(predictions, cycle, settings.above, training.seed)
    with replacing(run.folder / "assessment") as beside:
        beside.mkdir()
        write_table(beside / "predictions.csv", predictions)
        write_table(beside / "scores.csv", scores)
        write_table(beside / "summary.csv", summary)
        for name, by_size in size_lines(predictions).items():
            write_table(beside / f"{name}.csv", by_size)
    shutil.rmtree(partial)
    for line in summary_lines(summary):
        say(line)


def summary_lines(summary: pd.DataFrame) -> list[str]:
    """R² of the network on every split, and on all folds together, and what it has more than the best baseline."""
    return [
        f"{rule} {'folds' if rule == ROLLING else 'split'}, {in_words(part)}"
        for (rule, fold), part in summary.groupby(["rule", "fold"], sort=False)
        if rule != ROLLING or fold == ALL_FOLDS
    ]


def _say_embargo(stages: pd.DataFrame, config: Config, say: Say) -> None:
    settings = config.assessment
    if not settings.folds:
        return
    first, last = float(stages["start_strain"].iloc[0]), float(stages["end_strain"].iloc[-1])
    embargo = longest_embargo(first, last, settings)
    if embargo < settings.embargo:
        say(
            Caution(
                f"{settings.folds} folds of a strain of {last - first:.3g} leave room for an embargo of {embargo:.2g},"
                f" not {settings.embargo:g}: the memory of the stress may reach from one set into the next"
            )
        )
