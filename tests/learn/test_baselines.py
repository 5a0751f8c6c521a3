import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from microslip import MicroslipError
from microslip.learn import baselines
from microslip.learn.baselines import (
    CLUSTER_NUMBERS,
    FEATURES_AT_MOST,
    PENALTIES,
    QUANTILES,
    amplitude_features,
    boosting,
    cluster_features,
    length_feature,
    ridge,
)
from microslip.learn.config import Training
from microslip.learn.evaluate import r_squared
from microslip.learn.samples import Samples, fit_scaling

N = 300
SETS = {"train": np.arange(180), "validation": np.arange(180, 240), "test": np.arange(240, N)}


def test_features_that_no_training_stage_knows_are_left_out(rng):
    """As the fits of a very small run, which fail in every stage; scikit-learn ends in a ValueError there."""
    features, target = rng.normal(size=(N, 3)), rng.normal(size=N)
    features[SETS["train"], 1] = np.nan
    found = boosting(features, target, SETS, 1)
    np.testing.assert_array_equal(found, boosting(features[:, [0, 2]], target, SETS, 1))
    features[:] = np.nan
    np.testing.assert_array_equal(boosting(features, target, SETS, 1), target[SETS["train"]].mean())


@pytest.fixture(autouse=True)
def one_thread():
    """Trees this small wait for their threads longer than they grow."""
    with threadpool_limits(1):
        yield


def linear_samples(rng, grid, noise):
    """Fluctuations that are a sum over all nodes of both channels, and noise."""
    inputs = rng.normal(2, 3, (N, 2, *grid)).astype(np.float32)
    weights = rng.normal(size=(2, *grid))
    target = np.tensordot(inputs - 2, weights, 4) + noise * rng.normal(size=N)
    return Samples(inputs, ("d2min", "displacement_z"), 1e-4 * target + 1e-5)


def test_amplitudes_are_the_mean_and_the_quantiles_of_grains_without_walls(rng):
    values = 10 ** rng.normal(-6, 1, (140, 50))
    values[:, :7] = np.nan
    found = amplitude_features(xr.DataArray(values, dims=["stage", "grain"]))
    np.testing.assert_allclose(found["mean_d2min"][:, 0], np.log10(values[:, 7:].mean(axis=1)))
    expected = np.log10(np.quantile(values[:, 7:], QUANTILES, axis=1).T)
    np.testing.assert_allclose(found["d2min_quantiles"], expected)


def test_a_grain_without_a_value_in_one_stage_is_left_out_of_that_stage(rng):
    values = 10 ** rng.normal(-6, 1, (5, 50))
    values[:, :7] = np.nan
    values[3, 20] = np.nan
    found = amplitude_features(xr.DataArray(values, dims=["stage", "grain"]))
    for stage, one in enumerate(values):
        known = one[np.isfinite(one)]
        assert found["mean_d2min"][stage, 0] == pytest.approx(np.log10(known.mean()))
        np.testing.assert_allclose(found["d2min_quantiles"][stage], np.log10(np.quantile(known, QUANTILES)))


def test_amplitudes_do_not_see_where_grains_are(rng):
    values = 10 ** rng.normal(-6, 1, (20, 50))
    shuffled = rng.permuted(values, axis=1)
    one, other = (amplitude_features(xr.DataArray(some, dims=["stage", "grain"])) for some in (values, shuffled))
    for name in one:
        np.testing.assert_allclose(one[name], other[name])


def test_stages_at_rest_have_finite_amplitudes():
    found = amplitude_features(xr.DataArray(np.zeros((3, 5)), dims=["stage", "grain"]))
    assert all(np.isfinite(values).all() for values in found.values())


def test_the_length_is_the_strain_increment_on_a_logarithm():
    stages = pd.DataFrame({"strain_increment": [1e-5, 1e-3], "fluctuation": [1.0, 2.0]})
    np.testing.assert_allclose(length_feature(stages), [[-5], [-3]])


def test_cluster_numbers_come_in_their_order_and_missing_ones_are_named():
    table = pd.DataFrame({name: [float(i), np.nan] for i, name in enumerate(CLUSTER_NUMBERS)})
    found = cluster_features(table[list(CLUSTER_NUMBERS[::-1])])
    assert found[0].tolist() == list(range(len(CLUSTER_NUMBERS)))
    assert np.isnan(found[1]).all()
    with pytest.raises(MicroslipError, match=r"lacks xi, moran_i: run `microslip statistics` again"):
        cluster_features(table.drop(columns=["xi", "moran_i"]))


def test_boosting_learns_a_curve_from_the_training_stages_alone(rng):
    features = rng.uniform(-2, 2, (N, 3))
    features[::11, 1] = np.nan
    target = np.sin(2 * features[:, 0])
    found = boosting(features, target, SETS, 1)
    assert r_squared(target[240:], found[240:]) > 0.9
    target[180:] = 99
    np.testing.assert_array_equal(boosting(features, target, SETS, 1), found)


def test_boosting_of_noise_predicts_nothing(rng):
    features, target = rng.normal(size=(N, 2)), rng.normal(size=N)
    assert r_squared(target[240:], boosting(features, target, SETS, 1)[240:]) < 0.1


def test_ridge_is_sklearns_with_the_penalty_that_validates_best(rng):
    samples = linear_samples(rng, (4, 3, 5), 20.0)
    scaling = fit_scaling(samples, SETS["train"], Training())
    x, target = scaling.standardise(samples.inputs).reshape(N, -1).astype(float), samples.target
    train, held = SETS["train"], SETS["validation"]
    offset, fits = target[train].mean(), []
    for penalty in PENALTIES:
        model = Ridge(alpha=penalty, fit_intercept=True).fit(x[train], target[train] - offset)
        fits.append(model.predict(x) + offset)
    best = min(fits, key=lambda one: np.mean((one[held] - target[held]) ** 2))
    np.testing.assert_allclose(ridge(samples, scaling, SETS), best, rtol=1e-6, atol=1e-10)


def test_ridge_finds_a_straight_line_and_no_curve(rng):
    straight = linear_samples(rng, (3, 2, 4), 0.0)
    scaling = fit_scaling(straight, SETS["train"], Training())
    assert r_squared(straight.target[240:], ridge(straight, scaling, SETS)[240:]) > 0.99
    curve = Samples(straight.inputs, straight.names, ((straight.inputs[:, 0] - 2) ** 2).mean(axis=(1, 2, 3)))
    assert r_squared(curve.target[240:], ridge(curve, scaling, SETS)[240:]) < 0.2


def test_ridge_does_not_see_the_test_stages(rng):
    samples = linear_samples(rng, (3, 2, 4), 5.0)
    scaling = fit_scaling(samples, SETS["train"], Training())
    before = ridge(samples, scaling, SETS)
    samples.target[SETS["test"]] = 99
    np.testing.assert_array_equal(ridge(samples, scaling, SETS), before)


def test_ridge_pools_a_grid_that_is_too_large_and_still_finds_a_smooth_line(rng):
    grid = (16, 12, 16)
    assert np.prod(grid) > FEATURES_AT_MOST
    slope = np.cos(np.pi * np.arange(16) / 15)
    inputs = (rng.normal(size=(N, 1, 1, 1, 1)) * slope + 0.1 * rng.normal(size=(N, 1, *grid))).astype(np.float32)
    samples = Samples(inputs, ("d2min",), 1e-4 * (inputs[:, 0] * slope).mean(axis=(1, 2, 3)).astype(float))
    scaling = fit_scaling(samples, SETS["train"], Training())
    assert r_squared(samples.target[240:], ridge(samples, scaling, SETS)[240:]) > 0.98


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pooled_nodes_are_means_of_blocks_smaller_at_the_far_faces(rng, factor):
    inputs = rng.normal(size=(2, 2, 6, 5, 4)).astype(np.float32)
    found = baselines._pooled(inputs, factor)
    blocks = [range(0, n, factor) for n in (6, 5, 4)]
    expected = [
        [
            stage[channel, x : x + factor, y : y + factor, z : z + factor].mean()
            for channel in range(2)
            for x in blocks[0]
            for y in blocks[1]
            for z in blocks[2]
        ]
        for stage in inputs
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_number_that_no_training_stage_has_is_passed_over(rng):
    """In a small cell no stage has ten clusters, and so no fractal dimension."""
    target = rng.normal(size=N)
    features = np.column_stack([target + 0.1 * rng.normal(size=N), np.full(N, np.nan)])
    np.testing.assert_array_equal(boosting(features, target, SETS, 1), boosting(features[:, :1], target, SETS, 1))
    nothing = boosting(np.full((N, 2), np.nan), target, SETS, 1)
    np.testing.assert_allclose(nothing, target[:180].mean())
