"""`microslip stages --sampling` on a run whose stages are known."""

import shutil

import pandas as pd
import pytest

from microslip import artificial

from ..command_line import microslip


@pytest.fixture
def run(tmp_path):
    return artificial.run(tmp_path / "known", seed=4)


def test_prints_the_table_and_leaves_the_run_as_it_was(run, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    rows = tmp_path / "rows.csv"
    done = microslip("stages", run.folder, "--sampling", "--table", rows)
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before
    assert "the paper counts 4,232 cycles, 8,464 stages" in done.stdout
    table = pd.read_csv(rows)
    finest = table[(table["stride"] == 1) & (table["threshold"] == 1e-4)]
    assert (finest["n_stages"] == len(run.stages)).any()


def test_the_stress_asked_for_comes_first(run):
    done = microslip("stages", run.folder, "--sampling", "--set", "stages.stress=walls")
    titles = [line.split(":")[0] for line in done.stdout.splitlines() if "stages in a strain of" in line]
    assert titles == ["stress of the walls (that of the stages)", "stress of the volume"]


def test_a_stress_that_the_run_lacks_is_refused(run):
    shutil.rmtree(run.folder / "trajectory.zarr/series/stress_volume")
    done = microslip("stages", run.folder, "--sampling", "--set", "stages.stress=volume", check=False)
    assert done.code == 2
    assert "leave stages.stress out" in done.stderr


def test_a_table_needs_the_counts(run, tmp_path):
    done = microslip("stages", run.folder, "--table", tmp_path / "rows.csv", check=False)
    assert done.code == 2
    assert "--sampling" in done.stderr
