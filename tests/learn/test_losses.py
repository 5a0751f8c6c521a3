import numpy as np
import pytest
import torch
from scipy.stats import norm, t

from microslip.learn.config import Network, Training
from microslip.learn.ensemble import train_ensemble
from microslip.learn.losses import huber, loss_of, student, weights_by_size


def tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.float64)


def slope(function, at):
    point = tensor(at).requires_grad_()
    function(point).sum().backward()
    return point.grad.numpy()


def test_huber_is_the_square_of_small_errors_and_its_tangent_beyond(rng):
    error = rng.normal(0, 2, 200)
    found = huber(tensor(error), 1.5).numpy()
    small = np.abs(error) <= 1.5
    np.testing.assert_allclose(found[small], error[small] ** 2)
    gradient = slope(lambda e: huber(e, 1.5), error)
    np.testing.assert_allclose(gradient, 2 * np.clip(error, -1.5, 1.5))
    np.testing.assert_allclose(huber(tensor(error), 1e6).numpy(), error**2)


@pytest.mark.parametrize("degrees", [1.0, 4.0, 30.0])
def test_the_likelihood_is_that_of_scipy_but_for_a_constant(rng, degrees):
    error, log_scale = rng.normal(0, 3, 50), rng.normal(0, 1, 50)
    found = student(tensor(error), tensor(log_scale), degrees, 0.0).numpy()
    expected = -t.logpdf(error, degrees, scale=np.exp(log_scale))
    np.testing.assert_allclose(found - found[0], expected - expected[0], rtol=1e-10, atol=1e-10)


def test_many_degrees_of_freedom_are_gauss(rng):
    error, log_scale = rng.normal(0, 1, 50), rng.normal(0, 0.3, 50)
    found = student(tensor(error), tensor(log_scale), 1e6, 0.0).numpy()
    expected = -norm.logpdf(error, scale=np.exp(log_scale)) - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_with_full_power_the_prediction_has_the_gradient_of_the_squares(rng):
    error, log_scale = rng.normal(size=30), tensor(rng.normal(size=30))
    gradient = slope(lambda e: student(e, log_scale, 1e6, 1.0), error)
    np.testing.assert_allclose(gradient, error, rtol=1e-3)


def test_the_scale_of_least_loss_is_that_of_the_errors(rng):
    error = tensor(t.rvs(4.0, scale=0.3, size=40000, random_state=rng))
    scales = np.geomspace(0.1, 1, 61)
    losses = [float(student(error, torch.full_like(error, np.log(s)), 4.0, 0.0).mean()) for s in scales]
    assert scales[int(np.argmin(losses))] == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize("loss", ["mse", "huber", "likelihood"])
def test_every_loss_is_one_number_a_stage_and_finite_for_a_wild_one(loss):
    outputs = tensor([[0.0, 0.0], [1e6, -50.0], [-1e6, 50.0]]).float()
    found = loss_of(Training(loss=loss))(outputs, torch.zeros(3))
    assert found.shape == (3,)
    assert torch.isfinite(found).all()


def test_weights_have_a_mean_of_one_and_follow_the_size(rng):
    target, train = rng.standard_cauchy(500), np.arange(300)
    for power in (-1.0, 0.0, 1.0):
        weights = weights_by_size(target, target[train], power)
        assert weights[train].mean() == pytest.approx(1)
        order = weights[np.argsort(np.abs(target))]
        assert (np.diff(order) * power >= 0).all()
    np.testing.assert_array_equal(weights_by_size(target, target, 0.0), 1)


def test_the_expected_error_is_large_where_the_errors_are(task):
    """Noise of one sign of the fluctuation alone, which the pattern tells: the second output finds it."""
    rng = np.random.default_rng(2)
    target = task.samples.target.copy()
    size = np.std(target)
    target += np.where(target > 0, size, 0.02 * size) * rng.normal(size=len(target))
    samples = type(task.samples)(task.samples.inputs, task.samples.names, target)
    settings = task.training.model_copy(update={"loss": "likelihood", "epochs": 8})
    fitted = train_ensemble(samples, task.sets, task.network, settings)
    half = (fitted.high - fitted.low)[task.sets["test"]]
    noisy = task.samples.target[task.sets["test"]] > 0
    assert np.median(half[noisy]) > 1.5 * np.median(half[~noisy])
    assert isinstance(task.network, Network)
