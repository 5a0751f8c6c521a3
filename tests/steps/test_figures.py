"""Figures go on where a network does not say what it is made of."""

from types import SimpleNamespace

import pytest

from microslip.learn import checkpoint
from microslip.steps.figures import network_layers


class Strange:
    """A network that is none."""

    def get_submodule(self, name):
        raise AttributeError(f"'Strange' object has no attribute {name!r}")

    def __getattr__(self, name):
        raise AttributeError(f"'Strange' object has no attribute {name!r}")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "checkpoint.pt").write_bytes(b"")
    monkeypatch.setattr(checkpoint, "load_checkpoint", lambda path: SimpleNamespace(network=Strange()))
    return SimpleNamespace(folder=tmp_path)


def test_a_network_of_unknown_make_is_a_sentence_and_not_the_end(folder):
    said = []
    assert network_layers(folder, said.append) is None
    assert said[0].startswith("the network is not drawn: it does not say what it is made of (AttributeError: ")


def test_a_layer_that_cannot_be_drawn_is_a_sentence(folder, monkeypatch):
    def fail():
        raise ValueError("shapes \n do not fit")

    network = SimpleNamespace(layers=fail)
    monkeypatch.setattr(checkpoint, "load_checkpoint", lambda path: SimpleNamespace(network=network))
    said = []
    assert network_layers(folder, said.append) is None
    assert said == ["the network is not drawn: it does not say what it is made of (ValueError: shapes do not fit)"]


def test_without_a_network_there_is_nothing_to_say(folder):
    (folder.folder / "model" / "checkpoint.pt").unlink()
    said = []
    assert network_layers(folder, said.append) is None
    assert said == []
