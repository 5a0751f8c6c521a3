"""Learning on plain arrays gives what `microslip train` gives, and says what is wrong."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from microslip import MicroslipError, artificial, learning, open_run
from microslip.learn.networks.plain import SlipNet
from microslip.learn.networks.registry import NETWORKS, NetworkKind
from microslip.learn.prediction import predict_fields

from .command_line import microslip

QUICK = {"channels": (4, 8), "hidden": 8, "epochs": 3, "batch_size": 8, "threads": 1, "device": "cpu"}

# Predictions of stages one by one and in batches differ by the order of their sums.
ROUNDING = 1e-4


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """A run that `microslip train` has trained two networks on."""
    folder = artificial.run(tmp_path_factory.mktemp("learning") / "run", seed=3).folder
    for verb, *changes in (("fields",), ("voxels",), ("train", "--set", "training.ensemble=2")):
        microslip(verb, folder, *changes)
    return open_run(folder)


@pytest.fixture(scope="session")
def arrays(trained_run):
    return trained_run.voxels["d2min"].to_numpy(), trained_run.stages["fluctuation"].to_numpy()


@pytest.fixture(scope="session")
def fitted(arrays):
    return learning.fit(*arrays, progress=False, ensemble=2, **QUICK)


def test_a_notebook_and_the_command_learn_the_same(trained_run, fitted):
    of_command = trained_run.predictions.query("rule == 'random'")
    for name in ("stage", "split", "target", "prediction", "spread", "low", "high"):
        np.testing.assert_array_equal(fitted.predictions[name], of_command[name])
    for split, row in fitted.scores.iterrows():
        said = trained_run.metrics["random"]["network"][split]
        assert row["r2"] == said["r2"]
    assert fitted.history["epoch"].tolist() == [0, 1, 2] * 2


def test_other_stages_are_predicted_and_scored(arrays, fitted):
    voxels, fluctuation = arrays
    np.testing.assert_allclose(fitted.predict(voxels[5:9]), fitted.prediction[5:9], rtol=ROUNDING, atol=1e-9)
    test = fitted.sets["test"]
    assert fitted.score(voxels[test], fluctuation[test])["r2"] == pytest.approx(fitted.scores["r2"]["test"], rel=1e-3)
    assert fitted.predict(voxels[:0]).shape == (0,)


def test_attributions_have_the_shape_of_the_voxels_and_sum_to_the_prediction(arrays, fitted):
    voxels = arrays[0][:2]
    shares = fitted.attributions(voxels)
    assert shares.shape == voxels.shape
    start = fitted.baseline("profile")[None]
    of_start = np.mean([predict_fields(trained.network, trained.scaling, start) for trained in fitted.members])
    expected = fitted.predict(voxels) - of_start
    np.testing.assert_allclose(shares.sum(axis=(1, 2, 3)), expected, atol=0.02 * np.abs(expected).max())


def test_several_fields_and_own_sets_are_learnt(arrays):
    voxels, fluctuation = arrays
    both = np.stack([voxels, np.sqrt(voxels)], axis=1)
    sets = {"train": np.arange(20), "validation": np.arange(20, 30)}
    fitted = learning.fit(both, fluctuation, fields=("d2min", "shear_strain"), split=sets, progress=False, **QUICK)
    assert fitted.predict(both).shape == (len(fluctuation),)
    assert fitted.predictions["split"].unique().tolist() == ["train", "validation"]


def test_a_state_that_is_kept_is_gone_on_from(arrays, tmp_path):
    first = learning.fit(*arrays, state=tmp_path / "state", **QUICK)
    again = learning.fit(*arrays, state=tmp_path / "state", **QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["state-0.pt"]
    assert again.history.equals(first.history)


def test_a_network_is_added_by_a_class_and_a_line(arrays, monkeypatch):
    monkeypatch.setitem(NETWORKS, "deep", NetworkKind(__name__, "Deep", "the plain one by another name"))
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(Deep=Deep))
    fitted = learning.fit(*arrays, kind="deep", progress=False, **QUICK)
    assert isinstance(fitted.members[0].network, Deep)
    assert fitted.members[0].network.layers()["kind"].tolist()[1] == "Conv3d"


class Deep(SlipNet):
    """A network of a stranger."""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voxels": np.ones((40, 8, 6))}, r"voxels have shape \(40, 8, 6\): give \(stage, x, y, z\)"),
        ({"voxels": np.ones((40, 2, 8, 6, 8))}, "voxels hold 2 fields, and 1 are named"),
        ({"voxels": np.full((40, 8, 6, 8), np.nan)}, r"the value of stage 0 is \[nan"),
        ({"fluctuation": np.ones(39)}, "fluctuation has 39 values for 40 stages"),
        ({"split": "by eye"}, 'split = "by eye" is no split rule: give random or blocked'),
        ({"fields": ("temperature",)}, "temperature is no input of a network"),
        ({"epoch": 3}, "epoch: no such setting, known are"),
        ({"kind": "transformer"}, "transformer is no kind of network"),
        ({"channels": (4,) * 6}, "too small for 6 poolings"),
    ],
)
def test_what_cannot_be_learnt_is_a_sentence(arrays, change, message):
    given = {"voxels": arrays[0], "fluctuation": arrays[1], "progress": False, **QUICK} | change
    with pytest.raises(MicroslipError, match=message):
        learning.fit(**given)


def test_other_stages_of_another_grid_are_refused(arrays, fitted):
    with pytest.raises(MicroslipError, match="give as many"):
        fitted.predict(arrays[0][:, :-1])
