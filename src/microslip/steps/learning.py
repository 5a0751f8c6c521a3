"""From voxels to predictions, and from predictions to attributions."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import zarr

from microslip.config import Config
from microslip.data.batches import batched_store
from microslip.data.files import replacing, write_json, write_table
from microslip.data.run import Run
from microslip.data.store import add_array, create_store
from microslip.steps.common import Advance, Say, array, metric_lines


def train_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Train the network under the random and the blocked split, with baselines."""
    from microslip.grids.splits import blocked_split, random_split
    from microslip.learn.baselines import amplitude_features, boosting
    from microslip.learn.evaluate import scores
    from microslip.learn.samples import fit_scaling, write_inputs
    from microslip.learn.train import predict, save_checkpoint, train

    target = run.stages["fluctuation"].to_numpy()
    voxels = run.voxels["d2min"]
    settings, n_stages = config.training, len(target)
    splits = {
        "random": random_split(n_stages, config.split, settings.seed),
        "blocked": blocked_split(n_stages, config.split),
    }
    features = amplitude_features(run.fields["d2min"])
    partial = run.folder / ".training"
    _keep_only(partial, mark)
    predictions, history, metrics, trained = [], [], {}, {}
    for number, (rule, sets) in enumerate(splits.items()):
        scaling = fit_scaling(voxels, target, sets["train"], settings.floor)
        inputs = write_inputs(voxels, scaling, partial / "inputs.npy")

        def report(row: dict[str, float], number: int = number, rule: str = rule) -> None:
            advance(number * settings.epochs + int(row["epoch"]) + 1, len(splits) * settings.epochs)

        state = partial / f"{rule}.pt"
        trained[rule] = train(inputs, target, sets, scaling, config.network, settings, state, report)
        history.append(trained[rule].history.assign(rule=rule))
        everything = predict(trained[rule].network, inputs, np.arange(n_stages)) * scaling.target_deviation
        by_method = {"network": everything.astype(float)}
        by_method |= {name: boosting(values, target, sets, settings.seed) for name, values in features.items()}
        metrics[rule] = {
            method: {name: scores(target[chosen], values[chosen]) for name, chosen in sets.items()}
            for method, values in by_method.items()
        }
        for name, chosen in sets.items():
            predictions.append(
                pd.DataFrame(
                    {"stage": chosen, "rule": rule, "split": name, "target": target[chosen]}
                    | {("prediction" if m == "network" else m): v[chosen] for m, v in by_method.items()}
                )
            )
    with replacing(run.folder / "model") as beside:
        beside.mkdir()
        for rule, one in trained.items():
            name = "checkpoint.pt" if rule == "random" else f"checkpoint_{rule}.pt"
            save_checkpoint(one, config.network, settings, beside / name)
        write_table(beside / "history.csv", pd.concat(history, ignore_index=True))
        write_table(beside / "predictions.csv", pd.concat(predictions, ignore_index=True))
        write_json(beside / "metrics.json", metrics)
    shutil.rmtree(partial)
    for line in metric_lines(metrics):
        say(line)


def _keep_only(partial: Path, mark: str) -> None:
    """Keep an interrupted training of the same configuration and inputs; drop any other."""
    note = partial / "mark"
    if not note.exists() or note.read_text() != mark:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        note.write_text(mark)


def explain_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Integrated Gradients for stages of the random split's test set."""
    from microslip.learn.attribution import integrated_gradients
    from microslip.learn.train import load_checkpoint

    network, scaling = load_checkpoint(run.folder / "model" / "checkpoint.pt")
    voxels, settings = run.voxels, config.attribution
    chosen = choose_stages(run.predictions, settings.n_stages)
    shape = voxels["d2min"].shape[1:]

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"baseline": settings.baseline, "rule": "random"})
        dimensions = ["stage", "x", "y", "z"]
        n = len(chosen)
        add_array(store, "attribution", dimensions, (n, *shape), "float64", "p", "share of the prediction", per_chunk=8)
        add_array(store, "completeness_error", ["stage"], (n,), "float64", "", "|Σ attribution − ΔF|/|ΔF|", per_chunk=8)
        add_array(store, "n_steps", ["stage"], (n,), "int32", "", "path points", per_chunk=8)
        add_array(store, "stage", ["stage"], (n,), "int64", "", "stage number")[:] = chosen
        for name in "xyz":
            add_array(store, name, [name], voxels[name].shape, "float64", "d", "node position")[:] = voxels[name]
        return store

    def explain_batch(path: Path, batch: slice) -> None:
        found = [
            integrated_gradients(
                network, scaling, scaling.transform(voxels["d2min"][stage].to_numpy().astype(float)), settings
            )
            for stage in chosen[batch]
        ]
        group = zarr.open_group(path, mode="r+")
        array(group, "attribution")[batch] = np.stack([one.attribution for one in found])
        array(group, "completeness_error")[batch] = np.array([one.completeness_error for one in found])
        array(group, "n_steps")[batch] = np.array([one.n_steps for one in found])

    with batched_store(run.folder / "attributions.zarr", mark, create) as store:
        store.fill(len(chosen), 8, explain_batch, advance)
    errors = run.attributions["completeness_error"].to_numpy()
    say(f"{len(chosen)} stages explained, completeness error at most {errors.max():.2%}")


def choose_stages(predictions: pd.DataFrame, n_stages: int) -> np.ndarray:
    """Half sticks, half slips of the random split's test set, spread evenly over the ranks of |fluctuation|."""
    test = predictions[(predictions["rule"] == "random") & (predictions["split"] == "test")]
    chosen = []
    for of_kind in (test[test["target"] < 0], test[test["target"] > 0]):
        ranked = of_kind.sort_values("target", key=np.abs)["stage"].to_numpy()
        n = min(len(ranked), max(1, n_stages // 2))
        chosen.append(ranked[np.linspace(0, len(ranked) - 1, n).round().astype(int)] if n else ranked)
    return np.unique(np.concatenate(chosen))
