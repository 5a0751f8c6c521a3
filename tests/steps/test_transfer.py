"""Networks on other runs than their own."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip import open_run
from microslip.config import load_config, write_config
from microslip.data.files import write_table
from microslip.data.holding import LOCK
from microslip.data.openings import OPENINGS, count_openings, read_openings
from microslip.learn.ensemble import train_ensemble
from microslip.learn.evaluate import r_squared

from ..command_line import contents, microslip, refused


def test_another_run_of_the_same_cell_is_predicted(family, tmp_path):
    target = tmp_path / "elsewhere.csv"
    said = microslip("predict", family / "run1", "--model", family / "run0", "--into", target).stdout
    table, stages = pd.read_csv(target), open_run(family / "run1").stages
    baselines = ["mean_d2min", "d2min_quantiles", "strain_increment", "ridge_voxels"]
    assert list(table.columns) == ["stage", "target", "prediction", "low", "high", *baselines]
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
    assert set(contents(copied)) - set(before) == {
        f"transfer/run0{end}.csv" for end in ("", "_summary", "_sign_by_size", "_coverage_by_size")
    }
    assert read_openings(copied)["rule"].tolist()[-1] == "elsewhere"


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
    assert f"run0 → run1: 1 seed: test R² {table['r2'][1]:.3f}" in said
    tables = {f"{name}.csv" for name in ("transfer", "summary", "sign_by_size", "coverage_by_size")}
    others = {"transfer.png", "transfer.pdf", "cells", LOCK}
    assert {path.name for path in (tmp_path / "matrix").iterdir()} == tables | others
    summary = pd.read_csv(tmp_path / "matrix" / "summary.csv").set_index(["trained_on", "tested_on", "method"])
    np.testing.assert_allclose(summary.xs("ensemble", level="method")["r2"], table["r2"])
    # a straight line on voxels knows nothing of a blob whose place across is random, but for its height
    assert summary.loc[("run0", "run1", "d2min_quantiles"), "less_than_network_low"] > 0


def test_networks_of_fewer_runs_stand_beside_those_of_all_others(family, tmp_path):
    runs = [Path(shutil.copytree(family / f"run{number}", tmp_path / f"run{number}")) for number in range(3)]
    for run in runs:
        write_config(load_config(run / "config.toml", ["training.epochs=2"]), run / "config.toml")
    said = microslip("transfer", *runs, "--into", tmp_path / "matrix", "--fewer").stdout
    packings, matrix = (pd.read_csv(tmp_path / "matrix" / f"{name}.csv") for name in ("packings", "transfer"))
    assert packings["n_runs"].tolist() == [1, 1, 1, 2, 2, 2]
    assert packings["trained_on"].tolist() == ["run1", "run2", "run0", "run1 run2", "run0 run2", "run0 run1"]
    assert packings["tested_on"].tolist() == ["run0", "run1", "run2"] * 2
    whole = matrix[matrix["rule"] == "leave one out"]
    np.testing.assert_array_equal(packings["r2"][3:], whole["r2"])
    assert len(matrix) == 9 + 3
    assert f"learnt from another run: R² {packings['r2'][:3].mean():.3f}" in said
    # two points are no curve
    assert pd.read_csv(tmp_path / "matrix" / "packings_curve.csv")["r2_limit"].isna().all()
    assert (tmp_path / "matrix" / "packings.png").exists()


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
        def report(done, total):
            raise KeyboardInterrupt

        return train_ensemble(*arguments, report)

    monkeypatch.setattr("microslip.steps.transfer.train_ensemble", interrupted)
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


def test_another_packing_is_scored_as_an_assessment_is(family, tmp_path):
    """Baselines learn from the source run alone, as the network does: other fluctuations here do not change them."""
    other = Path(shutil.copytree(family / "run1", tmp_path / "other"))
    (other / OPENINGS).unlink()
    said = microslip("predict", other, "--model", family / "run0").stdout
    one = pd.read_csv(other / "transfer" / "run0.csv")
    summary, signs, coverage = (
        pd.read_csv(other / "transfer" / f"run0_{name}.csv") for name in ("summary", "sign_by_size", "coverage_by_size")
    )
    own = summary.set_index("method").loc["network"]
    assert own["r2"] == pytest.approx(r_squared(one["target"].to_numpy(), one["prediction"].to_numpy()))
    assert own["r2_low"] < own["r2"] < own["r2_high"]
    inside = (one["low"] <= one["target"]) & (one["target"] <= one["high"])
    assert own["coverage"] == pytest.approx(inside.mean())
    assert f"intervals hold {inside.mean():.1%} of the stages" in " ".join(said.split())
    assert set(signs["method"]) == set(summary["method"])
    assert set(coverage["method"]) == {"network", "ensemble"}
    looks = count_openings(read_openings(other)).set_index("rule").loc["elsewhere"]
    assert looks[["opened", "settings", "trained"]].tolist() == [1, 1, 0]
    assert "the whole run as another one's test once" in " ".join(microslip("info", other).stdout.split())
    stages = pd.read_csv(other / "stages.csv")
    write_table(other / "stages.csv", stages.assign(fluctuation=-3 * stages["fluctuation"]))
    microslip("predict", other, "--model", family / "run0")
    two = pd.read_csv(other / "transfer" / "run0.csv")
    np.testing.assert_allclose(two["target"], -3 * one["target"])
    pd.testing.assert_frame_equal(one.drop(columns="target"), two.drop(columns="target"))


def test_stages_that_a_network_learnt_from_are_not_scored(family, tmp_path):
    copied = Path(shutil.copytree(family / "run0", tmp_path / "run0"))
    looks = read_openings(copied)
    said = microslip("predict", copied, "--model", copied).stdout
    assert "scored on the test stages of its random split" in " ".join(said.split())
    summary = pd.read_csv(copied / "transfer" / "run0_summary.csv").set_index("method")
    of_training = open_run(copied).metrics["random"]
    for name in ("network", "d2min_quantiles", "ridge_voxels"):
        assert summary.loc[name, "r2"] == pytest.approx(of_training[name]["test"]["r2"], abs=1e-4)
        assert summary.loc[name, "n"] == 20
    # what was looked at before with the same networks is no new look
    pd.testing.assert_frame_equal(read_openings(copied), looks)


def test_a_run_without_a_stress_is_predicted_and_not_scored(family, tmp_path):
    other = Path(shutil.copytree(family / "run1", tmp_path / "other"))
    stages = pd.read_csv(other / "stages.csv")
    write_table(other / "stages.csv", stages.assign(fluctuation=np.nan))
    looks = read_openings(other)
    said = " ".join(microslip("predict", other, "--model", family / "run0").stdout.split())
    assert "100 of 100 stages have no fluctuation: predicted, not scored" in said
    assert pd.read_csv(other / "transfer" / "run0.csv")["prediction"].notna().all()
    pd.testing.assert_frame_equal(read_openings(other), looks)


def test_a_source_of_which_only_the_network_is_left_has_no_baselines(family, tmp_path):
    source = Path(shutil.copytree(family / "run0", tmp_path / "source"))
    shutil.rmtree(source / "fields.zarr")
    said = " ".join(
        microslip("predict", family / "run1", "--model", source, "--into", tmp_path / "one.csv").stdout.split()
    )
    assert "no baselines and no intervals from source" in said
    table = pd.read_csv(tmp_path / "one.csv")
    assert list(table.columns) == ["stage", "target", "prediction", "low", "high"]
    assert table["low"].isna().all()


def test_a_matrix_keeps_its_cells(family, tmp_path, monkeypatch):
    runs = [Path(shutil.copytree(family / f"run{number}", tmp_path / f"run{number}")) for number in range(2)]
    (runs[0] / OPENINGS).unlink()
    into = tmp_path / "matrix"
    microslip("transfer", *runs, "--into", into)
    before = {path: path.stat().st_mtime_ns for path in into.glob("cells/*/predictions.csv")}
    assert len(before) == 4
    third = Path(shutil.copytree(family / "run2", tmp_path / "run2"))
    microslip("transfer", *runs, third, "--into", into)
    after = {path: path.stat().st_mtime_ns for path in into.glob("cells/*/predictions.csv")}
    assert len(after) == 9
    assert {path: after[path] for path in before} == before
    # each pair was looked at once
    assert read_openings(runs[0])["rule"].tolist().count("elsewhere") == 2


def test_networks_are_tuned_with_the_first_stages_and_tested_on_what_follows(family, tmp_path):
    runs = [Path(shutil.copytree(family / f"run{number}", tmp_path / f"run{number}")) for number in range(2)]
    into = tmp_path / "matrix"
    said = refused("transfer", *runs, "--into", into, "--fine-tune", "0.1")
    assert "0.1 of 100 stages is 10: tuning takes 20 or more" in said
    said = microslip("transfer", *runs, "--into", into, "--fine-tune", "0.3").stdout
    assert (into / "fine_tuning.png").exists()
    table = pd.read_csv(into / "fine_tuning.csv").set_index(["trained_on", "tested_on", "line", "method"])
    own = table.xs("network", level="method")
    assert list(own.index) == [
        (f"run{one}", f"run{1 - one}", line) for one in (0, 1) for line in ("as it is", "fine-tuned", "alone")
    ]
    few, own_alone = own.xs("fine-tuned", level="line")["r2"], own.xs("alone", level="line")
    said = " ".join(said.split())
    assert f"fine-tuned: R² {few.mean():.3f}, from {few.min():.3f} to {few.max():.3f} over 2 pairs" in said
    better, worse = (own_alone["less_than_tuned_low"] > 0).sum(), (own_alone["less_than_tuned_high"] < 0).sum()
    assert f"interval lies above 0 in {better} pairs and below in {worse}" in said
    # three stages of guard after thirty
    assert (table["n"] == 67).all()
    for pair, part in own.groupby(level=["trained_on", "tested_on"]):
        r2 = part["r2"].droplevel([0, 1])
        for line in ("as it is", "alone"):
            assert part.loc[(*pair, line), "less_than_tuned"] == pytest.approx(r2["fine-tuned"] - r2[line])
        # two dozen stages do not teach what sixty did
        assert r2["fine-tuned"] > r2["alone"]
    predictions = pd.read_csv(into / "cells" / "run0--run1-tuned" / "predictions.csv")
    assert predictions["stage"].min() == 33
    as_it_is = predictions[predictions["rule"] == "as it is"]
    whole = pd.read_csv(into / "cells" / "run0--run1" / "predictions.csv").set_index("stage")
    np.testing.assert_allclose(as_it_is["network"], whole.loc[as_it_is["stage"], "network"])
    assert read_openings(runs[1])["rule"].tolist()[-1] == "tuned"
