import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from microslip import MicroslipError, open_run
from microslip.core.grain_values import GrainValues
from microslip.data.batches import batched_store
from microslip.data.files import read_table, replacing, write_table
from microslip.data.provenance import digest_output, fingerprint
from microslip.data.store import add_array, check_store, create_store, finish_store, open_dataset
from microslip.data.trajectory import SERIES, TrajectoryWriter, create_trajectory


def make(path, n_stages=10):
    store = create_store(path, {})
    add_array(store, "values", ["stage"], (n_stages,), "float64", "", "", per_chunk=2)
    return store


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def fail():
        with replacing(target) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_tables_keep_every_digit(tmp_path, rng):
    table = pd.DataFrame({"x": rng.normal(size=1000) * 10.0 ** rng.integers(-12, 5, 1000)})
    write_table(tmp_path / "t.csv", table)
    assert read_table(tmp_path / "t.csv", ["x"]).equals(table)


@pytest.mark.parametrize(("content", "message"), [("", "not a readable table"), ("a,b\n1,2\n", "lacks the column x")])
def test_damaged_tables_are_said(tmp_path, content, message):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(MicroslipError, match=message):
        read_table(tmp_path / "t.csv", ["x"])


def test_another_versions_store_is_refused(tmp_path):
    make(tmp_path / "s.zarr").attrs["format_version"] = 99
    with pytest.raises(MicroslipError, match="has format_version = 99, this microslip reads 1"):
        check_store(tmp_path / "s.zarr")


def test_other_and_damaged_stores_are_refused(tmp_path):
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    with pytest.raises(MicroslipError, match="of another program"):
        check_store(tmp_path / "other.zarr")
    (tmp_path / "other.zarr" / "zarr.json").write_text("{")
    with pytest.raises(MicroslipError, match="is not a readable zarr store"):
        check_store(tmp_path / "other.zarr")
    with pytest.raises(MicroslipError, match="does not exist"):
        check_store(tmp_path / "none.zarr")


def test_an_interrupted_store_goes_on_where_it_stopped(tmp_path):
    target, seen = tmp_path / "s.zarr", []

    def fill(stop_at):
        def work(path, batch):
            if batch.start == stop_at:
                raise KeyboardInterrupt
            seen.append(batch.start)
            zarr.open_group(path, mode="r+")["values"][batch] = np.arange(batch.start, batch.stop)

        with batched_store(target, "same", make) as store:
            store.fill(10, 2, work, lambda done, total: None)

    with pytest.raises(KeyboardInterrupt):
        fill(6)
    assert not target.exists()
    fill(None)
    assert seen == [0, 2, 4, 6, 8]
    assert check_store(target)["values"][:].tolist() == list(range(10))
    assert [path.name for path in tmp_path.iterdir()] == ["s.zarr"]


def test_an_interrupted_store_of_other_settings_is_made_anew(tmp_path):
    def work(_path, batch):
        if batch.start:
            raise KeyboardInterrupt

    def interrupt():
        with batched_store(tmp_path / "s.zarr", "one", make) as store:
            store.fill(10, 2, work, lambda done, total: None)

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    with batched_store(tmp_path / "s.zarr", "other", make) as store:
        assert store.n_done == 0


def test_fingerprints_follow_content_not_order():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 1.5})


def test_a_changed_input_is_noticed(tmp_path):
    (tmp_path / "stages.csv").write_text("stage\n0\n")
    before = digest_output(tmp_path / "stages.csv")
    (tmp_path / "stages.csv").write_text("stage\n1\n")
    assert digest_output(tmp_path / "stages.csv") != before


def test_a_trajectory_cut_at_its_checkpoint_holds_what_was_there(tmp_path, rng):
    path = tmp_path / "run" / "trajectory.zarr"
    path.parent.mkdir()
    create_trajectory(path, rng.random(5), np.array([0, 0, 0, 1, 2]), {"box": [3.0, 3.0, 3.0]})
    position, series = rng.random((7, 5, 3)), rng.random((20, len(SERIES)))
    writer = TrajectoryWriter(path)
    for part in (slice(0, 4), slice(4, 7)):
        writer.add_frames(np.arange(7)[part], position[part])
        writer.add_samples(dict(zip(SERIES, series[part].T, strict=True)))
    TrajectoryWriter(path).cut(5, 5)
    TrajectoryWriter(path).add_frames(np.array([50]), position[:1])
    run = open_run(path.parent)
    np.testing.assert_array_equal(run.frames["position"], np.concatenate([position[:5], position[:1]]))
    np.testing.assert_array_equal(run.series["stress"], series[:5, 1])
    assert run.frames["sample"].to_numpy().tolist() == [0, 1, 2, 3, 4, 50]
    assert run.trajectory["series"]["stress"].attrs["units"] == "p"


def test_contact_values_land_under_their_names_and_frames_without_them_are_empty(tmp_path, rng):
    path = tmp_path / "run" / "trajectory.zarr"
    path.parent.mkdir()
    create_trajectory(path, rng.random(5), np.array([0, 0, 0, 1, 2]), {"box": [3.0, 3.0, 3.0]})
    position, values = rng.random((3, 5, 3)), rng.random((2, 5, 9))
    values[:, :, 7] = rng.integers(0, 12, (2, 5))
    writer = TrajectoryWriter(path)
    writer.add_frames(np.array([0]), position[:1])
    writer.add_frames(np.array([1, 2]), position[1:], GrainValues.of(values))
    frames = open_run(path.parent).frames
    assert np.isnan(frames["grain_stress"][0]).all()
    assert np.isnan(frames["cell_volume"]).all()
    np.testing.assert_array_equal(frames["grain_stress"][1:], values[:, :, :6].astype(np.float32))
    np.testing.assert_array_equal(frames["grain_energy"][1:], values[:, :, 6].astype(np.float32))
    np.testing.assert_array_equal(frames["n_contacts"], np.concatenate([np.zeros((1, 5)), values[:, :, 7]]))


def test_what_is_no_run_folder_is_said(tmp_path):
    with pytest.raises(MicroslipError, match="is not a run folder"):
        open_run(tmp_path)
    with pytest.raises(MicroslipError, match="is not a folder"):
        open_run(tmp_path / "none")


def test_damaged_provenance_is_said(tmp_path):
    (tmp_path / "provenance.json").write_text(json.dumps({"steps": {}})[:-1])
    with pytest.raises(MicroslipError, match="not readable as JSON"):
        open_run(tmp_path).provenance  # noqa: B018


def test_xarray_opens_a_finished_store_without_a_warning(tmp_path):
    """As a user of the Python API does first; warnings are errors in these tests."""
    with batched_store(tmp_path / "fields.zarr", "f", make) as store:
        store.fill(10, 2, lambda path, batch: None, lambda done, total: None)
    assert xr.open_zarr(tmp_path / "fields.zarr", chunks=None)["values"].shape == (10,)


def grown(path, n, writer=None):
    writer = writer or TrajectoryWriter(path)
    writer.add_samples(dict.fromkeys(SERIES, np.ones(n)))
    return writer


def test_a_store_that_grows_again_is_never_seen_as_it_was(tmp_path):
    path = tmp_path / "trajectory.zarr"
    create_trajectory(path, np.ones(3), np.zeros(3, dtype=np.int64), {"box": [4.0, 4.0, 4.0]})
    grown(path, 5)
    finish_store(path)
    for group in ("grains", "series", "frames"):
        xr.open_zarr(path, group=group, chunks=None)
    assert xr.open_zarr(path, group="series", chunks=None).sizes["sample"] == 5
    finished = {file: file.read_bytes() for file in path.rglob("zarr.json")}
    grown(path, 2)
    assert open_run(tmp_path).series.sizes["sample"] == 7
    assert zarr.open_group(path, mode="r")["series/stress"].shape == (7,)
    with pytest.warns(RuntimeWarning, match="consolidated"):
        assert xr.open_zarr(path, group="series", chunks=None).sizes["sample"] == 7
    TrajectoryWriter(path).cut(5, 0)
    finish_store(path)
    assert {file: file.read_bytes() for file in path.rglob("zarr.json")} == finished, "grown and cut, the same bytes"


def test_our_own_readers_do_not_believe_a_stale_note(tmp_path):
    make(tmp_path / "s.zarr")
    finish_store(tmp_path / "s.zarr")
    zarr.open_group(tmp_path / "s.zarr", mode="r+", use_consolidated=False)["values"].resize((12,))
    assert check_store(tmp_path / "s.zarr")["values"].shape == (12,)
    assert open_dataset(tmp_path / "s.zarr").sizes["stage"] == 12
