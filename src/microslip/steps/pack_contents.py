"""What of a run goes into an archive for others: files as they are, nodes for plain numpy, stages in full, splits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from microslip.config import Config
from microslip.data.artifacts import PACKED
from microslip.data.frames import read_frames
from microslip.data.provenance import record_of
from microslip.data.run import Run
from microslip.data.store import add_array, array, create_store, finish_store
from microslip.formats.pack.archive import Entry, entry_of
from microslip.grids.splits import RULES, split_stages
from microslip.steps.run_settings import run_config

NODES = "voxels_d2min.npy"

# What goes along of each store; of the others all.
KEPT = {"trajectory.zarr": ("grains", "series"), "fields.zarr": ("d2min", "below_floor", "n_frames")}


def kept_files(run: Run) -> Iterator[Entry]:
    """Files of the run that go along as they are, but for the notes of what a store holds."""
    settings = without_folders((run.folder / "config.toml").read_text(encoding="utf-8"), run).encode()
    yield Entry("config.toml", settings, len(settings))
    for name in ("stages.csv", "test_openings.csv"):
        if (run.folder / name).exists():
            yield entry_of(name, run.folder / name)
    for store in ("trajectory.zarr", "fields.zarr", "voxels.zarr"):
        root = run.folder / store
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root).parts
            if not path.is_file() or any(part.startswith(".") for part in inside):
                continue
            if store in KEPT and inside == ("zarr.json",):
                content = _root(run, path, store)
                yield Entry(f"{store}/zarr.json", content, len(content))
            elif store not in KEPT or inside[0] in KEPT[store]:
                yield entry_of(f"{store}/{'/'.join(inside)}", path)


def without_folders(text: str, run: Run) -> str:
    """A text without the folders of the files that a run was imported from: they are nobody else's affair."""
    source = run_config(run.folder).source
    named = [*source.files, *(name for name in (source.series, source.contacts) if name)] if source else []
    for folder in {str(Path(name).parent) for name in named} - {"."}:
        text = text.replace(f"{folder}/", "")
    return text


def _root(run: Run, path: Path, store: str) -> bytes:
    """The metadata of a store without the arrays that stay behind."""
    content = json.loads(without_folders(path.read_text(encoding="utf-8"), run))
    note = content.get("consolidated_metadata")
    if note:
        kept = {name: of for name, of in note["metadata"].items() if name.split("/")[0] in KEPT[store]}
        content["consolidated_metadata"] = note | {"metadata": kept}
    return json.dumps(content, indent=2, ensure_ascii=False).encode()


def packed_record(run: Run) -> bytes:
    """The record of the steps that are packed, with the seals of what goes along as it is."""
    steps = {}
    for verb, entry in run.provenance["steps"].items():
        if verb not in PACKED:
            continue
        seals = {
            name: seal
            for name, seal in entry.get("outputs", {}).items()
            if (parts := name.split("/"))[0] not in KEPT or (len(parts) > 1 and parts[1] in KEPT[parts[0]])
        }
        steps[verb] = entry | {"outputs": seals}
    steps = json.loads(without_folders(json.dumps(steps, default=str, ensure_ascii=False), run))
    return json.dumps(record_of(steps), indent=2, ensure_ascii=False).encode()


def nodes_file(run: Run) -> Entry:
    """D²min on the nodes as one file of numpy, written a few stages at a time."""
    values = run.voxels["d2min"]

    def write(file: IO[bytes]) -> None:
        about = {"descr": np.lib.format.dtype_to_descr(values.dtype), "fortran_order": False, "shape": values.shape}
        np.lib.format.write_array_header_1_0(file, about)
        step = values.encoding["chunks"][0]
        for start in range(0, len(values), step):
            file.write(np.ascontiguousarray(values[start : start + step].to_numpy()).data)

    return Entry(NODES, write, values.nbytes + 128)


def draw_stages(n_stages: int, n_sampled: int, seed: int) -> np.ndarray:
    """Numbers of stages drawn at random, in order: of stages that alternate, every second one is a stick."""
    return np.sort(np.random.default_rng(seed).choice(n_stages, min(n_sampled, n_stages), replace=False))


def sample_size(run: Run, n: int) -> int:
    return (
        sum(of.nbytes * n // max(1, len(of)) for of in run.fields.values() if of.dims[0] == "stage")
        + n * 24 * (run.grains.sizes["grain"])
    )


def write_sample(run: Run, chosen: np.ndarray, path: Path) -> None:
    """Positions at the start and every field of some stages, one stage in memory at a time."""
    fields, grains = run.fields, run.grains
    start, boxes = run.stages["start_frame"].to_numpy()[chosen], run.boxes()
    n_grains = grains.sizes["grain"]
    store = create_store(path, {"of": "stages drawn at random", "cutoff": fields.attrs["cutoff"]})

    def add(name: str, dimensions: list[str], shape: tuple[int, ...], dtype: str, unit: str, meaning: str) -> Any:
        add_array(store, name, dimensions, shape, dtype, unit, meaning, per_chunk=1 if len(shape) > 1 else None)
        return array(store, name)

    n = len(chosen)
    add("stage", ["stage"], (n,), "int32", "", "number of the stage, as in stages.csv")[:] = chosen
    add("diameter", ["grain"], (n_grains,), "float64", "d", "diameter")[:] = grains["diameter"].to_numpy()
    add("kind", ["grain"], (n_grains,), "int8", "", "0 bulk, 1 bottom wall, 2 top wall")[:] = grains["kind"].to_numpy()
    cell = add("cell", ["stage", "edge"], (n, 4), "float64", "d", "Lx, Ly, Lz and tilt of the cell at the start")
    cell[:] = [[*boxes(frame).lengths, boxes(frame).tilt] for frame in start.tolist()]
    position = add("position", ["stage", "grain", "axis"], (n, n_grains, 3), "float64", "d", "centres at the start")
    names = [str(name) for name in fields.data_vars if fields[name].dims[:2] == ("stage", "grain")]
    targets = {}
    for name in names:
        of = fields[name]
        about = (of.attrs.get("units", ""), of.attrs.get("description", ""))
        targets[name] = add(name, [str(d) for d in of.dims], (n, *of.shape[1:]), str(of.dtype), *about)
    for row, (stage, frame) in enumerate(zip(chosen.tolist(), start.tolist(), strict=True)):
        position[row] = read_frames(run.frames["position"], np.array([frame]))[frame]
        for name, target in targets.items():
            target[row] = fields[name][stage].to_numpy()
    finish_store(path)


def split_table(n: int, config: Config) -> pd.DataFrame:
    table = pd.DataFrame({"stage": np.arange(n)})
    for rule in RULES:
        table[rule] = "guard"
        for name, stages in split_stages(rule, n, config.split, config.training.seed).items():
            table.loc[stages, rule] = name
    return table
