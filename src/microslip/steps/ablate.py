"""What the pattern adds to the amplitude: networks trained on less, line by line of one table."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, read_table, replacing, write_json, write_table
from microslip.data.run import Run
from microslip.steps.common import Advance, Say
from microslip.steps.train import fit_to_cell, keep_only
from microslip.steps.voxels import field_voxels

STAGES_PER_BATCH = 64

LEAST_TRAINING_STAGES = 10


@dataclass(frozen=True)
class Line:
    """One line of the table: what family of changes it belongs to, the value, and how the network's inputs are made."""

    family: str
    value: str
    batches: Callable[[], Iterator[np.ndarray]]
    training_share: float = 1.0

    @property
    def name(self) -> str:
        """Of the files that keep its results."""
        return f"{self.family}-{self.value}".replace(" ", "_")


def ablate_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Train networks on changed inputs under both splits, and put their scores beside the untouched one's."""
    from microslip.grids.splits import blocked_split, random_split
    from microslip.learn.config import Training

    config = fit_to_cell(run, config, say)
    stages, settings = run.stages, config.ablation
    n_stages = len(stages)
    training: Training = config.training.model_copy(
        update={"epochs": settings.epochs or config.training.epochs, "ensemble": 1}
    )
    splits = {
        "random": random_split(n_stages, config.split, training.seed),
        "blocked": blocked_split(n_stages, config.split),
    }
    n_train = len(splits["random"]["train"])
    for share in settings.training_shares:
        if share * n_train < LEAST_TRAINING_STAGES:
            raise MicroslipError(
                f"ablation.training_shares = {share:g} leaves fewer than {LEAST_TRAINING_STAGES} of {n_train} training"
                " stages: leave it out, or shear longer"
            )
    lines = list(_lines(run, config, say))
    if not lines and not settings.baselines:
        raise MicroslipError("nothing to ablate: name ablation.variants, or leave ablation.baselines = true")
    # what would be missed after hours is missed now
    if lines:
        next(lines[0].batches())
    features = _features(run) if settings.baselines else {}
    partial = run.folder / ".ablating"
    keep_only(partial, mark)
    n_trainings = len(lines) * len(settings.rules) * settings.seeds
    done, rows = 0, []
    for line in lines:
        kept = partial / f"{line.name}.json"
        if not kept.exists():

            def report(number: int, epoch: int, done: int = done) -> None:
                advance((done + number) * training.epochs + epoch, n_trainings * training.epochs)

            found = _train_line(run, config, training, line, splits, partial, report)
            write_json(kept, found)
            for best in found:
                if best["seed"] == training.seed:
                    say(
                        f"{line.family} {line.value}, {best['rule']} split: test R² {best['r2']:.3f}"
                        f" [{best['r2_low']:.3f}, {best['r2_high']:.3f}]"
                    )
        rows += read_json(kept)
        done += len(settings.rules) * settings.seeds
        advance(done * training.epochs, n_trainings * training.epochs)
    if features:
        rows += _baselines(run, config, splits, features, say)
    table = pd.DataFrame(rows)
    with replacing(run.folder / "ablations") as beside:
        beside.mkdir()
        write_table(beside / "ablations.csv", table)
        write_table(beside / "summary.csv", summarise(table))
    shutil.rmtree(partial)


def _lines(run: Run, config: Config, say: Say) -> Iterator[Line]:
    """The untouched input and every change of it, in the order of the table."""
    from functools import partial

    from microslip.grids.coarse import place_nodes
    from microslip.learn.ablations import change_of, cut
    from microslip.learn.inputs import changed, read_inputs
    from microslip.learn.networks.predictor import has_room

    settings, training = config.ablation, config.training
    increments = run.stages["strain_increment"].to_numpy()

    def untouched() -> Iterator[np.ndarray]:
        return read_inputs(run.voxels, increments, config.network.inputs, training.floor, training.transform)

    def by_change(change: Any) -> Callable[[], Iterator[np.ndarray]]:
        return untouched if change is None else lambda: changed(untouched(), change, training.seed)

    for name in settings.variants:
        yield Line("input", name, by_change(change_of(name, settings.active_fraction)))
    for share in settings.cell_shares:
        yield Line("cell share", f"{share:g}", by_change(partial(cut, share=share)))
    for share in settings.training_shares:
        yield Line("training share", f"{share:g}", untouched, share)
    own = config.voxels
    for spacing in settings.spacings:
        grid = place_nodes(run.box, spacing).shape
        if not has_room(grid, config.network):
            told = " × ".join(map(str, grid))
            say(
                f"spacing {spacing:g} is left out: {told} nodes are too few for {len(config.network.channels)} poolings"
            )
            continue
        yield Line("spacing", f"{spacing:g}", partial(_voxels_of, run, config, spacing, own.radius))
    for radius in settings.radii:
        yield Line("radius", f"{radius:g}", partial(_voxels_of, run, config, own.spacing, radius))


def _voxels_of(run: Run, config: Config, spacing: float, radius: float) -> Iterator[np.ndarray]:
    """The network's inputs on another grid, on their scales."""
    from microslip.grids.coarse import place_nodes
    from microslip.learn.inputs import on_scale

    increments = run.stages["strain_increment"].to_numpy()
    shape = place_nodes(run.box, spacing).shape
    for start in range(0, len(increments), STAGES_PER_BATCH):
        some = slice(start, min(start + STAGES_PER_BATCH, len(increments)))
        fields = tuple(name for name in config.network.inputs if name != "strain_increment")
        voxels = field_voxels(run, fields, spacing, radius, some)
        channels: list[np.ndarray] = []
        for name in config.network.inputs:
            if name == "strain_increment":
                grids = np.broadcast_to(increments[some, None, None, None], (some.stop - some.start, *shape))
            else:
                grids = voxels[name]
            channels.append(on_scale(name, grids, config.training.floor, config.training.transform))
        yield np.stack(channels, axis=1)


def _train_line(
    run: Run,
    config: Config,
    training: Any,
    line: Line,
    splits: dict[str, dict[str, np.ndarray]],
    partial: Path,
    report: Callable[[int, int], None],
) -> list[dict[str, Any]]:
    """Scores of the line's network on the test set of every rule, for every seed."""
    from microslip.learn.inputs import write_inputs
    from microslip.learn.prediction import predict
    from microslip.learn.samples import Samples, fit_scaling
    from microslip.learn.train import train

    stages = run.stages
    target, cycle = stages["fluctuation"].to_numpy(), stages["cycle"].to_numpy()
    inputs = write_inputs(partial / "inputs.npy", len(target), line.batches())
    samples, rows, number = Samples(inputs, config.network.inputs, target), [], 0
    for rule in config.ablation.rules:
        sets = dict(splits[rule])
        n_train = round(line.training_share * len(sets["train"]))
        if line.training_share < 1:
            # the stages nearest to those that judge: a shorter run, not a thinner one
            drawn = np.random.default_rng(training.seed).permutation(sets["train"])[:n_train]
            sets["train"] = np.sort(drawn) if rule == "random" else sets["train"][-n_train:]
        scaling = fit_scaling(samples, sets["train"], training)
        for seed in range(training.seed, training.seed + config.ablation.seeds):
            state = partial / f"{line.name}-{rule}-{seed}.pt"

            def tell(row: dict[str, float | int], number: int = number) -> None:
                report(number, int(row["epoch"]) + 1)

            own = training.model_copy(update={"seed": seed})
            found = train(samples, sets, scaling, config.network, own, state, tell)
            prediction = predict(found.network, samples, scaling, np.arange(len(target)))
            rows.append(
                {"family": line.family, "value": line.value, "rule": rule, "seed": seed}
                | _scored(target, prediction, cycle, sets, seed)
                | {"nodes": " × ".join(str(size) for size in samples.grid), "epochs": len(found.history)}
            )
            number += 1
    for state in partial.glob(f"{line.name}-*.pt"):
        state.unlink()
    return rows


def _features(run: Run) -> dict[str, np.ndarray]:
    """Hand-made numbers of every stage, by name."""
    from microslip.learn.baselines import amplitude_features, cluster_features, length_feature

    features = amplitude_features(run.fields["d2min"]) | {"strain_increment": length_feature(run.stages)}
    features["clusters"] = cluster_features(read_table(run.folder / "statistics" / "stages.csv", ["stage"]))
    return features | {"all of these": np.concatenate(list(features.values()), axis=1)}


def _baselines(
    run: Run, config: Config, splits: dict[str, dict[str, np.ndarray]], features: dict[str, np.ndarray], say: Say
) -> list[dict[str, Any]]:
    """Boosting on hand-made numbers, on the same test sets."""
    from microslip.learn.baselines import CLUSTER_NUMBERS, boosting, known_features

    stages, seed = run.stages, config.training.seed
    target, cycle = stages["fluctuation"].to_numpy(), stages["cycle"].to_numpy()
    rows = []
    for rule in config.ablation.rules:
        known = known_features(features["clusters"], splits[rule])
        if unknown := [name for name, there in zip(CLUSTER_NUMBERS, known, strict=True) if not there]:
            say(f"{', '.join(unknown)}: known in no training stage of the {rule} split, so that trees do without")
    for name, values in features.items():
        for rule in config.ablation.rules:
            prediction = boosting(values, target, splits[rule], seed)
            rows.append(
                {"family": "boosting", "value": name, "rule": rule, "seed": seed}
                | _scored(target, prediction, cycle, splits[rule], seed)
            )
    return rows


def _scored(
    target: np.ndarray, prediction: np.ndarray, cycle: np.ndarray, sets: dict[str, np.ndarray], seed: int
) -> dict[str, Any]:
    """Size of the training set, scores on the test set with intervals, and R² on the training set."""
    from microslip.learn.evaluate import all_scores, r_squared

    train, test = sets["train"], sets["test"]
    found = all_scores(target[test], prediction[test], cycle[test], seed)
    return {"n_train": len(train), **found, "r2_train": r_squared(target[train], prediction[train])}


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """R² and sign accuracy of every line and rule: mean over seeds, the interval's mean ends, difference from `full`.

    Returns
    -------
    Columns family, value, rule, seeds, n_train, r2, r2_low, r2_high, r2_spread (over seeds), sign_accuracy, r2_stick,
    r2_slip, r2_train, less_than_full.
    """
    columns = ["n_train", "r2", "r2_low", "r2_high", "sign_accuracy", "r2_stick", "r2_slip", "r2_train"]
    groups = table.groupby(["family", "value", "rule"], sort=False)
    summary = groups[columns].mean()
    summary.insert(0, "seeds", groups.size())
    summary["r2_spread"] = groups["r2"].std()
    summary = summary.reset_index()
    full = summary[(summary["family"] == "input") & (summary["value"] == "full")].set_index("rule")["r2"]
    summary["less_than_full"] = summary["rule"].map(full) - summary["r2"]
    return summary
