import numpy as np
import pytest
import torch

from microslip.learn.ensemble import Ensemble, interval_scores, train_ensemble
from microslip.learn.evaluate import covered
from microslip.learn.prediction import predict
from microslip.learn.samples import Samples
from microslip.learn.train import train


def fit(task, folder, report=None, **changes):
    settings = task.training.model_copy(update={"epochs": 2, "ensemble": 3, **changes})
    return train_ensemble(task.samples, task.sets, task.network, settings, folder / "state", report)


@pytest.fixture(scope="module")
def three(task, tmp_path_factory):
    return fit(task, tmp_path_factory.mktemp("three"))


def test_the_prediction_is_the_mean_and_the_spread_the_deviation_of_the_members(task, three):
    every = np.arange(len(task.samples.target))
    one, two, last = (predict(member.network, task.samples, task.scaling, every) for member in three.members)
    mean = (one + two + last) / 3
    np.testing.assert_allclose(three.prediction, mean, rtol=1e-10, atol=1e-15)
    spread = np.sqrt(((one - mean) ** 2 + (two - mean) ** 2 + (last - mean) ** 2) / 2)
    np.testing.assert_allclose(three.spread, spread, rtol=1e-6)
    assert (spread > 0).all()


def test_members_are_trainings_with_seeds_one_apart(task, three, tmp_path):
    for member, found in enumerate(three.members):
        settings = task.training.model_copy(update={"epochs": 2, "seed": task.training.seed + member})
        alone = train(task.samples, task.sets, task.scaling, task.network, settings, tmp_path / f"{member}.pt")
        for name, value in alone.network.state_dict().items():
            assert torch.equal(found.network.state_dict()[name], value)


def test_the_history_and_the_report_tell_all_epochs(task, tmp_path):
    told = []
    found = fit(task, tmp_path, lambda done, total: told.append((done, total)), ensemble=2)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.history["member"].tolist() == [0, 0, 1, 1]
    assert found.history["epoch"].tolist() == [0, 1, 0, 1]


def test_an_interrupted_ensemble_ends_like_an_uninterrupted_one(task, three, tmp_path):
    def interrupt(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(task, tmp_path, interrupt)
    told = []
    again = fit(task, tmp_path, lambda done, total: told.append(done))
    assert told == [4, 5, 6]
    for name in ("prediction", "spread", "low", "high"):
        np.testing.assert_array_equal(getattr(again, name), getattr(three, name))


def test_the_interval_lies_about_the_prediction_and_holds_nine_tenths_of_the_validation_set(task, three):
    np.testing.assert_allclose((three.low + three.high) / 2, three.prediction, rtol=1e-6, atol=1e-12)
    held = task.sets["validation"]
    inside = covered(task.samples.target[held], three.low[held], three.high[held])
    # the rank is rounded up, by less than two stages
    assert 0.9 <= inside <= 0.9 + 2 / len(held)
    # so few held-out stages make one group: the width follows the size of the prediction and the spread alike
    width = three.high - three.low
    assert np.corrcoef(width, np.abs(three.prediction) + three.spread)[0, 1] == pytest.approx(1)


def test_a_single_network_has_no_spread_and_an_interval_as_wide_as_it_predicts(task, tmp_path):
    found = fit(task, tmp_path, ensemble=1, epochs=1)
    assert np.isnan(found.spread).all()
    assert np.corrcoef(found.high - found.low, np.abs(found.prediction))[0, 1] == pytest.approx(1)
    told = interval_scores(found, task.samples.target, task.sets["test"])
    assert np.isnan(told["coverage_of_spread"])
    assert 0 < told["coverage"] <= 1


def test_scores_of_a_known_interval():
    prediction, spread = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0, 2.0])
    target = np.array([0.4, 2.6, 3.4, 99.0])
    samples = Samples(np.zeros((4, 1, 2, 2, 2), dtype="float32"), ("d2min",), target)
    high = prediction + np.array([0.5, 0.5, 1.5, 1.5])
    known = Ensemble((), samples, {"test": np.arange(4)}, prediction, spread, prediction - 0.5, high)
    every = interval_scores(known, target, np.arange(4))
    assert every == {"coverage": 0.5, "interval_width": pytest.approx(1.5), "coverage_of_spread": 0.75}
    assert interval_scores(known, target, np.array([0]))["coverage"] == 1
