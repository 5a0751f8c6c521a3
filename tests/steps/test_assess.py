"""Seeds, splits and folds of a small run, and the record of looks at its test stages."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microslip.data.files import write_table
from microslip.data.openings import count_openings, read_openings
from microslip.learn.evaluate import r_squared

from ..command_line import microslip


@pytest.fixture(scope="module")
def assessed(measured, tmp_path_factory):
    folder = Path(shutil.copytree(measured, tmp_path_factory.mktemp("runs") / "assessed"))
    options = ("assessment.seeds=2", "assessment.folds=2", "assessment.epochs=2", "assessment.rules=['blocked']")
    (folder / "said.txt").write_text(microslip("assess", folder, *(f"--set={option}" for option in options)).stdout)
    return folder


def test_every_line_has_its_seeds_and_a_paired_difference(assessed):
    predictions, scores, summary = (
        pd.read_csv(assessed / "assessment" / f"{name}.csv") for name in ("predictions", "scores", "summary")
    )
    lines = [("blocked", 0), ("rolling", 1), ("rolling", 2), ("rolling", 0)]
    assert list(dict.fromkeys(zip(summary["rule"], summary["fold"], strict=True))) == lines
    of_network = scores[scores["method"] == "network"]
    assert of_network.groupby(["rule", "fold"]).size().eq(2).all()
    one = predictions.query("rule == 'rolling' and fold == 2 and seed == 1")
    own = of_network.query("rule == 'rolling' and fold == 2 and seed == 1")["r2"].item()
    assert own == pytest.approx(r_squared(one["target"].to_numpy(), one["network"].to_numpy()))
    r2 = summary.set_index(["rule", "fold", "method"])["r2"]
    less = summary.set_index(["rule", "fold", "method"])["less_than_network"].drop("network", level="method")
    for (rule, fold, method), value in less.items():
        assert value == pytest.approx(r2[rule, fold, "network"] - r2[rule, fold, method])
    assert "rolling folds, 2 seeds: test R²" in (assessed / "said.txt").read_text()


def test_signs_and_coverage_by_size_stand_beside_every_line(assessed):
    summary, signs, coverage = (
        pd.read_csv(assessed / "assessment" / f"{name}.csv") for name in ("summary", "sign_by_size", "coverage_by_size")
    )
    key = ["rule", "fold", "method"]
    for line, row in summary.set_index(key).iterrows():
        own, inside = (table[(table[key] == list(line)).all(axis=1)] for table in (signs, coverage))
        assert own["n"].sum() == row["n"]
        assert np.average(own["sign_accuracy"], weights=own["n"]) == pytest.approx(row["sign_accuracy"])
        for _, part in inside.groupby("by"):
            assert np.average(part["coverage"], weights=part["n"]) == pytest.approx(row["coverage"])
    assert set(coverage["method"]) == {"network", "ensemble"}


def test_a_test_stage_lies_after_all_that_its_fold_may_learn_from(assessed):
    predictions, stages = pd.read_csv(assessed / "assessment" / "predictions.csv"), pd.read_csv(assessed / "stages.csv")
    first = predictions[predictions["rule"] == "rolling"].groupby("fold")["stage"].min()
    start, end = stages["start_strain"].to_numpy(), stages["end_strain"].to_numpy()
    border = start[0] + (end[-1] - start[0]) * np.array([2, 3]) / 4
    assert (start[first.to_numpy()] > border).all()


def test_what_a_fold_predicts_does_not_hang_on_the_targets_of_its_test(measured, tmp_path):
    """Other fluctuations after the first origin leave the predictions of the first fold as they were."""
    options = ("assessment.seeds=1", "assessment.folds=1", "assessment.epochs=2", "assessment.rules=[]")
    tables = []
    for name in ("one", "two"):
        folder = Path(shutil.copytree(measured, tmp_path / name))
        if name == "two":
            stages = pd.read_csv(folder / "stages.csv")
            start, end = stages["start_strain"].iloc[0], stages["end_strain"].iloc[-1]
            later = stages["start_strain"] > start + (end - start) * 2 / 3
            stages.loc[later, "fluctuation"] *= -3
            write_table(folder / "stages.csv", stages)
        microslip("assess", folder, *(f"--set={option}" for option in options))
        tables.append(pd.read_csv(folder / "assessment" / "predictions.csv"))
    one, two = tables
    assert not np.allclose(one["target"], two["target"])
    pd.testing.assert_frame_equal(one.drop(columns="target"), two.drop(columns="target"))


def test_an_ablation_is_a_look_with_settings_of_its_own(measured, tmp_path):
    folder = Path(shutil.copytree(measured, tmp_path / "ablated"))
    options = ("variants=['full','shuffled']", "spacings=[]", "radii=[]", "cell_shares=[]", "training_shares=[]",
               "rules=['blocked']", "baselines=false", "epochs=1")  # fmt: skip
    microslip("ablate", folder, *(f"--set=ablation.{option}" for option in options))
    table = read_openings(folder)
    assert table["line"].tolist() == ["input full", "input shuffled"]
    assert count_openings(table)[["opened", "settings", "trained"]].to_numpy().tolist() == [[2, 2, 0]]


def test_looks_at_test_stages_are_recorded_and_shown(copied):
    def looks():
        return count_openings(read_openings(copied)).set_index("rule")

    assert looks()[["opened", "settings", "trained"]].to_numpy().tolist() == [[1, 1, 1]] * 2
    microslip("train", copied)
    # nothing was to be done, so that nothing was looked at
    assert looks()["opened"].tolist() == [1, 1]
    microslip("train", copied, "--set", "training.epochs=1")
    assert looks()[["opened", "trained"]].to_numpy().tolist() == [[2, 2]] * 2
    said = " ".join(microslip("info", copied).stdout.split())
    assert "that of the random split 2 times with 2 settings" in said
