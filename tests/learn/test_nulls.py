import copy

import numpy as np
import pytest
import torch

from microslip.learn.config import Network
from microslip.learn.networks.predictor import Predictor, build_network
from microslip.learn.nulls import layers_from_the_output, randomised, replaced_in_order
from microslip.learn.prediction import predict_fields
from microslip.learn.samples import Scaling, assemble
from microslip.learn.train import predict

GRID = (8, 6, 8)
SCALING = Scaling(("d2min",), "log", 1e-10, (-6.0,), (1.5,), "linear", 2e-3)
FRACTIONS = np.linspace(0, 1, 9)


class Weighted(Predictor):
    """F = w · x."""

    def __init__(self, weights):
        super().__init__(GRID, Network(channels=(1,)))
        self.weights = torch.from_numpy(weights.astype(np.float32))

    def respond(self, voxels):
        return (voxels * self.weights).sum(dim=(1, 2, 3, 4))[:, None]


def used(kind, **changes):
    """A network whose normalisations have seen data and whose weights are no fresh ones."""
    network = build_network(GRID, Network(kind=kind, channels=(4, 8), hidden=8, **changes))
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.dtype.is_floating_point:
                value += torch.from_numpy(rng.uniform(0.1, 0.3, tuple(value.shape)).astype(np.float32))
    return network.eval()


def same(one, other):
    return {name for name, value in one.state_dict().items() if torch.equal(value, other.state_dict()[name])}


def test_layers_are_named_from_the_output_on():
    assert layers_from_the_output(used("plain")) == ["head.3", "head.1", "convolutions.3", "convolutions.0"]
    names = layers_from_the_output(used("residual"))
    assert names[:2] == ["head.2", "head.0"]
    assert names[-1] == "convolutions.0.convolution"
    assert len(names) == 6


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_only_the_last_layers_change_and_the_original_none(kind):
    network = used(kind, batch_normalisation=kind == "plain")
    before, names = copy.deepcopy(network), layers_from_the_output(network)
    for n in range(len(names) + 1):
        other = randomised(network, n, seed=1)
        changed = set(network.state_dict()) - same(network, other)
        layers = {name.rpartition(".")[0] for name in changed}
        if n < len(names):
            assert layers == set(names[:n])
        else:
            # nothing of what was learnt is left: normalisations start anew too
            assert {name for name in network.state_dict() if "num_batches" not in name} <= changed
        assert not other.training
    assert same(network, before) == set(network.state_dict())


def test_all_layers_random_predict_something_and_each_seed_another(rng):
    network, fields = used("residual"), rng.normal(size=(5, 1, *GRID)).astype(np.float32)
    one, again, other = (predict_fields(randomised(network, 99, seed), SCALING, fields) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.ptp(one) > 0
    assert np.abs(one - other).max() > 0


def test_the_global_seed_is_left_alone():
    network = used("plain")
    before = torch.get_rng_state()
    randomised(network, 2, seed=9)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture
def curves(rng):
    """A network, a stage, a baseline, and the curve of an order."""
    network = randomised(used("residual"), 99, seed=4)
    inputs, baseline = rng.normal(size=(2, 1, *GRID)).astype(np.float32)

    def curve(order, insertion, fractions=FRACTIONS):
        return replaced_in_order(network, SCALING, inputs, baseline, order, fractions, insertion)

    return network, inputs, baseline, curve


def test_the_curves_end_in_the_predictions_of_stage_and_baseline(rng, curves):
    network, inputs, baseline, curve = curves
    stage, empty = predict_fields(network, SCALING, np.stack([inputs, baseline]))
    order = rng.permutation(np.prod(GRID))
    deletion, insertion = curve(order, False), curve(order, True)
    np.testing.assert_allclose(deletion[[0, -1]], [stage, empty], rtol=1e-5)
    np.testing.assert_allclose(insertion[[0, -1]], [empty, stage], rtol=1e-5)
    assert deletion.shape == FRACTIONS.shape


def test_taking_out_is_putting_in_backwards_in_the_opposite_order(rng, curves):
    *_, curve = curves
    order = rng.permutation(np.prod(GRID))
    deletion, insertion = curve(order, False), curve(order[::-1].copy(), True)
    np.testing.assert_allclose(deletion, insertion[::-1], rtol=1e-5, atol=1e-9)


def test_all_channels_of_a_node_are_replaced_together_and_nothing_is_written_to_the_stage(rng):
    network = randomised(
        build_network(GRID, Network(channels=(4, 8), hidden=8, inputs=("d2min", "shear_strain"))), 99, seed=4
    )
    scaling = Scaling(("d2min", "shear_strain"), "log", 1e-10, (-6.0, -3.0), (1.5, 1.0), "linear", 2e-3)
    inputs, baseline = rng.normal(size=(2, 2, *GRID)).astype(np.float32)
    kept, order = inputs.copy(), rng.permutation(np.prod(GRID))
    half = len(order) // 2
    found = replaced_in_order(network, scaling, inputs, baseline, order, np.array([0.5]), False)
    expected = inputs.copy().reshape(2, -1)
    expected[:, order[:half]] = baseline.reshape(2, -1)[:, order[:half]]
    np.testing.assert_allclose(found, predict_fields(network, scaling, expected.reshape(1, 2, *GRID)), rtol=1e-5)
    np.testing.assert_array_equal(inputs, kept)


def test_the_order_of_the_attribution_is_the_steepest_for_a_linear_function(rng):
    weights, (inputs, baseline) = rng.normal(size=(1, *GRID)), rng.normal(size=(2, 1, *GRID)).astype(np.float32)
    network, share = Weighted(weights), weights * (inputs - baseline)
    best = np.argsort(-share.ravel())
    others = [rng.permutation(best) for _ in range(5)] + [best[::-1].copy(), np.argsort(-np.abs(share).ravel())]
    rounding = 1e-6
    for insertion, sign in ((False, -1), (True, 1)):
        steepest = replaced_in_order(network, SCALING, inputs, baseline, best, FRACTIONS, insertion)
        shares = np.concatenate([[0], np.cumsum(np.sort(share.ravel())[::-1])])
        n_replaced = np.round(FRACTIONS * share.size).astype(int)
        expected = SCALING.target_scale * sign * shares[n_replaced] + steepest[0]
        np.testing.assert_allclose(steepest, expected, atol=rounding)
        for order in others:
            curve = replaced_in_order(network, SCALING, inputs, baseline, order, FRACTIONS, insertion)
            assert (sign * (steepest - curve) >= -rounding).all()


@pytest.mark.parametrize("target", ["linear", "asinh"])
def test_fields_are_predicted_as_stages_are(task, trained, target):
    scaling = Scaling(**(vars(task.scaling) | {"target": target}))
    every = np.arange(len(task.samples.target))
    fields = assemble(task.samples, scaling, every).numpy()
    found = predict_fields(trained.network, scaling, fields)
    np.testing.assert_allclose(found, predict(trained.network, task.samples, scaling, every), rtol=1e-4, atol=1e-9)
