import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from microslip.core.errors import MicroslipError
from microslip.data.holding import is_held, only_one
from microslip.dem.cost import shear_cost
from microslip.study.costs import ASSUMED_SPEED, check_room, costs_in_words, expected_costs, taken
from microslip.study.patterns import read_patterns
from microslip.study.plan import StudyFile, plan_study
from microslip.study.systems import earlier_failures


@pytest.fixture
def study(tmp_path):
    return plan_study("some", StudyFile.model_validate({"vary": {"loading.shear_rate": [2.0, 20.0]}}), tmp_path)


def test_a_study_that_has_not_begun_costs_its_time_steps(study, tmp_path):
    costs = expected_costs(list(enumerate(study.systems, 1)), study.steps, tmp_path / "none")
    cells = [system.config.simulation for system in study.systems]
    assert costs["seconds"].to_numpy() == pytest.approx([shear_cost(cell) / ASSUMED_SPEED for cell in cells])
    assert costs["disk"].tolist() == [cell.bytes_on_disk() for cell in cells]
    assert (costs["memory"] > 1500 * cells[0].n_grains).all()
    words = costs_in_words(costs, 2, 5e9)
    assert "none is measured here yet" in words
    assert "and 5 GB are free" in words
    assert not (tmp_path / "none").exists()


def test_a_disk_that_cannot_hold_it_is_refused_with_the_numbers():
    costs = pd.DataFrame({"system": ["a", "b", "c"], "disk": [1e9, 3e9, 0.0]})
    check_room(costs, 4e9)
    with pytest.raises(
        MicroslipError, match=re.escape("the 2 systems to run may write 4 GB, b alone 3 GB, and 3.9 GB")
    ):
        check_room(costs, 3.9e9)


def test_what_a_run_took_is_read_from_its_provenance(tmp_path):
    steps = {"simulate": {"seconds": 30.0, "grain_steps_per_second": 5e6}, "stages": {"seconds": 2.0}}
    (tmp_path / "provenance.json").write_text(json.dumps({"steps": steps}))
    row = taken(tmp_path)
    assert (row["seconds"], row["simulation_seconds"], row["speed"]) == (32.0, 30.0, 5e6)
    assert row["disk"] == (tmp_path / "provenance.json").stat().st_size
    assert np.isnan(taken(tmp_path / "none")["seconds"])


def test_a_failure_is_remembered_until_the_system_goes_on(tmp_path):
    assert earlier_failures(tmp_path, {"a": "stages next"}) == {}
    table = pd.DataFrame({"system": ["a", "b", "c"], "state": ["stages next"] * 2 + ["done"], "why": ["none", "", "x"]})
    table.to_csv(tmp_path / "systems.csv", index=False)
    assert earlier_failures(tmp_path, dict.fromkeys("abc", "stages next")) == {"a": "none"}
    assert earlier_failures(tmp_path, {"a": "fields next"}) == {}


def test_a_folder_that_a_command_holds_is_running(tmp_path):
    assert not is_held(tmp_path)
    with only_one(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    assert not is_held(tmp_path / "none")


def test_patterns_are_means_over_the_stages_of_a_kind(tmp_path, rng):
    n, strain = 400, np.linspace(0, 1, 10_001)
    kinds = np.where(np.arange(n) % 2, "slip", "stick")
    (tmp_path / "statistics").mkdir()
    moran = np.where(kinds == "slip", 0.5, 0.2) + rng.normal(0, 0.1, n)
    measured = pd.DataFrame({"stage": range(n), "kind": kinds, "moran_i": moran, "fractal_dimension": np.nan})
    measured.to_csv(tmp_path / "statistics" / "stages.csv", index=False)
    starts = (strain.size * np.arange(n) / n).astype(int)
    series = {"strain": pd.Series(strain)}
    run = SimpleNamespace(
        folder=tmp_path, stages=pd.DataFrame({"stage": range(n), "start_sample": starts}), series=series
    )
    row = read_patterns(run, 0)
    assert row["moran_i_slip"] == pytest.approx(moran[1::2].mean())
    # independent stages: the error of a mean
    assert row["moran_i_slip_error"] == pytest.approx(0.1 / np.sqrt(n / 2), rel=0.5)
    assert np.isnan(row["fractal_dimension_stick"])
    assert "eta_slip" not in row
