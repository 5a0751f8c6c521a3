"""Attributions of a small artificial run, and what they are compared with."""

import shutil

import numpy as np
import pandas as pd
import pytest
import zarr

from microslip import active_grains, find_clusters, open_run
from microslip.config import load_config
from microslip.data.files import write_table
from microslip.data.provenance import break_seals
from microslip.learn.checkpoint import load_checkpoint
from microslip.learn.deletion import FRACTIONS
from microslip.learn.prediction import predict_fields
from microslip.pipeline import perform
from microslip.statistics.attribution_clusters import CONTROLS, WHICH
from microslip.statistics.bins import bin_stages
from microslip.statistics.lengths import length_or_nan
from microslip.views.names import ORDER_NAME

from ..command_line import contents, microslip, refused


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
    names = {"events", "correlation", "ellipses", "claim", "layers", "methods", "expected"}
    names |= {"deletion", "replacement", "areas", "at_clusters", "clusters"}
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
    layers, methods, areas = (pd.read_csv(folder / f"{name}.csv") for name in ("layers", "methods", "areas"))
    assert layers["n_layers"].tolist() == [1, 2, 3, 4]
    assert layers["last_layer"].tolist() == ["head.3", "head.1", "convolutions.4", "convolutions.0"]
    assert (layers["n"] == 2).all()
    assert methods.groupby("method").size().to_dict() == dict.fromkeys(
        ("expected", "smoothgrad", "occlusion", "input"), 2
    )
    assert methods.query("method == 'smoothgrad'")["spearman"].min() > 0.5
    for name, replacement in (("deletion", "baseline"), ("replacement", "stages")):
        table = pd.read_csv(folder / f"{name}.csv")
        assert set(table["order"]) == set(ORDER_NAME)
        for (mode, order), curve in table.groupby(["mode", "order"]):
            np.testing.assert_allclose(curve["fraction"], FRACTIONS)
            ends = {"deletion": (1, 0), "insertion": (0, 1)}[mode]
            np.testing.assert_allclose(curve["median"].iloc[[0, -1]], ends, atol=1e-9)
            assert (curve["low"] <= curve["high"]).all()
            (row,) = areas[(areas[["replacement", "mode", "order"]] == [replacement, mode, order]).all(axis=1)].index
            # of two stages the median is the mean, of the area as of the curve
            area = np.trapezoid(curve["median"], curve["fraction"])
            assert areas["area"][row] == pytest.approx(area, abs=1e-6)


def test_expected_gradients_sum_to_the_difference_within_their_error(learnt):
    table = pd.read_csv(learnt / "interpretation" / "expected.csv")
    assert (np.abs(table["sum"] - table["difference"]) < 5 * table["sum_error"]).all()
    assert (table["repeatability"] > 0.3).all()


def test_attributions_at_clusters_are_of_the_clusters_of_the_statistics(learnt):
    run, settings = open_run(learnt), load_config(learnt / "config.toml").clusters
    events = pd.read_csv(learnt / "interpretation" / "at_clusters.csv")
    claims = pd.read_csv(learnt / "interpretation" / "clusters.csv")
    assert set(zip(claims["network"], claims["clusters"], claims["control"], strict=True)) == {
        (network, which, control) for network in NETWORKS for which in WHICH for control in CONTROLS
    }
    stage = int(run.attributions["stage"][0])
    frame = run.frames["position"][int(run.stages["start_frame"][stage])].to_numpy()
    active = active_grains(run.fields["d2min"][stage].to_numpy(), settings.fraction)
    clusters = find_clusters(frame, active, run.box, run.grains["diameter"].to_numpy())
    large = np.isin(clusters.label, 1 + np.flatnonzero(clusters.size >= settings.smallest))
    nodes = np.stack(np.meshgrid(*(run.voxels[name] for name in "xyz"), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    bulk = np.flatnonzero(run.grains["kind"].to_numpy() == 0)
    distance = np.linalg.norm(run.box.minimum_image(nodes - frame[bulk]), axis=-1)
    inside = large[bulk[distance.argmin(axis=1)]] & (distance.min(axis=1) <= run.voxels.attrs["radius"])
    size = np.abs(run.attributions["attribution"][0].to_numpy()).ravel()
    row = events.query("network == 'trained' and stage == @stage and clusters == 'all' and control == 'number'").iloc[0]
    assert row["share_nodes"] == pytest.approx(inside.mean())
    assert row["share_size"] == pytest.approx(size[inside].sum() / size.sum())
    assert row["ratio"] == pytest.approx(size[inside].mean() / size[~inside].mean())


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
