"""The record of a run's files beside what a small run leaves, and what the pipeline takes from it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import zarr

from microslip import artificial
from microslip.data.artifact import Column, files
from microslip.data.artifacts import ARTIFACTS, artifact, inputs_of, outputs_of
from microslip.pipeline import perform
from microslip.steps.run_settings import run_config

LATER = ("fields", "voxels", "train", "explain", "statistics", "ablate", "assess", "report")
ABLATION = {
    "variants": ["shuffled"], "training_shares": [], "cell_shares": [], "rules": ["random"], "seeds": 1,
    "spacings": [2.0], "radii": [2.0],
}  # fmt: skip
ASSESSMENT = {"rules": ["random"], "folds": 0, "seeds": 1, "epochs": 1}

# What a run has only on request; other tests look at it.
OF_FEW_RUNS = ("statistics/within_stages.csv",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A whole run, with what is asked for by name."""
    run = artificial.run(
        tmp_path_factory.mktemp("runs") / "small", seed=1, settings={"ablation": ABLATION, "assessment": ASSESSMENT}
    )
    for verb in LATER:
        perform(verb, run.folder, run_config(run.folder), lambda done, total: None, lambda text: None)
    return run.folder


def leaves(content):
    """The innermost dictionaries of a JSON file."""
    inner = [value for value in content.values() if isinstance(value, dict)]
    return [leaf for value in inner for leaf in leaves(value)] if inner else [content]


def check_columns(record, names):
    assert {column.name for column in record.columns if not column.when} <= set(names)
    assert set(names) <= {column.name for column in record.columns}


def check_store(record, path):
    arrays = {name: node for name, node in zarr.open_group(path, mode="r").members(None) if hasattr(node, "dtype")}
    check_columns(record, arrays)
    for name, array in arrays.items():
        column = record.column(name)
        assert tuple(array.metadata.dimension_names) == column.dimensions, name
        assert (str(array.dtype), array.attrs["units"]) == (column.dtype, column.unit), name


def test_a_run_holds_what_the_record_says(folder):
    records = [record for record in ARTIFACTS if record.step in ("simulate", "stages", *LATER) and record.columns]
    assert len(records) > 30
    for record in records:
        if record.path in OF_FEW_RUNS:
            continue
        (path,) = folder.glob(record.pattern)
        if path.suffix == ".csv":
            check_columns(record, pd.read_csv(path, nrows=1).columns)
        elif path.suffix == ".zarr":
            check_store(record, path)
        else:
            for leaf in leaves(json.loads(path.read_text())):
                assert set(leaf) <= {column.name for column in record.columns}


def test_a_run_holds_nothing_else(folder):
    told = {path for record in ARTIFACTS for path in folder.glob(record.pattern.rstrip("/"))}
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        parents = [folder / Path(*relative.parts[:n]) for n in range(1, len(relative.parts) + 1)]
        assert path.is_dir() or told & set(parents), relative


def test_a_folder_that_a_step_reads_whole_is_one_input():
    measured = ("trajectory.zarr", "stages.csv", "fields.zarr", "voxels.zarr")
    assert inputs_of("explain") == (*measured, "model/checkpoint.pt", "model/predictions.csv")
    assert {"model", "statistics", "interpretation"} < set(inputs_of("figures"))
    assert outputs_of("explain") == ("attributions.zarr", "interpretation")
    assert outputs_of("import") == outputs_of("simulate") == ("trajectory.zarr",)


def test_files_are_told_in_lines():
    store, table = files(
        "measure", "a.zarr: values\n  x y | place | f8 | d | at | late\nb.csv: rows\n  n | | of |x|/|y|\n"
    )
    assert store.column("y") == Column("y", "d", "at", "late", ("place",), "f8")
    assert table.columns == (Column("n", "", "of |x|/|y|"),)
    with pytest.raises(KeyError):
        artifact("nothing")
