"""A network of any make tells its layers: nothing is asked by the names of its parts."""

import pytest
import torch
from torch import nn

from microslip import MicroslipError
from microslip.learn.config import Network
from microslip.learn.networks.layers import BETWEEN, OWN, describe_layers, weighted_layers
from microslip.learn.networks.predictor import Predictor, build_network
from microslip.learn.nulls import layers_from_the_output, randomised
from microslip.views.figures.network import draw_network

GRID = (6, 4, 5)


class Other(Predictor):
    """Parts of other names, one passed twice, one held and never passed, a way without a part, weights of its own."""

    def __init__(self):
        super().__init__(GRID, Network(channels=(2,)))
        self.tail = nn.Linear(3, 1)
        self.body = nn.ModuleDict({"first": nn.Conv3d(1, 3, 3, padding=1), "again": nn.Conv3d(3, 3, 3, padding=1)})
        self.unused = nn.Linear(7, 7)
        self.gain = nn.Parameter(torch.ones(3))

    def respond(self, voxels):
        features = self.body["again"](self.body["again"](self.body["first"](voxels)))
        return self.tail(features.mean(dim=(2, 3, 4)) * self.gain)


class Handing(Predictor):
    """A layer that hands on no tensor."""

    def __init__(self):
        super().__init__(GRID, Network(channels=(2,)))
        self.parts = Words()

    def respond(self, voxels):
        self.parts(voxels)
        return voxels.sum(dim=(1, 2, 3, 4))[:, None]


class Words(nn.Module):
    def forward(self, voxels):
        return {"not": "a tensor"}


class Bare(Predictor):
    """No parts and no weights."""

    def __init__(self):
        super().__init__(GRID, Network(channels=(2,)))

    def respond(self, voxels):
        return voxels.sum(dim=(1, 2, 3, 4))[:, None]


def test_layers_stand_in_the_order_in_which_they_are_passed():
    table = describe_layers(Other())
    assert table["layer"].tolist() == ["input", "body.first", "body.again", "body.again", "", "tail", ""]
    assert table["kind"].tolist() == ["Input", "Conv3d", "Conv3d", "Conv3d", BETWEEN, "Linear", OWN]
    assert table["shape"].tolist() == ["1 × 6 × 4 × 5", *["3 × 6 × 4 × 5"] * 3, "3", "1", "1"]


def test_every_weight_is_counted_once():
    network = Other()
    assert describe_layers(network)["parameters"].sum() == sum(one.numel() for one in network.parameters())


def test_a_network_of_another_make_is_drawn():
    figure = draw_network(describe_layers(Other()))
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "between layers" in names
    assert "weights of no layer" in names
    assert describe_layers(Bare())["layer"].tolist() == ["input"]
    draw_network(describe_layers(Bare()))


def test_a_layer_without_a_tensor_is_named():
    with pytest.raises(MicroslipError, match="the layer parts hands on a dict and no tensor"):
        describe_layers(Handing())


def test_the_network_is_left_as_it_was():
    network = Other().train()
    describe_layers(network)
    weighted_layers(network)
    assert network.training
    assert all(not layer._forward_hooks for layer in network.modules())


def test_layers_are_made_random_in_the_order_in_which_they_are_passed():
    assert layers_from_the_output(Other()) == ["tail", "body.again", "body.first"]
    assert weighted_layers(Bare()) == []


def test_a_null_that_would_keep_weights_is_refused():
    """A kind of layer that nobody thought of: left as it is, the untrained network would be a trained one."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, voxels):
            return voxels * self.weight

    network = Other()
    network.body["first"] = nn.Sequential(nn.Conv3d(1, 3, 3, padding=1), Scaled())
    with pytest.raises(MicroslipError, match=r"body\.first\.1 \(Scaled\) cannot be made random"):
        randomised(network, 99, seed=1)


def test_layers_of_other_kinds_are_made_random_too():
    network = Other()
    network.body["first"] = nn.Sequential(nn.ConvTranspose3d(1, 3, 3, padding=1), nn.GroupNorm(1, 3))
    with torch.no_grad():
        network.body["first"][0].weight += 1
        network.body["first"][1].weight += 1
    other = randomised(network, 99, seed=1)
    assert float(other.body["first"][0].weight.detach().mean()) < 0.5
    assert torch.equal(other.body["first"][1].weight, torch.ones(3))


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_our_own_networks_are_made_random_from_the_output_on(kind):
    network = build_network((12, 8, 6), Network(kind=kind, channels=(4, 8), hidden=8))
    names = layers_from_the_output(network)
    assert names[0].startswith("head")
    assert names[-1].startswith("convolutions.0")
    kinds = (nn.Conv3d, nn.Linear)
    assert set(names) == {name for name, layer in network.named_modules() if isinstance(layer, kinds)}
