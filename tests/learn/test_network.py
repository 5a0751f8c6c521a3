import numpy as np
import pytest
import torch

from microslip import MicroslipError
from microslip.learn.config import Network
from microslip.learn.network import SlipNet


def test_is_the_papers_network_on_a_grid_that_divides_evenly():
    network = SlipNet((48, 16, 16), Network())
    kinds = [type(layer).__name__ for layer in network.convolutions]
    assert kinds == ["Conv3d", "MaxPool3d", "ReLU"] * 4
    assert [layer.out_channels for layer in network.convolutions[::3]] == [16, 32, 64, 128]
    features = network.convolutions(torch.zeros(1, 1, 48, 16, 16))
    assert tuple(features.shape) == (1, 128, 3, 1, 1)


@pytest.mark.parametrize("grid", [(50, 15, 20), (20, 8, 12), (3, 2, 5)])
@pytest.mark.parametrize("batch_normalisation", [False, True])
def test_predicts_one_number_for_any_grid(grid, batch_normalisation):
    network = SlipNet(grid, Network(batch_normalisation=batch_normalisation))
    assert network(torch.randn(4, 1, *grid)).shape == (4,)


def test_a_fresh_network_predicts_no_change():
    torch.manual_seed(1)
    network = SlipNet((20, 8, 12), Network())
    np.testing.assert_array_equal(network(torch.randn(4, 1, 20, 8, 12)).detach().numpy(), 0)


def test_another_grid_is_refused():
    with pytest.raises(MicroslipError, match=r"the voxels have \(20, 8, 13\) nodes"):
        SlipNet((20, 8, 12), Network())(torch.zeros(1, 1, 20, 8, 13))
