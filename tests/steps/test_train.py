"""The learning verbs on a small artificial run, in which the height of a blob of motion tells the stress change."""

import functools
import json
import math
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
import zarr

from microslip import open_run
from microslip.config import load_config, parse_config, write_config
from microslip.data.files import read_json, write_table
from microslip.data.provenance import break_seals
from microslip.data.store import add_array, create_store
from microslip.learn.ablation_lines import summarise
from microslip.learn.baselines import CLUSTER_NUMBERS
from microslip.learn.checkpoint import load_checkpoint
from microslip.learn.config import Ablated
from microslip.learn.controls import FRACTIONS
from microslip.learn.evaluate import r_squared
from microslip.learn.prediction import predict_fields
from microslip.learn.samples import Samples
from microslip.learn.train import train
from microslip.pipeline import perform
from microslip.statistics.bins import bin_stages
from microslip.statistics.claims import CLAIMS, CONTRASTS
from microslip.statistics.lengths import length_or_nan
from microslip.steps.train import _say_what_is_not_enough
from microslip.views.figures.clusters import EVOLUTIONS
from microslip.views.names import (
    FIELD_MARKER,
    FIELD_NAME,
    MODEL_COLOUR,
    MODEL_NAME,
    NETWORK_COLOUR,
    NETWORK_NAME,
    ORDER_COLOUR,
    ORDER_LINE,
    ORDER_NAME,
    RULE_COLOUR,
    RULES,
)
from microslip.views.report import results
from microslip.views.report.attribution_claims import ATTRIBUTION_PARTS
from microslip.views.report.checks_attributions import NULLS
from microslip.views.report.checks_network import WITHOUT_PATTERN

from ..command_line import microslip, refused

BOX, N_BULK, N_WALL, N_STAGES = (8.0, 8.0, 8.0), 500, 40, 100
EPOCHS = 24

SETTINGS = {
    "cell": dict(zip(("length", "depth", "height"), BOX, strict=True)),
    "voxels": {"fields": ["d2min", "shear_strain"]},
    "split": {"guard": 3},
    "network": {"channels": [4, 8], "hidden": 16, "batch_normalisation": True},
    "training": {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 4e-3, "threads": 1, "device": "cpu"},
    "attribution": {"n_stages": 6, "n_steps": 8, "completeness": 0.02, "n_compared": 2, "null_epochs": 2, "n_noisy": 2},
    "ablation": {"spacings": [1.6], "radii": [2.0], "cell_shares": [0.5], "training_shares": [0.5], "epochs": EPOCHS},
    "search": {"epochs": 2, "trials": 2},
    "correlation": {"n_bins": 2},
}


def make_run(folder, seed, **changes):
    """Everything that the learning verbs read, but for the voxels; settings may be changed by section."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    kind = np.repeat([0, 1, 2], [N_BULK, N_WALL // 2, N_WALL // 2])
    position = rng.random((len(kind), 3)) * BOX
    position[kind == 1, 2], position[kind == 2, 2] = -0.4, BOX[2] + 0.4
    frames = np.repeat(position[None], N_STAGES + 1, axis=0)
    store = create_store(folder / "trajectory.zarr", {"box": list(BOX)})
    grains, kept = store.create_group("grains"), store.create_group("frames")
    for name, values in (("kind", kind), ("id", np.arange(len(kind))), ("diameter", np.ones(len(kind)))):
        add_array(grains, name, ("grain",), values.shape, str(values.dtype), "", "")[:] = values
    add_array(kept, "position", ("frame", "grain", "axis"), frames.shape, "f8", "d", "")[:] = frames

    stage = np.arange(N_STAGES)
    height = rng.uniform(0.3, 3.5, N_STAGES) * np.where(stage % 2, -1, 1)
    centre = np.stack([*rng.uniform(0, 8, (2, N_STAGES)), 4 + height], axis=1)
    way = position - centre[:, None]
    way[..., :2] -= 8 * np.round(way[..., :2] / 8)
    d2min = 1e-7 + 1e-4 * np.exp(-(way[..., 2] ** 2) / 4 - (way[..., :2] ** 2).sum(axis=-1) / 6)
    d2min *= np.exp(0.1 * rng.normal(size=d2min.shape))
    d2min[:, kind > 0] = np.nan
    fields = create_store(folder / "fields.zarr", {})
    for name, values in (("d2min", d2min), ("shear_strain", np.sqrt(d2min))):
        add_array(fields, name, ("stage", "grain"), values.shape, "f4", "", "")[:] = values
    stress, length = 0.3 - np.concatenate([[0], np.cumsum(1e-3 * height)]), rng.uniform(1, 9, N_STAGES) * 1e-3
    strain = 0.2 + np.concatenate([[0], np.cumsum(length)])
    table = {"stage": stage, "cycle": (stage + 1) // 2, "kind": np.where(height > 0, "slip", "stick")}
    table |= {"start_frame": stage, "end_frame": stage + 1, "start_sample": 10 * stage, "end_sample": 10 * stage + 10}
    table |= {"start_strain": strain[:-1], "end_strain": strain[1:], "strain_increment": length}
    table |= {"start_stress": stress[:-1], "end_stress": stress[1:], "fluctuation": stress[:-1] - stress[1:]}
    write_table(folder / "stages.csv", pd.DataFrame(table))
    clusters = {"stage": stage} | {name: rng.random(N_STAGES) for name in CLUSTER_NUMBERS}
    write_table(folder / "statistics" / "stages.csv", pd.DataFrame(clusters))
    settings = {name: SETTINGS.get(name, {}) | changes.get(name, {}) for name in {*SETTINGS, *changes}}
    write_config(parse_config(settings), folder / "config.toml")
    return folder


def contents(folder):
    """All results; the lock and what an interrupted step keeps for later begin with a dot."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


@pytest.fixture(scope="session")
def measured(tmp_path_factory):
    """With voxels, before any training."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "measured", 1)
    microslip("voxels", folder)
    return folder


@pytest.fixture(scope="session")
def learnt(measured, tmp_path_factory):
    """Trained, two networks for each rule, and explained."""
    folder = Path(shutil.copytree(measured, tmp_path_factory.mktemp("runs") / "learnt"))
    folder_said = microslip("train", folder, "--set", "training.ensemble=2").stdout
    (folder / "train.txt").write_text(folder_said)
    (folder / "explain.txt").write_text(microslip("explain", folder).stdout)
    return folder


@pytest.fixture
def fresh(measured, tmp_path):
    return Path(shutil.copytree(measured, tmp_path / "fresh"))


@pytest.fixture
def copied(learnt, tmp_path):
    return Path(shutil.copytree(learnt, tmp_path / "learnt"))


def test_a_training_leaves_these_files_and_nothing_half_done(learnt):
    expected = {"history.csv", "predictions.csv", "metrics.json", "sign_by_size.csv", "calibration.csv", "errors.csv"}
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


def test_groups_of_the_attributions_are_those_of_the_statistics(learnt):
    """The same bins of all stages: a group of the same name holds stages of the same sizes."""
    run = open_run(learnt)
    ellipses = pd.read_csv(learnt / "interpretation" / "ellipses.csv")
    groups = bin_stages(run.stages, load_config(learnt / "config.toml").correlation.n_bins).set_index("group")
    for row in ellipses.drop_duplicates("group").itertuples():
        assert row.mean_fluctuation == groups["mean_fluctuation"][row.group]
    curves = pd.read_csv(learnt / "interpretation" / "correlation.csv")
    settings = load_config(learnt / "config.toml").correlation
    for row in ellipses.itertuples():
        curve = curves.query("network == @row.network and field == @row.field and group == @row.group")
        for name in ("d2min", "attribution"):
            expected = length_or_nan(curve["r"].to_numpy(), curve[f"c_{name}"].to_numpy(), settings, 0.0)
            np.testing.assert_equal(getattr(row, f"xi_{name}"), expected)


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


def test_whatever_is_measured_has_a_name_in_figures_and_reports(learnt, ablated):
    """A baseline, a null or an ablation entered in one place alone would be left out of pages without a word."""
    metrics = open_run(learnt).metrics
    assert tuple(sorted(metrics)) == tuple(sorted(RULES)) == tuple(sorted(RULE_COLOUR))
    for methods in metrics.values():
        assert set(methods) == set(MODEL_COLOUR) == set(MODEL_NAME) == set(results.MODELS)
        assert {split for of in methods.values() for split in of} == set(results.SPLITS)
        assert set(WITHOUT_PATTERN) < set(methods)
    claim = pd.read_csv(learnt / "interpretation" / "claim.csv")
    assert set(claim["network"]) == set(NETWORK_NAME) == set(NETWORK_COLOUR) == set(results.NETWORKS)
    assert set(claim["network"]) == {"trained", *NULLS}
    assert set(claim["field"]) == set(ATTRIBUTION_PARTS) == set(FIELD_MARKER) == set(FIELD_NAME)
    orders = set(pd.read_csv(learnt / "interpretation" / "deletion.csv")["order"])
    assert orders == set(ORDER_NAME) == set(ORDER_COLOUR) == set(ORDER_LINE)
    summary = pd.read_csv(ablated / "ablations" / "summary.csv")
    assert set(summary["family"]) == set(results.FAMILIES)
    assert set(summary.loc[summary["family"] == "input", "value"]) == set(results.INPUTS) == set(get_args(Ablated))


def test_what_follows_the_fluctuation_is_called_something():
    assert set(CLAIMS) | set(CONTRASTS) <= set(results.QUANTITIES)
    assert {name for name, _, _ in EVOLUTIONS} | {"xi"} == set(CLAIMS)


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


def test_attributions_sum_to_the_difference_from_the_baseline(learnt):
    run, checkpoint = open_run(learnt), load_checkpoint(learnt / "model" / "checkpoint.pt")
    explained = run.attributions
    scaling, voxels = checkpoint.scaling, run.voxels["d2min"].to_numpy()
    test = run.predictions.query("rule == 'random' and split == 'test'")["stage"]
    stages = explained["stage"].to_numpy()
    assert len(stages) == 6
    assert set(stages) <= set(test)
    assert (np.sign(run.stages["fluctuation"][stages]).value_counts() == 3).all()
    scaled = (np.log10(voxels + scaling.floor) - scaling.means[0]) / scaling.deviations[0]
    train = run.predictions.query("rule == 'random' and split == 'train'")["stage"]
    profile = np.broadcast_to(scaled[train].mean(axis=(0, 1, 2)), scaled.shape[1:])
    fields = np.concatenate([profile[None], scaled[stages]])[:, None].astype(np.float32)
    baseline, *predictions = predict_fields(checkpoint.network, scaling, fields)
    difference = np.array(predictions) - baseline
    off = np.abs(explained["attribution"].sum(("x", "y", "z")).to_numpy() - difference) / np.abs(difference)
    np.testing.assert_allclose(off, explained["completeness_error"], atol=1e-3)
    assert (explained["completeness_error"] <= 0.02).all()
    assert explained.attrs["baseline"] == "profile"
    assert list(explained.attrs["inputs"]) == ["d2min"]


NETWORKS = ("trained", "untrained", "shuffled", "input")


def test_every_network_is_measured_as_signed_and_as_size(learnt):
    folder = learnt / "interpretation"
    names = {"events", "correlation", "ellipses", "claim", "layers", "methods", "deletion"}
    assert {path.name for path in folder.iterdir()} == {f"{name}.csv" for name in names}
    pairs = {(network, field) for network in NETWORKS for field in ("signed", "size")}
    for name in ("events", "correlation", "ellipses", "claim"):
        table = pd.read_csv(folder / f"{name}.csv")
        assert set(zip(table["network"], table["field"], strict=True)) == pairs, name
    events = pd.read_csv(folder / "events.csv")
    assert len(events) == 6 * len(pairs)
    # a stage has one D²min, whoever explains it
    assert (events.groupby("stage")["xi_d2min"].nunique() <= 1).all()
    claim = pd.read_csv(folder / "claim.csv")
    assert (claim["n_stages"] == 6).all()
    assert (claim["n"] <= 6).all()
    known = events.dropna(subset=["xi_d2min", "xi_attribution"])
    for row in claim.itertuples():
        part = known[(known["network"] == row.network) & (known["field"] == row.field)]
        assert row.n == len(part)
        if len(part):
            assert row.ratio == pytest.approx((part["xi_attribution"] / part["xi_d2min"]).median())
        if len(part) >= 5:
            assert row.low <= row.ratio <= row.high
        else:
            assert np.isnan([row.low, row.high]).all(), "too few to draw from"
        assert 0 < row.share_active <= 1


def test_the_controls_of_the_explanation_are_told_for_a_few_stages(learnt):
    folder = learnt / "interpretation"
    layers, methods, deletion = (pd.read_csv(folder / f"{name}.csv") for name in ("layers", "methods", "deletion"))
    assert layers["n_layers"].tolist() == [1, 2, 3, 4]
    assert layers["last_layer"].tolist() == ["head.3", "head.1", "convolutions.4", "convolutions.0"]
    assert (layers["n"] == 2).all()
    assert methods.groupby("method").size().to_dict() == {"smoothgrad": 2, "occlusion": 2, "input": 2}
    assert methods.query("method == 'smoothgrad'")["spearman"].min() > 0.5
    for mode, (first, last) in {"deletion": (1, 0), "insertion": (0, 1)}.items():
        for order in ("attribution", "size of attribution", "d2min", "random"):
            curve = deletion[(deletion["mode"] == mode) & (deletion["order"] == order)]
            np.testing.assert_allclose(curve["fraction"], FRACTIONS)
            np.testing.assert_allclose(curve["median"].iloc[[0, -1]], [first, last], atol=1e-9)
            assert (curve["low"] <= curve["high"]).all()


def test_the_claim_is_said_for_every_network(learnt):
    said = (learnt / "explain.txt").read_text()
    assert "6 stages explained, completeness error: median" in said
    for network in NETWORKS:
        for field in ("signed", "size"):
            assert f"{network}, {field}: ξ_Attr/ξ_D = " in said


def test_an_interrupted_explanation_ends_like_an_uninterrupted_one(copied, learnt):
    config = load_config(copied / "config.toml", ["attribution.n_stages=4", "attribution.baseline=zero"])
    shutil.copytree(copied, copied.parent / "other")
    perform("explain", copied.parent / "other", config, lambda done, total: None, lambda text: None)
    before = contents(copied / "interpretation")

    def interrupt(done, total):
        if done > 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform("explain", copied, config, interrupt, lambda text: None)
    assert contents(copied / "interpretation") == before
    progress = []
    perform("explain", copied, config, lambda done, total: progress.append(done / total), lambda text: None)
    assert contents(copied / "interpretation") == contents(copied.parent / "other" / "interpretation")
    assert contents(copied / "attributions.zarr") == contents(copied.parent / "other" / "attributions.zarr")
    assert progress == sorted(progress)
    assert progress[-1] <= 1


@pytest.fixture(scope="session")
def ablated(measured, tmp_path_factory):
    folder = Path(shutil.copytree(measured, tmp_path_factory.mktemp("runs") / "ablated"))
    (folder / "ablate.txt").write_text(microslip("ablate", folder).stdout)
    return folder


def test_an_ablation_has_a_line_for_every_change_and_rule(ablated):
    table, summary = (pd.read_csv(ablated / "ablations" / f"{name}.csv") for name in ("ablations", "summary"))
    lines = {("input", name) for name in ("full", "shuffled", "phases", "pattern", "amplitude", "mask")}
    lines |= {("cell share", "0.5"), ("training share", "0.5"), ("spacing", "1.6"), ("radius", "2")}
    boosted = ("mean_d2min", "d2min_quantiles", "strain_increment", "clusters", "all of these")
    lines |= {("boosting", name) for name in boosted}
    for one in (table, summary):
        found = list(zip(one["family"], one["value"].astype(str), one["rule"], strict=True))
        assert sorted(found) == sorted((*line, rule) for line in lines for rule in ("random", "blocked"))
    random = table[(table["rule"] == "random") & (table["family"] != "boosting")].set_index(["family", "value"])
    assert random["n_train"].to_dict() == {key: 30 if key[0] == "training share" else 60 for key in random.index}
    nodes = random["nodes"].to_dict()
    assert nodes[("cell share", "0.5")] == "4 × 8 × 8"
    assert nodes[("spacing", "1.6")] == "5 × 5 × 5"
    assert {nodes[key] for key in nodes if key[0] not in ("cell share", "spacing")} == {"8 × 8 × 8"}
    assert (table["r2_low"] <= table["r2"]).all()
    assert (table["r2"] <= table["r2_high"]).all()
    assert not (ablated / ".ablating").exists()


def test_places_matter_where_they_were_planted(ablated):
    summary = pd.read_csv(ablated / "ablations" / "summary.csv").set_index(["family", "value", "rule"])
    for rule in ("random", "blocked"):
        full = summary.loc[("input", "full", rule)]
        assert full["less_than_full"] == 0
        for lost in ("shuffled", "phases", "amplitude"):
            one = summary.loc[("input", lost, rule)]
            assert one["r2"] < full["r2"] - 0.3, lost
            assert one["less_than_full"] == pytest.approx(full["r2"] - one["r2"])
        for kept in ("pattern", "mask"):
            assert summary.loc[("input", kept, rule)]["r2"] > 0.3, kept
    assert "input full, random split: test R²" in (ablated / "ablate.txt").read_text()


def test_an_interrupted_ablation_goes_on_after_the_last_whole_line(fresh, measured, tmp_path):
    chosen = ["ablation.epochs=2", "ablation.seeds=2", "ablation.variants=['full', 'shuffled', 'mask']"]
    none = [f"ablation.{name}=[]" for name in ("spacings", "radii", "cell_shares", "training_shares")]
    config = load_config(fresh / "config.toml", [*chosen, *none, "ablation.rules=['blocked']"])
    other = Path(shutil.copytree(measured, tmp_path / "other"))
    every = []
    perform("ablate", other, config, lambda done, total: None, every.append)

    def interrupt(done, total):
        assert total == 3 * 2 * 2
        if done == 5:
            raise KeyboardInterrupt

    said = []
    with pytest.raises(KeyboardInterrupt):
        perform("ablate", fresh, config, interrupt, said.append)
    assert [one for one in said if not one.startswith("warning: no step has recorded")] == said[1:]
    assert len(said) == 2
    assert not (fresh / "ablations").exists()
    first = fresh / ".ablating" / "input-full.json"
    when, told = first.stat().st_mtime_ns, []

    def watch(done, total):
        told.append(done)
        if first.exists():
            assert first.stat().st_mtime_ns == when

    perform("ablate", fresh, config, watch, said.append)
    assert [one for one in said if one not in every[:1]] == every[1:]
    # the line that was kept, the epochs that were missing
    assert told == [4, 6, 7, 8, 8, 9, 10, 11, 12, 12]
    assert contents(fresh / "ablations") == contents(other / "ablations")


def test_the_summary_is_a_mean_over_seeds():
    columns = ("n_train", "r2_low", "r2_high", "sign_accuracy", "r2_stick", "r2_slip", "r2_train")
    rows = [
        {"family": "input", "value": value, "rule": "random", "seed": seed, "r2": r2, **dict.fromkeys(columns, r2)}
        for value, seed, r2 in (("full", 1, 0.8), ("full", 2, 0.6), ("mask", 1, 0.4), ("mask", 2, 0.5))
    ]
    found = summarise(pd.DataFrame(rows)).set_index("value")
    assert found["seeds"].tolist() == [2, 2]
    np.testing.assert_allclose(found["r2"], [0.7, 0.45])
    np.testing.assert_allclose(found["r2_spread"], [0.2 / math.sqrt(2), 0.1 / math.sqrt(2)])
    np.testing.assert_allclose(found["less_than_full"], [0, 0.25], atol=1e-12)


def test_a_training_set_that_is_too_small_is_said_before_anything_is_trained(fresh):
    before = contents(fresh)
    assert "ablation.training_shares = 0.1 leaves fewer than 10 of 60" in refused(
        "ablate", fresh, "--set", "ablation.training_shares=[0.5, 0.1]"
    )
    assert contents(fresh) == before
    assert not (fresh / ".ablating").exists()


def test_a_grid_too_coarse_for_the_network_is_left_out_and_said(fresh):
    few = ["--set", "ablation.variants=['full']", "--set", "ablation.epochs=1", "--set", "ablation.spacings=[8]"]
    for name in ("radii", "cell_shares", "training_shares"):
        few += ["--set", f"ablation.{name}=[]"]
    assert "spacing 8 is left out: 1 × 1 × 1 nodes are too few" in microslip("ablate", fresh, *few).stdout
    assert set(pd.read_csv(fresh / "ablations" / "summary.csv")["family"]) == {"input", "boosting"}


def test_a_search_leaves_its_record_and_says_the_best(fresh, measured, tmp_path):
    pytest.importorskip("optuna")
    said = microslip("search", fresh, "--trials", 2).stdout
    trials, best = pd.read_csv(fresh / "search" / "trials.csv"), read_json(fresh / "search" / "best.json")
    assert trials["number"].tolist() == [0, 1]
    assert (fresh / "search" / "study.db").exists()
    assert not (fresh / ".searching").exists()
    assert best["validation_loss"] == pytest.approx(trials["validation_loss"].min())
    assert f"best validation loss {best['validation_loss']:.4f} with --set training.learning_rate=" in said
    # what is said can be given
    overrides = said.split(" with ")[1].split()
    load_config(fresh / "config.toml", overrides[1::2])
    assert load_config(fresh / "config.toml").training == load_config(measured / "config.toml").training

    other = Path(shutil.copytree(measured, tmp_path / "other"))
    stages = pd.read_csv(other / "stages.csv")
    stages.loc[stages["stage"] >= 83, "fluctuation"] = 0.5
    write_table(other / "stages.csv", stages)
    microslip("search", other, "--trials", 2)
    pd.testing.assert_frame_equal(pd.read_csv(other / "search" / "trials.csv"), trials, check_exact=True)


@pytest.fixture(scope="session")
def family(tmp_path_factory):
    """Three runs that differ by friction and seed, each with a network each."""
    folder = tmp_path_factory.mktemp("family")
    for number, friction in enumerate((0.5, 0.5, 0.1)):
        one = make_run(folder / f"run{number}", 10 + number, grains={"friction": friction})
        microslip("voxels", one)
        microslip("train", one)
    return folder


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("voxels.radius=1.2", "voxels.radius = 1.3 there, 1.2 here"),
        ("voxels.spacing=1.02", "voxels.spacing = 1.0 there"),
    ],
)
def test_a_network_of_other_voxels_is_not_explained(copied, change, message):
    """As many nodes, made otherwise: nothing but the settings tells that the network never saw such a field."""
    microslip("voxels", copied, "--set", change)
    before = contents(copied)
    said = refused("explain", copied, "--set", "attribution.n_steps=9")
    assert message in said
    assert f"run `microslip train {copied}` again" in said
    assert contents(copied) == before


def test_predictions_of_other_stages_are_not_explained(copied):
    stages = pd.read_csv(copied / "stages.csv")
    stages.loc[stages["stage"] == 7, "fluctuation"] *= 1.5
    write_table(copied / "stages.csv", stages)
    said = refused("explain", copied)
    assert "is of other stages than stages.csv, " in said
    assert "(stage 7 first)" in said


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


def restage(folder, change):
    stages = pd.read_csv(folder / "stages.csv")
    write_table(folder / "stages.csv", change(stages))


def too_few_stages(folder):
    restage(folder, lambda stages: stages.iloc[:15])
    return "15 stages are too few"


def other_number_of_stages(folder):
    restage(folder, lambda stages: stages.iloc[:70])
    return "run the voxels step again"


def constant_fluctuations(folder):
    restage(folder, lambda stages: stages.assign(fluctuation=1e-3))
    return "all training stages have the same fluctuation"


def one_fluctuation_that_is_not_finite(folder):
    restage(folder, lambda stages: stages.assign(fluctuation=stages["fluctuation"].mask(stages["stage"] == 42)))
    return "the fluctuations of 1 of 100 stages are not known (stage 42 first)"


def a_voxel_that_is_not_finite(folder):
    voxels = zarr.open_group(folder / "voxels.zarr", mode="r+")["d2min"]
    voxels[37, 1, 2, 3] = np.nan
    voxels.attrs["changed"] = "yes"
    break_seals(folder, "voxels")
    return "first in stage 37"


def a_channel_that_the_voxels_lack(folder):
    changes = ["network.inputs=['d2min', 'displacement_x']", "voxels.fields=['d2min', 'displacement_x']"]
    write_config(load_config(folder / "config.toml", changes), folder / "config.toml")
    return "network.inputs names displacement_x, voxels.zarr holds d2min, shear_strain: run `microslip voxels`"


def voxels_that_do_not_vary(folder):
    voxels = zarr.open_group(folder / "voxels.zarr", mode="r+")["d2min"]
    voxels[:] = 1e-6
    voxels.attrs["changed"] = "yes"
    break_seals(folder, "voxels")
    return "d2min is the same in all training stages and nodes"


def a_network_too_deep(folder):
    write_config(load_config(folder / "config.toml", ["network.channels=[4, 4, 4, 4]"]), folder / "config.toml")
    return "too small for 4 poolings"


DAMAGES = [
    too_few_stages,
    other_number_of_stages,
    constant_fluctuations,
    one_fluctuation_that_is_not_finite,
    a_voxel_that_is_not_finite,
    a_channel_that_the_voxels_lack,
    voxels_that_do_not_vary,
    a_network_too_deep,
]


@pytest.mark.parametrize("verb", ["train", "ablate", "search"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_learnt_ends_in_a_sentence_and_earlier_results_stay(copied, damage, verb):
    message = damage(copied)
    before = contents(copied)
    assert message in refused(verb, copied)
    assert contents(copied) == before


def no_checkpoint(folder):
    (folder / "model" / "checkpoint.pt").unlink()
    return "checkpoint.pt is missing: run `microslip train"


def no_checkpoint_at_all(folder):
    (folder / "model" / "checkpoint.pt").write_bytes(b"")
    return "is not a checkpoint"


def half_a_checkpoint(folder):
    path = folder / "model" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:2000])
    return "is not a checkpoint"


def changed_checkpoint(change):
    @functools.wraps(change)
    def damage(folder):
        path = folder / "model" / "checkpoint.pt"
        content = torch.load(path, weights_only=True)
        message = change(content)
        torch.save(content, path)
        return message

    return damage


@changed_checkpoint
def weights_are_missing(content):
    content["weights"].popitem()
    return "is damaged"


@changed_checkpoint
def of_a_later_version(content):
    content["format_version"] = 99
    return "has format_version = 99"


@changed_checkpoint
def of_another_grid(content):
    content["grid"] = [8, 8, 7]
    return "was trained on (8, 8, 7)"


BROKEN = [
    no_checkpoint,
    no_checkpoint_at_all,
    half_a_checkpoint,
    weights_are_missing,
    of_a_later_version,
    of_another_grid,
]


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_checkpoint_ends_in_a_sentence_and_earlier_results_stay(copied, damage):
    message = damage(copied)
    if damage is not no_checkpoint:
        # as if it had been written so
        assert "was changed since `microslip train` made it" in refused("explain", copied)
    break_seals(copied, "train")
    before = contents(copied)
    assert message in refused("explain", copied)
    if damage is not of_another_grid:
        refused("predict", copied, "--model", copied)
    assert contents(copied) == before


def put_nan(folder, stage):
    voxels = zarr.open_group(folder / "voxels.zarr", mode="r+")["d2min"]
    voxels[stage, 1, 2, 3] = np.nan
    voxels.attrs["changed"] = "yes"
    break_seals(folder, "voxels")


def test_an_explained_stage_that_is_not_finite_is_named(copied):
    stage = int(open_run(copied).attributions["stage"][-1])
    put_nan(copied, stage)
    before = contents(copied)
    said = refused("explain", copied)
    assert contents(copied) == before
    assert f"first in stage {stage}:" in said


def test_lengths_that_cannot_be_measured_are_said_before_attributions_are_replaced(copied):
    before = contents(copied)
    assert "distance bins" in refused("explain", copied, "--set", "correlation.farthest=2")
    assert contents(copied) == before


def test_the_null_sees_what_the_network_saw_whatever_the_settings_say_now(copied):
    events = pd.read_csv(copied / "interpretation" / "events.csv").query("network == 'shuffled'")
    done = microslip("explain", copied, "--set", "training.transform=raw", check=False)
    if done.code == 0:
        again = pd.read_csv(copied / "interpretation" / "events.csv").query("network == 'shuffled'")
        pd.testing.assert_frame_equal(again, events, rtol=1e-3)
    else:
        assert done.code == 2


def test_an_ablation_of_nothing_is_said(fresh):
    every = ("variants", "spacings", "radii", "cell_shares", "training_shares")
    nothing = [part for name in every for part in ("--set", f"ablation.{name}=[]")]
    refused("ablate", fresh, *nothing, "--set", "ablation.baselines=false")


def test_missing_inputs_name_the_command_that_makes_them(fresh):
    assert "run `microslip train" in refused("explain", fresh)
    shutil.rmtree(fresh / "statistics")
    assert "run `microslip statistics" in refused("ablate", fresh)
    shutil.rmtree(fresh / "voxels.zarr")
    for verb in ("train", "search"):
        assert "run `microslip voxels" in refused(verb, fresh)


def test_a_table_of_clusters_that_lacks_a_number_is_said_and_what_was_trained_is_kept(fresh):
    table = pd.read_csv(fresh / "statistics" / "stages.csv")
    write_table(fresh / "statistics" / "stages.csv", table.drop(columns="moran_i"))
    few = ["--set", "ablation.variants=['full']", "--set", "ablation.epochs=1"]
    for name in ("spacings", "radii", "cell_shares", "training_shares"):
        few += ["--set", f"ablation.{name}=[]"]
    assert "lacks moran_i: run `microslip statistics` again" in refused("ablate", fresh, *few)
    assert not (fresh / "ablations").exists()


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
