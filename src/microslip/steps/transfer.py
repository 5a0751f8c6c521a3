"""Networks on stages that they were not made for: another run, every other run, all runs but one."""

from __future__ import annotations

import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.data.files import write_table
from microslip.data.provenance import digest_output, fingerprint
from microslip.data.run import Run
from microslip.grids.splits import stretches_split
from microslip.learn.checkpoint import Checkpoint, load_checkpoint, load_ensemble
from microslip.learn.evaluate import scores, transfer_scores
from microslip.learn.prediction import mean_prediction
from microslip.learn.reading import keep_samples, stage_reader
from microslip.learn.samples import fit_scaling
from microslip.learn.train import train
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.run_settings import run_config
from microslip.steps.trained_cell import describe_cell, differences, fit_to_cell, listed
from microslip.views.figures.transfer import transfer_map
from microslip.views.gallery import save_drawing
from microslip.views.panels import Drawing


def predict_elsewhere(run: Run, model: Path, into: Path | None, allow_transfer: bool, say: Say) -> pd.DataFrame:
    """Predict every stage of a run with the network of another one, and write and score the predictions.

    Raises
    ------
    MicroslipError
        The cells differ and that was not allowed; other voxels; no checkpoint.
    """
    members = load_ensemble(model) if model.is_dir() else [load_checkpoint(model)]
    differing = differences(members[0].cell, describe_cell(run, run_config(run.folder)))
    if differing and not allow_transfer:
        raise MicroslipError(
            f"{model} was trained on another cell ({listed(differing)}): give --allow-transfer to use it all the same"
        )
    for difference in differing:
        say(f"another cell: {difference}")
    table = _predict(members, run, model)
    name = model.resolve().name if model.is_dir() else model.resolve().parent.parent.name
    target = into or run.folder / "transfer" / f"{name}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_table(target, table)
    of_all = scores(table["target"].to_numpy(), table["prediction"].to_numpy())
    say(f"R² {of_all['r2']:.3f}, sign right {of_all['sign_accuracy']:.1%}, {of_all['n']} stages → {target}")
    return table


def transfer_matrix(runs: list[Run], into: Path, leave_one_out: bool, advance: Advance, say: Say) -> pd.DataFrame:
    """R² of the network of each run on every run; on its own run on the stages of its test sets alone.

    Returns
    -------
    Columns trained_on, tested_on, rule, n, r2 with interval, sign_accuracy, spearman, rescaled_r2: R² after the best
    straight line, which forgives a wrong scale of the stress; written to transfer.csv.
    """
    by_name = {run.folder.resolve().name: run for run in runs}
    if len(runs) < 2 or len(by_name) < len(runs):
        names = ", ".join(run.folder.resolve().name for run in runs)
        raise MicroslipError(f"a transfer needs two runs or more with different names, given are: {names}")
    networks = {name: load_ensemble(run.folder) for name, run in by_name.items()}
    grids = {name: run.voxels["d2min"].shape[1:] for name, run in by_name.items()}
    if len(set(grids.values())) > 1:
        sizes = ", ".join(f"{name} {' × '.join(map(str, grid))}" for name, grid in grids.items())
        raise MicroslipError(f"the runs have voxels of different sizes ({sizes}): a network takes one size only")
    cells = {name: describe_cell(run, run_config(run.folder)) for name, run in by_name.items()}
    for trained_on, members in networks.items():
        for name, cell in cells.items():
            if nodes := [
                difference for difference in differences(members[0].cell, cell) if difference.part == "voxels"
            ]:
                say(Caution(f"{trained_on} on {name}, the nodes are made otherwise ({listed(nodes)})"))
    rows: list[dict[str, Any]] = []
    total = len(runs) ** 2 + (len(runs) if leave_one_out else 0)
    for trained_on, members in networks.items():
        for name, run in by_name.items():
            table = _predict(members, run, by_name[trained_on].folder)
            if trained_on == name:
                predictions = run.predictions
                held = predictions.query("rule == 'random' and split == 'test'")["stage"]
                table = table[table["stage"].isin(held)]
            rows.append({"trained_on": trained_on, "tested_on": name, "rule": "random"} | _score(table, run))
            advance(len(rows), total)
    into.mkdir(parents=True, exist_ok=True)
    if leave_one_out:
        for name, run in by_name.items():
            others = [other for other in runs if other is not run]
            table = _train_on_others(others, run, into / f".without-{name}")
            row = {"trained_on": f"all but {name}", "tested_on": name, "rule": "leave one out"}
            rows.append(row | _score(table, run))
            advance(len(rows), total)
    matrix = pd.DataFrame(rows)
    write_table(into / "transfer.csv", matrix)
    save_drawing(Drawing(transfer_map(matrix, title="R² elsewhere")), into, "transfer")
    for row in matrix.itertuples():
        say(f"{row.trained_on} → {row.tested_on}: R² {row.r2:.3f} [{row.r2_low:.3f}, {row.r2_high:.3f}]")
    return matrix


def _predict(members: list[Checkpoint], run: Run, path: Path) -> pd.DataFrame:
    """Stage, target and prediction, the mean over the networks of an ensemble, of all stages of a run."""
    scaling, grid = members[0].scaling, tuple(run.voxels["d2min"].shape[1:])
    if grid != tuple(members[0].network.grid):
        raise MicroslipError(
            f"{path} takes {tuple(members[0].network.grid)} nodes, the voxels of {run.folder} have {grid}:"
            " train on this run, or coarse-grain it to that grid"
        )
    networks = [member.network for member in members]
    batches = stage_reader(run, scaling.names, scaling).batches()
    prediction = np.concatenate([mean_prediction(networks, scaling, batch) for batch in batches])
    table = run.stages[["stage", "fluctuation"]].rename(columns={"fluctuation": "target"})
    return table.assign(prediction=prediction)


def _score(table: pd.DataFrame, run: Run) -> dict[str, float]:
    cycle = run.stages.set_index("stage")["cycle"][table["stage"]].to_numpy()
    return transfer_scores(table["target"].to_numpy(), table["prediction"].to_numpy(), cycle)


def _train_on_others(others: list[Run], left_out: Run, state: Path) -> pd.DataFrame:
    """Predictions for one run by a network that saw the others: their first parts, judged by their last fifths."""
    config: Config = run_config(others[0].folder)
    for run in others:
        config = fit_to_cell(run, config)
    training, names = config.training, config.network.inputs
    made_of = [
        digest_output(run.folder / name) for run in (*others, left_out) for name in ("stages.csv", "voxels.zarr")
    ]
    scratch_folder(state, fingerprint([config.model_dump(mode="json"), made_of]))
    target = np.concatenate([run.stages["fluctuation"].to_numpy() for run in others])
    batches = chain.from_iterable(stage_reader(run, names, training).batches() for run in others)
    samples = keep_samples(batches, names, target, state / "inputs.npy")
    sets = stretches_split([len(run.stages) for run in others], config.split)
    scaling = fit_scaling(samples, sets["train"], training)
    trained = train(samples, sets, scaling, config.network, training, state / "state.pt")
    table = _predict([Checkpoint(trained.network, scaling, config.network, {})], left_out, state)
    shutil.rmtree(state)
    return table
