"""From voxels to predictions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.core.disk import naming
from microslip.core.errors import MicroslipError
from microslip.core.messages import Caution
from microslip.data.files import replacing, write_json, write_table
from microslip.data.run import Run
from microslip.steps.common import Advance, Say, metric_lines

# Bins of the error histograms, to the 99th percentile of the errors' sizes.
ERROR_BINS = 60

# What makes a checkpoint's cell another one, in the order in which it is told.
PARTS_OF_A_CELL = ("grains", "cell", "loading", "stages", "voxels")


def train_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Train the network under the random and the blocked split, with baselines."""
    from microslip.grids.splits import blocked_split, random_split
    from microslip.learn.baselines import amplitude_features, boosting, length_feature, ridge
    from microslip.learn.checkpoint import save_checkpoint
    from microslip.learn.ensemble import interval_scores, train_ensemble
    from microslip.learn.inputs import read_inputs, write_inputs
    from microslip.learn.samples import Samples

    config = fit_to_cell(run, config, say)
    stages, settings = run.stages, config.training
    target, cycle = stages["fluctuation"].to_numpy(), stages["cycle"].to_numpy()
    splits = {
        "random": random_split(len(target), config.split, settings.seed),
        "blocked": blocked_split(len(target), config.split),
    }
    partial = run.folder / ".training"
    keep_only(partial, mark)
    names = config.network.inputs
    increments = stages["strain_increment"].to_numpy()
    batches = read_inputs(run.voxels, increments, names, settings.floor, settings.transform)
    samples = Samples(write_inputs(partial / "inputs.npy", len(target), batches), names, target)
    features = amplitude_features(run.fields["d2min"]) | {"strain_increment": length_feature(stages)}

    histories, predictions, metrics, ensembles = [], [], {}, {}
    n_epochs = settings.ensemble * settings.epochs
    for number, (rule, sets) in enumerate(splits.items()):

        def report(done: int, total: int, number: int = number) -> None:
            advance(number * n_epochs + done, len(splits) * n_epochs)

        ensembles[rule] = train_ensemble(samples, sets, config.network, settings, partial / rule, report)
        histories.append(ensembles[rule].history.assign(rule=rule))
        by_method = {"network": ensembles[rule].prediction}
        by_method |= {name: boosting(values, target, sets, settings.seed) for name, values in features.items()}
        by_method["ridge_voxels"] = ridge(samples, ensembles[rule].members[0].scaling, sets)
        metrics[rule] = score_all(by_method, target, cycle, sets, settings.seed)
        for name, chosen in sets.items():
            metrics[rule]["network"][name] |= interval_scores(ensembles[rule], target, chosen)
            predictions.append(_prediction_table(ensembles[rule], by_method, target, chosen, rule, name))
    table = pd.concat(predictions, ignore_index=True)
    with replacing(run.folder / "model") as beside:
        beside.mkdir()
        for rule, ensemble in ensembles.items():
            for member, one in enumerate(ensemble.members):
                path = beside / checkpoint_name(rule, member)
                save_checkpoint(one, config.network, settings, describe_cell(run, config), path)
        write_table(beside / "history.csv", pd.concat(histories, ignore_index=True))
        write_table(beside / "predictions.csv", table)
        for name, evidence in _evidence(table).items():
            write_table(beside / f"{name}.csv", evidence)
        write_json(beside / "metrics.json", metrics)
    shutil.rmtree(partial)
    for line in metric_lines(metrics):
        say(line)
    _say_what_is_not_enough(samples, splits, metrics, say)


def _say_what_is_not_enough(
    samples: Any, splits: dict[str, dict[str, np.ndarray]], metrics: dict[str, Any], say: Say
) -> None:
    """Stages without a pattern, and scores that are no numbers, each with the reason."""
    from microslip.learn.config import OF_STAGE

    on_nodes = [channel for channel, name in enumerate(samples.names) if name not in OF_STAGE]
    n = len(samples.target)
    even = sum(bool((np.ptp(samples.inputs[stage][on_nodes], axis=(1, 2, 3)) == 0).all()) for stage in range(n))
    if even and on_nodes:
        say(
            Caution(
                f"{even} of {n} stages are the same at every node, such as without any motion that is known: there"
                " is no pattern in them to learn from"
            )
        )
    for rule, sets in splits.items():
        of_network = metrics[rule]["network"]["test"]
        n_test, n_held = len(sets["test"]), len(sets["validation"])
        if not np.isfinite(of_network["r2"]):
            say(f"{rule} split: no R², {n_test} test stages are too few or all alike")
        elif not np.isfinite(of_network["r2_low"]):
            say(f"{rule} split: no interval of R², {n_test} test stages lie in too few cycles")
        if not np.isfinite(of_network["coverage"]):
            say(f"{rule} split: no intervals of predictions, {n_held} validation stages are too few for 90 %")


def checkpoint_name(rule: str, member: int = 0) -> str:
    """File of a member of the ensemble under a split rule; the paper's, the random one, has the plain name."""
    return "checkpoint" + ("" if rule == "random" else f"_{rule}") + (f"_{member}" if member else "") + ".pt"


def fit_to_cell(run: Run, config: Config, say: Say) -> Config:
    """The settings of the training that this run's cell allows: shifts are symmetries of cells that repeat alone.

    Raises
    ------
    MicroslipError
        The fluctuations are not known; a residual network, which takes the cell to repeat, for one that does not.
    """
    if run.stages["fluctuation"].isna().all():
        raise MicroslipError(
            f"{run.folder} knows no stress, so there is no fluctuation to learn: import it with a series of the stress"
        )
    if run.box.repeats_across:
        return config
    if config.network.kind == "residual":
        raise MicroslipError(
            "network.kind = residual takes the cell to repeat in x and y, and this one does not: use network.kind ="
            " plain"
        )
    if config.training.augment:
        say("the cell does not repeat in x and y: stages are not shifted for the training (training.augment = false)")
    return config.model_copy(update={"training": config.training.model_copy(update={"augment": False})})


def describe_cell(run: Run, config: Config) -> dict[str, Any]:
    """What must be the same for a network to know the cell: grains, confinement, rate, stages and voxels."""
    whole = config.model_dump(mode="json")
    if config.source is not None:
        # the sections of the simulation say nothing of another program's grains
        attributes = run.attributes
        known = {"engine": attributes["engine"], "count": run.grains.sizes["grain"], "length": attributes["length"]}
        cell = dict(zip(("length", "depth", "height"), attributes["box"], strict=True))
        cell |= {"planar": True} if attributes.get("planar") else {}
        loading = {"pressure": attributes["pressure"], "shear_rate": config.source.shear_rate}
        stages = {"threshold": config.stages.threshold, "window": config.stages.window}
        return {"grains": known, "cell": cell, "voxels": whole["voxels"], "loading": loading, "stages": stages}
    kept = {name: whole[name] for name in ("grains", "cell", "voxels")}
    loading = {name: whole["loading"][name] for name in ("pressure", "shear_rate")}
    return {**kept, "loading": loading, "stages": {"threshold": config.stage_threshold}}


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What differs between two descriptions of a cell, a sentence each; more fields on the nodes are no other cell."""
    found = []
    for part in PARTS_OF_A_CELL:
        mine, its = one.get(part, {}), other.get(part, {})
        for key in dict.fromkeys([*mine, *its]):
            if mine.get(key) != its.get(key) and (part, key) != ("voxels", "fields"):
                found.append(f"{part}.{key} = {mine.get(key)} there, {its.get(key)} here")
    return found


def score_all(
    by_method: dict[str, np.ndarray], target: np.ndarray, cycle: np.ndarray, sets: dict[str, np.ndarray], seed: int
) -> dict[str, Any]:
    """Scores of every method on every set, with intervals by cycle."""
    from microslip.learn.evaluate import all_scores

    return {
        method: {name: all_scores(target[chosen], values[chosen], cycle[chosen], seed) for name, chosen in sets.items()}
        for method, values in by_method.items()
    }


def _prediction_table(
    ensemble: Any, by_method: dict[str, np.ndarray], target: np.ndarray, chosen: np.ndarray, rule: str, split: str
) -> pd.DataFrame:
    columns: dict[str, Any] = {"stage": chosen, "rule": rule, "split": split, "target": target[chosen]}
    columns |= {("prediction" if method == "network" else method): v[chosen] for method, v in by_method.items()}
    columns |= {name: getattr(ensemble, name)[chosen] for name in ("spread", "low", "high")}
    return pd.DataFrame(columns)


def _evidence(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Sign accuracy by size, calibration and error histograms of the network, for every rule and set."""
    from microslip.learn.evaluate import calibration, error_histogram, sign_by_size, size_edges

    sizes = size_edges(predictions["target"].to_numpy())
    error = np.abs(predictions["prediction"] - predictions["target"]).to_numpy()
    limit = float(np.quantile(error, 0.99)) or 1.0
    edges = np.linspace(-limit, limit, ERROR_BINS + 1)
    found: dict[str, list[pd.DataFrame]] = {"sign_by_size": [], "calibration": [], "errors": []}
    for (rule, split), part in predictions.groupby(["rule", "split"], sort=False):
        target, prediction = part["target"].to_numpy(), part["prediction"].to_numpy()
        for name, table in (
            ("sign_by_size", sign_by_size(target, prediction, sizes)),
            ("calibration", calibration(target, prediction)),
            ("errors", error_histogram(target, prediction, edges)),
        ):
            table.insert(0, "rule", rule)
            table.insert(1, "split", split)
            found[name].append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in found.items()}


def keep_only(partial: Path, mark: str) -> None:
    """Keep an interrupted training of the same configuration and inputs; drop any other."""
    note = partial / "mark"
    with naming(note):
        if not note.exists() or note.read_text() != mark:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            note.write_text(mark)
