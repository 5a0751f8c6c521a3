"""The network of one run on the stages of another, beside the baselines that learnt from the same stages."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.data.files import write_table
from microslip.data.openings import ELSEWHERE, log_openings
from microslip.data.run import Run
from microslip.learn.elsewhere import predict_stages
from microslip.learn.lines import ENSEMBLE, INTERVALS, in_words, methods_of, score_lines, size_lines
from microslip.learn.reading import stage_features, stage_reader
from microslip.steps.common import Say
from microslip.steps.run_settings import run_config
from microslip.steps.trained_cell import describe_cell, differences, listed
from microslip.steps.trained_run import check_grid, fit_again, is_own, load_model, look_elsewhere, tested_stages


def predict_elsewhere(run: Run, path: Path, into: Path | None, allow_transfer: bool, say: Say) -> pd.DataFrame:
    """Predict every stage of a run with the network of another one, and write and score the predictions.

    Raises
    ------
    MicroslipError
        The cells differ and that was not allowed; other voxels; no checkpoint.
    """
    model, config = load_model(path), run_config(run.folder)
    differing = differences(model.members[0].cell, describe_cell(run, config))
    if differing and not allow_transfer:
        raise MicroslipError(
            f"{path} was trained on another cell ({listed(differing)}): give --allow-transfer to use it all the same"
        )
    for difference in differing:
        say(f"another cell: {difference}")
    check_grid(model, run)
    target, cycle = (run.stages[name].to_numpy() for name in ("fluctuation", "cycle"))
    table = into or run.folder / "transfer" / f"{model.name}.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=table.parent, prefix=".predicting-") as scratch:
        fitted = fit_again(model, Path(scratch) / "inputs.npy", say)
    scaling = fitted.scaling
    features = stage_features(run) if fitted.boosted else {}
    predictions = predict_stages(
        fitted, stage_reader(run, scaling.names, scaling), features, target, np.arange(len(target))
    )
    chosen = tested_stages(model, run)
    if is_own(model, run):
        say(f"{model.name} is the run that the network learnt from: scored on the test stages of its random split")
    elif len(chosen):
        log_openings(run.folder, [look_elsewhere("predict", model, target[chosen])])
    write_table(table, _one_row_a_stage(predictions))
    if n_unknown := int(np.isnan(target).sum()):
        say(Caution(f"{n_unknown} of {len(target)} stages have no fluctuation: predicted, not scored"))
    if not len(chosen):
        say(f"no scores, {len(target)} stages → {table}")
        return predictions
    scored = predictions[predictions["stage"].isin(chosen)].assign(rule=ELSEWHERE, fold=0)
    _, summary = score_lines(scored, cycle, config.assessment.above, config.training.seed)
    for name, content in {"summary": summary, **size_lines(scored)}.items():
        write_table(table.with_name(f"{table.stem}_{name}.csv"), content.drop(columns=["rule", "fold"]))
    whole = summary.set_index("method").loc[ENSEMBLE]
    say(in_words(summary))
    held = f", intervals hold {whole['coverage']:.1%} of the stages" if whole["n_intervals"] else ""
    say(f"R² {whole['r2']:.3f}, sign right {whole['sign_accuracy']:.1%}{held}, {whole['n']} stages → {table}")
    return predictions


def _one_row_a_stage(predictions: pd.DataFrame) -> pd.DataFrame:
    """The mean of the networks with its interval, and the baselines."""
    first = predictions[predictions["seed"] == predictions["seed"].min()]
    own = {"ensemble": "prediction", "ensemble_low": "low", "ensemble_high": "high"}
    baselines = [name for name in methods_of(first) if name not in INTERVALS]
    table = first[["stage", "target", *own, *baselines]]
    return table.rename(columns=own)
