"""The steps in order, each one read → call → write; what is done and current is skipped."""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr

from microslip.config import Config, write_config
from microslip.core.errors import MicroslipError
from microslip.data.batches import batched_store
from microslip.data.files import replacing, write_json, write_table
from microslip.data.provenance import digest_output, fingerprint, read_provenance, record_step, versions
from microslip.data.run import Run, open_run
from microslip.data.store import CHUNK_BYTES, add_array, check_store, create_store

Advance = Callable[[int, int], None]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """A verb of the command line: what it reads of the configuration and the run folder, and what it leaves there."""

    verb: str
    title: str
    sections: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    work: Callable[[Run, Config, str, Advance, Say], dict[str, Any] | None]


def simulate_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> dict[str, Any]:
    """Shear the cell."""
    from microslip.dem.launch import simulate, time_spent

    cell = config.shear_cell
    numbers = cell.numbers()
    say(
        f"{cell.n_bulk + 2 * math.prod(cell.wall_shape)} grains on {cell.parallel.ranks} MPI ranks, {describe(numbers)}"
    )
    total = cell.n_samples

    def follow(message: dict[str, Any]) -> None:
        if message["phase"] == "prepare":
            if "prepare" not in phases:
                say("filling, compacting and resting")
        else:
            advance(message["sample"] + 1, total)
        phases.add(message["phase"])

    phases: set[str] = set()
    simulate(cell, run.folder, progress=follow)
    seconds = time_spent(run.folder)
    grain_steps = run.grains.sizes["grain"] * (total - 1) * cell.steps_per_sample / seconds["shear"]
    say(f"{grain_steps / 1e6:.2f} million grain-steps per second of shear, recording included")
    return {"seconds": seconds["prepare"] + seconds["shear"], "grain_steps_per_second": round(grain_steps)}


def describe(numbers: dict[str, float]) -> str:
    """I, κ and Δt in a sentence, with a warning where inertia matters."""
    text = (
        f"I = {numbers['inertial_number']:.2g}, κ = {numbers['stiffness_number']:.0f},"
        f" Δt = {numbers['timestep']:.3g} s = {numbers['timestep_over_rayleigh_time']:.2f} T_Rayleigh"
    )
    return text + (" — I above 1e-3 is not quasi-static" if numbers["inertial_number"] > 1e-3 else "")


def stages_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Find stick and slip stages."""
    from microslip.events.stages import attach_frames, detect_stages

    series, recording = run.series, config.recording
    table = detect_stages(
        series["strain"].to_numpy(),
        series["stress"].to_numpy(),
        config.stage_threshold,
        None if recording.smoothing == "none" else (recording.smoothing, recording.smoothing_span),
        config.first_stage_sample,
    )
    if table.empty:
        raise MicroslipError(
            f"no stage found: the stress never swings by more than stages.threshold = {config.stage_threshold:g}"
            f" after a strain of loading.warm_up = {config.loading.warm_up:g}: lower the threshold or shear longer"
        )
    table = attach_frames(table, run.frames["sample"].to_numpy())
    write_table(run.folder / "stages.csv", table)
    say(f"{len(table)} stages, {int((table['kind'] == 'slip').sum())} of them slips")


def fields_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """D²min of every grain in every stage."""
    from microslip.fields.nonaffine import d2min

    stages, box = run.stages, run.box
    bulk = run.grains["kind"].to_numpy() == 0
    position = run.frames["position"]
    n_stages, n_grains = len(stages), len(bulk)
    per_chunk = max(1, CHUNK_BYTES // (8 * n_grains))

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"cutoff": config.nonaffine.cutoff, "neighbours": "in the frame at the start"})
        shape, dimensions = (n_stages, n_grains), ["stage", "grain"]
        add_array(store, "d2min", dimensions, shape, "float64", "d**2", "D²min, NaN for walls", per_chunk=per_chunk)
        add_array(store, "n_neighbours", dimensions, shape, "int32", "", "grains within cutoff", per_chunk=per_chunk)
        return store

    undefined = 0
    with batched_store(run.folder / "fields.zarr", mark, create) as store:
        for batch in store.batches(n_stages, per_chunk, advance):
            values = np.empty((batch.stop - batch.start, n_grains))
            neighbours = np.empty(values.shape, dtype=np.int32)
            held = _FrameCache(position)
            for row, (start, end) in enumerate(
                stages[["start_frame", "end_frame"]].iloc[batch].itertuples(index=False)
            ):
                motion = d2min(held[start], held[end], box, config.nonaffine.cutoff, bulk)
                values[row], neighbours[row] = motion.d2min, motion.n_neighbours
            undefined += int(np.isnan(values[:, bulk]).sum())
            _array(store.group, "d2min")[batch] = values
            _array(store.group, "n_neighbours")[batch] = neighbours
    if undefined:
        say(f"{undefined} values are undefined: fewer than 4 neighbours, or neighbours in a plane")


class _FrameCache:
    """The last two frames read: a stage ends where the next one starts."""

    def __init__(self, position: Any) -> None:
        self.position = position
        self.held: dict[int, np.ndarray] = {}

    def __getitem__(self, frame: int) -> np.ndarray:
        if frame not in self.held:
            if len(self.held) > 1:
                del self.held[next(iter(self.held))]
            self.held[frame] = self.position[frame].to_numpy()
        return self.held[frame]


def _array(group: zarr.Group, name: str) -> zarr.Array:
    array = group[name]
    assert isinstance(array, zarr.Array)
    return array


def voxels_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Coarse-grain D²min."""
    from microslip.grids.coarse import coarse_grain, place_nodes

    stages, box, values, position = run.stages, run.box, run.fields["d2min"], run.frames["position"]
    settings = config.voxels
    nodes = place_nodes(box, settings.spacing)
    per_chunk = max(1, CHUNK_BYTES // (4 * math.prod(nodes.shape)))

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"spacing": list(nodes.spacing), "radius": settings.radius, "empty_node": 0.0})
        add_array(
            store,
            "d2min",
            ["stage", "x", "y", "z"],
            (len(stages), *nodes.shape),
            "float32",
            "d**2",
            "mean D²min of the grains within the radius, at the start of the stage; 0 where there is none",
            per_chunk=per_chunk,
        )
        for axis, name in enumerate("xyz"):
            coordinate = nodes.origin[axis] + nodes.spacing[axis] * np.arange(nodes.shape[axis])
            add_array(store, name, [name], (len(coordinate),), "float64", "d", "node position")[:] = coordinate
        return store

    with batched_store(run.folder / "voxels.zarr", mark, create) as store:
        for batch in store.batches(len(stages), per_chunk, advance):
            rows = values[batch].to_numpy()
            grids = [
                coarse_grain(position[frame].to_numpy(), row, box, settings.spacing, settings.radius).values
                for frame, row in zip(stages["start_frame"].iloc[batch], rows, strict=True)
            ]
            _array(store.group, "d2min")[batch] = np.stack(grids).astype(np.float32)


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
    partial = run.folder / ".model.partial"
    _keep_only(partial, mark)
    predictions, history, metrics = [], [], {}
    for number, (rule, sets) in enumerate(splits.items()):
        scaling = fit_scaling(voxels, target, sets["train"], settings.floor)
        inputs = write_inputs(voxels, scaling, partial / "inputs.npy")

        def report(row: dict[str, float], number: int = number, rule: str = rule) -> None:
            advance(number * settings.epochs + int(row["epoch"]) + 1, len(splits) * settings.epochs)

        trained = train(
            inputs, target, sets, scaling, config.network, settings, partial / f"training_{rule}.pt", report
        )
        history.append(trained.history.assign(rule=rule))
        save_checkpoint(trained, config.network, settings, partial / _checkpoint_name(rule))
        everything = predict(trained.network, inputs, np.arange(n_stages)) * scaling.target_deviation
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
        for rule in splits:
            (partial / _checkpoint_name(rule)).rename(beside / _checkpoint_name(rule))
        write_table(beside / "history.csv", pd.concat(history, ignore_index=True))
        write_table(beside / "predictions.csv", pd.concat(predictions, ignore_index=True))
        write_json(beside / "metrics.json", metrics)
    shutil.rmtree(partial)
    for line in metric_lines(metrics):
        say(line)


def metric_lines(metrics: dict[str, Any]) -> list[str]:
    """R² on the test set of every split rule, network first."""
    return [
        f"{rule} split, test R²: "
        + ", ".join(f"{name.replace('_', ' ')} {parts['test']['r2']:.3f}" for name, parts in methods.items())
        for rule, methods in metrics.items()
    ]


def _checkpoint_name(rule: str) -> str:
    return "checkpoint.pt" if rule == "random" else f"checkpoint_{rule}.pt"


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

    with batched_store(run.folder / "attributions.zarr", mark, create) as store:
        for batch in store.batches(len(chosen), 8, advance):
            found = [
                integrated_gradients(
                    network, scaling, scaling.transform(voxels["d2min"][stage].to_numpy().astype(float)), settings
                )
                for stage in chosen[batch]
            ]
            _array(store.group, "attribution")[batch] = np.stack([one.attribution for one in found])
            _array(store.group, "completeness_error")[batch] = np.array([one.completeness_error for one in found])
            _array(store.group, "n_steps")[batch] = np.array([one.n_steps for one in found])
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


def statistics_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """C(r) of D²min for stick and slip and in bins of the fluctuation, and ξ."""
    from microslip.statistics.bins import bin_stages
    from microslip.statistics.correlation import fit_ornstein_zernike, spatial_correlation

    stages, box, values, position = run.stages, run.box, run.fields["d2min"], run.frames["position"]
    settings = config.correlation
    farthest = min(settings.farthest, box.half_period)
    edges = np.arange(0, int(farthest / settings.bin_width) + 1) * settings.bin_width
    n_bins = len(edges) - 1
    target = run.folder / "statistics"

    def create(path: Path) -> zarr.Group:
        store = create_store(path, {"bin_width": settings.bin_width})
        add_array(store, "r", ["r"], (n_bins,), "float64", "d", "bin centre")[:] = (edges[:-1] + edges[1:]) / 2
        add_array(store, "correlation", ["stage", "r"], (len(stages), n_bins), "float64", "", "C(r)", per_chunk=64)
        return store

    with batched_store(target / "correlation.zarr", mark, create) as store:
        for batch in store.batches(len(stages), 64, advance):
            rows = values[batch].to_numpy()
            found = [
                spatial_correlation(position[frame].to_numpy(), row, box, edges)
                for frame, row in zip(stages["start_frame"].iloc[batch], rows, strict=True)
            ]
            _array(store.group, "correlation")[batch] = np.stack([one.correlation for one in found])

    per_stage = np.asarray(_array(check_store(target / "correlation.zarr"), "correlation"))
    r = (edges[:-1] + edges[1:]) / 2
    curves, lengths = [], []
    for group in bin_stages(stages, settings.n_bins).to_dict("records"):
        members = per_stage[group.pop("members")]
        # nearer than two grains can be, bins hold no pair in any stage
        known = np.isfinite(members).any(axis=0)
        mean = np.full(n_bins, np.nan)
        error = np.full(n_bins, np.nan)
        mean[known] = np.nanmean(members[:, known], axis=0)
        if len(members) > 1:
            error[known] = np.nanstd(members[:, known], axis=0) / np.sqrt(np.isfinite(members[:, known]).sum(axis=0))
        curves.append(pd.DataFrame({**group, "r": r, "correlation": mean, "standard_error": error}))
        try:
            weights = error if len(members) > 2 else None
            fit = fit_ornstein_zernike(r, mean, weights, settings.exponent, settings.fit_from)
        except MicroslipError as reason:
            lengths.append({**group, "reason": str(reason)})
        else:
            lengths.append({**group, **vars(fit)})
    write_table(target / "correlation.csv", pd.concat(curves, ignore_index=True))
    table = pd.DataFrame(lengths)
    write_table(target / "correlation_length.csv", table)
    for row in table[table["by"] == "kind"].to_dict("records"):
        if np.isfinite(row.get("xi", np.nan)):
            say(f"{row['kind']}: ξ = {row['xi']:.2f} d̄ [{row['xi_low']:.2f}, {row['xi_high']:.2f}]")
        else:
            say(f"{row['kind']}: no ξ, {row['reason']}")


def figures_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """Draw."""
    from microslip.views.gallery import draw_figures

    drawn = draw_figures(run, run.folder / "figures", advance)
    say(f"{len(drawn)} files in {run.folder / 'figures'}")


def report_step(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    """One page that shows it all."""
    from microslip.views.report import write_report

    target = run.folder / "report" / "index.html"
    with replacing(target) as beside:
        write_report(run, beside)
    say(f"open {target} in a browser")


_DEM = ("seed", "grains", "cell", "loading", "recording", "parallel")
_MOTION = ("trajectory.zarr", "stages.csv")
_RESULTS = (*_MOTION, "fields.zarr", "voxels.zarr", "model", "attributions.zarr", "statistics")

STEPS = {
    step.verb: step
    for step in (
        Step("simulate", "shearing the cell", _DEM, (), ("trajectory.zarr",), simulate_step),
        Step(
            "stages",
            "finding stages",
            ("stages", "loading", "recording"),
            ("trajectory.zarr",),
            ("stages.csv",),
            stages_step,
        ),
        Step("fields", "non-affine motion", ("nonaffine",), _MOTION, ("fields.zarr",), fields_step),
        Step("voxels", "coarse graining", ("voxels",), (*_MOTION, "fields.zarr"), ("voxels.zarr",), voxels_step),
        Step(
            "train",
            "training the network",
            ("split", "network", "training"),
            ("stages.csv", "fields.zarr", "voxels.zarr"),
            ("model",),
            train_step,
        ),
        Step(
            "explain",
            "integrated gradients",
            ("attribution",),
            ("voxels.zarr", "model/checkpoint.pt", "model/predictions.csv"),
            ("attributions.zarr",),
            explain_step,
        ),
        Step(
            "statistics",
            "spatial correlation",
            ("correlation",),
            (*_MOTION, "fields.zarr"),
            ("statistics",),
            statistics_step,
        ),
        Step("figures", "drawing figures", (), _RESULTS, ("figures",), figures_step),
        Step("report", "writing the report", (), (*_RESULTS, "figures"), ("report",), report_step),
    )
}

# These show what there is; the others need every input.
_SHOWS_WHAT_EXISTS = ("figures", "report")


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the run folder against a second command."""
    with (folder / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MicroslipError(f"another microslip is working on {folder}: wait for it or stop it first") from None
        yield


def perform(verb: str, folder: Path, config: Config, advance: Advance, say: Say) -> bool:
    """Run one step on a run folder, unless it is done and current; True when it ran.

    Raises
    ------
    MicroslipError
        An input is missing, or what the step itself finds wrong.
    """
    step = STEPS[verb]
    mark = _mark(step, folder, config)
    before = read_provenance(folder)["steps"].get(verb, {})
    done = before.get("fingerprint") == mark and all((folder / name).exists() for name in step.outputs)
    if done:
        return False
    started = time.time()
    extra = step.work(Run(folder), config, mark, advance, say)
    record_step(
        folder,
        verb,
        {
            "fingerprint": mark,
            "seconds": round(time.time() - started, 2),
            **(extra or {}),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "settings": {name: _section(config, name) for name in step.sections},
            "versions": versions(),
            "processors": os.cpu_count(),
        },
    )
    write_config(config, folder / "config.toml")
    return True


def _section(config: Config, name: str) -> Any:
    return config.model_dump(mode="json")[name]


def _mark(step: Step, folder: Path, config: Config) -> str:
    """What the step's result depends on: its sections of the configuration and the digests of its inputs."""
    inputs = {}
    for name in step.inputs:
        if (folder / name).exists():
            inputs[name] = digest_output(folder / name)
        elif step.verb not in _SHOWS_WHAT_EXISTS:
            maker = next(other.verb for other in STEPS.values() if name.split("/")[0] in other.outputs)
            raise MicroslipError(f"{folder / name} is missing: run `microslip {maker} {folder}` first")
    return fingerprint([{name: _section(config, name) for name in step.sections}, inputs])


def check_overrides(verb: str, overrides: Iterable[str]) -> None:
    """Refuse to override what a step does not read: the run folder's configuration would no longer be what was run.

    Raises
    ------
    MicroslipError
        An override names a section of another step.
    """
    step = STEPS[verb]
    own = [name for name in step.sections if name not in _DEM or verb == "simulate"]
    for override in overrides:
        section = override.partition("=")[0].partition(".")[0].strip()
        known = {name for other in STEPS.values() for name in other.sections}
        if section in known and section not in own:
            reader = next(other.verb for other in STEPS.values() if section in other.sections)
            raise MicroslipError(
                f"--set {override}: `microslip {verb}` does not read {section}, `microslip {reader}` does: set it there"
            )


def run_folder(folder: Path, config: Config) -> Path:
    """Make a run folder, or accept an existing one.

    Raises
    ------
    MicroslipError
        The path is a file, or a folder with other content.
    """
    if folder.exists() and not folder.is_dir():
        raise MicroslipError(f"{folder} is a file: choose a folder with --into")
    known = ("config.toml", "provenance.json", "trajectory.zarr")
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).exists() for name in known):
        raise MicroslipError(f"{folder} is not a run folder and is not empty: choose another one with --into")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.toml").exists():
        write_config(config, folder / "config.toml")
    return folder


__all__ = ["STEPS", "only_one", "open_run", "perform", "run_folder"]
