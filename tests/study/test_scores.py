import json

import numpy as np
import pandas as pd
import pytest

from microslip.data.run import Run
from microslip.study.scores import SCORING, read_scores

HALF = 1.6448536  # of a 90 % interval, in standard errors


def assessed(folder, spread=0.04):
    rows = [
        {"rule": rule, "fold": fold, "method": method, "seeds": 4, "r2": r2, "r2_spread": spread}
        for rule, fold, method, r2 in [
            ("random", 0, "network", 0.8),
            ("random", 0, "ensemble", 0.9),
            ("random", 0, "ridge_voxels", 0.5),
            ("blocked", 0, "network", 0.7),
            ("rolling", 1, "network", 0.1),
        ]
    ]
    table = pd.DataFrame(rows)
    table = table.assign(r2_low=table["r2"] - HALF * 0.03, r2_high=table["r2"] + HALF * 0.03)
    (folder / "assessment").mkdir()
    table.to_csv(folder / "assessment" / "summary.csv", index=False)


def trained(folder):
    test = {"r2": 0.6, "r2_low": 0.6 - HALF * 0.05, "r2_high": 0.6 + HALF * 0.05}
    metrics = {rule: {"network": {"test": test, "train": {"r2": 0.99}}} for rule in ("random", "blocked")}
    (folder / "model").mkdir()
    (folder / "model" / "metrics.json").write_text(json.dumps(metrics))


def test_seeds_add_their_share_to_the_error(tmp_path):
    assessed(tmp_path)
    row = read_scores(Run(tmp_path), SCORING)
    assert (row["r2_test_random"], row["r2_test_blocked"]) == (0.8, 0.7)
    # 0.04 of a seed, a half of it of the mean of four
    assert row["r2_test_random_error"] == pytest.approx(np.hypot(0.03, 0.02), rel=1e-6)
    assert (row["r2_test_random_seeds"], row["r2_test_random_spread"]) == (4, 0.04)
    assert not any("rolling" in name for name in row)


def test_one_network_has_the_error_of_its_interval_and_several_go_before_it(tmp_path):
    assert read_scores(Run(tmp_path), SCORING) == {}
    trained(tmp_path)
    row = read_scores(Run(tmp_path), SCORING)
    assert row["r2_test_blocked"] == 0.6
    assert row["r2_test_blocked_error"] == pytest.approx(0.05, rel=1e-6)
    assert row["r2_test_blocked_seeds"] == 1
    assert np.isnan(row["r2_test_blocked_spread"])
    assessed(tmp_path)
    assert read_scores(Run(tmp_path), SCORING)["r2_test_random"] == 0.8


def test_what_is_out_of_date_is_not_read(tmp_path):
    trained(tmp_path)
    assessed(tmp_path)
    assert read_scores(Run(tmp_path), ["train"])["r2_test_random"] == 0.6
    assert read_scores(Run(tmp_path), []) == {}
