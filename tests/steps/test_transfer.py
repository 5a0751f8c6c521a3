"""Networks on other runs than their own."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip import open_run
from microslip.config import load_config, write_config
from microslip.data.files import write_table
from microslip.learn.train import train

from ..command_line import contents, microslip, refused


def test_another_run_of_the_same_cell_is_predicted(family, tmp_path):
    target = tmp_path / "elsewhere.csv"
    said = microslip("predict", family / "run1", "--model", family / "run0", "--into", target).stdout
    table, stages = pd.read_csv(target), open_run(family / "run1").stages
    assert list(table.columns) == ["stage", "target", "prediction"]
    assert table["stage"].tolist() == stages["stage"].tolist()
    np.testing.assert_allclose(table["target"], stages["fluctuation"])
    error, spread = table["target"] - table["prediction"], table["target"] - table["target"].mean()
    assert f"R² {1 - (error**2).sum() / (spread**2).sum():.3f}, sign right" in said
    assert (error**2).sum() < 0.6 * (spread**2).sum()


def test_a_run_predicts_itself_as_its_training_did(family, tmp_path):
    path = family / "run0" / "model" / "checkpoint.pt"
    microslip("predict", family / "run0", "--model", path, "--into", tmp_path / "own.csv")
    own = open_run(family / "run0").predictions.query("rule == 'random'").sort_values("stage")
    found = pd.read_csv(tmp_path / "own.csv")["prediction"]
    np.testing.assert_allclose(found, own["prediction"], rtol=1e-4, atol=1e-8)


def test_the_prediction_of_a_run_is_the_mean_of_its_networks_wherever_it_is_asked_for(copied, tmp_path):
    """An ensemble of two: one of its networks alone would give another R² than the run's own metrics."""
    microslip("predict", copied, "--model", copied, "--into", tmp_path / "own.csv")
    own = open_run(copied).predictions.query("rule == 'random'").sort_values("stage")
    np.testing.assert_allclose(pd.read_csv(tmp_path / "own.csv")["prediction"], own["prediction"], rtol=1e-4, atol=1e-8)
    other = Path(shutil.copytree(copied, tmp_path / "other"))
    microslip("transfer", copied, other, "--into", tmp_path / "matrix")
    table = pd.read_csv(tmp_path / "matrix" / "transfer.csv").query("trained_on == tested_on")
    said = open_run(copied).metrics["random"]["network"]["test"]
    np.testing.assert_allclose(table["r2"], said["r2"], rtol=1e-4)
    assert table["n"].tolist() == [said["n"]] * 2


def test_a_transfer_says_where_nodes_are_made_otherwise(family, tmp_path):
    other = Path(shutil.copytree(family / "run1", tmp_path / "other"))
    microslip("voxels", other, "--set", "voxels.radius=1.2")
    said = microslip("transfer", family / "run0", other, "--into", tmp_path / "matrix").stdout
    said = " ".join(said.split())
    assert "warning: run0 on other, the nodes are made otherwise (voxels.radius = 1.3 there, 1.2 here)" in said


def test_another_cell_is_refused_unless_allowed_and_what_differs_is_said(family, tmp_path):
    copied = Path(shutil.copytree(family / "run2", tmp_path / "run2"))
    before = contents(copied)
    said = refused("predict", copied, "--model", family / "run0")
    assert "grains.friction = 0.5 there, 0.1 here" in said
    assert "give --allow-transfer" in said
    assert contents(copied) == before
    done = microslip("predict", copied, "--model", family / "run0", "--allow-transfer").stdout
    assert "another cell: grains.friction = 0.5 there, 0.1 here" in done
    assert set(contents(copied)) - set(before) == {"transfer/run0.csv"}


def test_the_matrix_has_a_row_for_every_pair_and_for_every_run_left_out(family, tmp_path):
    runs = [family / f"run{number}" for number in range(3)]
    said = microslip("transfer", *runs, "--into", tmp_path / "matrix", "--leave-one-out").stdout
    table = pd.read_csv(tmp_path / "matrix" / "transfer.csv")
    pairs = list(zip(table["trained_on"], table["tested_on"], strict=True))
    names = [run.name for run in runs]
    assert pairs == [(one, two) for one in names for two in names] + [(f"all but {one}", one) for one in names]
    assert table["rule"].tolist() == ["random"] * 9 + ["leave one out"] * 3
    assert table["n"].tolist() == [20 if one == two else 100 for one, two in pairs[:9]] + [100] * 3
    own = open_run(runs[0]).metrics["random"]["network"]["test"]
    assert table["r2"][0] == pytest.approx(own["r2"], abs=1e-4)
    assert table["r2"][9:].min() > 0.5
    assert (table["r2"] <= table["rescaled_r2"] + 1e-9).all()
    assert f"run0 → run1: R² {table['r2'][1]:.3f}" in said
    assert {path.name for path in (tmp_path / "matrix").iterdir()} == {
        f"transfer.{end}" for end in ("csv", "png", "pdf")
    }


def test_a_run_left_out_does_not_teach(family, tmp_path):
    """Other fluctuations of the run that is left out change its scores, not the predictions: the sign flips."""
    runs = [Path(shutil.copytree(family / f"run{number}", tmp_path / f"run{number}")) for number in range(2)]
    for run in runs:
        write_config(load_config(run / "config.toml", ["training.epochs=2"]), run / "config.toml")
    microslip("transfer", *runs, "--into", tmp_path / "one", "--leave-one-out")
    stages = pd.read_csv(runs[1] / "stages.csv")
    write_table(runs[1] / "stages.csv", stages.assign(fluctuation=-stages["fluctuation"]))
    microslip("transfer", *runs, "--into", tmp_path / "two", "--leave-one-out")
    one, two = (pd.read_csv(tmp_path / name / "transfer.csv").iloc[-1] for name in ("one", "two"))
    assert one["trained_on"] == "all but run1"
    assert two["spearman"] == pytest.approx(-one["spearman"])


def test_an_interrupted_leave_one_out_is_not_resumed_under_other_settings(family, tmp_path, monkeypatch):
    runs = [Path(shutil.copytree(family / f"run{number}", tmp_path / f"run{number}")) for number in range(2)]
    into = tmp_path / "matrix"

    def interrupted(*arguments):
        def report(row):
            raise KeyboardInterrupt

        return train(*arguments, report)

    monkeypatch.setattr("microslip.steps.transfer.train", interrupted)
    assert microslip("transfer", *runs, "--into", into, "--leave-one-out", check=False).code == 130
    monkeypatch.undo()
    for run in runs:
        write_config(load_config(run / "config.toml", ["network.channels=[6]"]), run / "config.toml")
    microslip("transfer", *runs, "--into", into, "--leave-one-out")


def test_a_matrix_of_one_run_or_of_different_grids_is_refused(family, learnt, tmp_path):
    into = tmp_path / "matrix"
    assert "needs two runs or more" in refused("transfer", family / "run0", "--into", into)
    assert "with different names" in refused("transfer", family / "run0", family / "run0", "--into", into)
    other = Path(shutil.copytree(family / "run1", tmp_path / "coarse"))
    microslip("voxels", other, "--set", "voxels.spacing=2")
    said = refused("transfer", family / "run0", other, "--into", into)
    assert "voxels of different sizes (run0 8 × 8 × 8, coarse 4 × 4 × 4)" in said
    assert not into.exists()


def test_a_network_of_another_grid_is_refused(family, tmp_path):
    other = Path(shutil.copytree(family / "run1", tmp_path / "coarse"))
    microslip("voxels", other, "--set", "voxels.spacing=2")
    before = contents(other)
    said = refused("predict", other, "--model", family / "run0", "--allow-transfer")
    assert "takes (8, 8, 8) nodes" in said
    said = refused("explain", other)
    assert "model/checkpoint.pt was trained on another cell (voxels.spacing = 1.0 there, 2.0 here)" in said
    assert contents(other) == before
