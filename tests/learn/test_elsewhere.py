"""Networks on stages that are read one batch at a time, as those of other runs are."""

import numpy as np
import pytest

from microslip import MicroslipError
from microslip.learn.elsewhere import predict_stages, with_baselines
from microslip.learn.ensemble import train_ensemble
from microslip.learn.networks.predictor import build_network
from microslip.learn.reading import StageReader
from microslip.learn.train import train

# Predictions in batches of another size round otherwise.
SAME = {"rtol": 1e-4, "atol": 1e-8}


@pytest.mark.parametrize(("loss", "target"), [("mse", "linear"), ("likelihood", "linear"), ("likelihood", "asinh")])
def test_the_intervals_elsewhere_are_those_of_the_run_itself(task, loss, target):
    """With likelihood they follow the error that the networks expect of each stage, elsewhere too."""
    settings = task.training.model_copy(update={"loss": loss, "target": target, "epochs": 3, "ensemble": 2})
    ensemble = train_ensemble(task.samples, task.sets, task.network, settings)
    networks = [member.network for member in ensemble.members]
    fitted = with_baselines(networks, task.samples, ensemble.scaling, {}, task.sets, 1)
    assert np.isnan(fitted.held_scale).all() == (loss == "mse")
    reader = StageReader(task.voxels, np.ones(300), ("d2min",), settings.floor, settings.transform)
    test = np.sort(task.sets["test"])
    table = predict_stages(fitted, reader, {}, task.samples.target, test).query("seed == 1")
    assert table["stage"].tolist() == test.tolist()
    for column, expected in (("ensemble", "prediction"), ("ensemble_low", "low"), ("ensemble_high", "high")):
        np.testing.assert_allclose(table[column], getattr(ensemble, expected)[test], **SAME)


def test_a_network_with_as_many_numbers_as_another_loss_wants_is_no_start(task):
    start = build_network(task.samples.grid, task.network)
    settings = task.training.model_copy(update={"loss": "likelihood"})
    with pytest.raises(MicroslipError, match=r"training\.loss = likelihood wants 2 numbers of a network, .* gives 1"):
        train(task.samples, task.sets, task.scaling, task.network, settings, start=start)
