import numpy as np
import pytest
import torch
import xarray as xr

from microslip import MicroslipError
from microslip.grids.config import Split
from microslip.grids.splits import random_split
from microslip.learn.attribution import integrated_gradients
from microslip.learn.baselines import amplitude_features, boosting
from microslip.learn.config import Attribution, Network, Training
from microslip.learn.evaluate import r_squared, scores
from microslip.learn.samples import fit_scaling
from microslip.learn.train import load_checkpoint, predict, save_checkpoint, train

NETWORK = Network(channels=(8, 16), hidden=16)
SETTINGS = Training(epochs=12, patience=12, batch_size=16, learning_rate=3e-3, threads=1)


@pytest.fixture(scope="module")
def task():
    """Stages whose fluctuation is the height of a blob of non-affine motion: pattern, not amplitude."""
    rng = np.random.default_rng(7)
    n, grid = 300, (8, 6, 8)
    z = rng.uniform(0, 7, n)
    axes = np.meshgrid(*(np.arange(length) for length in grid), indexing="ij")
    x0, y0 = rng.integers(0, 8, n), rng.integers(0, 6, n)
    centre = np.stack(
        [
            np.roll(
                np.exp(-((axes[2] - height) ** 2) / 4 - ((axes[0] - 4) ** 2 + (axes[1] - 3) ** 2) / 6), (i, j), (0, 1)
            )
            for i, j, height in zip(x0, y0, z, strict=True)
        ]
    )
    voxels = xr.DataArray((1e-7 + 1e-4 * centre).astype(np.float32), dims=["stage", "x", "y", "z"])
    target = 1e-3 * (z - 3.5)
    sets = random_split(n, Split(), 1)
    scaling = fit_scaling(voxels, target, sets["train"], 1e-10)
    return voxels, target, sets, scaling, scaling.transform(voxels.to_numpy().astype(float))


@pytest.fixture(scope="module")
def trained(task, tmp_path_factory):
    _, target, sets, scaling, inputs = task
    return train(inputs, target, sets, scaling, NETWORK, SETTINGS, tmp_path_factory.mktemp("train") / "state.pt")


def test_learns_a_pattern_that_the_amplitude_does_not_hold(task, trained):
    voxels, target, sets, scaling, inputs = task
    prediction = predict(trained.network, inputs, sets["test"]) * scaling.target_deviation
    assert r_squared(target[sets["test"]], prediction) > 0.8
    mean = amplitude_features(voxels.stack(grain=("x", "y", "z")).transpose("stage", "grain"))["mean_d2min"]
    without_edges = sets["test"][np.abs(target[sets["test"]]) < 2e-3]
    assert r_squared(target[without_edges], boosting(mean, target, sets, 1)[without_edges]) < 0.5


def test_the_kept_weights_are_those_of_the_best_validation_epoch(task, trained):
    _, target, sets, scaling, inputs = task
    error = predict(trained.network, inputs, sets["validation"]) - target[sets["validation"]] / scaling.target_deviation
    assert np.mean(error**2) == pytest.approx(trained.history["validation_loss"].min(), rel=1e-4)


def test_an_interrupted_training_ends_like_an_uninterrupted_one(task, trained, tmp_path):
    _, target, sets, scaling, inputs = task

    def interrupt(row):
        if row["epoch"] == 4:
            raise KeyboardInterrupt

    state = tmp_path / "state.pt"
    with pytest.raises(KeyboardInterrupt):
        train(inputs, target, sets, scaling, NETWORK, SETTINGS, state, interrupt)
    again = train(inputs, target, sets, scaling, NETWORK, SETTINGS, state)
    for name, value in trained.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value)
    columns = ["epoch", "train_loss", "validation_loss"]
    assert again.history[columns].equals(trained.history[columns])


def test_a_checkpoint_predicts_like_the_network_it_holds(task, trained, tmp_path):
    _, _, sets, scaling, inputs = task
    save_checkpoint(trained, NETWORK, SETTINGS, tmp_path / "checkpoint.pt")
    network, loaded = load_checkpoint(tmp_path / "checkpoint.pt")
    assert loaded == scaling
    np.testing.assert_array_equal(
        predict(network, inputs, sets["test"]), predict(trained.network, inputs, sets["test"])
    )


def test_damaged_and_missing_checkpoints_are_said(tmp_path):
    with pytest.raises(MicroslipError, match="run `microslip train` first"):
        load_checkpoint(tmp_path / "none.pt")
    (tmp_path / "bad.pt").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(MicroslipError, match="is not a checkpoint"):
        load_checkpoint(tmp_path / "bad.pt")


@pytest.mark.parametrize("baseline", ["mean", "zero"])
def test_attributions_sum_to_the_difference_of_predictions(task, trained, baseline):
    _, _, sets, scaling, inputs = task
    settings = Attribution(baseline=baseline)
    start = 0.0 if baseline == "mean" else scaling.zero_field()
    for stage in sets["test"][:3]:
        found = integrated_gradients(trained.network, scaling, inputs[stage], settings)
        both = np.stack([inputs[stage], np.full_like(inputs[stage], start)])
        prediction = predict(trained.network, both, np.arange(2)) * scaling.target_deviation
        assert found.completeness_error <= settings.completeness
        assert found.attribution.sum() == pytest.approx(prediction[0] - prediction[1], rel=0.011)


def test_scores_of_known_predictions():
    target = np.array([1.0, -1.0, 2.0, -2.0])
    assert scores(target, target)["r2"] == 1
    assert scores(target, np.zeros(4))["r2"] == 0
    assert scores(target, np.array([1.0, 1.0, 2.0, -2.0])) == {"r2": 0.6, "rmse": 1.0, "sign_accuracy": 0.75, "n": 4}
