"""The network of every run on every run, and networks that learnt from all runs but one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
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
from microslip.data.holding import only_one
from microslip.data.openings import ELSEWHERE, log_openings
from microslip.data.provenance import digest_output, fingerprint
from microslip.data.run import Run
from microslip.grids.splits import first_stages, stretches_split
from microslip.learn.elsewhere import Fitted, predict_stages, with_baselines
from microslip.learn.ensemble import train_ensemble
from microslip.learn.evaluate import transfer_scores
from microslip.learn.fine_tuning import TUNED
from microslip.learn.learning_curves import learning_curve
from microslip.learn.lines import ENDS, ENSEMBLE, FEWER, INTERVALS, LEFT_OUT, NETWORK, in_words, score_lines, size_lines
from microslip.learn.reading import keep_samples, stage_features, stage_reader
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.opening import opening
from microslip.steps.run_settings import run_config
from microslip.steps.trained_cell import describe_cell, differences, fit_to_cell, listed
from microslip.steps.trained_run import Model, fit_again, is_own, load_model, look_elsewhere, tested_stages
from microslip.steps.tuning import tuned_predictions, tuned_scores
from microslip.views.figures.transfer import packings_curve, transfer_map, tuning_gain
from microslip.views.gallery import save_drawing
from microslip.views.panels import Drawing


def transfer_matrix(
    runs: list[Run],
    into: Path,
    leave_one_out: bool,
    advance: Advance,
    say: Say,
    fine_tune: float | None = None,
    fewer: bool = False,
    overrides: Sequence[str] = (),
) -> pd.DataFrame:
    """R² of the network of each run on every run; on its own run on the stages of its test sets alone.

    Every pair is kept in cells/ with the predictions, so that an interrupted command goes on, and one with more runs
    predicts the new pairs alone. With `fine_tune`, a share of stages, the networks are also trained on with the first
    ones of every other run (`learn.fine_tuning`): fine_tuning.csv and a figure. With `fewer` they learn from 1, 2 and
    more of the other runs, up to all but one: packings.csv, and packings_curve.csv where that would end. `overrides`,
    such as `training.epochs=5`, are of the networks that learn from several runs, on top of the first one's settings.

    Returns
    -------
    Columns trained_on, tested_on, rule, n, r2 with interval, sign_accuracy, spearman, rescaled_r2: R² after the best
    straight line, which forgives a wrong scale of the stress; of the mean of the networks; written to transfer.csv.
    summary.csv, sign_by_size.csv and coverage_by_size.csv hold the networks one by one and the baselines too.
    """
    by_name = _named(runs)
    models = {name: load_model(run.folder) for name, run in by_name.items()}
    _check_cells(by_name, models, say)
    into.mkdir(parents=True, exist_ok=True)
    with only_one(into):
        cells = _pairs(by_name, models, into, say, fine_tune)
        if leave_one_out or fewer:
            cells += _left_out(by_name, into, fewer, overrides)
        tables = []
        for number, cell in enumerate(cells, start=1):
            tables.append(_kept(cell))
            advance(number, len(cells))

        def of(*rules: str) -> tuple[list[Cell], list[pd.DataFrame]]:
            some = [number for number, cell in enumerate(cells) if cell.names["rule"] in rules]
            return [cells[number] for number in some], [tables[number] for number in some]

        if fine_tune is not None:
            _write_tuned(*of(TUNED), into, say)
        if fewer:
            _write_packings(*of(FEWER, LEFT_OUT), into, say)
        return _write(*of("random", LEFT_OUT), into, say)


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix: its names, the run that is tested, where it is kept, on what it hangs, how it is made.

    `learnt`: the runs of networks that learnt from several.
    """

    names: dict[str, str]
    run: Run
    folder: Path
    mark: str
    make: Callable[[], pd.DataFrame]
    learnt: tuple[str, ...] = ()


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


def _left_out(by_name: dict[str, Run], into: Path, fewer: bool, overrides: Sequence[str]) -> list[Cell]:
    """Every run by networks of all others, and with `fewer` by those of the next 1, 2 and more in a circle, too."""
    cells, names = [], list(by_name)
    for place, name in enumerate(names):
        following = names[place + 1 :] + names[:place]
        for number in range(1 if fewer else len(following), len(following) + 1):
            learnt = [other for other in names if other in following[:number]]
            others, run, whole = [by_name[other] for other in learnt], by_name[name], number == len(following)
            config = _settings(others, overrides)
            folder = into / "cells" / (f"without-{name}" if whole else f"{name}-of-{number}")
            settings = [part.fingerprinted() for part in (config.network, config.training, config.split)]
            mark = fingerprint([settings, *map(_content, (*others, run))])
            trained_on, rule = (f"all but {name}", LEFT_OUT) if whole else (" ".join(learnt), FEWER)
            titles = {"trained_on": trained_on, "tested_on": name, "rule": rule}
            make = functools.partial(_of_others, others, run, config, folder)
            cells.append(Cell(titles, run, folder, mark, make, tuple(learnt)))
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


def _settings(runs: list[Run], overrides: Sequence[str]) -> Config:
    """Those of the first run and what is put in their place, as far as the cells of all allow."""
    config = run_config(runs[0].folder, overrides)
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
    tuning = pd.concat(parts, ignore_index=True)
    write_table(into / "fine_tuning.csv", tuning)
    for line, part in tuning[tuning["method"] == NETWORK].groupby("line", sort=False):
        text = f"{line}: R² {part['r2'].mean():.3f}, from {part['r2'].min():.3f} to {part['r2'].max():.3f} over"
        text += f" {len(part)} pairs"
        if line != TUNED:
            text += f"; the tuned ones have {part['less_than_tuned'].mean():.3f} more, their interval lies above 0 in"
            text += f" {(part['less_than_tuned_low'] > 0).sum()} pairs and below in"
            text += f" {(part['less_than_tuned_high'] < 0).sum()}"
        say(text)
    save_drawing(Drawing(tuning_gain(tuning, title="With a few stages of its own")), into, "fine_tuning")


def _write_packings(cells: list[Cell], predictions: list[pd.DataFrame], into: Path, say: Say) -> None:
    rows = []
    for cell, table in zip(cells, predictions, strict=True):
        first = table[table["seed"] == table["seed"].min()]
        cycle = cell.run.stages["cycle"].to_numpy()[first["stage"]]
        scores = transfer_scores(first["target"].to_numpy(), first[ENSEMBLE].to_numpy(), cycle)
        names = {"tested_on": cell.names["tested_on"], "n_runs": len(cell.learnt), "trained_on": " ".join(cell.learnt)}
        rows.append(names | {name: scores[name] for name in ("n", "r2", "r2_low", "r2_high", "sign_accuracy")})
    packings = pd.DataFrame(rows).sort_values(["n_runs", "tested_on"], ignore_index=True)
    number, r2, draw = packings["n_runs"].to_numpy(), packings["r2"].to_numpy(), packings.index.to_numpy()
    curve = pd.DataFrame([learning_curve(number, r2, draw, 1)])
    curve = curve.rename(columns={"seeds": "runs_tested", "n_most": "n_runs_most"})
    write_table(into / "packings.csv", packings)
    write_table(into / "packings_curve.csv", curve)
    for n_runs, part in packings.groupby("n_runs"):
        others = "another run" if n_runs == 1 else f"{n_runs} other runs"
        say(f"learnt from {others}: R² {part['r2'].mean():.3f}, from {part['r2'].min():.3f} to"
            f" {part['r2'].max():.3f} over {len(part)} runs")  # fmt: skip
    (end,) = curve.to_dict("records")
    if np.isfinite(end["r2_limit"]):
        say(
            f"of ever more runs: R² {end['r2_limit']:.3f} [{end['r2_limit_low']:.3f}, {end['r2_limit_high']:.3f}]"
            + ("" if end["determined"] else ", which is not determined")
        )
    save_drawing(Drawing(packings_curve(packings, title="R² of a run that was never seen")), into, "packings")


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
        say(f"{' → '.join(names)}: {in_words(summary)}")
    matrix = pd.DataFrame(rows)
    write_table(into / "transfer.csv", matrix)
    for name, parts in tables.items():
        write_table(into / f"{name}.csv", pd.concat(parts, ignore_index=True))
    save_drawing(Drawing(transfer_map(matrix, title="R² elsewhere")), into, "transfer")
    return matrix
