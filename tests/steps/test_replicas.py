"""The verb on a small simulated cell, and what it refuses."""

import shutil

import numpy as np
import pandas as pd
import pytest

from microslip import MicroslipError, open_run
from microslip.config import load_config, write_config
from microslip.data.artifacts import ARTIFACTS
from microslip.steps.replicas import replicas_step

from ..command_line import contents, microslip, refused

CELL = """
seed = 3
cell = {length = 6, depth = 6, height = 6}
loading = {shear_rate = 50.0, strain = 0.02, warm_up = 0.01}
recording = {threshold = 1e-6, contacts = false}
engine = {threads = 1}
replicas = {strain = 0.005, stages = 4, copies = 2, perturbations = [1e-9, 1e-5]}
"""


@pytest.fixture(scope="module")
def sheared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "cell.toml").write_text(CELL)
    microslip("simulate", folder / "cell.toml", "--into", folder / "cell")
    microslip("stages", folder / "cell")
    return folder / "cell"


@pytest.fixture(scope="module")
def replicated(sheared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "replicated"
    shutil.copytree(sheared, folder)
    (folder.parent / "said.txt").write_text(microslip("replicas", folder).stdout)
    return folder


def table(folder, name):
    return pd.read_csv(folder / "replicas" / f"{name}.csv")


def test_each_stage_has_its_replicas_and_the_first_is_the_stage_itself(replicated):
    stages, replicas = table(replicated, "stages"), table(replicated, "replicas")
    assert set(stages["kind"]) == {"stick", "slip"}
    assert replicas.groupby("stage").size().tolist() == [5] * len(stages)
    itself = replicas[replicas["perturbation"] == 0].set_index("stage")
    assert itself["fluctuation"].to_numpy() == pytest.approx(stages["fluctuation"].to_numpy(), rel=1e-12)
    assert (itself[["distance", "field_difference"]] == 0).all().all()
    distance = replicas.groupby("perturbation")["distance"].mean()
    assert 1e-9 < distance[1e-9] < distance[1e-5]
    # the bottom wall moves along x: u falls with height, by γ in all, and the mean local strain is half of that, about
    half = -stages["strain_increment"].to_numpy() / 2
    assert np.median(itself["mean_shear_strain"] / half) == pytest.approx(1, abs=0.5)


def test_the_bounds_are_said_and_nothing_is_left_behind(replicated):
    ceiling, said = table(replicated, "ceiling"), (replicated.parent / "said.txt").read_text()
    of_all = ceiling[ceiling["group"] == "all"]
    assert of_all["bound"].tolist() == ["same_start", "same_start", "nearest_twin", "same_field"]
    assert (of_all["r2"] > 0.9).all()
    assert said.count("R² ≤") == 4
    assert not (replicated / ".replicating").exists()
    assert "skipped" in microslip("replicas", replicated).stdout


def test_tables_have_the_columns_of_their_records(replicated):
    records = [record for record in ARTIFACTS if record.step == "replicas"]
    assert {record.path for record in records} == {
        f"replicas/{path.name}" for path in (replicated / "replicas").iterdir()
    }
    for record in records:
        assert {column.name for column in record.columns} == set(pd.read_csv(replicated / record.path).columns)


def test_the_run_that_is_sheared_on_stays_as_it_was(sheared, replicated):
    assert contents(sheared / "dem") == contents(replicated / "dem")


def test_runs_without_a_state_of_the_native_engine_are_refused(sheared, tmp_path, measured):
    folder = tmp_path / "copy"
    shutil.copytree(sheared, folder)
    path = next((folder / "dem").glob("*.state.npz"))
    path.unlink()
    assert "is missing" in refused("replicas", folder)
    (folder / "dem" / "checkpoint.json").unlink()
    assert "has no checkpoint to go on from" in refused("replicas", folder)
    imported = load_config(folder / "config.toml").model_copy(update={"shear_cell": None})
    with pytest.raises(MicroslipError, match="was imported: replicas go on from the state of an engine"):
        replicas_step(open_run(folder), imported, "", lambda done, total: None, print)
    of_lammps = tmp_path / "lammps"
    shutil.copytree(measured, of_lammps)
    config = load_config(of_lammps / "config.toml", ['engine.kind="lammps"'])
    write_config(config, of_lammps / "config.toml")
    assert "whose states the native engine cannot take up" in refused("replicas", of_lammps)
