"""A search of the training's settings by validation loss, with its record."""

from __future__ import annotations

import shutil
from typing import Any

from microslip.config import Config
from microslip.core.disk import naming
from microslip.data.files import replacing, write_json, write_table
from microslip.data.run import Run
from microslip.grids.splits import split_stages
from microslip.learn.reading import keep_samples, stage_reader
from microslip.learn.search import search
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.trained_cell import fit_to_cell


def search_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Find a good learning rate, decay, batch, head and kind of network; the test set stays closed."""
    config = fit_to_cell(run, config, say)
    settings, training = config.search, config.training
    target = run.stages["fluctuation"].to_numpy()
    sets = split_stages(settings.rule, len(target), config.split, training.seed)
    partial = scratch_folder(run.folder / ".searching", mark)
    reader = stage_reader(run, config.network.inputs, training)
    samples = keep_samples(reader.batches(), reader.names, target, partial / "inputs.npy")
    with naming(partial / "study.db"):
        result = search(samples, sets, config.network, training, settings, partial, advance)
    with replacing(run.folder / "search") as beside:
        beside.mkdir()
        write_table(beside / "trials.csv", result.trials)
        write_json(beside / "best.json", result.best)
        shutil.copy(partial / "study.db", beside / "study.db")
    shutil.rmtree(partial)
    overrides = " ".join(f"--set {key}={_written(value)}" for key, value in result.best["settings"].items())
    say(f"best validation loss {result.best['validation_loss']:.4f} with {overrides}")


def _written(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
