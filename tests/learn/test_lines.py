"""Tables of seeds, folds and paired differences, of signs and of coverage by size."""

import numpy as np
import pandas as pd
import pytest

from microslip.learn.assessment import ROLLING
from microslip.learn.evaluate import sign_by_size, size_edges
from microslip.learn.lines import ALL_FOLDS, line_predictions, methods_of, score_lines, size_lines


def test_lines_are_scored_by_seed_and_all_folds_together(rng):
    """Two seeds on two folds; the baseline says nothing, so that the network is better by its own R²."""
    target = rng.normal(size=40)
    target -= target.mean()
    rows = [
        {"rule": ROLLING, "fold": 1 + stage // 20, "seed": seed, "stage": stage, "target": target[stage],
         "network": target[stage] * (0.9 if seed == 1 else 0.5), "nothing": 0.0, "low": np.nan, "high": np.nan}
        for stage in range(40)
        for seed in (1, 2)
    ]  # fmt: skip
    scores, summary = score_lines(pd.DataFrame(rows), np.arange(40) // 2, 1.0, 1)
    assert scores.groupby(["fold", "method"]).size().to_dict() == {
        (fold, method): n for fold in range(3) for method, n in (("network", 2), ("nothing", 1))
    }
    whole = summary[summary["fold"] == ALL_FOLDS].set_index("method")
    assert whole["n"].tolist() == [40, 40]
    assert whole.loc["network", "r2"] == pytest.approx((0.99 + 0.75) / 2)
    assert whole.loc["network", "r2_spread"] == pytest.approx(np.std([0.99, 0.75], ddof=1))
    assert whole.loc["nothing", "less_than_network"] == pytest.approx(0.87)
    # both err in proportion to the target, so that only its mean in a draw moves the ratio
    assert 0.869 < whole.loc["nothing", "less_than_network_low"] < whole.loc["nothing", "less_than_network_high"] < 1
    assert np.isnan(whole.loc["network", "less_than_network"])


def laplace_line(rng, n_held=400, n=4000, seeds=3):
    """Errors in proportion to the size of the prediction, as of heavy-tailed fluctuations; held-out stages first."""
    size = rng.lognormal(-7, 1.5, n_held + n) * rng.choice([-1, 1], n_held + n)
    target = size * (1 + 0.3 * rng.laplace(size=n_held + n))
    predictions = size * (1 + 0.1 * rng.normal(size=(seeds, n_held + n)))
    stages = np.arange(n_held, n_held + n)
    table = line_predictions(
        predictions, target, n_held, [1, 2, 3][:seeds], stages, {"nothing": np.zeros(n), "coin": rng.normal(size=n)}
    )
    return table.assign(rule="blocked", fold=0), predictions[:, n_held:], target[n_held:]


def test_a_line_holds_every_seed_their_mean_and_the_baselines(rng):
    table, predictions, target = laplace_line(rng, n=500)
    assert methods_of(table) == ["network", "ensemble", "nothing", "coin"]
    for seed, own in enumerate(predictions, start=1):
        part = table[table["seed"] == seed]
        np.testing.assert_allclose(part["network"], own)
        np.testing.assert_allclose(part["ensemble"], predictions.mean(axis=0))
        np.testing.assert_allclose(part["target"], target)


def test_intervals_hold_by_predicted_size_in_every_tenth(rng):
    table, _, _ = laplace_line(rng)
    _, summary = score_lines(table, np.arange(4400) // 2, 1e-3, 1)
    summary = summary.set_index("method")
    for method in ("network", "ensemble"):
        assert summary.loc[method, "coverage"] == pytest.approx(0.9, abs=0.04)
        assert 0.82 < summary.loc[method, "coverage_least"] < summary.loc[method, "coverage_most"] < 0.98
    assert summary.loc[["nothing", "coin"], "coverage"].isna().all()
    coverage = size_lines(table)["coverage_by_size"].query("method == 'network' and by == 'prediction'")
    assert len(coverage) == 10
    assert (coverage["n"] == 400).all()
    assert coverage["coverage"].min() == summary.loc["network", "coverage_least"]
    assert coverage["coverage"].mean() == pytest.approx(summary.loc["network", "coverage"])


def test_signs_by_size_are_means_over_seeds_with_their_spread(rng):
    table, predictions, target = laplace_line(rng)
    signs = size_lines(table)["sign_by_size"]
    own = signs[signs["method"] == "network"]
    by_seed = [sign_by_size(target, one, size_edges(target))["sign_accuracy"] for one in predictions]
    np.testing.assert_allclose(own["sign_accuracy"], np.mean(by_seed, axis=0))
    np.testing.assert_allclose(own["sign_spread"], np.std(by_seed, axis=0, ddof=1))
    assert own["n"].sum() == 4000
    coin = signs[signs["method"] == "coin"]
    assert (coin["seeds"] == 1).all()
    assert coin["sign_spread"].isna().all()
    weighted = np.average(coin["sign_accuracy"], weights=coin["n"])
    assert weighted == pytest.approx(0.5, abs=0.03)


def test_the_sign_of_large_stages_is_given_apart(rng):
    table, predictions, target = laplace_line(rng)
    _, summary = score_lines(table, np.arange(4400) // 2, 2e-3, 1)
    row = summary.set_index("method").loc["network"]
    large = np.abs(target) >= 2e-3
    assert row["n_above"] == large.sum()
    assert row["sign_above"] == pytest.approx(np.mean(np.sign(predictions[:, large]) == np.sign(target[large])))


def test_without_held_out_stages_there_are_scores_and_no_intervals(rng):
    """Fewer than nine errors have no 90 % one."""
    table, _, _ = laplace_line(rng, n_held=5, n=60, seeds=1)
    _, summary = score_lines(table, np.arange(65) // 2, 1e-3, 1)
    assert np.isfinite(summary["r2"]).all()
    assert summary[["coverage", "coverage_least"]].isna().all(axis=None)
    assert size_lines(table)["coverage_by_size"].empty
