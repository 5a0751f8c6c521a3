"""From predictions to attributions, and to what they must be compared with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import zarr

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.data.artifacts import artifact
from microslip.data.batches import batched_store
from microslip.data.files import replacing, write_table
from microslip.data.run import Run
from microslip.data.store import add_column, array, create_store
from microslip.grids.splits import TRAIN
from microslip.learn.attribution import choose_baseline
from microslip.learn.checkpoint import Checkpoint, load_checkpoint
from microslip.learn.controls import (
    ExplainedStage,
    Explainer,
    choose_stages,
    compare_methods,
    evenly,
    furthest_first,
    randomise_layers,
    train_on_shuffled,
)
from microslip.learn.deletion import delete_and_insert
from microslip.learn.networks.predictor import Predictor
from microslip.learn.nulls import layers_from_the_output, randomised
from microslip.learn.reading import StageReader, keep_samples, stage_reader
from microslip.learn.samples import Scaling
from microslip.statistics.attribution_clusters import cluster_claims, compare_at_clusters, node_strata
from microslip.statistics.attribution_lengths import NodeLengths, compare_lengths, interpretation_tables, node_lengths
from microslip.steps.common import Advance, Say, scratch_folder
from microslip.steps.explained_clusters import Inside, clusters_or_none, describe_clusters
from microslip.steps.trained_cell import describe_cell, differences, fit_to_cell, listed

STAGES_PER_CHUNK = 8


def explain_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Integrated Gradients for stages of the random split's test set, with nulls and other methods beside them."""
    config = fit_to_cell(run, config)
    checkpoint = load_checkpoint(run.folder / "model" / "checkpoint.pt")
    settings, seed, scaling = config.attribution, config.training.seed, checkpoint.scaling
    chosen = choose_stages(run.predictions, settings.n_stages)
    check_belongs(run, config, checkpoint)
    # what would be refused later is refused before anything is replaced
    lengths = read_node_lengths(run, config)
    reader = stage_reader(run, scaling.names, scaling)
    baseline, starts = (
        _baseline(run, config, checkpoint, reader),
        _starts(run, reader, scaling, settings.n_starts, seed),
    )
    explainer = Explainer(checkpoint.network, scaling, baseline, starts, settings, seed)
    n_layers, n_few = len(layers_from_the_output(checkpoint.network)), min(settings.n_compared, len(chosen))
    work = _Work(advance, 3 * len(chosen) + n_few * (n_layers + 7) + 10 * settings.null_epochs)
    _attribute_all(run, explainer, reader, chosen, mark, work)
    attributions = run.attributions["attribution"]
    errors = run.attributions["completeness_error"].to_numpy()
    n_met = int((errors <= settings.completeness).sum())
    say(
        f"{len(chosen)} stages explained, completeness error: median {np.median(errors):.2%},"
        f" largest {errors.max():.2%}, {n_met} within {settings.completeness:.0%}"
    )
    partial = scratch_folder(run.folder / ".explaining", mark)
    samples = keep_samples(reader.batches(), reader.names, run.stages["fluctuation"].to_numpy(), partial / "inputs.npy")
    null = train_on_shuffled(
        samples,
        scaling,
        checkpoint.config,
        config.training,
        config.split,
        settings.null_epochs,
        partial / "null.pt",
        lambda: work.count(10),
    )

    def by(network: Predictor) -> Callable[[int, int], np.ndarray]:
        other = replace(explainer, network=network)

        def attribute(row: int, stage: int) -> np.ndarray:
            attribution = other.attribute(reader.scaled(stage, scaling)).attribution
            work.count()
            return np.asarray(attribution.sum(axis=0))

        return attribute

    # each returns the attribution of a stage, by its row among the chosen ones and its number
    sources: dict[str, Callable[[int, int], np.ndarray]] = {
        "trained": lambda row, stage: attributions[row].to_numpy(),
        "untrained": by(randomised(checkpoint.network, n_layers, seed)),
        "shuffled": by(null),
        "input": lambda row, stage: np.asarray((reader.scaled(stage, scaling) - explainer.baseline).sum(axis=0)),
    }
    clusters, reason = clusters_or_none(run, config, lengths.nodes)
    if clusters is None:
        say(f"no attributions at clusters of grains: {reason}")
    events, at_clusters = _measure(run, config, lengths, clusters, chosen, sources)
    tables = {"events": events.drop(columns=["c_d2min", "c_attribution", "r"])}
    tables |= interpretation_tables(events, run.stages, config.correlation, seed)
    if len(at_clusters):
        tables |= {"at_clusters": at_clusters, "clusters": cluster_claims(at_clusters, seed)}

    def explained(rows: np.ndarray) -> list[ExplainedStage]:
        return [
            ExplainedStage(int(chosen[row]), reader.scaled(chosen[row], scaling), attributions[row].to_numpy())
            for row in rows.tolist()
        ]

    few = explained(evenly(np.arange(len(chosen)), n_few))
    tables["layers"] = randomise_layers(explainer, few, work.count)
    tables |= compare_methods(explainer, few, work.count)
    rows = furthest_first(attributions.to_numpy(), len(few))
    furthest = explained(rows)
    rivals = {"expected": [explainer.expect(stage).attribution.sum(axis=0) for stage in furthest]}
    work.count(len(furthest))
    rivals |= {
        name: [sources[name](row, stage.number) for row, stage in zip(rows.tolist(), furthest, strict=True)]
        for name in ("untrained", "shuffled")
    }
    tables |= delete_and_insert(explainer, furthest, rivals, work.count)
    with replacing(run.folder / "interpretation") as beside:
        beside.mkdir()
        for name, table in tables.items():
            write_table(beside / f"{name}.csv", table)
    shutil.rmtree(partial)
    for sentence in describe_clusters(tables["clusters"]) if "clusters" in tables else ():
        say(sentence)
    _say_the_claim(tables["claim"], config, say)


def _say_the_claim(claim: pd.DataFrame, config: Config, say: Say) -> None:
    for line in claim.itertuples():
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


def check_belongs(run: Run, config: Config, checkpoint: Checkpoint) -> None:
    """Refuse a network, or predictions, that are of other stages or other voxels than those of the run now.

    Raises
    ------
    MicroslipError
        What differs, and the command that trains the network again.
    """
    remedy = f"run `microslip train {run.folder}` again"
    if differing := differences(checkpoint.cell, describe_cell(run, config)):
        raise MicroslipError(f"model/checkpoint.pt was trained on another cell ({listed(differing)}): {remedy}")
    table, target = run.predictions, run.stages.set_index("stage")["fluctuation"]
    other = ~np.isclose(table["target"], target.reindex(table["stage"]).to_numpy(), rtol=1e-9, atol=0)
    if other.any():
        stage = int(table["stage"].iloc[int(np.argmax(other))])
        raise MicroslipError(
            f"model/predictions.csv is of other stages than stages.csv, {int(other.sum())} of {len(table)} targets"
            f" differ (stage {stage} first): {remedy}"
        )
    shape = run.voxels["d2min"].shape[1:]
    if tuple(checkpoint.network.grid) != tuple(shape):
        raise MicroslipError(
            f"voxels.zarr has {shape} nodes, model/checkpoint.pt was trained on {tuple(checkpoint.network.grid)}:"
            " run `microslip train` again"
        )


def _baseline(run: Run, config: Config, checkpoint: Checkpoint, reader: StageReader) -> np.ndarray:
    """The field where the paths start, scaled, shape (channel, x, y, z)."""
    table, shape = run.predictions, (len(reader.names), *checkpoint.network.grid)
    train = table[(table["rule"] == "random") & (table["split"] == TRAIN)]["stage"].to_numpy()
    return np.asarray(choose_baseline(checkpoint.scaling, shape, config.attribution.baseline, reader.among(train)))


def _starts(run: Run, reader: StageReader, scaling: Scaling, n: int, seed: int) -> np.ndarray:
    """Scaled voxels (start, channel, x, y, z) of stages drawn from the training set, in random order."""
    table, rng = run.predictions, np.random.default_rng(seed)
    train = np.unique(table[(table["rule"] == "random") & (table["split"] == TRAIN)]["stage"].to_numpy())
    drawn = np.sort(rng.choice(train, min(n, len(train)), replace=False))
    scaled = np.concatenate([scaling.standardise(batch) for batch in reader.among(drawn)])
    return np.asarray(scaled[rng.permutation(len(scaled))], dtype=np.float32)


class _Work:
    """Counts what is done of all the parts for the progress bar."""

    def __init__(self, advance: Advance, total: int) -> None:
        self.advance, self.total, self.done = advance, total, 0

    def count(self, n: int = 1) -> None:
        self.done = min(self.done + n, self.total)
        self.advance(self.done, self.total)


def _attribute_all(
    run: Run, explainer: Explainer, reader: StageReader, chosen: np.ndarray, mark: str, work: _Work
) -> None:
    """attributions.zarr: the trained network's, batch by batch."""
    voxels = run.voxels

    def create(path: Path) -> zarr.Group:
        about = {"baseline": explainer.settings.baseline, "rule": "random", "inputs": list(reader.names)}
        store = create_store(path, about)
        lengths = {"stage": len(chosen), **{name: voxels.sizes[name] for name in "xyz"}}
        for column in artifact("attributions.zarr").columns:
            per_chunk = STAGES_PER_CHUNK if column.dimensions[0] == "stage" and column.name != "stage" else None
            add_column(store, column, lengths, per_chunk=per_chunk)
        array(store, "stage")[:] = chosen
        for name in "xyz":
            array(store, name)[:] = voxels[name]
        return store

    def explain_batch(path: Path, batch: slice) -> None:
        explained = [explainer.attribute(reader.scaled(stage, explainer.scaling)) for stage in chosen[batch].tolist()]
        group = zarr.open_group(path, mode="r+")
        array(group, "attribution")[batch] = np.stack([stage.attribution.sum(axis=0) for stage in explained])
        array(group, "completeness_error")[batch] = np.array([stage.completeness_error for stage in explained])
        array(group, "n_steps")[batch] = np.array([stage.n_steps for stage in explained])

    with batched_store(run.folder / "attributions.zarr", mark, create) as store:
        store.fill(len(chosen), STAGES_PER_CHUNK, explain_batch, lambda done, _: work.count(done - work.done))


def _measure(
    run: Run,
    config: Config,
    lengths: NodeLengths,
    clusters: Callable[[int], Inside] | None,
    chosen: np.ndarray,
    sources: dict[str, Callable[[int, int], np.ndarray]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """ξ of D²min and of every source's attribution of each stage, and where the attribution lies; then at clusters."""
    events, at_clusters = [], []
    for n, stage in enumerate(chosen.tolist()):
        field = np.asarray(run.voxels["d2min"][stage].to_numpy(), dtype=float)
        # the same for every source
        of_d2min, strata = lengths.measure(field), node_strata(field)
        inside = clusters(stage) if clusters is not None else {}
        for name, attribute in sources.items():
            about, attribution = {"network": name, "stage": stage}, attribute(n, stage).astype(float)
            compared = compare_lengths(lengths, field, of_d2min, attribution, config.clusters.fraction)
            events += [about | row for row in compared]
            at_clusters += [about | row for row in compare_at_clusters(inside, strata, attribution)]
    return pd.DataFrame(events), pd.DataFrame(at_clusters)
