"""What the pattern adds to the amplitude: networks trained on less, line by line of one table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, read_table, replacing, write_json, write_table
from microslip.data.openings import log_openings
from microslip.data.run import Run
from microslip.grids.coarse import place_nodes
from microslip.grids.splits import RULES, TEST, TRAIN, SplitSets, split_stages
from microslip.learn.ablation_lines import Line, boosted_rows, lines_of_changes, summarise, train_line
from microslip.learn.baselines import (
    CLUSTER_NUMBERS,
    amplitude_features,
    cluster_features,
    known_features,
    length_feature,
)
from microslip.learn.config import OF_STAGE
from microslip.learn.inputs import STAGES_PER_READ, read_inputs
from microslip.learn.learning_curves import describe, learning_curves
from microslip.learn.networks.predictor import has_room
from microslip.learn.reading import stage_reader
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.opening import opening
from microslip.steps.trained_cell import fit_to_cell
from microslip.steps.voxels import field_voxels

LEAST_TRAINING_STAGES = 10


def ablate_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Train networks on changed inputs under both splits, and put their scores beside the untouched one's."""
    config = fit_to_cell(run, config, say)
    stages, settings = run.stages, config.ablation
    target, cycle = stages["fluctuation"].to_numpy(), stages["cycle"].to_numpy()
    training = config.training.model_copy(update={"epochs": settings.epochs or config.training.epochs, "ensemble": 1})
    both = {rule: split_stages(rule, len(target), config.split, training.seed) for rule in RULES}
    _refuse_small_shares(settings.training_shares, len(both["random"][TRAIN]))
    splits: dict[str, SplitSets] = {rule: both[rule] for rule in settings.rules}
    lines = list(_lines(run, config, say))
    if not lines and not settings.baselines:
        raise MicroslipError("nothing to ablate: name ablation.variants, or leave ablation.baselines = true")
    # what would be missed after hours is missed now
    if lines:
        next(lines[0].batches())
    features = _features(run) if settings.baselines else {}
    partial_results = scratch_folder(run.folder / ".ablating", mark)
    per_line = len(splits) * settings.seeds
    n_epochs, rows = len(lines) * per_line * training.epochs, []
    for done, line in enumerate(lines):
        kept = partial_results / f"{line.name}.json"
        if not kept.exists():

            def report(number: int, epoch: int, done: int = done) -> None:
                advance((done * per_line + number) * training.epochs + epoch, n_epochs)

            of_line = train_line(
                line, splits, target, cycle, config.network, training, settings.seeds, partial_results, report
            )
            more = {} if line.name == "input-full" else {"ablated": line.name}
            log_openings(
                run.folder,
                [
                    opening(
                        "ablate", f"{line.family} {line.value}", rule, target[sets[TEST]], config.network, training,
                        settings.seeds, **more,
                    )
                    for rule, sets in splits.items()
                ],
            )  # fmt: skip
            write_json(kept, of_line)
            for row in of_line:
                if row["seed"] == training.seed:
                    say(
                        f"{line.family} {line.value}, {row['rule']} split: test R² {row['r2']:.3f}"
                        f" [{row['r2_low']:.3f}, {row['r2_high']:.3f}]"
                    )
        rows += read_json(kept, numbers=True)
        advance((done + 1) * per_line * training.epochs, n_epochs)
    if features:
        _say_unknown(features["clusters"], splits, say)
        rows += boosted_rows(features, splits, target, cycle, training.seed)
    table = pd.DataFrame(rows)
    curves = learning_curves(table, training.seed)
    with replacing(run.folder / "ablations") as beside:
        beside.mkdir()
        write_table(beside / "ablations.csv", table)
        write_table(beside / "summary.csv", summarise(table))
        write_table(beside / "learning_curve.csv", curves)
    shutil.rmtree(partial_results)
    for sentence in describe(curves):
        say(sentence)


def _refuse_small_shares(shares: tuple[float, ...], n_train: int) -> None:
    for share in shares:
        if share * n_train < LEAST_TRAINING_STAGES:
            raise MicroslipError(
                f"ablation.training_shares = {share:g} leaves fewer than {LEAST_TRAINING_STAGES} of {n_train} training"
                " stages: leave it out, or shear longer"
            )


def _lines(run: Run, config: Config, say: Say) -> Iterator[Line]:
    """The untouched input and every change of it, in the order of the table."""
    settings, own = config.ablation, config.voxels
    reader = stage_reader(run, config.network.inputs, config.training)
    yield from lines_of_changes(settings, reader.batches, config.training.seed)
    for spacing in settings.spacings:
        grid = place_nodes(run.box, spacing, own.faces).shape
        if not has_room(grid, config.network):
            say(
                f"spacing {spacing:g} is left out: {' × '.join(map(str, grid))} nodes are too few for"
                f" {len(config.network.channels)} poolings"
            )
            continue
        yield Line("spacing", f"{spacing:g}", partial(_voxels_of, run, config, {"spacing": spacing}))
    for radius in settings.radii:
        yield Line("radius", f"{radius:g}", partial(_voxels_of, run, config, {"radius": radius}))


def _voxels_of(run: Run, config: Config, changed: dict[str, float]) -> Iterator[np.ndarray]:
    """The network's inputs on another grid, on their scales."""
    increments, names, training = run.stages["strain_increment"].to_numpy(), config.network.inputs, config.training
    fields = tuple(dict.fromkeys(["d2min", *(name for name in names if name not in OF_STAGE)]))
    settings = config.voxels.model_copy(update={**changed, "fields": fields})
    for start in range(0, len(increments), STAGES_PER_READ):
        some = slice(start, min(start + STAGES_PER_READ, len(increments)))
        grids = field_voxels(run, settings, some)
        voxels = xr.Dataset({name: (("stage", "x", "y", "z"), grid) for name, grid in grids.items()})
        yield from read_inputs(voxels, increments[some], names, training.floor, training.transform, start)


def _features(run: Run) -> dict[str, np.ndarray]:
    """Hand-made numbers of every stage, by name."""
    features = amplitude_features(run.fields["d2min"]) | {"strain_increment": length_feature(run.stages)}
    features["clusters"] = cluster_features(read_table(run.folder / "statistics" / "stages.csv", ["stage"]))
    return features | {"all of these": np.concatenate(list(features.values()), axis=1)}


def _say_unknown(clusters: np.ndarray, splits: dict[str, SplitSets], say: Say) -> None:
    for rule, sets in splits.items():
        known = known_features(clusters, sets)
        if unknown := [name for name, is_known in zip(CLUSTER_NUMBERS, known, strict=True) if not is_known]:
            say(f"{', '.join(unknown)}: known in no training stage of the {rule} split, so that trees do without")
