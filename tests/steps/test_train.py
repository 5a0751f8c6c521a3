"""What a training leaves, and that it is the same however often it was interrupted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip import open_run
from microslip.config import load_config
from microslip.learn.checkpoint import load_checkpoint
from microslip.learn.evaluate import r_squared
from microslip.learn.prediction import predict_fields
from microslip.learn.samples import Samples
from microslip.pipeline import perform
from microslip.steps.train import _say_what_is_not_enough

from ..command_line import microslip, refused


def test_a_training_leaves_these_files_and_nothing_half_done(learnt):
    expected = {"history.csv", "predictions.csv", "metrics.json", "sign_by_size.csv", "calibration.csv", "errors.csv"}
    expected |= {"coverage_by_size.csv"}
    checkpoints = {f"checkpoint{rule}{member}.pt" for rule in ("", "_blocked") for member in ("", "_1")}
    assert {path.name for path in (learnt / "model").iterdir()} == expected | checkpoints
    assert {path.name for path in learnt.iterdir() if path.name.startswith(".")} == {".lock", ".checked.json"}


def test_the_stages_of_each_rule_are_parted_by_the_split(learnt):
    predictions, stages = open_run(learnt).predictions, open_run(learnt).stages
    columns = ["stage", "rule", "split", "target", "prediction", "mean_d2min", "d2min_quantiles", "strain_increment"]
    assert list(predictions.columns) == [*columns, "ridge_voxels", "spread", "low", "high"]
    random, blocked = (predictions[predictions["rule"] == rule] for rule in ("random", "blocked"))
    assert sorted(random["stage"]) == stages["stage"].tolist()
    assert random["split"].value_counts().to_dict() == {"train": 60, "validation": 20, "test": 20}
    assert not blocked["stage"].duplicated().any()
    parts = {name: part["stage"].tolist() for name, part in blocked.groupby("split")}
    assert parts == {"train": [*range(60)], "validation": [*range(63, 80)], "test": [*range(83, 100)]}
    np.testing.assert_array_equal(predictions["target"], stages["fluctuation"][predictions["stage"]])


def test_the_predictions_are_the_mean_of_the_checkpoints_and_the_spread_their_deviation(learnt):
    run = open_run(learnt)
    for rule, name in (("random", "checkpoint"), ("blocked", "checkpoint_blocked")):
        found = []
        for file in (f"{name}.pt", f"{name}_1.pt"):
            checkpoint = load_checkpoint(learnt / "model" / file)
            scaling, voxels = checkpoint.scaling, run.voxels["d2min"].to_numpy()
            inputs = (np.log10(voxels + scaling.floor) - scaling.means[0]) / scaling.deviations[0]
            found.append(predict_fields(checkpoint.network, scaling, inputs[:, None].astype(np.float32)))
        table = run.predictions[run.predictions["rule"] == rule]
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
        np.testing.assert_allclose(table["prediction"], mean[table["stage"]], rtol=1e-3, atol=1e-8)
        np.testing.assert_allclose(table["spread"], spread[table["stage"]], rtol=1e-3, atol=1e-8)
        assert (table["low"] < table["prediction"]).all()
        assert (table["prediction"] < table["high"]).all()


def test_the_metrics_tell_network_and_baselines_with_intervals_and_coverage(learnt):
    metrics = open_run(learnt).metrics
    assert list(metrics) == ["random", "blocked"]
    for rule, methods in metrics.items():
        assert list(methods) == ["network", "mean_d2min", "d2min_quantiles", "strain_increment", "ridge_voxels"]
        for name, of_method in methods.items():
            assert list(of_method) == ["train", "validation", "test"]
            for scores in of_method.values():
                assert {"r2", "r2_stick", "r2_slip", "rmse", "bias", "sign_accuracy", "spearman", "n"} <= set(scores)
                assert scores["r2_low"] <= scores["r2"] <= scores["r2_high"]
                assert ({"coverage", "interval_width", "coverage_of_spread"} <= set(scores)) == (name == "network")
        table = open_run(learnt).predictions.query(f"rule == '{rule}' and split == 'test'")
        inside = table["target"].between(table["low"], table["high"])
        assert methods["network"]["test"]["coverage"] == pytest.approx(inside.mean())
        error = table["target"] - table["prediction"]
        spread = np.sum((table["target"] - table["target"].mean()) ** 2)
        assert methods["network"]["test"]["r2"] == pytest.approx(1 - np.sum(error**2) / spread)
    assert metrics["random"]["network"]["validation"]["coverage"] >= 0.9


def test_the_planted_pattern_is_learnt_and_the_amplitude_does_not_hold_it(learnt):
    random = open_run(learnt).metrics["random"]
    assert random["network"]["test"]["r2"] > 0.6
    assert random["network"]["test"]["r2"] > random["d2min_quantiles"]["test"]["r2"] + 0.3
    assert random["strain_increment"]["test"]["r2"] < 0.3


def test_equal_names_have_equal_numbers(learnt):
    """R², rmse, signs and numbers of stages in the metrics are those of the tables that figures and reports draw."""
    run = open_run(learnt)
    predictions, metrics = run.predictions, run.metrics
    by_size = pd.read_csv(learnt / "model" / "sign_by_size.csv")
    calibrated = pd.read_csv(learnt / "model" / "calibration.csv")
    for (rule, split), part in predictions.groupby(["rule", "split"]):
        for model, column in zip(metrics[rule], ("prediction", *list(metrics[rule])[1:]), strict=True):
            said = metrics[rule][model][split]
            target, prediction = part["target"].to_numpy(), part[column].to_numpy()
            assert said["r2"] == r_squared(target, prediction), (rule, model, split)
            assert said["n"] == len(part)
            assert said["rmse"] == pytest.approx(np.sqrt(np.mean((prediction - target) ** 2)), rel=1e-12)
        said = metrics[rule]["network"][split]
        signs = by_size.query("rule == @rule and split == @split")
        assert np.average(signs["sign_accuracy"], weights=signs["n"]) == pytest.approx(said["sign_accuracy"])
        means = calibrated.query("rule == @rule and split == @split")
        errors = np.average(means["predicted"] - means["true"], weights=means["n"])
        assert errors == pytest.approx(said["bias"], abs=1e-12)


def test_the_history_tells_each_epoch_of_each_network(learnt):
    history = pd.read_csv(learnt / "model" / "history.csv")
    assert history.groupby(["rule", "member"])["epoch"].apply(list).map(lambda e: e == [*range(len(e))]).all()
    assert set(zip(history["rule"], history["member"], strict=True)) == {
        (rule, member) for rule in ("random", "blocked") for member in (0, 1)
    }


def test_the_evidence_counts_every_stage_once(learnt):
    predictions = open_run(learnt).predictions
    for name in ("sign_by_size", "calibration"):
        table = pd.read_csv(learnt / "model" / f"{name}.csv")
        counted = table.groupby(["rule", "split"])["n"].sum()
        assert counted.to_dict() == predictions.groupby(["rule", "split"]).size().to_dict()
    errors = pd.read_csv(learnt / "model" / "errors.csv")
    assert len(errors) == 6 * 60
    assert errors["n"].sum() >= 0.97 * len(predictions)
    of_set = dict(list(predictions.groupby(["rule", "split"])))
    for key, part in errors.groupby(["rule", "split"]):
        chosen = of_set[key]
        error = (chosen["prediction"] - chosen["target"]).to_numpy()
        edges = [*part["error_low"], part["error_high"].iloc[-1]]
        np.testing.assert_array_equal(part["n"], np.histogram(error, edges)[0])


def test_the_scores_are_said(learnt):
    said = (learnt / "train.txt").read_text()
    r2 = open_run(learnt).metrics["random"]["network"]["test"]["r2"]
    assert f"random split, test R²: network {r2:.3f}, mean d2min" in said
    assert "blocked split, test R²" in said


def test_the_same_training_is_skipped_and_another_one_is_not(copied):
    assert "skipped" in microslip("train", copied).stdout
    assert "skipped" not in microslip("train", copied, "--set", "training.epochs=1").stdout
    assert open_run(copied).predictions.groupby("rule").size().to_dict() == {"random": 100, "blocked": 94}


def test_an_interrupted_training_ends_like_an_uninterrupted_one(fresh, measured, tmp_path):
    other = Path(shutil.copytree(measured, tmp_path / "other"))
    config = load_config(fresh / "config.toml", ["training.epochs=3"])
    perform("train", other, config, lambda done, total: None, lambda text: None)

    def interrupt(done, total):
        assert total == 6
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform("train", fresh, config, interrupt, lambda text: None)
    assert not (fresh / "model").exists()
    told = []
    perform("train", fresh, config, lambda done, total: told.append(done), lambda text: None)
    assert told == [5, 6]
    pd.testing.assert_frame_equal(open_run(fresh).predictions, open_run(other).predictions, check_exact=True)


def test_several_inputs_are_learnt_and_explained_together(fresh):
    changes = ["network.inputs=['d2min', 'shear_strain', 'strain_increment']", "training.epochs=2"]
    microslip("train", fresh, *(part for change in changes for part in ("--set", change)))
    assert load_checkpoint(fresh / "model" / "checkpoint.pt").scaling.names == (
        "d2min",
        "shear_strain",
        "strain_increment",
    )
    microslip("explain", fresh, "--set", "attribution.n_stages=2", "--set", "attribution.null_epochs=1")
    assert open_run(fresh).attributions["attribution"].shape == (2, 8, 8, 8)


def test_a_step_of_another_verb_cannot_be_set(fresh):
    assert "does not read voxels" in refused("train", fresh, "--set", "voxels.spacing=2")


def test_the_record_of_a_step_holds_what_it_read(learnt):
    steps = json.loads((learnt / "provenance.json").read_text())["steps"]
    assert list(steps) == ["voxels", "train", "explain"]
    assert steps["train"]["settings"]["training"]["ensemble"] == 2
    assert set(steps["train"]["settings"]) == {"split", "network", "training"}


def test_what_is_not_enough_for_a_number_is_said(rng):
    """Stages without motion, a constant test set, few cycles, few stages held out: a sentence each."""
    inputs = rng.random((40, 2, 3, 3, 3)).astype(np.float32)
    inputs[[4, 9], 0] = 0.5
    inputs[:, 1] = 0.1
    samples = Samples(inputs, ("d2min", "strain_increment"), rng.normal(size=40))
    nan = float("nan")
    of = {"random": {"r2": nan, "r2_low": nan, "coverage": 0.9}, "blocked": {"r2": 0.1, "r2_low": nan, "coverage": nan}}
    metrics = {rule: {"network": {"test": scores}} for rule, scores in of.items()}
    sets = {"train": np.arange(30), "validation": np.arange(30, 36), "test": np.arange(36, 40)}
    splits = {"random": sets, "blocked": sets}
    said = []
    _say_what_is_not_enough(samples, splits, metrics, said.append)
    assert said[0].startswith("warning: 2 of 40 stages are the same at every node")
    assert said[1:] == [
        "random split: no R², 4 test stages are too few or all alike",
        "blocked split: no interval of R², 4 test stages lie in too few cycles",
        "blocked split: no intervals of predictions, 6 validation stages are too few for 90 %",
    ]
