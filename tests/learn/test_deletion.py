"""Deletion of planted nodes: by values of other stages and by the baseline, for a function that is known."""

import numpy as np
import pandas as pd
import pytest
import torch

from microslip.learn.config import Attribution, Network
from microslip.learn.controls import ExplainedStage, Explainer
from microslip.learn.deletion import FRACTIONS, area_table, delete_and_insert
from microslip.learn.networks.predictor import Predictor
from microslip.learn.samples import Scaling

GRID = (4, 4, 4)
SCALING = Scaling(("d2min",), "log", 1e-10, (-6.0,), (1.5,), "linear", 1.0)


class Weighted(Predictor):
    """F = w · x."""

    def __init__(self, weights):
        super().__init__(GRID, Network(channels=(1,)))
        self.weights = torch.from_numpy(weights.astype(np.float32))

    def respond(self, voxels):
        return (voxels * self.weights).sum(dim=(1, 2, 3, 4))[:, None]


@pytest.fixture
def planted(rng):
    """A function of sixteen nodes alone, stages that have large values elsewhere, and their exact attributions."""
    weights = np.zeros((1, *GRID))
    weights[0, :, :, 0] = rng.uniform(0.5, 1.5, (4, 4))
    starts = rng.normal(size=(6, 1, *GRID)).astype(np.float32)
    settings = Attribution(n_starts=6, n_donors=4)
    explainer = Explainer(Weighted(weights), SCALING, np.zeros((1, *GRID), np.float32), starts, settings, seed=1)
    stages = []
    for number in range(6):
        inputs = rng.normal(size=(1, *GRID)) + 1.0
        inputs[..., 3] += 5.0
        stages.append(ExplainedStage(number, inputs.astype(np.float32), (weights * inputs)[0]))
    return explainer, stages, weights


def test_what_is_left_is_the_mean_over_the_stages_that_stand_in(planted):
    explainer, stages, weights = planted
    tables = delete_and_insert(explainer, stages[:1], {}, lambda n: None)
    inputs, donors = stages[0].inputs.ravel(), explainer.donors.reshape(4, -1).mean(axis=0)
    for name, other in (("replacement", donors), ("deletion", np.zeros(64))):
        table = tables[name]
        for order, score in (("size of attribution", np.abs(stages[0].attribution)), ("d2min", stages[0].inputs[0])):
            first = np.argsort(-score.ravel(), kind="stable")
            gone = weights.ravel() * (inputs - other)
            left = [1 - gone[first[: round(f * 64)]].sum() / gone.sum() for f in FRACTIONS.tolist()]
            curve = table[(table["mode"] == "deletion") & (table["order"] == order)]
            np.testing.assert_allclose(curve["median"], left, atol=1e-4)
            assert (curve["n"] == 1).all()


def test_the_nodes_that_are_used_carry_the_prediction_and_the_largest_do_not(planted, rng):
    explainer, stages, _ = planted
    rivals = {"untrained": [rng.normal(size=GRID) for _ in stages], "same": [stage.attribution for stage in stages]}
    done = []
    areas = delete_and_insert(explainer, stages, rivals, done.append)["areas"]
    assert sum(done) == len(stages)
    for replacement in ("stages", "baseline"):
        part = areas[areas["replacement"] == replacement]
        rows = part[part["mode"] == "deletion"].set_index("order")
        for null in ("random", "untrained"):
            assert rows["than"][null] == "attribution"
            assert rows["more_low"][null] > 0.1, null
        assert rows["than"]["d2min"] == "size of attribution"
        assert rows["more_low"]["d2min"] > 0.1, "large elsewhere"
        assert rows["more"]["same"] == 0
        # what is put in first and matters fills the area
        put_in = part[part["mode"] == "insertion"].set_index("order")
        assert put_in["more_high"]["random"] < -0.1


def test_areas_are_compared_stage_by_stage():
    fraction = np.linspace(0, 1, 101)
    power = {"attribution": 3, "size of attribution": 3, "d2min": 2, "random": 1}
    curves = pd.concat(
        pd.DataFrame({"stage": stage, "mode": "deletion", "order": order, "fraction": fraction,
                      "share": (1 + stage) * (1 - fraction) ** p})
        for stage in range(5) for order, p in power.items()
    )  # fmt: skip
    rows = area_table(curves, seed=1).set_index("order")
    for order, p in power.items():
        assert rows["area"][order] == pytest.approx(3 / (p + 1), rel=1e-3)
        assert rows["more"][order] == pytest.approx(3 / (p + 1) - 3 / 4, abs=1e-3)
        assert rows["more_low"][order] <= rows["more"][order] <= rows["more_high"][order]
    few = area_table(curves[curves["stage"] < 3], seed=1)
    assert few["area_low"].isna().all(), "too few to draw from"
