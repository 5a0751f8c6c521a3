"""What the page is told of a run: all of it, and a sentence for whatever is missing."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import zarr
from matplotlib import colormaps

from microslip.data.run import Run
from microslip.data.step_state import Cause, StepState
from microslip.views.explorer.contents import colours, describe_contents, describe_states
from microslip.views.explorer.parts import as_json, read_part

LATE = "out of date: what fields left; fields: nonaffine.cutoff changed since. `microslip run` on this folder renews it"


def missing(contents):
    """Why each field is missing, by name; those that are there left out."""
    return {field["name"]: field["missing"] for field in contents["fields"] if field["missing"] is not None}


def test_a_whole_run_is_told_whole(explored, unpack):
    contents = unpack.strict(as_json(describe_contents(explored)))
    assert contents["name"] == "small"
    assert contents["box"] == [10, 5, 8]
    assert contents["periodic"] == [True, True, False]
    assert contents["grains"] == {"n": 208, "n_walls": 48, "n_frames": 49}
    assert (contents["seed"], contents["inertial_number"], contents["stress_unit"]) == (7, 1.7e-4, "p")
    assert contents["curve"]["title"] == "Stress of the volume"
    assert contents["r2"] == {"random": 0.873, "blocked": 0.642}
    assert missing(contents) == {}
    assert contents["displacements"] is True
    assert contents["active_fraction"] == 0.1
    assert contents["exported"] is None
    assert contents["notes"] == []
    series, curve = explored.series, contents["curve"]
    assert curve["n"] == series.sizes["sample"]
    assert curve["stress_known"] is True
    assert (curve["low"], curve["high"]) == (series["stress"].min(), series["stress"].max())
    np.testing.assert_allclose(curve["strain"], [0.2, 0.44])
    # the layout belongs to the bytes
    columns = unpack.columns(read_part(explored, "stages.bin"), contents["stages"]["columns"], contents["stages"]["n"])
    np.testing.assert_array_equal(columns["start_strain"], explored.stages["start_strain"])
    np.testing.assert_array_equal(columns["fluctuation"], explored.stages["fluctuation"].astype("f4"))
    assert {contents["kinds"][kind] for kind in columns["kind"]} == {"stick", "slip"}


def test_colours_are_those_of_the_figures():
    found = colours()
    for name, digits in found["scales"].items():
        rgb = np.frombuffer(bytes.fromhex(digits), "u1").reshape(256, 3)
        np.testing.assert_array_equal(rgb, np.rint(255 * colormaps[name](np.arange(256))[:, :3]))
    assert {"stick", "slip", "window"} <= set(found["kinds"])
    assert all(len(one) == 7 and one.startswith("#") for one in found["clusters"])
    assert len(set(found["clusters"])) == len(found["clusters"])


@pytest.mark.parametrize(
    ("gone", "fields", "note"),
    [
        ("fields.zarr", {"d2min", "delta_sigma1", "delta_energy", "packing_fraction", "shear_strain",
                         "volumetric_strain"}, "fields.zarr"),
        ("attributions.zarr", {"attribution"}, None),
        ("statistics", {"cluster"}, None),
        ("model", set(), "no network has been trained: `microslip train "),
    ],
)  # fmt: skip
def test_a_missing_step_is_said_and_the_rest_is_told(copied, unpack, gone, fields, note):
    shutil.rmtree(copied.folder / gone)
    contents = unpack.strict(as_json(describe_contents(copied)))
    found = missing(contents)
    assert set(found) == fields
    assert all("`microslip " in why for why in found.values())
    assert contents["displacements"] == (gone != "fields.zarr")
    assert contents["stages"]["n"] == 48
    assert contents["curve"]["stress_known"]
    assert [note in one for one in contents["notes"]] == ([True] if note else [])


def test_a_run_without_stages_shows_its_curve_and_first_frame(copied, unpack):
    (copied.folder / "stages.csv").unlink()
    contents = unpack.strict(as_json(describe_contents(copied)))
    assert contents["stages"] == {"n": 0, "columns": []}
    assert any("stages.csv is missing" in note for note in contents["notes"])
    assert set(missing(contents).values()) == {"this run has no stages"}
    assert contents["curve"]["n"] == 2401
    assert contents["grains"]["n_frames"] == 49


def test_a_table_of_no_stages_says_what_would_find_some(copied, unpack):
    table = copied.folder / "stages.csv"
    table.write_text(table.read_text().splitlines()[0] + "\n")
    contents = unpack.strict(as_json(describe_contents(copied)))
    assert contents["stages"]["n"] == 0
    assert any("no stage was found: lower stages.threshold" in note for note in contents["notes"])
    assert read_part(copied, "stages.bin") == b""


def test_a_run_without_a_trajectory_is_still_a_page(copied, unpack):
    shutil.rmtree(copied.folder / "trajectory.zarr")
    contents = unpack.strict(as_json(describe_contents(copied)))
    assert any("trajectory.zarr does not exist" in note for note in contents["notes"])
    # once, however often it is needed
    assert len(set(contents["notes"])) == len(contents["notes"])
    assert contents["grains"] == {"n": 0, "n_walls": 0, "n_frames": 0}
    assert contents["curve"] == {"n": 0}
    assert contents["stages"]["n"] == 48


def test_an_empty_run_folder_is_still_a_page(tmp_path, unpack):
    (tmp_path / "config.toml").write_text("")
    contents = unpack.strict(as_json(describe_contents(Run(tmp_path))))
    assert contents["stages"]["n"] == contents["grains"]["n"] == contents["curve"]["n"] == 0
    assert contents["notes"]


@pytest.mark.parametrize(
    ("store", "fields"),
    [
        ("trajectory.zarr", set()),
        ("fields.zarr", {"d2min", "shear_strain"}),
        ("attributions.zarr", {"attribution"}),
        ("statistics/clusters.zarr", {"cluster"}),
    ],
)
@pytest.mark.parametrize("fault", ["version", "unreadable", "foreign"])
def test_another_version_or_damage_is_said_and_the_rest_is_told(copied, unpack, store, fields, fault):
    described = copied.folder / store / "zarr.json"
    if fault == "unreadable":
        described.write_text(described.read_text()[:40])
    else:
        content = json.loads(described.read_text())
        content["attributes"].update({"format_version": 99} if fault == "version" else {"format": "another"})
        described.write_text(json.dumps(content))
    contents = unpack.strict(as_json(describe_contents(copied)))
    found = missing(contents)
    assert fields <= set(found)
    said = [*contents["notes"], *found.values()]
    sentence = {"version": "format_version = 99", "unreadable": "not a readable zarr", "foreign": "another program"}
    assert any(store.split("/")[-1] in one and sentence[fault] in one for one in said), said
    assert contents["stages"]["n"] == 48
    if store != "trajectory.zarr":
        assert contents["curve"]["stress_known"]
        assert contents["grains"]["n"] == 208
    if store != "fields.zarr":
        assert "d2min" not in found


def test_a_damaged_table_is_said(copied, unpack):
    (copied.folder / "stages.csv").write_text("stage,kind\n0,stick\n")
    contents = unpack.strict(as_json(describe_contents(copied)))
    assert any("stages.csv lacks the column cycle" in note for note in contents["notes"])
    (copied.folder / "stages.csv").write_bytes(b"\xff\xfe\x00\x01")
    contents = unpack.strict(as_json(describe_contents(copied)))
    assert any("stages.csv" in note for note in contents["notes"])
    assert contents["grains"]["n"] == 208


def test_damaged_predictions_and_scores_take_nothing_else_with_them(copied, unpack):
    (copied.folder / "model" / "predictions.csv").write_text("stage,split\n")
    (copied.folder / "model" / "metrics.json").write_text('{"random": {"network": {"test": {"r2": NaN}}}}')
    contents = unpack.strict(as_json(describe_contents(copied)))
    assert contents["r2"] == {}
    assert contents["stages"]["n"] == 48
    (copied.folder / "model" / "metrics.json").write_text("[]")
    assert describe_contents(copied)["r2"] == {}


def test_fields_of_other_stages_are_said(copied, unpack):
    table = copied.stages
    table.iloc[:30].to_csv(copied.folder / "stages.csv", index=False)
    contents = unpack.strict(as_json(describe_contents(copied)))
    found = missing(contents)
    assert "made for 48 stages where there are 30: `microslip fields" in found["d2min"]
    assert "made for 48 stages where there are 30: `microslip statistics" in found["cluster"]


def test_an_imported_run_without_stress_has_windows(no_stress, unpack):
    contents = unpack.strict(as_json(describe_contents(no_stress)))
    assert contents["imported"] is True
    assert contents["stress_unit"] == "source units"
    assert contents["curve"]["stress_known"] is False
    columns = unpack.columns(read_part(no_stress, "stages.bin"), contents["stages"]["columns"], 6)
    assert {contents["kinds"][kind] for kind in columns["kind"]} == {"window"}
    assert np.isnan(columns["fluctuation"]).all()
    units = {field["name"]: field["unit"] for field in contents["fields"]}
    assert units["delta_sigma1"] == "source units"
    assert units["delta_energy"] == "source units d̄³"
    assert units["d2min"] == "d̄²"
    assert missing(contents).keys() == {"attribution"}
    strain, stress = unpack.points(read_part(no_stress, "curve.bin"))
    assert np.isnan(stress).all()
    assert np.isfinite(strain).all()


def test_an_array_in_which_nothing_is_known_is_said(copied, unpack):
    zarr.open_group(copied.folder / "fields.zarr", mode="r+")["delta_energy"][:] = np.nan
    assert missing(describe_contents(copied)) == {"delta_energy": "the run's files do not hold it"}


def test_what_is_exported_is_told_in_order(explored):
    assert describe_contents(explored, np.array([9, 3, 20]))["exported"] == [3, 9, 20]
    assert describe_contents(explored, [])["exported"] == []


def test_results_that_are_out_of_date_are_told():
    states = [
        StepState("fields", "measuring", "out of date", Cause("settings", ("nonaffine.cutoff",))),
        StepState("figures", "drawing", "out of date", Cause("inputs")),
        StepState("voxels", "gridding", "current"),
        StepState("train", "training", "not done"),
    ]
    assert describe_states(states) == [LATE]
