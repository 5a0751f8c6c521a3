import json

import numpy as np
import pytest

from microslip import MicroslipError
from microslip.learn.config import Search
from microslip.learn.samples import Samples
from microslip.learn.search import search

pytest.importorskip("optuna")

COLUMNS = {
    "number",
    "state",
    "validation_loss",
    "epochs",
    "training.learning_rate",
    "training.weight_decay",
    "training.batch_size",
    "network.kind",
    "network.hidden",
}


def ignore(done, total):
    pass


def look(task, folder, advance=ignore, samples=None, trials=3, network=None):
    """Some stages alone, so that a trial takes a tenth of a second."""
    folder.mkdir(exist_ok=True)
    sets = task.sets | {"train": task.sets["train"][:64], "validation": task.sets["validation"][:20]}
    settings = Search(trials=trials, epochs=2)
    return search(samples or task.samples, sets, network or task.network, task.training, settings, folder, advance)


@pytest.fixture(scope="module")
def found(task, tmp_path_factory):
    return look(task, tmp_path_factory.mktemp("search"))


def test_the_record_tells_what_was_tried(task, tmp_path):
    told = []
    trials = look(task, tmp_path, lambda done, total: told.append((done, total)), trials=4).trials
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert set(trials) >= COLUMNS
    assert set(trials) - COLUMNS <= {"network.batch_normalisation"}
    assert trials["number"].tolist() == [0, 1, 2, 3]
    assert set(trials["state"]) <= {"complete", "pruned"}
    assert (trials["epochs"] <= 2).all()
    assert np.isfinite(trials["validation_loss"]).all()
    assert trials["training.learning_rate"].between(1e-4, 3e-3).all()
    assert trials["training.learning_rate"].nunique() == 4
    assert set(trials["network.kind"]) <= {"plain", "residual"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.db"]


def test_the_best_is_the_smallest_loss_of_a_complete_trial(found):
    complete = found.trials[found.trials["state"] == "complete"]
    best = complete.loc[complete["validation_loss"].idxmin()]
    assert found.best["number"] == best["number"]
    assert found.best["validation_loss"] == pytest.approx(best["validation_loss"])
    for name, value in found.best["settings"].items():
        assert best[name] == value
    assert json.loads(json.dumps(found.best)) == found.best


def test_the_test_set_stays_closed(task, found, tmp_path):
    inputs, target = task.samples.inputs.copy(), task.samples.target.copy()
    inputs[task.sets["test"]], target[task.sets["test"]] = 7, 9
    other = look(task, tmp_path, samples=Samples(inputs, ("d2min",), target))
    assert other.trials.equals(found.trials)
    assert other.best == found.best


def interrupted_after(n):
    def interrupt(done, total):
        if done == n:
            raise KeyboardInterrupt

    return interrupt


def test_an_interrupted_search_goes_on_with_the_trials_that_are_missing(task, found, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        look(task, tmp_path, interrupted_after(2))
    told = []
    again = look(task, tmp_path, lambda done, total: told.append(done))
    assert told == [2, 3]
    assert again.trials.iloc[:2].equals(found.trials.iloc[:2])
    assert len(again.trials) == 3


def test_an_interrupted_search_does_not_try_the_same_settings_again(task, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        look(task, tmp_path, interrupted_after(1))
    assert look(task, tmp_path).trials["training.learning_rate"].nunique() == 3


def test_a_finished_search_is_read_and_not_repeated(task, found, tmp_path):
    first = look(task, tmp_path)
    told = []
    again = look(task, tmp_path, lambda done, total: told.append(done))
    assert told == [3]
    assert again.trials.equals(first.trials)
    assert again.best == first.best


def test_no_finite_loss_in_any_trial_is_said(task, tmp_path):
    inputs = task.samples.inputs.copy()
    inputs[task.sets["train"][0], 0, 0, 0, 0] = np.nan
    with pytest.raises(MicroslipError, match="none of 2 trials ended with a finite loss"):
        look(task, tmp_path, samples=Samples(inputs, ("d2min",), task.samples.target), trials=2)


def test_another_mistake_ends_the_search(task, tmp_path):
    with pytest.raises(MicroslipError, match="too small for 5 poolings"):
        look(task, tmp_path, network=task.network.model_copy(update={"channels": (2,) * 5}))
