"""The verb on a small trained run."""

import pandas as pd
import pytest

from microslip.data.artifacts import ARTIFACTS
from microslip.learn.evaluate import r_squared

from ..command_line import microslip


def test_all_methods_are_scored_on_the_test_stages_of_the_network(copied):
    said = " ".join(microslip("ceiling", copied).stdout.split())
    for record in ARTIFACTS:
        if record.step == "ceiling":
            columns = set(pd.read_csv(copied / record.path).columns)
            assert {column.name for column in record.columns if not column.when} <= columns
            assert columns <= {column.name for column in record.columns}
    predictions, scores = (pd.read_csv(copied / "ceiling" / f"{name}.csv") for name in ("predictions", "scores"))
    trained = pd.read_csv(copied / "model" / "predictions.csv").query("split == 'test'")
    assert predictions["network"].tolist() == trained["prediction"].tolist()
    of_all = scores[scores["group"] == "all"].set_index(["rule", "method"])["r2"]
    for (rule, method), r2 in of_all.items():
        part = predictions[predictions["rule"] == rule]
        assert r2 == pytest.approx(r_squared(part["target"].to_numpy(), part[method].to_numpy()))
    assert f"network {of_all['random', 'network']:.3f}" in said
    assert "skipped" in microslip("ceiling", copied).stdout
