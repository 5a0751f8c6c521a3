from itertools import pairwise

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.signal import correlate
from torch import nn

from microslip import MicroslipError
from microslip.learn.config import Network
from microslip.learn.networks.plain import SlipNet
from microslip.learn.networks.predictor import build_network, pooled
from microslip.learn.networks.registry import NETWORKS
from microslip.learn.networks.residual import PeriodicConvolution, ResidualBlock, ResidualNet

KINDS = ["plain", "residual"]

# Float32 sums in another order.
SAME = 1e-4


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(11)


def alive(network):
    """The network with a last layer and running means that are not zero, ready to predict."""
    generator = torch.Generator().manual_seed(3)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm3d):
            layer.running_mean.normal_(0, 0.3, generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
    nn.init.normal_(network.head[-1].weight, generator=generator)
    return network.eval()


def test_is_the_papers_network_on_a_grid_that_divides_evenly():
    network = SlipNet((48, 16, 16), Network())
    kinds = [type(layer).__name__ for layer in network.convolutions]
    assert kinds == ["Conv3d", "MaxPool3d", "ReLU"] * 4
    assert [layer.out_channels for layer in network.convolutions[::3]] == [16, 32, 64, 128]
    features = network.convolutions(torch.zeros(1, 1, 48, 16, 16))
    assert tuple(features.shape) == (1, 128, 3, 1, 1)


PRINTED = Network(pooling="floor", closed=True)


def test_the_papers_grid_survives_its_four_pools_and_without_its_last_nodes_would_not():
    network = SlipNet((50, 15, 21), PRINTED)
    shapes = network.layers().query("kind == 'MaxPool3d'")["shape"].tolist()
    assert shapes == ["16 × 25 × 8 × 10", "32 × 12 × 4 × 5", "64 × 6 × 2 × 2", "128 × 3 × 1 × 1"]
    with pytest.raises(MicroslipError, match=r"50 × 15 × 20 nodes is too small for 4 poolings.*network.pooling = ceil"):
        SlipNet((50, 15, 20), Network(pooling="floor"))


@pytest.mark.parametrize(
    "config", [PRINTED, Network(), Network(pooling="floor", channels=(4, 8)), Network(kind="residual")]
)
def test_what_is_said_to_be_left_of_the_grid_is_what_the_poolings_leave(config):
    grid = (37, 19, 22)
    network = build_network(grid, config)
    last = network.layers().query("kind == 'MaxPool3d'")["shape"].tolist()[-1]
    assert last.split(" × ")[1:] == [str(n) for n in pooled(grid, config)]


def test_a_closed_network_sees_the_first_nodes_again_behind_the_last():
    network = alive(SlipNet((20, 15, 16), PRINTED.model_copy(update={"channels": (4, 4)})))
    opened = alive(SlipNet((21, 16, 16), Network(pooling="floor", channels=(4, 4))))
    opened.load_state_dict(network.state_dict())
    voxels = torch.randn(3, 1, 20, 15, 16)
    again = torch.cat([voxels, voxels[:, :, :1]], dim=2)
    again = torch.cat([again, again[:, :, :, :1]], dim=3)
    torch.testing.assert_close(network(voxels), opened(again))


def test_the_librarys_start_is_what_torch_draws_when_nobody_interferes():
    network = SlipNet((50, 15, 21), PRINTED.model_copy(update={"start": "library"}))
    torch.manual_seed(11)
    channels = (1, 16, 32, 64, 128)
    plain = [nn.Conv3d(n_in, n_out, 3, padding=1) for n_in, n_out in pairwise(channels)]
    plain += [nn.Linear(128 * 3, 128), nn.Linear(128, 1)]
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv3d | nn.Linear)]
    for layer, expected in zip(layers, plain, strict=True):
        torch.testing.assert_close(layer.weight, expected.weight, rtol=0, atol=0)
        torch.testing.assert_close(layer.bias, expected.bias, rtol=0, atol=0)


def test_the_calibrated_start_of_dropped_planes_hands_on_mean_0_and_deviation_1():
    network = SlipNet((20, 15, 16), PRINTED.model_copy(update={"channels": (4, 8), "start": "library"}))
    voxels = torch.randn(64, 1, 20, 15, 16) + 3
    network.calibrate(voxels)
    seen = {}
    for number, layer in enumerate(network.convolutions):
        if isinstance(layer, nn.MaxPool3d):
            layer.register_forward_hook(lambda _, __, out, number=number: seen.update({number: out}))
    network(voxels)
    assert sorted(seen) == [1, 4]
    for output in seen.values():
        torch.testing.assert_close(output.mean(dim=(0, 2, 3, 4)), torch.zeros(output.shape[1]), rtol=0, atol=1e-4)
        torch.testing.assert_close(output.std(dim=(0, 2, 3, 4)), torch.ones(output.shape[1]), rtol=0, atol=1e-4)


def test_closing_and_dropped_planes_are_of_the_plain_network():
    with pytest.raises(ValidationError, match="of the plain network, not of residual"):
        Network(kind="residual", closed=True)


@pytest.mark.parametrize("grid", [(50, 15, 20), (20, 8, 12), (9, 2, 5)])
@pytest.mark.parametrize("kind", [*KINDS, "normalised"])
def test_predicts_one_number_for_any_grid(grid, kind):
    shape = {"kind": "plain", "batch_normalisation": True} if kind == "normalised" else {"kind": kind}
    network = build_network(grid, Network(inputs=("d2min", "displacement_z"), **shape))
    assert network(torch.randn(4, 2, *grid)).shape == (4,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_network_predicts_no_change(kind):
    network = build_network((20, 8, 12), Network(kind=kind))
    np.testing.assert_array_equal(network(torch.randn(4, 1, 20, 8, 12)).detach().numpy(), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_starts_the_same_network(kind):
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(build_network((20, 8, 12), Network(kind=kind)).state_dict())
    first, same, other = (torch.cat([value.flatten().float() for value in one.values()]) for one in weights)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_initial_weights_are_he_s(kind):
    network = build_network((20, 8, 12), Network(kind=kind))
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d) and layer.weight.numel() > 10_000:
            fan_in = layer.weight[0].numel()
            assert float(layer.weight.detach().std()) == pytest.approx(np.sqrt(2 / fan_in), rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 20, 8, 13), (2, 20, 8, 12)])
def test_another_grid_and_other_channels_are_refused(kind, shape):
    network = build_network((20, 8, 12), Network(kind=kind))
    with pytest.raises(
        MicroslipError, match=rf"have {shape[0]} channels of \(20, 8, {shape[3]}\) nodes.* 1 of \(20, 8,"
    ):
        network(torch.zeros(1, *shape))


@pytest.mark.parametrize("kind", KINDS)
def test_a_grid_that_shrinks_to_one_node_before_the_last_pool_is_refused(kind):
    with pytest.raises(MicroslipError, match="a grid of 8 × 4 × 8 nodes is too small for 4 poolings"):
        build_network((8, 4, 8), Network(kind=kind))
    build_network((9, 4, 8), Network(kind=kind))
    build_network((8, 4, 8), Network(kind=kind, channels=(4, 4, 4)))


def test_an_input_named_twice_is_refused():
    with pytest.raises(ValidationError, match="names one twice"):
        Network(inputs=("d2min", "shear_strain", "d2min"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_in_memory_does_not_matter(kind):
    network = alive(build_network((12, 8, 6), Network(kind=kind, inputs=("d2min", "shear_strain"))))
    voxels = torch.randn(3, 2, 12, 8, 6)
    expected = network(voxels).detach()
    found = network.to(memory_format=torch.channels_last_3d)(voxels.to(memory_format=torch.channels_last_3d)).detach()
    torch.testing.assert_close(found, expected, rtol=SAME, atol=SAME)


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_does_not_depend_on_the_other_stages_of_its_batch(kind):
    network = alive(build_network((12, 8, 6), Network(kind=kind, channels=(4, 8))))
    voxels = torch.randn(5, 1, 12, 8, 6)
    alone = torch.cat([network(one[None]) for one in voxels]).detach()
    torch.testing.assert_close(network(voxels).detach(), alone, rtol=SAME, atol=SAME)


@pytest.fixture
def periodic_network():
    return alive(ResidualNet((16, 8, 8), Network(kind="residual", channels=(6, 12), hidden=16)))


@pytest.mark.parametrize("shift", [(4, 0), (0, 4), (8, 4), (-4, 0), (16, 8)])
def test_the_residual_network_sees_the_same_stage_wherever_it_lies_in_the_plane(periodic_network, shift):
    voxels = torch.randn(3, 1, 16, 8, 8)
    expected = periodic_network(voxels).detach()
    assert float(expected.std()) > 100 * SAME
    found = periodic_network(torch.roll(voxels, shift, (2, 3))).detach()
    torch.testing.assert_close(found, expected, rtol=SAME, atol=SAME)


@pytest.mark.parametrize("shift", [1, 2, 4])
def test_the_residual_network_knows_where_the_walls_are(periodic_network, shift):
    voxels = torch.randn(3, 1, 16, 8, 8)
    difference = periodic_network(torch.roll(voxels, shift, 4)) - periodic_network(voxels)
    assert float(difference.detach().abs().min()) > 10 * SAME


def test_the_plain_network_knows_where_the_cell_is_cut():
    network = alive(SlipNet((16, 8, 8), Network(channels=(6, 12))))
    voxels = torch.randn(3, 1, 16, 8, 8)
    difference = network(torch.roll(voxels, 4, 2)) - network(voxels)
    assert float(difference.detach().abs().min()) > 10 * SAME


@pytest.mark.parametrize("grid", [(6, 5, 4), (1, 2, 3)])
def test_the_periodic_convolution_is_scipys_on_a_field_that_is_repeated(grid, rng):
    layer = PeriodicConvolution(2, 3)
    field = rng.normal(size=(2, *grid)).astype(np.float32)
    repeated = np.pad(np.pad(field, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap"), ((0, 0), (0, 0), (0, 0), (1, 1)))
    found = layer(torch.from_numpy(field)[None])[0].detach().numpy()
    for kernel, one in zip(layer.convolution.weight.detach().numpy(), found, strict=True):
        np.testing.assert_allclose(one, correlate(repeated, kernel, mode="valid")[0], rtol=SAME, atol=SAME)


def test_a_block_that_does_nothing_passes_on_what_came_in():
    block = ResidualBlock(3).eval()
    nn.init.zeros_(block.way[-1].weight)
    features = torch.rand(2, 3, 4, 5, 6)
    assert torch.equal(block(features), features)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("normalised", [True, False])
def test_a_planar_run_has_one_layer_of_nodes(kind, normalised):
    """Pools leave the layer as it is, and every weight that can reach a node learns."""
    network = build_network((24, 1, 22), Network(kind=kind, batch_normalisation=normalised))
    voxels = torch.randn(6, 1, 24, 1, 22)
    if kind == "plain":
        network.calibrate(voxels)
    nn.init.normal_(network.head[-1].weight)
    found = network.train()(voxels)
    assert found.shape == (6,)
    assert torch.isfinite(found).all()
    assert found.std() > 0
    found.square().sum().backward()
    assert all(torch.isfinite(weights.grad).all() for weights in network.parameters())
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv3d))
    assert (first.weight.grad[:, :, :, 1].abs().amax() > 0).all()


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ((8, 8), "grid has shape"),
        ((8, 8, 0), "the grid is 0 at entry 2"),
        ((8.5, 8, 8), "the grid is 8.5"),
        ("888", "text"),
    ],
)
def test_what_is_no_grid_is_refused(grid, sentence):
    with pytest.raises(MicroslipError, match=sentence):
        build_network(grid, Network(channels=(2,)))


def test_what_is_no_tensor_of_stages_is_refused():
    network = build_network((4, 4, 4), Network(channels=(2,), hidden=2))
    with pytest.raises(MicroslipError, match="is no Tensor"):
        network(np.zeros((1, 1, 4, 4, 4)))
    with pytest.raises(MicroslipError, match=r"the voxels have shape \(4,\)"):
        network(torch.zeros(4))
    with pytest.raises(MicroslipError, match=r"the voxels are torch.complex64"):
        network(torch.zeros(1, 1, 4, 4, 4, dtype=torch.complex64))
    # double precision and whole numbers are numbers
    assert network(torch.zeros(2, 1, 4, 4, 4, dtype=torch.float64)).tolist() == [0, 0]


def test_every_kind_that_can_be_set_is_built():
    for kind in NETWORKS:
        assert type(build_network((8, 8, 8), Network(kind=kind, channels=(2,)))).__name__ == NETWORKS[kind].name
    with pytest.raises(ValidationError, match="transformer is no kind of network: known are plain, residual"):
        Network(kind="transformer")
    unknown = Network().model_copy(update={"kind": "transformer"})
    with pytest.raises(MicroslipError, match="kind = transformer is not built here: known are plain, residual"):
        build_network((12, 8, 6), unknown)
