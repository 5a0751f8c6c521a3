"""Attributions against functions whose attribution is known, against the theorem of completeness, and a second sum."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from microslip import MicroslipError
from microslip.learn import attribution
from microslip.learn.attribution import (
    STEPS_AT_MOST,
    Decoded,
    baseline_field,
    integrated_gradients,
    mean_profile,
    occlusion,
    smoothed_integrated_gradients,
)
from microslip.learn.config import Attribution, Network
from microslip.learn.networks.predictor import Predictor, build_network
from microslip.learn.nulls import randomised
from microslip.learn.prediction import predict_fields
from microslip.learn.samples import Scaling

GRID = (8, 6, 8)

# Single precision, summed over a few hundred nodes and a few dozen points of the path.
ROUNDING = 1e-5

# Kinks of ReLU and of the maximum leave an error of quadrature, as a share of the largest attribution.
QUADRATURE = 0.02

CHANNELS = {"d2min": (-6.0, 1.5), "displacement_y": (0.3, 2.0), "strain_increment": (-3.0, 0.5)}


def scaling_of(*names, target="linear"):
    means, deviations = zip(*(CHANNELS[name] for name in names), strict=True)
    return Scaling(names, "log", 1e-10, means, deviations, target, 2e-3)


class Weighted(Predictor):
    """F = w · x."""

    def __init__(self, weights):
        super().__init__(weights.shape[1:], Network(channels=(1,), inputs=tuple(CHANNELS)[: len(weights)]))
        self.weights = torch.from_numpy(weights.astype(np.float32))

    def respond(self, voxels):
        return (voxels * self.weights).sum(dim=(1, 2, 3, 4))[:, None]


def network_of(kind, n_channels, seed=3):
    """With random weights: a fresh one predicts no change, whatever it sees."""
    names = tuple(CHANNELS)[:n_channels]
    config = Network(kind=kind, channels=(4, 8), hidden=8, inputs=names, batch_normalisation=kind == "plain")
    return randomised(build_network(GRID, config), 99, seed)


@pytest.fixture
def stage(rng):
    return rng.normal(size=(3, *GRID)).astype(np.float32)


@pytest.mark.parametrize("baseline", ["mean", "zero"])
def test_the_attribution_of_a_linear_function_is_weight_times_the_way_from_the_baseline(rng, stage, baseline):
    scaling, weights = scaling_of(*CHANNELS), rng.normal(size=stage.shape)
    found = integrated_gradients(Weighted(weights), scaling, stage, Attribution(baseline=baseline, n_steps=4))
    start = baseline_field(scaling, stage.shape, baseline)
    expected = weights * (stage - start) * scaling.target_scale
    np.testing.assert_allclose(found.attribution, expected, atol=ROUNDING * np.abs(expected).max())
    assert found.n_steps == 4
    assert found.completeness_error < 1e-4


def test_the_baseline_is_the_training_mean_or_a_field_in_which_nothing_moves():
    scaling = scaling_of("d2min", "displacement_y")
    assert (baseline_field(scaling, (2, *GRID), "mean") == 0).all()
    still = baseline_field(scaling, (2, *GRID), "zero")
    # log₁₀ of the floor, and no displacement
    np.testing.assert_allclose(still[0], (-10 + 6.0) / 1.5, rtol=1e-6)
    np.testing.assert_allclose(still[1], (0 - 0.3) / 2.0, rtol=1e-6)


@pytest.mark.parametrize("baseline", ["mean", "zero"])
@pytest.mark.parametrize("target", ["linear", "asinh"])
@pytest.mark.parametrize(("kind", "n_channels"), [("plain", 1), ("residual", 1), ("plain", 3), ("residual", 3)])
def test_attributions_sum_to_the_difference_of_the_predictions(stage, kind, n_channels, target, baseline):
    scaling = scaling_of(*tuple(CHANNELS)[:n_channels], target=target)
    network, inputs = network_of(kind, n_channels), 0.5 * stage[:n_channels]
    settings = Attribution(baseline=baseline, n_steps=16, completeness=0.02)
    found = integrated_gradients(network, scaling, inputs, settings)
    start = baseline_field(scaling, inputs.shape, baseline)
    after, before = predict_fields(network, scaling, np.stack([inputs, start]))
    assert found.attribution.shape == inputs.shape
    error = abs(found.attribution.sum() - (after - before)) / abs(after - before)
    assert error == pytest.approx(found.completeness_error, abs=1e-4)
    assert error <= settings.completeness + 1e-4


def test_a_trained_network_is_explained_in_full(task, trained):
    settings = Attribution(n_steps=8)
    for row in task.sets["test"][:5]:
        inputs = task.scaling.standardise(task.samples.inputs[row])
        found = integrated_gradients(trained.network, task.scaling, inputs, settings)
        start = baseline_field(task.scaling, inputs.shape, "mean")
        after, before = predict_fields(trained.network, task.scaling, np.stack([inputs, start]))
        assert found.completeness_error <= 0.01
        assert found.attribution.sum() == pytest.approx(after - before, rel=0.011)


def by_hand(network, scaling, inputs, start, points, weights):
    """Σ wₖ ∂F/∂x at the points, times the way."""
    way, total = torch.from_numpy(inputs - start), torch.zeros(inputs.shape, dtype=torch.float64)
    decoded = Decoded(network, scaling)
    for point, weight in zip(points, weights, strict=True):
        voxels = (torch.from_numpy(start) + float(point) * way)[None].requires_grad_()
        (gradient,) = torch.autograd.grad(decoded(voxels).sum(), voxels)
        total += weight * gradient[0].double()
    return (total * way.double()).numpy()


@pytest.mark.parametrize("target", ["linear", "asinh"])
@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_a_second_sum_of_gradients_says_the_same(stage, kind, target):
    scaling, network = scaling_of("d2min", "displacement_y", target=target), network_of(kind, 2)
    inputs = 0.5 * stage[:2]
    start = baseline_field(scaling, inputs.shape, "zero")
    # so loose that the first try is kept
    settings = Attribution(baseline="zero", n_steps=40, completeness=0.99)
    found = integrated_gradients(network, scaling, inputs, settings)
    assert found.n_steps == 40
    same = by_hand(network, scaling, inputs, start, (np.arange(40) + 0.5) / 40, np.full(40, 1 / 40))
    largest = np.abs(same).max()
    np.testing.assert_allclose(found.attribution, same, atol=10 * ROUNDING * largest)
    points, weights = np.polynomial.legendre.leggauss(400)
    legendre = by_hand(network, scaling, inputs, start, (points + 1) / 2, weights / 2)
    fine = integrated_gradients(network, scaling, inputs, settings.model_copy(update={"n_steps": 400}))
    np.testing.assert_allclose(fine.attribution, legendre, atol=QUADRATURE * np.abs(legendre).max())
    # and captum's own method, with its own points
    voxels, baseline = torch.from_numpy(inputs)[None], torch.from_numpy(start)[None]
    method = IntegratedGradients(Decoded(network, scaling))
    captums = method.attribute(voxels, baselines=baseline, n_steps=400, internal_batch_size=64)[0].detach().numpy()
    np.testing.assert_allclose(fine.attribution, captums, atol=QUADRATURE * np.abs(captums).max())


@pytest.mark.parametrize("batch", [3, 1000])
def test_the_points_of_the_path_may_be_pushed_through_in_any_batches(stage, monkeypatch, batch):
    scaling, network, settings = scaling_of("d2min"), network_of("residual", 1), Attribution(n_steps=32)
    expected = integrated_gradients(network, scaling, stage[:1], settings)
    largest_batch = []
    monkeypatch.setattr(attribution, "FIELD_BATCH", batch)
    hook = network.register_forward_hook(lambda module, given, found: largest_batch.append(len(found)))
    found = integrated_gradients(network, scaling, stage[:1], settings)
    hook.remove()
    largest = np.abs(expected.attribution).max()
    np.testing.assert_allclose(found.attribution, expected.attribution, atol=10 * ROUNDING * largest)
    assert found.n_steps == expected.n_steps
    assert max(largest_batch) <= batch


@pytest.mark.parametrize("target", ["linear", "asinh"])
@pytest.mark.parametrize("baseline", ["mean", "zero"])
def test_a_stage_equal_to_the_baseline_gets_nothing_anywhere(target, baseline):
    scaling, network = scaling_of("d2min", "displacement_y", target=target), network_of("plain", 2)
    settings = Attribution(baseline=baseline, n_steps=8, n_noisy=2)
    inputs = baseline_field(scaling, (2, *GRID), baseline)
    found = integrated_gradients(network, scaling, inputs, settings)
    assert (found.attribution == 0).all()
    assert found.completeness_error == 0
    assert found.n_steps == 8
    assert np.abs(occlusion(network, scaling, inputs, settings)).max() == 0


def test_the_path_is_refined_until_the_error_is_met_and_no_further_than_the_limit(stage, monkeypatch):
    scaling, network = scaling_of("d2min"), network_of("plain", 1)
    coarse = integrated_gradients(network, scaling, stage[:1], Attribution(n_steps=2, completeness=0.999))
    fine = integrated_gradients(network, scaling, stage[:1], Attribution(n_steps=2, completeness=0.02))
    assert fine.n_steps >= coarse.n_steps
    assert fine.completeness_error <= 0.02
    assert STEPS_AT_MOST >= 1024
    monkeypatch.setattr(attribution, "STEPS_AT_MOST", 12)
    never = integrated_gradients(network, scaling, stage[:1], Attribution(n_steps=5, completeness=1e-15))
    assert never.n_steps <= 12
    assert never.completeness_error < 1e-3


@pytest.mark.parametrize("edge", [1, 3, 4, 99])
def test_occlusion_of_a_linear_function_is_the_mean_of_what_the_cubes_hide(rng, stage, edge):
    scaling, weights = scaling_of("d2min", "displacement_y"), rng.normal(size=(2, *GRID))
    inputs = stage[:2]
    found = occlusion(Weighted(weights), scaling, inputs, Attribution(baseline="zero", occlusion=edge))
    share = weights * (inputs - baseline_field(scaling, inputs.shape, "zero")) * scaling.target_scale
    total, times = np.zeros(GRID), np.zeros(GRID)
    edges = [min(edge, n) for n in GRID]
    strides = [max(1, (one + 1) // 2) for one in edges]
    starts = [range(0, n - one + stride, stride) for n, one, stride in zip(GRID, edges, strides, strict=True)]
    for corner in np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 3):
        cube = tuple(slice(start, start + one) for start, one in zip(corner, edges, strict=True))
        total[cube] += share[:, *cube].sum()
        times[cube] += 1
    assert times.min() >= 1
    expected = np.broadcast_to(total / times, inputs.shape)
    np.testing.assert_allclose(found, expected, atol=20 * ROUNDING * np.abs(expected).max())


def test_almost_no_noise_gives_integrated_gradients(stage):
    scaling, network = scaling_of("d2min"), network_of("residual", 1)
    settings = Attribution(n_steps=16, completeness=0.99, noise=1e-7, n_noisy=3)
    expected = integrated_gradients(network, scaling, stage[:1], settings).attribution
    found = smoothed_integrated_gradients(network, scaling, stage[:1], settings, seed=1)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_a_seed_gives_the_same_noise_again_and_leaves_that_of_torch_alone(stage):
    scaling, network = scaling_of("d2min"), network_of("plain", 1)
    settings = Attribution(n_steps=8, n_noisy=3)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, again, other = (
        smoothed_integrated_gradients(network, scaling, stage[:1], settings, seed) for seed in (5, 5, 6)
    )
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_the_noise_of_a_linear_function_is_that_of_the_input(rng, stage):
    """Its attribution is w (x + noise − x⁰), so that the mean of many copies returns to w (x − x⁰)."""
    scaling, weights = scaling_of("d2min"), rng.normal(size=(1, *GRID))
    settings = Attribution(n_steps=2, n_noisy=50, noise=0.5)
    found = smoothed_integrated_gradients(Weighted(weights), scaling, stage[:1], settings, seed=1)
    noise = found / (weights * scaling.target_scale) - stage[:1]
    assert noise.std() == pytest.approx(0.5 / np.sqrt(50), rel=0.15)
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(50 * noise.size)


def test_the_profile_is_the_mean_at_every_height_whatever_the_batches(rng):
    fields = rng.normal(size=(7, 2, 3, 4, 5)).astype(np.float32)
    expected = np.broadcast_to(fields.mean(axis=(0, 2, 3), keepdims=True)[0], fields.shape[1:])
    for parts in ([fields], [fields[:3], fields[3:3], fields[3:]]):
        np.testing.assert_allclose(mean_profile(parts), expected, rtol=1e-5, atol=1e-6)
    turned = np.roll(fields, (1, 2), axis=(2, 3))[:, :, :, ::-1]
    np.testing.assert_allclose(mean_profile([turned]), expected, rtol=1e-5, atol=1e-6)


def test_a_path_may_start_at_a_field_of_ones_own(rng, stage):
    scaling, network = scaling_of("d2min"), network_of("plain", 1)
    start = rng.normal(size=stage[:1].shape).astype(np.float32)
    found = integrated_gradients(network, scaling, stage[:1], Attribution(), start)
    after, before = predict_fields(network, scaling, np.stack([stage[:1], start]))
    assert found.attribution.sum() == pytest.approx(after - before, rel=0.011)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (np.full((3, *GRID), np.nan, dtype=np.float32), "the inputs is nan at entry 0, 0, 0, 0"),
        (np.zeros((2, *GRID), dtype=np.float32), r"inputs has shape \(2, 8, 6, 8\): give \(3, 8, 6, 8\)"),
        (np.full((3, *GRID), 1e30, dtype=np.float32), "inputs"),
    ],
)
def test_a_stage_of_another_grid_or_without_numbers_is_refused(inputs, sentence):
    with pytest.raises(MicroslipError, match=sentence):
        integrated_gradients(network_of("plain", 3), scaling_of(*CHANNELS), inputs, Attribution())


def test_a_network_without_numbers_is_refused(stage):
    network = network_of("plain", 3)
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    with pytest.raises(MicroslipError, match="network: its prediction is not finite"):
        integrated_gradients(network, scaling_of(*CHANNELS), stage, Attribution())
    with pytest.raises(MicroslipError, match="scaling is of 1 channels, the network takes 3"):
        integrated_gradients(network, scaling_of("d2min"), stage, Attribution())


@pytest.mark.parametrize("target", ["linear", "asinh"])
@pytest.mark.parametrize(("mirrored", "rotated"), [(True, False), (False, True), (True, True)])
def test_a_turned_stage_has_turned_attributions_where_predictions_are_averaged(stage, target, mirrored, rotated):
    """In units of the run: the mirror changes the sign of the motion along y, the rotation about y does not."""
    scaling = replace(scaling_of("d2min", "displacement_y", target=target), symmetries=("mirror", "rotation"))
    network, voxels = network_of("plain", 2), stage[:2]
    axes = ((2,) if mirrored else ()) + ((1, 3) if rotated else ())
    raw = voxels * np.array(scaling.deviations)[:, None, None, None] + np.array(scaling.means)[:, None, None, None]
    signs = np.array([1, -1 if mirrored else 1])[:, None, None, None]
    turned = scaling.standardise((np.flip(raw, axes) * signs).astype(np.float32))
    config = Attribution(baseline="zero", n_steps=256, completeness=1e-3)
    baseline = baseline_field(scaling, voxels.shape, "zero")
    here, there = (integrated_gradients(network, scaling, each, config, baseline) for each in (voxels, turned))
    np.testing.assert_allclose(
        np.flip(there.attribution, axes), here.attribution, atol=QUADRATURE * np.abs(here.attribution).max()
    )
    prediction = predict_fields(network, scaling, np.stack([voxels, turned, baseline]).astype(np.float32))
    assert prediction[0] == pytest.approx(prediction[1], rel=1e-4)
    assert here.attribution.sum() == pytest.approx(prediction[0] - prediction[2], rel=2e-3)
    # a network alone sees another stage
    alone = replace(scaling, symmetries=())
    first, second = predict_fields(network, alone, np.stack([voxels, turned]).astype(np.float32))
    assert abs(first - second) > 1e-3 * abs(first)
