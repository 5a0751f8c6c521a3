"""The search of settings by validation loss."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from microslip.config import load_config
from microslip.data.files import read_json, write_table

from ..command_line import microslip


def test_a_search_leaves_its_record_and_says_the_best(fresh, measured, tmp_path):
    pytest.importorskip("optuna")
    said = microslip("search", fresh, "--trials", 2).stdout
    trials, best = pd.read_csv(fresh / "search" / "trials.csv"), read_json(fresh / "search" / "best.json")
    assert trials["number"].tolist() == [0, 1]
    assert (fresh / "search" / "study.db").exists()
    assert not (fresh / ".searching").exists()
    assert best["validation_loss"] == pytest.approx(trials["validation_loss"].min())
    assert f"best validation loss {best['validation_loss']:.4f} with --set training.learning_rate=" in said
    # what is said can be given
    overrides = said.split(" with ")[1].split()
    load_config(fresh / "config.toml", overrides[1::2])
    assert load_config(fresh / "config.toml").training == load_config(measured / "config.toml").training

    other = Path(shutil.copytree(measured, tmp_path / "other"))
    stages = pd.read_csv(other / "stages.csv")
    stages.loc[stages["stage"] >= 83, "fluctuation"] = 0.5
    write_table(other / "stages.csv", stages)
    microslip("search", other, "--trials", 2)
    pd.testing.assert_frame_equal(pd.read_csv(other / "search" / "trials.csv"), trials, check_exact=True)
