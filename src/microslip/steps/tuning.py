"""Networks of one run that are trained on with the first stages of another one, and tested on the rest of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from microslip.data.openings import TUNED as SET_ASIDE
from microslip.data.openings import log_openings
from microslip.data.run import Run
from microslip.grids.splits import TEST, first_stages
from microslip.learn.elsewhere import Fitted, predict_stages
from microslip.learn.evaluate import paired_difference
from microslip.learn.fine_tuning import TUNED, fine_tuned
from microslip.learn.lines import NETWORK, methods_of, score_lines
from microslip.learn.reading import keep_samples, stage_features, stage_reader
from microslip.steps.run_settings import run_config
from microslip.steps.trained_cell import fit_to_cell
from microslip.steps.trained_run import Model, look_elsewhere


def tuned_predictions(model: Model, fit: Callable[[], Fitted], run: Run, share: float, state: Path) -> pd.DataFrame:
    """What three kinds of networks say of the later stages of a run, with a column `rule` for the kind."""
    fitted, config = fit(), fit_to_cell(run, run_config(model.folder))
    target, scaling = run.stages["fluctuation"].to_numpy(), fitted.scaling
    sets, features = first_stages(len(target), share, config.split), stage_features(run)
    reader = stage_reader(run, scaling.names, scaling)
    scales = {"floor": scaling.floor, "transform": scaling.transform, "target": scaling.target}
    training = config.training.model_copy(update=scales)
    samples = keep_samples(reader.batches(), scaling.names, target, state / "inputs.npy")
    lines = fine_tuned(fitted, samples, features, sets, model.members[0].config, training, state)
    test = sets[TEST]
    tables = [predict_stages(own, reader, features, target, test).assign(rule=name) for name, own in lines.items()]
    log_openings(run.folder, [look_elsewhere("transfer", model, target[test], SET_ASIDE)])
    return pd.concat(tables, ignore_index=True)


def tuned_scores(predictions: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Summary of every kind and method, and of networks what those that were tuned have more, paired over stages."""
    config, cycle = run_config(run.folder), run.stages["cycle"].to_numpy()
    networks = {
        name: part.pivot(index="seed", columns="stage", values=NETWORK) for name, part in predictions.groupby("rule")
    }
    stages, parts = networks[TUNED].columns.to_numpy(), []
    target = predictions.drop_duplicates("stage").set_index("stage").loc[stages, "target"].to_numpy()
    for name, part in predictions.groupby("rule", sort=False):
        # a baseline that this kind does not have, where the run that it would have learnt from is gone
        own = part.drop(columns=[method for method in methods_of(part) if part[method].isna().all()])
        _, summary = score_lines(own.assign(fold=0), cycle, config.assessment.above, config.training.seed)
        pair = (networks[TUNED].to_numpy(), networks[str(name)].to_numpy())
        paired = paired_difference(target, *pair, np.asarray(cycle[stages]), config.training.seed)
        for end, value in paired.items():
            column = end.replace("difference", "less_than_tuned")
            summary[column] = [value if method == NETWORK and name != TUNED else np.nan for method in summary["method"]]
        parts.append(summary.drop(columns="fold").rename(columns={"rule": "line"}))
    return pd.concat(parts, ignore_index=True)
