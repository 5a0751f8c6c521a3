"""The parts of the page against the run's own numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from microslip.core.errors import MicroslipError
from microslip.data.files import write_table
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.views.explorer import parts
from microslip.views.explorer.parts import NoSuchPart, as_json, read_part, stage_columns
from microslip.views.explorer.shown_fields import SHOWN, colour_limits
from microslip.views.explorer.stage_table import stage_table


def test_the_table_of_stages_is_that_of_the_run(explored, unpack):
    columns = stage_columns(explored)
    stages = explored.stages
    for name in ("start_strain", "end_strain", "start_frame", "end_frame", "cycle"):
        np.testing.assert_array_equal(columns[name], stages[name])
    for name in ("start_stress", "end_stress", "fluctuation"):
        np.testing.assert_array_equal(columns[name], stages[name].astype("float32"))
    assert [parts.KINDS[kind] for kind in columns["kind"]] == stages["kind"].tolist()
    for rule in ("random", "blocked"):
        table = explored.predictions.query("rule == @rule").sort_values("stage")
        np.testing.assert_array_equal(columns[f"prediction_{rule}"], table["prediction"].astype("float32"))
        assert [parts.SPLITS[split] for split in columns[f"split_{rule}"]] == table["split"].tolist()
    # an interval only where there is one
    assert "prediction_random_low" in columns
    assert "prediction_blocked_low" not in columns
    assert np.flatnonzero(columns["explained"]).tolist() == explored.attributions["stage"].to_numpy().tolist()


def test_predictions_of_some_stages_in_any_order_find_their_stages(copied):
    table = copied.predictions
    random = table[table["rule"] == "random"].sample(20, random_state=1)
    random.to_csv(copied.folder / "model" / "predictions.csv", index=False)
    columns = stage_columns(copied)
    assert "prediction_blocked" not in columns
    known = np.isfinite(columns["prediction_random"])
    assert sorted(random["stage"]) == np.flatnonzero(known).tolist()
    by_stage = random.set_index("stage")["prediction"].sort_index()
    np.testing.assert_array_equal(columns["prediction_random"][known], by_stage.astype("float32"))
    assert (columns["split_random"][~known] == 0).all()


@pytest.mark.parametrize("stage", [0, 17, 47])
def test_a_frame_holds_every_grain_within_the_cell(explored, unpack, stage):
    frame = explored.stages["start_frame"][stage]
    found = unpack.places(read_part(explored, f"frame/{frame}.bin"))
    position = explored.frames["position"][frame].to_numpy()
    away = found - position
    # unwrapped places differ by whole lengths of the cell, and only where it repeats
    turns = away / np.array(explored.box.lengths)
    np.testing.assert_allclose(turns[:, :2], np.rint(turns[:, :2]), atol=1e-4)
    assert np.abs(np.rint(turns[:, 0])).max() > 0
    np.testing.assert_allclose(away[:, 2], 0, atol=1e-3)
    assert ((found[:, :2] >= -1e-3) & (found[:, :2] <= np.array(explored.box.lengths)[:2] + 1e-3)).all()


def test_grains_have_their_diameters_numbers_and_roles(explored):
    packed = read_part(explored, "grains.bin")
    n = len(explored.grains["kind"])
    assert len(packed) == 13 * n
    np.testing.assert_array_equal(np.frombuffer(packed, "<i8", n), explored.grains["id"])
    np.testing.assert_array_equal(np.frombuffer(packed, "<f4", n, 8 * n), explored.grains["diameter"].astype("f4"))
    np.testing.assert_array_equal(np.frombuffer(packed, "u1", n, 12 * n), explored.grains["kind"])


@pytest.mark.parametrize("name", ["d2min", "delta_sigma1", "delta_energy", "packing_fraction", "shear_strain"])
def test_a_field_holds_the_values_of_its_stage(explored, unpack, name):
    found, shown = unpack.values(read_part(explored, f"stage/17/{name}.bin"))
    values = explored.fields[name][17].to_numpy()
    known = np.isfinite(values)
    np.testing.assert_array_equal(np.isfinite(found), known)
    if SHOWN[name].scale == "log":
        values = np.log10(np.where(values == 0, values[values > 0].min(), values))
    np.testing.assert_allclose(found[known], values[known], rtol=0, atol=1e-5 * np.ptp(values[known]))
    assert shown[0] < shown[1]
    inside = (values[known] >= shown[0]) & (values[known] <= shown[1])
    assert inside.mean() > 0.9


def test_displacements_are_those_of_the_stage(explored, unpack):
    found = unpack.vectors(read_part(explored, "stage/17/displacement.bin"))
    moved = explored.fields["displacement"][17].to_numpy()
    np.testing.assert_allclose(found, moved, rtol=0, atol=np.abs(moved).max() / 65000)


def test_an_attribution_is_that_of_the_nearest_node(explored, unpack):
    """The nearest by distance in space, over all nodes."""
    found, shown = unpack.values(read_part(explored, "stage/20/attribution.bin"))
    explained = explored.attributions
    nodes = explained["attribution"][explained["stage"].to_numpy().tolist().index(20)].to_numpy()
    places = np.stack(np.meshgrid(*(explained[axis].to_numpy() for axis in "xyz"), indexing="ij"), axis=-1)
    position = explored.box.wrap(explored.frames["position"][20].to_numpy())
    bulk = explored.grains["kind"].to_numpy() == 0
    nearest = np.array([((places.reshape(-1, 3) - one) ** 2).sum(axis=1).argmin() for one in position[bulk]])
    expected = nodes.ravel()[nearest]
    np.testing.assert_allclose(found[bulk], expected, rtol=0, atol=1e-5 * np.ptp(expected))
    assert np.isnan(found[~bulk]).all()
    assert shown[0] == -shown[1]


def test_a_cluster_is_told_by_its_number_and_the_rest_is_none(explored, unpack):
    found, _ = unpack.values(read_part(explored, "stage/17/cluster.bin"))
    label = open_dataset(explored.folder / "statistics" / "clusters.zarr")["label"][17].to_numpy()
    np.testing.assert_array_equal(np.nan_to_num(found), label)
    assert np.isnan(found[label == 0]).all()
    sizes = np.bincount(found[np.isfinite(found)].astype(int))[1:]
    assert sizes.tolist() == [4, 3, 2, 2, 1, 1, 1, 1, 1]


def test_the_curve_comes_whole_and_in_pieces(explored, unpack, monkeypatch):
    series = explored.series
    strain, stress = unpack.points(read_part(explored, "curve.bin"))
    np.testing.assert_array_equal(strain, series["strain"])
    np.testing.assert_array_equal(stress, series["stress"].astype("f4"))
    monkeypatch.setattr(parts, "CURVE_PIECE", 1000)
    monkeypatch.setattr(parts, "CURVE_POINTS", 100)
    pieces = [unpack.points(read_part(explored, f"curve/{number}.bin")) for number in range(3)]
    np.testing.assert_array_equal(np.concatenate([piece[0] for piece in pieces]), series["strain"])
    np.testing.assert_array_equal(np.concatenate([piece[1] for piece in pieces]), series["stress"].astype("f4"))
    with pytest.raises(NoSuchPart, match="no piece 3"):
        read_part(explored, "curve/3.bin")
    strain, stress = unpack.points(read_part(explored, "curve.bin"))
    assert len(strain) <= 102
    assert (np.diff(strain) > 0).all()
    assert (stress.min(), stress.max()) == tuple(np.float32([series["stress"].min(), series["stress"].max()]))


REFUSED = [
    "", "/", "run.json", "stages", "stages.csv", "../stages.csv", "../stages.bin", "./stages.bin", "/stages.bin",
    "%2e%2e/stages.bin", "..%2fstages.bin", "stage/1/../2/d2min.bin", "stage/1/..", "stage/1/...bin", "stage/1/.bin",
    "stage/-1/d2min.bin", "stage/1.0/d2min.bin", "stage/1e3/d2min.bin", "stage/ 1/d2min.bin", "stage/1 /d2min.bin",
    "stage/\u0661/d2min.bin", "stage/\u00b2/d2min.bin", "stage/1/d2min.bin\n", "stage/1/d2min.BIN", "stage/1/d2min",
    "stage/1/nothing.bin", "stage/1/label.bin", "stage/1/n_neighbours.bin", "stage/1/__class__.bin",
    "stage/999999/d2min.bin", "stage/48/d2min.bin", "stage/48/displacement.bin", "stage/99999999999999999999/d2min.bin",
    "frame/49.bin", "frame/999999999.bin", "frame/-1.bin", "frame/.bin", "curve/1.bin", "curve/-1.bin",
    "stage//etc/passwd.bin", "grains.bin/..", "grains.bin\0", "stages.bin?x", "trajectory.zarr/zarr.json",
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_another_name_is_no_part(explored, name):
    with pytest.raises(NoSuchPart):
        read_part(explored, name)


def test_what_has_not_been_made_is_said(copied, explored):
    with pytest.raises(MicroslipError, match=r"stage 5 has not been explained: raise attribution\.n_stages"):
        read_part(explored, "stage/5/attribution.bin")
    (copied.folder / "stages.csv").rename(copied.folder / "other.csv")
    with pytest.raises(MicroslipError, match=r"stages\.csv is missing"):
        read_part(copied, "stages.bin")
    (copied.folder / "other.csv").rename(copied.folder / "stages.csv")
    (copied.folder / "fields.zarr").rename(copied.folder / "other.zarr")
    with pytest.raises(MicroslipError, match=r"fields\.zarr does not exist"):
        read_part(copied, "stage/5/d2min.bin")
    assert read_part(copied, "stage/5/cluster.bin") == read_part(explored, "stage/5/cluster.bin")


@pytest.mark.parametrize(
    ("store", "array", "name"),
    [
        ("fields.zarr", "d2min", "stage/14/d2min.bin"),
        ("fields.zarr", "displacement", "stage/14/displacement.bin"),
        ("statistics/clusters.zarr", "label", "stage/14/cluster.bin"),
    ],
)
def test_a_damaged_chunk_is_said_and_the_others_are_read(copied, explored, cut_short, store, array, name):
    cut_short(copied.folder / store, array, 14)
    with pytest.raises(MicroslipError, match=rf"{store}/{array}/c/.* fails its checksum"):
        read_part(copied, name)
    for stage in (11, 18):
        other = name.replace("14", str(stage))
        assert read_part(copied, other) == read_part(explored, other)


def test_fields_of_fewer_stages_than_there_are_now_are_said(copied):
    table = copied.stages
    longer = table.iloc[[-1]].assign(stage=48)
    pd.concat([table, longer]).to_csv(copied.folder / "stages.csv", index=False)
    for name in ("d2min", "cluster", "displacement"):
        with pytest.raises(MicroslipError, match="again"):
            read_part(copied, f"stage/48/{name}.bin")


def test_limits_of_the_colours_are_those_of_the_figures():
    values = np.array([np.nan, 0, *np.linspace(1, 100, 100)])
    assert colour_limits(values, "signed")[1] == -colour_limits(values, "signed")[0] > 99
    low, high = colour_limits(values, "log")
    assert 1 < low < 7 < 99 < high < 100
    assert colour_limits(np.array([np.nan, 3, 9]), "number") == (3, 9)
    for scale in ("log", "signed", "linear", "number"):
        for nothing in (np.full(3, np.nan), np.empty(0), np.full(3, 5.0)):
            low, high = colour_limits(nothing, scale)
            assert np.isfinite([low, high]).all()
            assert low < high


def test_json_is_what_browsers_read():
    assert as_json({"d̄": 1.5}) == '{"d̄": 1.5}'.encode()
    for one in (float("nan"), float("inf")):
        with pytest.raises(ValueError):
            as_json({"value": one})


def test_the_table_of_stages_is_read_once_for_each_version_of_its_file(copied, monkeypatch):
    readings = []
    monkeypatch.setattr(Run, "stages", property(lambda run, read=Run.stages.fget: readings.append(1) or read(run)))
    before = stage_table(copied)
    for _ in range(3):
        read_part(copied, "stage/8/d2min.bin")
    assert len(readings) == 1
    write_table(copied.folder / "stages.csv", before.iloc[:30])
    assert len(stage_table(copied)) == 30
    (copied.folder / "stages.csv").unlink()
    with pytest.raises(MicroslipError, match=r"stages\.csv is missing"):
        stage_table(copied)
