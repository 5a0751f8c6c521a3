"""What the pattern adds to the amplitude: networks trained on less, line by line of one table."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
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

# Costs, in those of the untouched line, above which a line is trained after all others.
DEAR = 4.0


def ablate_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> dict[str, list[str]]:
    """Train networks on changed inputs under both splits, and put their scores beside the untouched one's.

    Returns the lines that `ablation.hours` left no time for, as `unfinished`.
    """
    config = fit_to_cell(run, config, say)
    stages, settings = run.stages, config.ablation
    target, cycle = stages["fluctuation"].to_numpy(), stages["cycle"].to_numpy()
    training = config.training.model_copy(update={"epochs": settings.epochs or config.training.epochs, "ensemble": 1})
    both = {rule: split_stages(rule, len(target), config.split, training.seed) for rule in RULES}
    _refuse_small_shares(settings.training_shares, len(both["random"][TRAIN]))
    splits: dict[str, SplitSets] = {rule: both[rule] for rule in settings.rules}
    # the dearest last, so that a budget is spent on many lines and not on one
    lines = sorted(_lines(run, config, say), key=lambda line: line.cost > DEAR)
    if not lines and not settings.baselines:
        raise MicroslipError("nothing to ablate: name ablation.variants, or leave ablation.baselines = true")
    # what would be missed after hours is missed now
    if lines:
        next(lines[0].batches())
    features = _features(run) if settings.baselines else {}
    partial_results = scratch_folder(run.folder / ".ablating", mark)
    per_line = len(splits) * settings.seeds
    n_epochs, rows = len(lines) * per_line * training.epochs, []
    missing = [line for line in lines if not (partial_results / f"{line.name}.json").exists()]
    budget = Budget(settings.hours, _seconds_of_a_line(run, training.epochs * per_line))
    _say_how_long(budget, missing, len(lines), say)
    left_out: list[str] = []
    for done, line in enumerate(lines):
        kept = partial_results / f"{line.name}.json"
        if not kept.exists():
            if not budget.allows(line.cost):
                left_out.append(f"{line.family} {line.value}")
                continue
            began = time.monotonic()

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
            budget.spent(line.cost, time.monotonic() - began)
            _say_stuck(line, of_line, say)
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
    if left_out:
        say(
            Caution(
                f"ablation.hours = {settings.hours:g} left no time for {len(left_out)} of {len(lines)} lines:"
                f" {', '.join(left_out)}; the same command goes on with them"
            )
        )
    else:
        shutil.rmtree(partial_results)
    for sentence in describe(curves):
        say(sentence)
    return {"unfinished": left_out} if left_out else {}


class Budget:
    """Hours, and what is spent of them; a line's time is that of the lines before it, in proportion to their cost."""

    def __init__(self, hours: float | None, seconds: float | None) -> None:
        self.end = None if hours is None else time.monotonic() + 3600 * hours
        self.seconds, self.n_lines, self.cost, self.took = seconds, 0, 0.0, 0.0

    def allows(self, cost: float) -> bool:
        """Whether a line of this cost would end in time; the first one of a start always may."""
        if self.end is None or self.n_lines == 0:
            return True
        return time.monotonic() + cost * (self.seconds or 0.0) <= self.end

    def spent(self, cost: float, seconds: float) -> None:
        """Count a line that was trained."""
        self.n_lines, self.cost, self.took = self.n_lines + 1, self.cost + cost, self.took + seconds
        self.seconds = self.took / self.cost


def _seconds_of_a_line(run: Run, n_epochs: int) -> float | None:
    """What the untouched line takes, by the epochs of the run's own training; None where it has none."""
    path = run.folder / "model" / "history.csv"
    return float(read_table(path, ["seconds"])["seconds"].median()) * n_epochs if path.exists() else None


def _say_how_long(budget: Budget, missing: list[Line], n_lines: int, say: Say) -> None:
    if budget.seconds is not None and missing:
        hours = budget.seconds * sum(line.cost for line in missing) / 3600
        say(f"{len(missing)} of {n_lines} lines are to be trained, some {hours:.2g} h by model/history.csv")


def _say_stuck(line: Line, rows: list[dict[str, Any]], say: Say) -> None:
    if restarts := sum(row["restarts"] for row in rows):
        still = sum(row["stuck"] for row in rows)
        say(
            f"{line.family} {line.value}: {restarts} trainings were stuck, predicting one number for all stages, and"
            f" began anew with another seed; {still} of {len(rows)} ended so"
        )


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
        batches = partial(_voxels_of, run, config, {"spacing": spacing})
        yield Line("spacing", f"{spacing:g}", batches, cost=(own.spacing / spacing) ** 3)
    periodic = [length for length, repeats in zip(run.box.lengths, run.box.periodic, strict=True) if repeats]
    half = min(periodic, default=np.inf) / 2
    for radius in settings.radii:
        if radius > half:
            say(f"radius {radius:g} is left out: it exceeds half the smallest periodic length, {half:g} d̄")
            continue
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
