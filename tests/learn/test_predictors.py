"""Nearest neighbours and straight lines where the answer is known, and scores by size."""

import numpy as np
import pandas as pd
import pytest

from microslip.learn.ceiling import explained, scores_by_size
from microslip.learn.config import Training
from microslip.learn.evaluate import r_squared, score_intervals
from microslip.learn.predictors import linear, nearest_neighbours
from microslip.learn.samples import Samples, fit_scaling

N = 400
SETS = {"train": np.arange(0, 240), "validation": np.arange(240, 320), "test": np.arange(320, N)}


def on_nodes(numbers, rng):
    """Fields whose patterns are told by two numbers of each stage, and little noise."""
    patterns = rng.normal(size=(2, 1, 4, 4, 4))
    return np.tensordot(numbers, patterns, 1).astype(np.float32) + 1e-3 * rng.normal(size=(N, 1, 4, 4, 4)).astype("f4")


def test_neighbours_know_what_is_smooth_in_the_field(rng):
    numbers = rng.uniform(-1, 1, (N, 2))
    target = np.sin(2 * numbers[:, 0]) * numbers[:, 1]
    samples = Samples(on_nodes(numbers, rng), ("d2min",), target)
    prediction = nearest_neighbours(samples, fit_scaling(samples, SETS["train"], Training()), SETS, 1)
    assert r_squared(target[SETS["test"]], prediction[SETS["test"]]) > 0.9
    assert prediction[SETS["train"]] == pytest.approx(target[SETS["train"]])


def test_neighbours_know_nothing_of_noise(rng):
    samples = Samples(rng.normal(size=(N, 1, 4, 4, 4)).astype("f4"), ("d2min",), rng.normal(size=N))
    prediction = nearest_neighbours(samples, fit_scaling(samples, SETS["train"], Training()), SETS, 1)
    assert abs(r_squared(samples.target[SETS["test"]], prediction[SETS["test"]])) < 0.2


def test_a_straight_line_is_found_and_what_is_not_known_left_out(rng):
    features = rng.normal(size=(N, 5)) * [1, 1e-6, 1e3, 1, 1]
    target = 2e-3 + features @ [1e-3, 500, 1e-6, 0, 0]
    features[10, 3], features[:, 4] = np.nan, 7.0
    assert linear(features, target, SETS) == pytest.approx(target, abs=1e-9)
    noisy = target + 1e-3 * rng.normal(size=N)
    line = np.linalg.lstsq(np.c_[features[:240, :3], np.ones(240)], noisy[:240])[0]
    expected = np.c_[features[:, :3], np.ones(N)] @ line
    assert linear(features, noisy, SETS) == pytest.approx(expected, abs=3e-4)


def test_of_all_stages_it_is_r2_with_its_interval(rng):
    target = rng.normal(size=N)
    prediction, cycle = target + 0.5 * rng.normal(size=N), np.arange(N) // 2
    of = explained(target, prediction, cycle, 3, float(target.mean()))
    assert of["r2"] == pytest.approx(r_squared(target, prediction))
    other = score_intervals(target, prediction, cycle, 3)
    assert [of["r2_low"], of["r2_high"]] == pytest.approx([other["r2_low"], other["r2_high"]], abs=0.01)


def test_thirds_by_size_are_scored_apart(rng):
    size, stage = 10 ** rng.uniform(-4, -1, N), np.arange(N)
    target = size * rng.choice([-1, 1], N)
    edge = np.quantile(size, 2 / 3)
    table = pd.DataFrame({"rule": "random", "stage": stage, "target": target})
    table = table.assign(large=np.where(size > edge, target, 0.0), zero=0.0)
    scores = scores_by_size(table, ["large", "zero"], target, stage // 2, 1).set_index(["method", "group"])
    assert scores.loc[("large", "large"), "r2"] == 1
    assert scores.loc[("large", "small"), "r2"] == 0
    assert scores.loc[("zero", "middle"), "r2"] == 0
    assert scores.loc[("large", "all"), "r2"] > 0.9
    assert scores.loc["large", "n"].tolist()[1:] == pytest.approx([N / 3] * 3, abs=1)
