"""Learning curves whose limit is planted, and such as have none."""

import numpy as np
import pandas as pd
import pytest

from microslip.learn.learning_curves import learning_curve, learning_curves

SIZES = np.array([100, 200, 400, 800])


def trainings(curve, n_seeds, noise, rng):
    n = np.repeat(SIZES, n_seeds)
    return n, curve(n) + noise * rng.normal(size=len(n)), np.tile(np.arange(n_seeds), len(SIZES))


def test_the_limit_of_an_exact_law_is_found(rng):
    of = learning_curve(*trainings(lambda n: 0.93 - 3.0 * n**-0.6, 5, 0.0, rng), 1)
    assert of["r2_limit"] == pytest.approx(0.93, abs=2e-3)
    assert of["exponent"] == pytest.approx(0.6, abs=0.03)
    assert of["determined"]
    assert (of["n_sizes"], of["seeds"], of["n_most"]) == (4, 5, 800)


def test_its_interval_holds_the_truth_about_as_often_as_it_says(rng):
    hits = 0
    for draw in range(60):
        of = learning_curve(*trainings(lambda n: 0.9 - 3.0 * n**-0.7, 5, 0.01, rng), draw)
        hits += of["r2_limit_low"] <= 0.9 <= of["r2_limit_high"]
    # five seeds draw too narrow a little
    assert hits >= 40


def test_a_curve_that_still_rises_is_not_determined(rng):
    of = learning_curve(*trainings(lambda n: 0.1 * np.log10(n), 3, 0.03, rng), 1)
    assert not of["determined"]
    assert of["r2_limit"] <= 1


def test_a_curve_that_falls_ends_where_it_is(rng):
    of = learning_curve(*trainings(lambda n: 0.8 - 1e-4 * n, 3, 0.0, rng), 1)
    assert of["r2_limit"] == pytest.approx(np.mean(0.8 - 1e-4 * SIZES))


def test_two_sizes_or_one_seed_do_not_suffice(rng):
    n, r2, seed = trainings(lambda n: 0.9 - 3.0 * n**-0.7, 2, 0.0, rng)
    two = learning_curve(n[:4], r2[:4], seed[:4], 1)
    assert np.isnan(two["r2_limit"])
    assert not two["determined"]
    once = learning_curve(n[::2], r2[::2], seed[::2], 1)
    assert np.isfinite(once["r2_limit"])
    assert np.isnan(once["r2_limit_low"])


def test_only_lines_with_the_whole_input_are_taken(rng):
    n, r2, seed = trainings(lambda n: 0.9 - 3.0 * n**-0.7, 2, 0.0, rng)
    table = pd.DataFrame(
        {"family": "training share", "value": "x", "rule": "blocked", "seed": seed, "n_train": n, "r2": r2}
    )
    table.loc[table["n_train"] == 800, ["family", "value"]] = "input", "full"
    other = table.assign(family="input", value="shuffled", r2=0.0)
    curves = learning_curves(pd.concat([table, other]), 1)
    assert curves["rule"].tolist() == ["blocked"]
    assert curves["r2_limit"].item() == pytest.approx(0.9, abs=2e-3)
    assert learning_curves(other, 1).empty


def test_a_curve_that_jumps_and_stays_has_no_limit_that_is_determined():
    """The steepest exponent fits a step best; its interval is narrow, and says nothing."""
    n = np.repeat([1, 2, 3], 4)
    r2 = np.array([0.827, 0.840, 0.810, 0.843, 0.882, 0.881, 0.854, 0.875, 0.854, 0.866, 0.849, 0.873])
    curve = learning_curve(n, r2, np.arange(12), 1)
    assert curve["r2_limit_high"] - curve["r2_limit_low"] < 0.05
    assert not curve["determined"]
