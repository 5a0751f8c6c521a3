"""The network of every run on every run, and networks that learnt from all runs but one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.data.files import read_table, write_table
from microslip.data.openings import ELSEWHERE, log_openings
from microslip.data.provenance import digest_output, fingerprint
from microslip.data.run import Run
from microslip.grids.splits import first_stages, stretches_split
from microslip.learn.elsewhere import Fitted, predict_stages, with_baselines
from microslip.learn.ensemble import train_ensemble
from microslip.learn.evaluate import transfer_scores
from microslip.learn.fine_tuning import TUNED
from microslip.learn.lines import ENDS, ENSEMBLE, INTERVALS, in_words, score_lines, size_lines
from microslip.learn.reading import keep_samples, stage_features, stage_reader
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.opening import opening
from microslip.steps.run_settings import run_config
from microslip.steps.trained_cell import describe_cell, differences, fit_to_cell, listed
from microslip.steps.trained_run import Model, fit_again, is_own, load_model, look_elsewhere, tested_stages
from microslip.steps.tuning import tuned_predictions, tuned_scores
from microslip.views.figures.transfer import transfer_map
from microslip.views.gallery import save_drawing
from microslip.views.panels import Drawing


def transfer_matrix(
    runs: list[Run], into: Path, leave_one_out: bool, advance: Advance, say: Say, fine_tune: float | None = None
) -> pd.DataFrame:
    """R² of the network of each run on every run; on its own run on the stages of its test sets alone.

    Every pair is kept in cells/ with the predictions, so that an interrupted command goes on, and one with more runs
    predicts the new pairs alone. With `fine_tune`, a share of stages, the networks are also trained on with the first
    ones of every other run (`learn.fine_tuning`), written to fine_tuning.csv.

    Returns
    -------
    Columns trained_on, tested_on, rule, n, r2 with interval, sign_accuracy, spearman, rescaled_r2: R² after the best
    straight line, which forgives a wrong scale of the stress; of the mean of the networks; written to transfer.csv.
    summary.csv, sign_by_size.csv and coverage_by_size.csv hold the networks one by one and the baselines too.
    """
    by_name = _named(runs)
    models = {name: load_model(run.folder) for name, run in by_name.items()}
    _check_cells(by_name, models, say)
    pairs = _pairs(by_name, models, into, say, fine_tune)
    cells = [cell for cell in pairs if cell.names["rule"] != TUNED] + (
        _left_out(by_name, into) if leave_one_out else []
    )
    tuned = [cell for cell in pairs if cell.names["rule"] == TUNED]
    tables = []
    for number, cell in enumerate(cells + tuned, start=1):
        tables.append(_kept(cell))
        advance(number, len(cells + tuned))
    if tuned:
        _write_tuned(tuned, tables[len(cells) :], into, say)
    return _write(cells, tables[: len(cells)], into, say)


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix: its names, the run that is tested, where it is kept, on what it hangs, how it is made."""

    names: dict[str, str]
    run: Run
    folder: Path
    mark: str
    make: Callable[[], pd.DataFrame]


def _pairs(by_name: dict[str, Run], models: dict[str, Model], into: Path, say: Say, share: float | None) -> list[Cell]:
    cells = []
    for trained_on, model in models.items():
        # the baselines of a run are fitted once, and only where a cell of it is to be made
        fit = functools.cache(functools.partial(fit_again, model, into / "inputs.npy", say))
        own = [*map(digest_output, sorted(model.path.glob("model/*"))), *_content(by_name[trained_on])]
        for tested_on, run in by_name.items():
            names = {"trained_on": trained_on, "tested_on": tested_on, "rule": "random"}
            folder, mark = into / "cells" / f"{trained_on}--{tested_on}", fingerprint([own, _content(run)])
            cells.append(Cell(names, run, folder, mark, functools.partial(_of_trained, model, fit, run)))
            if share is None or trained_on == tested_on:
                continue
            config = run_config(model.folder)
            first_stages(len(run.stages), share, config.split)
            names, folder = names | {"rule": TUNED}, into / "cells" / f"{trained_on}--{tested_on}-tuned"
            mark = fingerprint([mark, share, config.training.fingerprinted(), config.split.fingerprinted()])
            make = functools.partial(tuned_predictions, model, fit, run, share, folder)
            cells.append(Cell(names, run, folder, mark, make))
    return cells


def _left_out(by_name: dict[str, Run], into: Path) -> list[Cell]:
    cells = []
    for name, run in by_name.items():
        others = [other for other in by_name.values() if other is not run]
        config, folder = _settings(others), into / "cells" / f"without-{name}"
        settings = [part.fingerprinted() for part in (config.network, config.training, config.split)]
        mark = fingerprint([settings, *map(_content, (*others, run))])
        names = {"trained_on": f"all but {name}", "tested_on": name, "rule": "leave one out"}
        cells.append(Cell(names, run, folder, mark, functools.partial(_of_others, others, run, config, folder)))
    return cells


def _named(runs: list[Run]) -> dict[str, Run]:
    by_name = {run.folder.resolve().name: run for run in runs}
    if len(runs) < 2 or len(by_name) < len(runs):
        names = ", ".join(run.folder.resolve().name for run in runs)
        raise MicroslipError(f"a transfer needs two runs or more with different names, given are: {names}")
    return by_name


def _check_cells(by_name: dict[str, Run], models: dict[str, Model], say: Say) -> None:
    """Refuse grids that differ, and say where nodes are made otherwise."""
    grids = {name: run.voxels["d2min"].shape[1:] for name, run in by_name.items()}
    if len(set(grids.values())) > 1:
        sizes = ", ".join(f"{name} {' × '.join(map(str, grid))}" for name, grid in grids.items())
        raise MicroslipError(f"the runs have voxels of different sizes ({sizes}): a network takes one size only")
    cells = {name: describe_cell(run, run_config(run.folder)) for name, run in by_name.items()}
    for trained_on, model in models.items():
        for name, cell in cells.items():
            nodes = [one for one in differences(model.members[0].cell, cell) if one.part == "voxels"]
            if nodes:
                say(Caution(f"{trained_on} on {name}, the nodes are made otherwise ({listed(nodes)})"))


def _kept(cell: Cell) -> pd.DataFrame:
    """The predictions of a cell: those that were kept, or made now."""
    path = scratch_folder(cell.folder, cell.mark) / "predictions.csv"
    if not path.exists():
        write_table(path, cell.make())
        for file in cell.folder.iterdir():
            if file.name not in (path.name, "mark"):
                file.unlink()
    return read_table(path, ["seed", "stage", "target", *INTERVALS, *ENDS])


def _of_trained(model: Model, fit: Callable[[], Fitted], run: Run) -> pd.DataFrame:
    stages = tested_stages(model, run)
    table = _predict(fit(), run, stages)
    if not is_own(model, run):
        log_openings(run.folder, [look_elsewhere("transfer", model, run.stages["fluctuation"].to_numpy()[stages])])
    return table


def _predict(fitted: Fitted, run: Run, stages: np.ndarray) -> pd.DataFrame:
    features = stage_features(run) if fitted.boosted else {}
    reader = stage_reader(run, fitted.scaling.names, fitted.scaling)
    return predict_stages(fitted, reader, features, run.stages["fluctuation"].to_numpy(), stages)


def _settings(runs: list[Run]) -> Config:
    """Those of the first run, as far as the cells of all allow."""
    config = run_config(runs[0].folder)
    for run in runs:
        config = fit_to_cell(run, config)
    return config


def _of_others(others: list[Run], left_out: Run, config: Config, state: Path) -> pd.DataFrame:
    """Predictions for one run by networks that saw the others: their first parts, judged by their last fifths."""
    training, names = config.training, config.network.inputs
    target = np.concatenate([run.stages["fluctuation"].to_numpy() for run in others])
    batches = chain.from_iterable(stage_reader(run, names, training).batches() for run in others)
    samples = keep_samples(batches, names, target, state / "inputs.npy")
    by_run = [stage_features(run) for run in others]
    features = {name: np.concatenate([own[name] for own in by_run]) for name in by_run[0]}
    sets = stretches_split([len(run.stages) for run in others], config.split)
    ensemble = train_ensemble(samples, sets, config.network, training, state / "state")
    networks = [trained.network for trained in ensemble.members]
    fitted = with_baselines(networks, samples, ensemble.scaling, features, sets, training.seed)
    stages = np.arange(len(left_out.stages))
    look = left_out.stages["fluctuation"].to_numpy(), config.network, training, training.ensemble
    others_named = [run.folder.resolve().name for run in others]
    table = _predict(fitted, left_out, stages)
    log_openings(left_out.folder, [opening("transfer", "all others", ELSEWHERE, *look, others=others_named)])
    return table


def _content(run: Run) -> list[str]:
    return [digest_output(run.folder / name) for name in ("stages.csv", "voxels.zarr")]


def _write_tuned(cells: list[Cell], predictions: list[pd.DataFrame], into: Path, say: Say) -> None:
    parts = []
    for cell, table in zip(cells, predictions, strict=True):
        names = {name: cell.names[name] for name in ("trained_on", "tested_on")}
        summary = tuned_scores(table, cell.run)
        parts.append(pd.DataFrame(names, index=summary.index).join(summary))
        for line, part in summary.groupby("line", sort=False):
            say(f"{' → '.join(names.values())}, {line}: {in_words(part)}")
    write_table(into / "fine_tuning.csv", pd.concat(parts, ignore_index=True))


def _write(cells: list[Cell], predictions: list[pd.DataFrame], into: Path, say: Say) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    tables: dict[str, list[pd.DataFrame]] = {"summary": [], "sign_by_size": [], "coverage_by_size": []}
    for cell, table in zip(cells, predictions, strict=True):
        config, cycle = run_config(cell.run.folder), cell.run.stages["cycle"].to_numpy()
        line, names = table.assign(rule=cell.names["rule"], fold=0), (cell.names["trained_on"], cell.names["tested_on"])
        first = line[line["seed"] == line["seed"].min()]
        target, mean = (first[name].to_numpy() for name in ("target", ENSEMBLE))
        rows.append(cell.names | transfer_scores(target, mean, cycle[first["stage"]]))
        _, summary = score_lines(line, cycle, config.assessment.above, config.training.seed)
        for name, part in {"summary": summary, **size_lines(line)}.items():
            tables[name].append(pd.DataFrame(cell.names, index=part.index).join(part.drop(columns=["rule", "fold"])))
        of_mean = f"R² {rows[-1]['r2']:.3f} [{rows[-1]['r2_low']:.3f}, {rows[-1]['r2_high']:.3f}]"
        say(f"{' → '.join(names)}: {of_mean}; {in_words(summary)}")
    matrix = pd.DataFrame(rows)
    write_table(into / "transfer.csv", matrix)
    for name, parts in tables.items():
        write_table(into / f"{name}.csv", pd.concat(parts, ignore_index=True))
    save_drawing(Drawing(transfer_map(matrix, title="R² elsewhere")), into, "transfer")
    return matrix
