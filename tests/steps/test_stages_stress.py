"""In whose stress stages lie, and what is refused."""

import numpy as np
import pytest
import zarr

from microslip import MicroslipError, artificial
from microslip.data.stage_stress import BEFORE_THE_VOLUME, imported_measure, kept_by
from microslip.pipeline import perform
from microslip.steps.run_settings import run_config


def find_stages(run, *overrides, force=False):
    says = []
    perform("stages", run.folder, run_config(run.folder, overrides), lambda done, total: None, says.append, force)
    return says


def test_an_older_recording_is_the_walls():
    assert kept_by(dict.fromkeys(BEFORE_THE_VOLUME, 1)) == "walls"
    assert kept_by({"threshold": 1e-4}) == "volume"
    assert kept_by({"stress": "walls"}) == "walls"


def test_an_import_takes_the_volume_where_it_is_known_everywhere():
    own, unknown = np.ones(4), np.full(4, np.nan)
    sparse = np.array([1, np.nan, np.nan, 1])
    for volume, column in ((own, "stress_volume"), (unknown, "stress"), (sparse, "stress")):
        assert imported_measure(None, {"stress": own, "stress_volume": volume}).column == column
    assert imported_measure("volume", {"stress": own, "stress_volume": sparse}).column == "stress_volume"


def test_a_threshold_within_the_waves_of_the_walls_takes_force(tmp_path):
    run = artificial.run(tmp_path / "run", seed=1)
    store = zarr.open_group(run.folder / "trajectory.zarr", mode="r+")["series"]
    assert "in the stress of the volume" in find_stages(run)[-1]
    wave = 1e-3 * np.sin(np.arange(store["stress"].shape[0]))
    for name, sign in (("stress_bottom", 1), ("stress_top", -1)):
        store[name][:] = store["stress"][:] + sign * wave
    # the waves do not enter the stress of the volume
    find_stages(run, "stages.threshold=2e-4")
    with pytest.raises(MicroslipError, match="--force"):
        find_stages(run, "stages.stress=walls", "stages.threshold=2e-4")
    assert any(
        "shear waves" in text for text in find_stages(run, "stages.stress=walls", "stages.threshold=2e-4", force=True)
    )
    assert run.provenance["steps"]["stages"]["imbalance"] == pytest.approx(1e-3 / np.sqrt(2), rel=1e-2)
    assert run.stress_measure.whose == "walls"


def test_stages_of_one_sample_are_said(tmp_path):
    run = artificial.run(tmp_path / "run", seed=1)
    assert not any("one sample" in text for text in find_stages(run))
    store = zarr.open_group(run.folder / "trajectory.zarr", mode="r+")
    samples = 10 + np.arange(store["frames/sample"].shape[0])
    stress = np.full(store["series/stress"].shape[0], 0.3)
    stress[samples] += 1e-3 * (-1.0) ** samples
    stress[samples[-1] :] = stress[samples[-1]]
    store["frames/sample"][:] = samples
    for name in ("stress", "stress_volume"):
        store[f"series/{name}"][:] = stress
    assert any("100% of the stages last one sample" in text for text in find_stages(run))


def test_stages_without_frames_and_without_a_stress_are_refused(tmp_path):
    run = artificial.run(tmp_path / "run", seed=1)
    store = zarr.open_group(run.folder / "trajectory.zarr", mode="r+")["series"]
    store["stress"][:] = np.roll(store["stress"][:], 3)
    with pytest.raises(MicroslipError, match="no frames of their own"):
        find_stages(run, "stages.stress=walls")
    store["stress_volume"][:] = np.nan
    with pytest.raises(MicroslipError, match="knows no stress of the volume"):
        find_stages(run, "stages.stress=volume")
