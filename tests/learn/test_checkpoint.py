from dataclasses import replace

import numpy as np
import pytest
import torch

from microslip import MicroslipError
from microslip.learn.checkpoint import FORMAT_VERSION, load_checkpoint, save_checkpoint
from microslip.learn.config import Network
from microslip.learn.networks.predictor import build_network
from microslip.learn.train import predict

CELL = {"box": [8.0, 6.0, 8.0], "spacing": [1.0, 1.0, 1.0], "name": "tiny", "stages": 300}


@pytest.fixture
def path(task, trained, tmp_path):
    save_checkpoint(trained, task.network, task.training, CELL, tmp_path / "model" / "checkpoint.pt")
    return tmp_path / "model" / "checkpoint.pt"


def test_a_checkpoint_predicts_like_the_network_it_holds(task, trained, path):
    loaded = load_checkpoint(path)
    assert (loaded.scaling, loaded.config, loaded.cell) == (task.scaling, task.network, CELL)
    assert not loaded.network.training
    test = task.sets["test"]
    found = predict(loaded.network, task.samples, loaded.scaling, test)
    np.testing.assert_array_equal(found, predict(trained.network, task.samples, task.scaling, test))


@pytest.mark.parametrize("kind", ["plain", "residual"])
@pytest.mark.parametrize("target", ["linear", "asinh"])
def test_every_kind_of_network_and_target_comes_back(task, trained, tmp_path, kind, target):
    config = Network(kind=kind, inputs=("d2min", "displacement_y"), channels=(4, 8), batch_normalisation=True)
    scaling = replace(
        task.scaling, names=config.inputs, means=(1.0, 2.0), deviations=(0.1, 1 / 3), target=target, target_scale=1 / 7
    )
    one = replace(trained, network=build_network((7, 6, 5), config), scaling=scaling)
    save_checkpoint(one, config, task.training, {}, tmp_path / "checkpoint.pt")
    loaded = load_checkpoint(tmp_path / "checkpoint.pt")
    assert (loaded.scaling, loaded.config, loaded.network.grid) == (scaling, config, (7, 6, 5))
    for name, value in one.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value)


def test_a_new_checkpoint_takes_the_place_of_the_old_one(task, trained, path):
    save_checkpoint(trained, task.network, task.training, {"name": "other"}, path)
    assert load_checkpoint(path).cell == {"name": "other"}
    assert [one.name for one in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_missing_checkpoint_is_said(tmp_path):
    with pytest.raises(MicroslipError, match="run `microslip train` first"):
        load_checkpoint(tmp_path / "none.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"strain,stress\n0,1\n"])
def test_what_is_no_checkpoint_is_said(tmp_path, content):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(MicroslipError, match="is not a checkpoint"):
        load_checkpoint(tmp_path / "bad.pt")


def test_half_a_checkpoint_and_a_file_of_something_else_are_said(path):
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(MicroslipError, match="is not a checkpoint"):
        load_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(MicroslipError, match="is not a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("version", [1, FORMAT_VERSION + 1, None])
def test_another_version_is_said(path, version):
    content = torch.load(path, weights_only=True)
    torch.save(content | {"format_version": version}, path)
    with pytest.raises(MicroslipError, match=f"format_version = {version}, this microslip reads {FORMAT_VERSION}"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "change",
    [
        {"grid": [16, 6, 8]},
        {"weights": {}},
        {"network": {"channels": [8, 16], "hidden": 16, "colour": "red"}},
        {"scaling": {"names": ["d2min"]}},
        {"cell": ...},
        {"network": ...},
        {"grid": [2, 1, 1]},
    ],
)
def test_a_damaged_checkpoint_is_said(path, change):
    content = torch.load(path, weights_only=True) | change
    torch.save({name: value for name, value in content.items() if value is not ...}, path)
    with pytest.raises(MicroslipError, match="is damaged"):
        load_checkpoint(path)
