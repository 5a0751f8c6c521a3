"""A search of the training's settings by validation loss, with its record."""

from __future__ import annotations

import shutil
from typing import Any

from microslip.config import Config
from microslip.core.disk import naming
from microslip.data.files import replacing, write_json, write_table
from microslip.data.run import Run
from microslip.steps.common import Advance, Say
from microslip.steps.train import fit_to_cell, keep_only


def search_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Find a good learning rate, decay, batch, head and kind of network; the test set stays closed."""
    from microslip.grids.splits import blocked_split, random_split
    from microslip.learn.inputs import read_inputs, write_inputs
    from microslip.learn.samples import Samples
    from microslip.learn.search import search

    config = fit_to_cell(run, config, say)
    stages, settings, training = run.stages, config.search, config.training
    target = stages["fluctuation"].to_numpy()
    split = random_split(len(target), config.split, training.seed)
    if settings.rule == "blocked":
        split = blocked_split(len(target), config.split)
    partial = run.folder / ".searching"
    keep_only(partial, mark)
    names = config.network.inputs
    batches = read_inputs(run.voxels, stages["strain_increment"].to_numpy(), names, training.floor, training.transform)
    samples = Samples(write_inputs(partial / "inputs.npy", len(target), batches), names, target)
    with naming(partial / "study.db"):
        found = search(samples, split, config.network, training, settings, partial, advance)
    with replacing(run.folder / "search") as beside:
        beside.mkdir()
        write_table(beside / "trials.csv", found.trials)
        write_json(beside / "best.json", found.best)
        shutil.copy(partial / "study.db", beside / "study.db")
    shutil.rmtree(partial)
    overrides = " ".join(f"--set {key}={_written(value)}" for key, value in found.best["settings"].items())
    say(f"best validation loss {found.best['validation_loss']:.4f} with {overrides}")


def _written(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
