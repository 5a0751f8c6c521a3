"""Networks on stages that they were not made for: another run, every other run, all runs but one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.core.extras import require
from microslip.core.messages import Caution
from microslip.data.files import write_table
from microslip.data.provenance import digest_output, fingerprint
from microslip.data.run import Run
from microslip.learn.config import MOST_MEMBERS
from microslip.steps.common import Advance, Say
from microslip.steps.run_settings import run_config
from microslip.steps.train import checkpoint_name, describe_cell, differences, fit_to_cell, keep_only


def predict_elsewhere(run: Run, model: Path, into: Path | None, allow_transfer: bool, say: Say) -> pd.DataFrame:
    """Predict every stage of a run with the network of another one, and write and score the predictions.

    Raises
    ------
    MicroslipError
        The cells differ and that was not allowed; other voxels; no checkpoint.
    """
    require("learn", "microslip predict")
    from microslip.learn.evaluate import scores

    members = _load(model)
    differs = differences(members[0].cell, describe_cell(run, run_config(run.folder)))
    if differs and not allow_transfer:
        raise MicroslipError(
            f"{model} was trained on another cell ({'; '.join(differs)}): give --allow-transfer to use it all the same"
        )
    for line in differs:
        say(f"another cell: {line}")
    table = _predict(members, run, model)
    name = model.resolve().name if model.is_dir() else model.resolve().parent.parent.name
    target = into or run.folder / "transfer" / f"{name}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_table(target, table)
    found = scores(table["target"].to_numpy(), table["prediction"].to_numpy())
    say(f"R² {found['r2']:.3f}, sign right {found['sign_accuracy']:.1%}, {found['n']} stages → {target}")
    return table


def transfer_matrix(runs: list[Run], into: Path, leave_one_out: bool, advance: Advance, say: Say) -> pd.DataFrame:
    """R² of the network of each run on every run; on its own run on the stages of its test sets alone.

    Returns
    -------
    Columns trained_on, tested_on, rule, n, r2 with interval, sign_accuracy, spearman, rescaled_r2: R² after the best
    straight line, which forgives a wrong scale of the stress; written to transfer.csv.
    """
    require("learn", "microslip transfer")
    from microslip.views.figures.transfer import transfer_map
    from microslip.views.gallery import save_drawing
    from microslip.views.panels import Drawing

    names = [run.folder.resolve().name for run in runs]
    if len(runs) < 2 or len(set(names)) < len(names):
        raise MicroslipError(f"a transfer needs two runs or more with different names, given are: {', '.join(names)}")
    checkpoints = {name: _load(run.folder) for name, run in zip(names, runs, strict=True)}
    grids = {name: run.voxels["d2min"].shape[1:] for name, run in zip(names, runs, strict=True)}
    if len(set(grids.values())) > 1:
        told = ", ".join(f"{name} {' × '.join(map(str, grid))}" for name, grid in grids.items())
        raise MicroslipError(f"the runs have voxels of different sizes ({told}): a network takes one size only")
    for mine, members in checkpoints.items():
        for name, run in zip(names, runs, strict=True):
            here = describe_cell(run, run_config(run.folder))
            voxels = [line for line in differences(members[0].cell, here) if line.startswith("voxels.")]
            if voxels:
                say(Caution(f"{mine} on {name}, the nodes are made otherwise ({'; '.join(voxels)})"))
    rows: list[dict[str, Any]] = []
    total = len(runs) ** 2 + (len(runs) if leave_one_out else 0)
    for mine, checkpoint in checkpoints.items():
        for name, run in zip(names, runs, strict=True):
            table = _predict(checkpoint, run, runs[names.index(mine)].folder)
            if mine == name:
                kept = run.predictions
                held = kept[(kept["rule"] == "random") & (kept["split"] == "test")]["stage"]
                table = table[table["stage"].isin(held)]
            rows.append({"trained_on": mine, "tested_on": name, "rule": "random"} | _score(table, run))
            advance(len(rows), total)
    if leave_one_out:
        into.mkdir(parents=True, exist_ok=True)
        for left_out in range(len(runs)):
            others = [run for number, run in enumerate(runs) if number != left_out]
            table = _train_on_others(others, runs[left_out], into / f".without-{names[left_out]}")
            row = {"trained_on": f"all but {names[left_out]}", "tested_on": names[left_out], "rule": "leave one out"}
            rows.append(row | _score(table, runs[left_out]))
            advance(len(rows), total)
    found = pd.DataFrame(rows)
    into.mkdir(parents=True, exist_ok=True)
    write_table(into / "transfer.csv", found)
    drawing = Drawing(transfer_map(found, title="R² elsewhere"))
    save_drawing(drawing, into, "transfer")
    for row in found.itertuples():
        say(f"{row.trained_on} → {row.tested_on}: R² {row.r2:.3f} [{row.r2_low:.3f}, {row.r2_high:.3f}]")
    return found


def _load(model: Path) -> list[Any]:
    """A checkpoint; of a run folder all networks of the random split's ensemble, whose mean is the run's prediction."""
    from microslip.learn.checkpoint import load_checkpoint

    if not model.is_dir():
        return [load_checkpoint(model)]
    first, *others = (model / "model" / checkpoint_name("random", member) for member in range(MOST_MEMBERS))
    return [load_checkpoint(path) for path in (first, *(path for path in others if path.exists()))]


def _predict(members: list[Any], run: Run, path: Path) -> pd.DataFrame:
    """Stage, target and prediction, the mean over the networks of an ensemble, of all stages of a run."""
    from microslip.learn.inputs import read_inputs
    from microslip.learn.prediction import predict_fields

    scaling, grid = members[0].scaling, tuple(run.voxels["d2min"].shape[1:])
    if grid != tuple(members[0].network.grid):
        raise MicroslipError(
            f"{path} takes {tuple(members[0].network.grid)} nodes, the voxels of {run.folder} have {grid}:"
            " train on this run, or coarse-grain it to that grid"
        )
    increments = run.stages["strain_increment"].to_numpy()
    batches = read_inputs(run.voxels, increments, scaling.names, scaling.floor, scaling.transform)
    parts = [
        np.mean([predict_fields(one.network, scaling, scaling.standardise(batch)) for one in members], axis=0)
        for batch in batches
    ]
    table = run.stages[["stage", "fluctuation"]].rename(columns={"fluctuation": "target"})
    return table.assign(prediction=np.concatenate(parts))


def _score(table: pd.DataFrame, run: Run) -> dict[str, Any]:
    from microslip.learn.evaluate import all_scores

    target, prediction = table["target"].to_numpy(), table["prediction"].to_numpy()
    cycle = run.stages.set_index("stage")["cycle"][table["stage"]].to_numpy()
    found: dict[str, Any] = all_scores(target, prediction, cycle, 1)
    found["rescaled_r2"] = float(np.corrcoef(target, prediction)[0, 1] ** 2) if np.ptp(prediction) > 0 else np.nan
    return found


def _train_on_others(others: list[Run], left_out: Run, state: Path) -> pd.DataFrame:
    """Predictions for one run by a network that saw the others: their first parts, judged by their last fifths."""
    from microslip.learn.checkpoint import Checkpoint
    from microslip.learn.inputs import read_inputs, write_inputs
    from microslip.learn.samples import Samples, fit_scaling
    from microslip.learn.train import train

    config = run_config(others[0].folder)
    for run in others:
        config = fit_to_cell(run, config, lambda sentence: None)
    training, names = config.training, config.network.inputs
    sizes = [len(run.stages) for run in others]
    target = np.concatenate([run.stages["fluctuation"].to_numpy() for run in others])

    def batches() -> Any:
        for run in others:
            increments = run.stages["strain_increment"].to_numpy()
            yield from read_inputs(run.voxels, increments, names, training.floor, training.transform)

    made_of = [
        digest_output(run.folder / name) for run in (*others, left_out) for name in ("stages.csv", "voxels.zarr")
    ]
    keep_only(state, fingerprint([config.model_dump(mode="json"), made_of]))
    samples = Samples(write_inputs(state / "inputs.npy", sum(sizes), batches()), names, target)
    train_parts, held_parts, first = [], [], 0
    for size in sizes:
        border = first + round((1 - config.split.validation) * size)
        train_parts.append(np.arange(first, max(first + 1, border - config.split.guard)))
        held_parts.append(np.arange(border, first + size))
        first += size
    sets = {"train": np.concatenate(train_parts), "validation": np.concatenate(held_parts)}
    scaling = fit_scaling(samples, sets["train"], training)
    found = train(samples, sets, scaling, config.network, training, state / "state.pt")
    table = _predict([Checkpoint(found.network, scaling, config.network, {})], left_out, state)
    shutil.rmtree(state)
    return table
