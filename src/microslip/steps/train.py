"""From voxels to predictions."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.messages import Caution
from microslip.data.files import replacing, write_json, write_table
from microslip.data.openings import log_openings
from microslip.data.overview import metric_lines
from microslip.data.run import Run
from microslip.grids.splits import RULES, TEST, SplitSets, split_stages
from microslip.learn.baselines import boosting, ridge
from microslip.learn.checkpoint import checkpoint_name, save_checkpoint
from microslip.learn.ensemble import interval_scores, train_ensemble
from microslip.learn.evaluate import evidence_tables, score_all
from microslip.learn.reading import keep_samples, stage_features, stage_reader
from microslip.learn.samples import Samples, n_without_pattern
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.opening import opening
from microslip.steps.trained_cell import describe_cell, fit_to_cell


def train_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Train the network under the random and the blocked split, with baselines."""
    config = fit_to_cell(run, config, say)
    stages, settings = run.stages, config.training
    target, cycle = stages["fluctuation"].to_numpy(), stages["cycle"].to_numpy()
    splits = {rule: split_stages(rule, len(target), config.split, settings.seed) for rule in RULES}
    partial = scratch_folder(run.folder / ".training", mark)
    reader = stage_reader(run, config.network.inputs, settings)
    samples = keep_samples(reader.batches(), reader.names, target, partial / "inputs.npy")
    features = stage_features(run)

    ensembles, histories, predictions, metrics = {}, [], [], {}
    n_epochs = settings.ensemble * settings.epochs
    for number, (rule, sets) in enumerate(splits.items()):

        def report(done: int, total: int, number: int = number) -> None:
            advance(number * n_epochs + done, len(splits) * n_epochs)

        ensemble = train_ensemble(samples, sets, config.network, settings, partial / rule, report)
        baselines = {name: boosting(values, target, sets, settings.seed) for name, values in features.items()}
        baselines["ridge_voxels"] = ridge(samples, ensemble.scaling, sets)
        metrics[rule] = score_all({"network": ensemble.prediction} | baselines, target, cycle, sets, settings.seed)
        for name, chosen in sets.items():
            metrics[rule]["network"][name] |= interval_scores(ensemble, target, chosen)
        table = ensemble.predictions
        table.insert(1, "rule", rule)
        for name, values in baselines.items():
            table.insert(table.columns.get_loc("spread"), name, values[table["stage"]])
        predictions.append(table)
        histories.append(ensemble.history.assign(rule=rule))
        ensembles[rule] = ensemble
    table = pd.concat(predictions, ignore_index=True)
    log_openings(
        run.folder,
        [
            opening("train", "network", rule, target[sets[TEST]], config.network, settings, settings.ensemble)
            for rule, sets in splits.items()
        ],
    )
    with replacing(run.folder / "model") as beside:
        beside.mkdir()
        for rule, ensemble in ensembles.items():
            for member, trained in enumerate(ensemble.members):
                path = beside / checkpoint_name(rule, member)
                save_checkpoint(trained, config.network, settings, describe_cell(run, config), path)
        write_table(beside / "history.csv", pd.concat(histories, ignore_index=True))
        write_table(beside / "predictions.csv", table)
        for name, evidence in evidence_tables(table).items():
            write_table(beside / f"{name}.csv", evidence)
        write_json(beside / "metrics.json", metrics)
    shutil.rmtree(partial)
    for line in metric_lines(metrics):
        say(line)
    _say_what_is_not_enough(samples, splits, metrics, say)


def _say_what_is_not_enough(samples: Samples, splits: dict[str, SplitSets], metrics: dict[str, Any], say: Say) -> None:
    """Stages without a pattern, and scores that are no numbers, each with the reason."""
    if n_even := n_without_pattern(samples):
        say(
            Caution(
                f"{n_even} of {len(samples.target)} stages are the same at every node, such as without any motion that"
                " is known: there is no pattern in them to learn from"
            )
        )
    for rule, sets in splits.items():
        of_network = metrics[rule]["network"]["test"]
        n_test, n_held = len(sets["test"]), len(sets["validation"])
        if not np.isfinite(of_network["r2"]):
            say(f"{rule} split: no R², {n_test} test stages are too few or all alike")
        elif not np.isfinite(of_network["r2_low"]):
            say(f"{rule} split: no interval of R², {n_test} test stages lie in too few cycles")
        if not np.isfinite(of_network["coverage"]):
            say(f"{rule} split: no intervals of predictions, {n_held} validation stages are too few for 90 %")
