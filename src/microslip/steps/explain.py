"""From predictions to attributions, and to what they must be compared with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.batches import batched_store
from microslip.data.files import replacing, write_table
from microslip.data.run import Run
from microslip.data.store import add_array, create_store
from microslip.statistics.attribution_lengths import NodeLengths, compare_lengths, interpretation_tables, node_lengths
from microslip.statistics.ranks import spearman
from microslip.steps.common import Advance, Say, array
from microslip.steps.train import describe_cell, differences, fit_to_cell, keep_only

STAGES_PER_CHUNK = 8


@dataclass(frozen=True)
class Explained:
    """What the controls share: the network with its scaling, the run, the stages, and the settings."""

    run: Run
    config: Config
    checkpoint: Any
    stages: np.ndarray
    increments: np.ndarray
    baseline: np.ndarray

    def inputs(self, stage: int) -> np.ndarray:
        """One stage's scaled voxels, shape (channel, x, y, z)."""
        from microslip.learn.inputs import read_inputs

        scaling = self.checkpoint.scaling
        voxels, increment = self.run.voxels.isel(stage=slice(stage, stage + 1)), self.increments[stage : stage + 1]
        batch = next(read_inputs(voxels, increment, scaling.names, scaling.floor, scaling.transform, stage))
        return np.asarray(scaling.standardise(batch)[0], dtype=np.float32)

    def d2min(self, stage: int) -> np.ndarray:
        """One stage's D²min on the nodes [d̄²]."""
        return np.asarray(self.run.voxels["d2min"][stage].to_numpy(), dtype=float)

    @property
    def few(self) -> np.ndarray:
        """Stages for the slower controls, evenly over the chosen ones."""
        n = min(self.config.attribution.n_compared, len(self.stages))
        few: np.ndarray = self.stages[np.unique(np.linspace(0, len(self.stages) - 1, n).round().astype(int))]
        return few


def explain_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Integrated Gradients for stages of the random split's test set, with nulls and other methods beside them."""
    from microslip.learn.checkpoint import load_checkpoint
    from microslip.learn.nulls import layers_from_the_output, randomised

    config = fit_to_cell(run, config, lambda sentence: None)
    checkpoint = load_checkpoint(run.folder / "model" / "checkpoint.pt")
    settings, seed = config.attribution, config.training.seed
    increments = run.stages["strain_increment"].to_numpy()
    chosen = choose_stages(run.predictions, settings.n_stages)
    shape = run.voxels["d2min"].shape[1:]
    check_belongs(run, config, checkpoint)
    if tuple(checkpoint.network.grid) != tuple(shape):
        raise MicroslipError(
            f"voxels.zarr has {shape} nodes, model/checkpoint.pt was trained on {tuple(checkpoint.network.grid)}:"
            " run `microslip train` again"
        )
    # what would be refused later is refused before anything is replaced
    lengths = read_node_lengths(run, config)
    baseline = _baseline(run, config, checkpoint.scaling, increments)
    explained = Explained(run, config, checkpoint, chosen, increments, baseline)
    n_layers = len(layers_from_the_output(checkpoint.network))
    work = _Work(advance, 3 * len(chosen) + len(explained.few) * (n_layers + 3) + 10 * settings.null_epochs)
    _attribute_all(explained, mark, work)
    errors = run.attributions["completeness_error"].to_numpy()
    met = int((errors <= settings.completeness).sum())
    say(
        f"{len(chosen)} stages explained, completeness error: median {np.median(errors):.2%},"
        f" largest {errors.max():.2%}, {met} within {settings.completeness:.0%}"
    )
    partial = run.folder / ".explaining"
    keep_only(partial, mark)
    networks = {
        "trained": checkpoint.network,
        "untrained": randomised(checkpoint.network, n_layers, seed),
        "shuffled": _train_on_shuffled(explained, partial, work),
    }
    networks["input"] = None
    # the same for every network
    of_d2min = [lengths.measure(explained.d2min(stage)) for stage in chosen.tolist()]
    events = pd.DataFrame(
        [
            row
            for name, network in networks.items()
            for row in _measure_network(explained, name, network, lengths, of_d2min, work)
        ]
    )
    tables = {"events": events.drop(columns=["c_d2min", "c_attribution", "r"])}
    tables |= interpretation_tables(events, run.stages, config.correlation, seed)
    tables["layers"] = _randomise_layers(explained, n_layers, work)
    tables["methods"] = _compare_methods(explained, work)
    tables["deletion"] = _delete_and_insert(explained, work)
    with replacing(run.folder / "interpretation") as beside:
        beside.mkdir()
        for name, table in tables.items():
            write_table(beside / f"{name}.csv", table)
    shutil.rmtree(partial)
    for line in tables["claim"].itertuples():
        # too few stages have a ratio and no interval of it
        spread = f" [{line.low:.2f}, {line.high:.2f}]" if np.isfinite(line.low) else ", without an interval,"
        say(
            f"{line.network}, {line.field}: ξ_Attr/ξ_D = {line.ratio:.2f}{spread} in {line.n}"
            f" of {line.n_stages} stages, rank correlation {line.spearman:.2f}; {line.share_active:.0%} of the sizes"
            f" at the most active {config.clusters.fraction:.0%} of the nodes"
        )


def read_node_lengths(run: Run, config: Config) -> NodeLengths:
    """How correlation lengths of values on the run's nodes are measured; errors as in `node_lengths`."""
    voxels = run.voxels
    coordinates = [voxels[name].to_numpy() for name in "xyz"]
    # a cell that is stored with every frame may lean by another tilt in each
    return node_lengths(coordinates, voxels.attrs["spacing"], run.box, config.correlation, "cell" in run.frames)


def check_belongs(run: Run, config: Config, checkpoint: Any) -> None:
    """Refuse a network, or predictions, that are of other stages or other voxels than those of the run now.

    Raises
    ------
    MicroslipError
        What differs, and the command that trains the network again.
    """
    remedy = f"run `microslip train {run.folder}` again"
    if differs := differences(checkpoint.cell, describe_cell(run, config)):
        raise MicroslipError(f"model/checkpoint.pt was trained on another cell ({'; '.join(differs)}): {remedy}")
    table, target = run.predictions, run.stages.set_index("stage")["fluctuation"]
    of_now = target.reindex(table["stage"]).to_numpy()
    other = ~np.isclose(table["target"], of_now, rtol=1e-9, atol=0)
    if other.any():
        stage = int(table["stage"].iloc[int(np.argmax(other))])
        raise MicroslipError(
            f"model/predictions.csv is of other stages than stages.csv, {int(other.sum())} of {len(table)} targets"
            f" differ (stage {stage} first): {remedy}"
        )


def _baseline(run: Run, config: Config, scaling: Any, increments: np.ndarray) -> np.ndarray:
    """The field where the paths start, scaled, shape (channel, x, y, z)."""
    from microslip.learn.attribution import baseline_field, mean_profile
    from microslip.learn.inputs import read_inputs

    shape = (len(scaling.names), *run.voxels["d2min"].shape[1:])
    if config.attribution.baseline != "profile":
        return np.asarray(baseline_field(scaling, shape, config.attribution.baseline))
    table = run.predictions
    train = np.zeros(len(increments), dtype=bool)
    train[table[(table["rule"] == "random") & (table["split"] == "train")]["stage"]] = True

    def batches() -> Iterator[np.ndarray]:
        first = 0
        for batch in read_inputs(run.voxels, increments, scaling.names, scaling.floor, scaling.transform):
            yield scaling.standardise(batch[train[first : first + len(batch)]])
            first += len(batch)

    return np.asarray(mean_profile(batches()))


class _Work:
    """Counts what is done of all the parts for the progress bar."""

    def __init__(self, advance: Advance, total: int) -> None:
        self.advance, self.total, self.done = advance, total, 0

    def one(self, n: int = 1) -> None:
        self.done = min(self.done + n, self.total)
        self.advance(self.done, self.total)


def _attribute_all(explained: Explained, mark: str, work: _Work) -> None:
    """attributions.zarr: the trained network's, batch by batch."""
    from microslip.learn.attribution import integrated_gradients

    run, settings, chosen = explained.run, explained.config.attribution, explained.stages
    voxels = run.voxels
    shape = voxels["d2min"].shape[1:]

    def create(path: Path) -> zarr.Group:
        inputs = list(explained.checkpoint.scaling.names)
        store = create_store(path, {"baseline": settings.baseline, "rule": "random", "inputs": inputs})
        dimensions = ["stage", "x", "y", "z"]
        n, per_chunk = len(chosen), STAGES_PER_CHUNK
        what = "share of the prediction, summed over the network's inputs"
        add_array(store, "attribution", dimensions, (n, *shape), "float64", "p", what, per_chunk=per_chunk)
        off = "|Σ attribution − ΔF|/|ΔF|"
        add_array(store, "completeness_error", ["stage"], (n,), "float64", "", off, per_chunk=per_chunk)
        add_array(store, "n_steps", ["stage"], (n,), "int32", "", "path points", per_chunk=per_chunk)
        add_array(store, "stage", ["stage"], (n,), "int64", "", "stage number")[:] = chosen
        for name in "xyz":
            add_array(store, name, [name], voxels[name].shape, "float64", "d", "node position")[:] = voxels[name]
        return store

    def explain_batch(path: Path, batch: slice) -> None:
        network, scaling = explained.checkpoint.network, explained.checkpoint.scaling
        found = [
            integrated_gradients(network, scaling, explained.inputs(stage), settings, explained.baseline)
            for stage in chosen[batch].tolist()
        ]
        group = zarr.open_group(path, mode="r+")
        array(group, "attribution")[batch] = np.stack([one.attribution.sum(axis=0) for one in found])
        array(group, "completeness_error")[batch] = np.array([one.completeness_error for one in found])
        array(group, "n_steps")[batch] = np.array([one.n_steps for one in found])

    with batched_store(run.folder / "attributions.zarr", mark, create) as store:
        store.fill(len(chosen), STAGES_PER_CHUNK, explain_batch, lambda done, _: work.one(done - work.done))


def _train_on_shuffled(explained: Explained, partial: Path, work: _Work) -> Any:
    """The same network, trained on the fluctuations in random order: what it knows is noise."""
    from microslip.grids.splits import random_split
    from microslip.learn.inputs import read_inputs, write_inputs
    from microslip.learn.samples import Samples, fit_scaling
    from microslip.learn.train import train

    run, config = explained.run, explained.config
    scaling, n_epochs = explained.checkpoint.scaling, config.attribution.null_epochs
    # on the scales of the network that it is compared with
    same = {name: getattr(scaling, name) for name in ("floor", "transform", "target")}
    settings = config.training.model_copy(update={"epochs": n_epochs, "patience": n_epochs, **same})
    target, names = run.stages["fluctuation"].to_numpy(), scaling.names
    batches = read_inputs(run.voxels, explained.increments, names, scaling.floor, scaling.transform)
    inputs = write_inputs(partial / "inputs.npy", len(target), batches)
    shuffled = np.random.default_rng(settings.seed).permutation(target)
    samples = Samples(inputs, names, shuffled)
    chosen = random_split(len(target), config.split, settings.seed)["train"]
    # judged by what it was trained on: the epoch that knows the noise best is kept
    sets = {"train": chosen, "validation": chosen[:: max(1, len(chosen) // 500)]}
    own_scaling, network = fit_scaling(samples, chosen, settings), explained.checkpoint.config
    return train(samples, sets, own_scaling, network, settings, partial / "null.pt", lambda row: work.one(10)).network


def _measure_network(
    explained: Explained,
    name: str,
    network: Any,
    lengths: NodeLengths,
    of_d2min: list[tuple[np.ndarray, float]],
    work: _Work,
) -> list[dict[str, Any]]:
    """Rows for each stage: ξ of D²min and of the attribution, and where the attribution lies.

    Without a network the attribution is the input itself, less the baseline.
    """
    from microslip.learn.attribution import integrated_gradients

    run, config = explained.run, explained.config
    stored = run.attributions["attribution"] if name == "trained" else None
    scaling, rows = explained.checkpoint.scaling, []
    for row, stage in enumerate(explained.stages.tolist()):
        if stored is not None:
            attribution = stored[row].to_numpy()
        else:
            inputs = explained.inputs(stage)
            if network is None:
                attribution = (inputs - explained.baseline).sum(axis=0)
            else:
                found = integrated_gradients(network, scaling, inputs, config.attribution, explained.baseline)
                attribution = found.attribution.sum(axis=0)
                work.one()
        both = compare_lengths(
            lengths, explained.d2min(stage), of_d2min[row], attribution.astype(float), config.clusters.fraction
        )
        rows += [{"network": name, "stage": stage} | one for one in both]
    return rows


def _randomise_layers(explained: Explained, n_layers: int, work: _Work) -> pd.DataFrame:
    """Rank correlation of |attribution| with the trained network's while layer after layer is made random."""
    from microslip.learn.attribution import integrated_gradients
    from microslip.learn.nulls import layers_from_the_output, randomised

    checkpoint, settings = explained.checkpoint, explained.config.attribution
    names, rows = layers_from_the_output(checkpoint.network), []
    stored = explained.run.attributions.set_index(stage="stage")["attribution"]
    for n in range(1, n_layers + 1):
        network = randomised(checkpoint.network, n, explained.config.training.seed)
        alike = []
        for stage in explained.few.tolist():
            inputs = explained.inputs(stage)
            found = integrated_gradients(network, checkpoint.scaling, inputs, settings, explained.baseline)
            original = np.abs(stored.sel(stage=stage).to_numpy()).ravel()
            alike.append(spearman(original, np.abs(found.attribution.sum(axis=0)).ravel()))
            work.one()
        known = np.array(alike)[np.isfinite(alike)]
        mean, deviation = (known.mean(), known.std()) if len(known) else (np.nan, np.nan)
        rows.append((n, names[n - 1], mean, deviation, len(known)))
    return pd.DataFrame(rows, columns=["n_layers", "last_layer", "spearman", "deviation", "n"])


# Shares of nodes that are replaced in the deletion and insertion curves.
FRACTIONS = np.concatenate([[0.0, 0.005, 0.01, 0.02, 0.05], np.linspace(0.1, 1, 10)])


def _compare_methods(explained: Explained, work: _Work) -> pd.DataFrame:
    """Rank correlation of other methods' attributions with those of Integrated Gradients."""
    from microslip.learn.attribution import occlusion, smoothed_integrated_gradients

    checkpoint, settings, baseline = explained.checkpoint, explained.config.attribution, explained.baseline
    network, scaling, seed = checkpoint.network, checkpoint.scaling, explained.config.training.seed
    stored = explained.run.attributions.set_index(stage="stage")["attribution"]
    rows = []
    for stage in explained.few.tolist():
        inputs, own = explained.inputs(stage), stored.sel(stage=stage).to_numpy().ravel()
        others = {
            "smoothgrad": smoothed_integrated_gradients(network, scaling, inputs, settings, seed, baseline).sum(axis=0),
            "occlusion": occlusion(network, scaling, inputs, settings, baseline)[0],
            "input": (inputs - baseline).sum(axis=0),
        }
        for name, other in others.items():
            sizes = spearman(np.abs(own), np.abs(other).ravel())
            rows.append((stage, name, sizes, spearman(own, other.ravel())))
        work.one(2)
    return pd.DataFrame(rows, columns=["stage", "method", "spearman_of_sizes", "spearman"])


def _delete_and_insert(explained: Explained, work: _Work) -> pd.DataFrame:
    """Predictions while nodes are taken out or put in, for the stages furthest from the baseline's prediction."""
    from microslip.learn.nulls import replaced_in_order

    checkpoint, baseline = explained.checkpoint, explained.baseline
    network, scaling, seed = checkpoint.network, checkpoint.scaling, explained.config.training.seed
    stored = explained.run.attributions.set_index(stage="stage")["attribution"]
    difference = np.abs(stored.sum(dim=("x", "y", "z")).to_numpy())
    furthest = stored["stage"].to_numpy()[np.argsort(-difference)[: len(explained.few)]]
    rows = []
    for stage in furthest.tolist():
        inputs, own = explained.inputs(stage), stored.sel(stage=stage).to_numpy()
        # what raises the prediction of a slip, or lowers that of a stick, is what speaks for it
        direction = np.sign(own.sum()) or 1.0
        orders = {
            "attribution": np.argsort(-direction * own.ravel(), kind="stable"),
            "size of attribution": np.argsort(-np.abs(own).ravel(), kind="stable"),
            "d2min": np.argsort(-inputs[0].ravel(), kind="stable"),
            "random": np.random.default_rng([seed, stage]).permutation(own.size),
        }
        for name, order in orders.items():
            for insertion in (False, True):
                found = replaced_in_order(network, scaling, inputs, baseline, order, FRACTIONS, insertion)
                whole, empty = (found[-1], found[0]) if insertion else (found[0], found[-1])
                curve = (found - empty) / (whole - empty if whole != empty else np.nan)
                mode = "insertion" if insertion else "deletion"
                rows += [(mode, name, f, v) for f, v in zip(FRACTIONS, curve, strict=True)]
        work.one()
    groups = pd.DataFrame(rows, columns=["mode", "order", "fraction", "prediction"]).groupby(
        ["mode", "order", "fraction"], sort=False
    )["prediction"]
    quartiles = [groups.quantile(q).rename(name) for q, name in ((0.25, "low"), (0.5, "median"), (0.75, "high"))]
    return pd.concat([*quartiles, groups.count().rename("n")], axis=1).reset_index()


def choose_stages(predictions: pd.DataFrame, n_stages: int) -> np.ndarray:
    """Half sticks, half slips of the random split's test set, spread evenly over the ranks of |fluctuation|."""
    test = predictions[(predictions["rule"] == "random") & (predictions["split"] == "test")]
    chosen = []
    for of_kind in (test[test["target"] < 0], test[test["target"] > 0]):
        ranked = of_kind.sort_values("target", key=np.abs)["stage"].to_numpy()
        n = min(len(ranked), max(1, n_stages // 2))
        chosen.append(ranked[np.linspace(0, len(ranked) - 1, n).round().astype(int)] if n else ranked)
    return np.unique(np.concatenate(chosen))
