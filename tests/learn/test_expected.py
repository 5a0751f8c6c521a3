"""Expected Gradients against a closed form, the sum that they must have, and captum's GradientShap."""

import numpy as np
import pytest
import torch
from captum.attr import GradientShap

from microslip import MicroslipError
from microslip.learn.config import Network
from microslip.learn.expected import expected_gradients
from microslip.learn.networks.predictor import Predictor, build_network
from microslip.learn.nulls import randomised
from microslip.learn.prediction import Decoded, predict_fields
from microslip.learn.samples import Scaling

GRID, NAMES = (8, 6, 8), ("d2min", "displacement_y")


def scaling_of(target="linear"):
    return Scaling(NAMES, "log", 1e-10, (-6.0, 0.3), (1.5, 2.0), target, 2e-3)


class Formula(Predictor):
    """F = Σ w x^power, whose gradient is known at every point."""

    def __init__(self, weights, power):
        super().__init__(weights.shape[1:], Network(channels=(1,), inputs=NAMES))
        self.weights, self.power = torch.from_numpy(weights.astype(np.float32)), power

    def respond(self, voxels):
        return (voxels**self.power * self.weights).sum(dim=(1, 2, 3, 4))[:, None]


@pytest.fixture
def fields(rng):
    """A stage, and stages from which paths start."""
    stage, *starts = rng.normal(size=(101, 2, *GRID)).astype(np.float32)
    return stage, np.stack(starts)


def network_of(kind):
    config = Network(kind=kind, channels=(4, 8), hidden=8, inputs=NAMES, batch_normalisation=kind == "plain")
    return randomised(build_network(GRID, config), 99, seed=3)


def test_the_attribution_of_a_linear_function_is_exact_and_its_error_that_of_the_starts(rng, fields):
    """w (x − mean x'), with the standard error of that mean; the sum misses nothing, whatever α."""
    stage, starts = fields
    weights, scaling = rng.normal(size=stage.shape), scaling_of()
    found = expected_gradients(Formula(weights, 1), scaling, stage, starts, seed=1)
    expected = scaling.target_scale * weights * (stage - starts.mean(axis=0))
    np.testing.assert_allclose(found.attribution, expected, atol=1e-5 * np.abs(expected).max())
    shares = scaling.target_scale * (weights * (stage - starts)).sum(axis=1)
    np.testing.assert_allclose(found.standard_error, shares.std(axis=0, ddof=1) / 10, rtol=1e-4)
    assert found.attribution.sum() == pytest.approx(found.difference, rel=1e-4)
    assert found.sum_error < 1e-4 * abs(shares.sum(axis=(1, 2)).std())


def test_the_attribution_of_a_square_is_the_difference_of_the_squares(rng, fields):
    """∫ 2 (x' + α (x − x')) (x − x') dα = x² − x'², and the error that is stated holds what is missed."""
    stage, starts = fields
    weights, scaling = rng.normal(size=stage.shape), scaling_of()
    expected = scaling.target_scale * weights * (stage**2 - (starts**2).mean(axis=0))
    found = [expected_gradients(Formula(weights, 2), scaling, stage, starts, seed) for seed in range(20)]
    mean = np.mean([one.attribution for one in found], axis=0)
    np.testing.assert_allclose(mean, expected, atol=0.15 * np.abs(expected).max())
    off = np.array([one.attribution.sum() - one.difference for one in found])
    # of the draw of α alone, over which the starts are the same; strata make it smaller than that of free draws
    assert np.sqrt(np.mean(off**2)) < 1.2 * np.mean([one.sum_error for one in found])


@pytest.mark.parametrize("target", ["linear", "asinh"])
@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_the_sum_is_the_difference_to_the_mean_prediction_within_its_error(fields, kind, target):
    stage, starts = fields
    network, scaling = network_of(kind), scaling_of(target)
    found = expected_gradients(network, scaling, stage, starts, seed=2)
    predictions = predict_fields(network, scaling, np.concatenate([stage[None], starts]))
    assert found.difference == pytest.approx(predictions[0] - predictions[1:].mean(), rel=1e-4)
    assert abs(found.attribution.sum() - found.difference) < 4 * found.sum_error
    assert 0 < found.relative_error < 2
    assert -1 <= found.repeatability <= 1


def test_more_starts_make_a_smaller_error(fields):
    stage, starts = fields
    network, scaling = network_of("residual"), scaling_of()
    few, many = (expected_gradients(network, scaling, stage, starts[:n], seed=2) for n in (16, 100))
    assert many.relative_error < few.relative_error
    assert many.repeatability > few.repeatability


def test_captums_draws_without_noise_give_the_same_mean(fields):
    stage, starts = fields
    network, scaling = network_of("residual"), scaling_of()
    own = np.mean([expected_gradients(network, scaling, stage, starts, seed).attribution for seed in range(16)], axis=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        voxels, pool = torch.from_numpy(stage)[None], torch.from_numpy(starts)
        theirs = GradientShap(Decoded(network, scaling)).attribute(voxels, pool, n_samples=6000, stdevs=0.0)
    theirs = theirs[0].detach().numpy()
    assert np.corrcoef(own.ravel(), theirs.ravel())[0, 1] > 0.97
    assert own.sum() == pytest.approx(theirs.sum(), rel=0.2, abs=1e-4)


def test_a_seed_gives_the_same_points_again_and_few_starts_are_refused(fields):
    stage, starts = fields
    network, scaling = network_of("plain"), scaling_of()
    one, again, other = (expected_gradients(network, scaling, stage, starts[:20], seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.attribution, again.attribution)
    assert np.abs(one.attribution - other.attribution).max() > 0
    with pytest.raises(MicroslipError, match="3 stages are too few"):
        expected_gradients(network, scaling, stage, starts[:3], seed=1)
