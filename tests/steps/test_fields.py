"""Fields of a small artificial run: what is averaged, what is subtracted, and what is refused."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from microslip import Box, d2min
from microslip.artificial import Packing, stage_table, write_trajectory
from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.grain_values import GrainValues
from microslip.data.files import read_table, write_table
from microslip.data.run import STAGE_COLUMNS, Run
from microslip.steps.fields import fields_step

PATIENCE = 120
DASK = str(Path(sys.executable).parent / "dask")

BOX, N, N_FRAMES = (6.0, 6.0, 5.0), 200, 7
KIND = np.repeat([0, 1, 2], [160, 20, 20])
FRAMES = ("position", "grain_stress", "grain_energy", "n_contacts", "n_sliding", "cell_volume")


def write_run(folder, rng, lost=(), **changes):
    """Frames 0 to 6; stages from 0 to 3 and from 3 to 6. Quantities that are `lost` have one grain less."""
    start = rng.random((N, 3)) * BOX
    start[KIND == 1, 2] *= 0.1
    start[KIND == 2, 2] = BOX[2] - 0.1 * start[KIND == 2, 2]
    frames = {
        "position": start + np.cumsum(rng.normal(0, 1e-3, (N_FRAMES, N, 3)), axis=0),
        "grain_stress": rng.random((N_FRAMES, N, 6)),
        "grain_energy": rng.random((N_FRAMES, N)),
        "cell_volume": 1 + rng.random((N_FRAMES, N)),
    }
    grains = {"diameter": rng.uniform(0.8, 1.2, N), "id": np.arange(1, N + 1)}
    for name, change in changes.items():
        place = frames if name in frames else grains
        place[name] = change(place[name])
    packing, sample = Packing(start, grains["diameter"], KIND, Box(BOX)), np.arange(N_FRAMES)
    values = GrainValues(frames["grain_stress"], frames["grain_energy"], *np.zeros((2, N_FRAMES, N)))
    write_trajectory(
        folder, packing, {"strain": 1e-3 * sample}, sample, frames["position"],
        values=values, cell_volume=frames["cell_volume"], ids=grains["id"],
    )  # fmt: skip
    for name in lost:
        array = zarr.open_group(folder / "trajectory.zarr")[f"frames/{name}"]
        array.resize((N_FRAMES, N - 1, *array.shape[2:]))
    stages = stage_table(sample[::3], 1e-3 * sample[::3], np.array([0.0, 1.0, 0.0]))
    write_table(folder / "stages.csv", stages.assign(start_frame=[0, 3], end_frame=[3, 6]))
    return Run(folder), frames, grains


def measure(run, **sections):
    said = []
    fields_step(run, Config(**sections), "mark", lambda done, total: None, said.append)
    return said


def restage(folder, **columns):
    """Other frames for the two stages."""
    stages = read_table(folder / "stages.csv", STAGE_COLUMNS)
    for name, values in columns.items():
        stages[name] = values
    write_table(folder / "stages.csv", stages)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def put(place, value):
    def change(values):
        values = values.copy()
        values[place] = value
        return values

    return change


def test_changes_are_end_less_start_and_the_packing_fraction_is_a_mean_over_all_frames(tmp_path, rng):
    run, frames, grains = write_run(tmp_path, rng)
    measure(run)
    bulk, fields = KIND == 0, run.fields
    energy = frames["grain_energy"]
    np.testing.assert_allclose(fields["delta_energy"][1, bulk], (energy[6] - energy[3])[bulk], rtol=1e-5, atol=1e-6)
    fraction = np.pi / 6 * grains["diameter"] ** 3 / frames["cell_volume"]
    np.testing.assert_allclose(fields["packing_fraction"][0, bulk], fraction[:4].mean(axis=0)[bulk], rtol=1e-5)

    def sigma1(frame):
        s = frames["grain_stress"][frame]
        full = np.stack([s[:, [0, 3, 4]], s[:, [3, 1, 5]], s[:, [4, 5, 2]]], axis=1)
        return np.linalg.eigvalsh(full)[:, -1]

    np.testing.assert_allclose(fields["delta_sigma1"][0, bulk], (sigma1(3) - sigma1(0))[bulk], atol=1e-5)
    for name in ("d2min", "delta_sigma1", "delta_energy", "packing_fraction", "shear_strain"):
        assert np.isnan(fields[name].to_numpy()[:, ~bulk]).all()
        assert np.isfinite(fields[name].to_numpy()[:, bulk]).all()
    assert fields["below_floor"].to_numpy().tolist() == [0, 0]


def test_stages_below_the_floor_of_rounded_positions_are_flagged(tmp_path, rng):
    run, *_ = write_run(tmp_path, rng, position=lambda position: np.round(position, 2))
    said = measure(run)
    assert run.fields["below_floor"].to_numpy().tolist() == [1, 1]
    assert run.fields.attrs["position_resolution"] == pytest.approx(0.01)
    assert any("2 of 2 stages" in sentence for sentence in said)


def test_only_the_stage_below_the_floor_is_flagged(tmp_path, rng):
    def move(position):
        position[4:] += rng.normal(0, 0.1, position[4:].shape)
        return np.round(position, 2)

    run, *_ = write_run(tmp_path, rng, position=move)
    said = measure(run)
    assert run.fields["below_floor"].to_numpy().tolist() == [1, 0]
    assert any("1 of 2 stages" in sentence for sentence in said)


def test_frames_in_between_count_for_the_packing_fraction_alone(tmp_path, rng):
    """A stage measured without what happens inside it, but for the mean."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    seed = int(rng.integers(1000))
    inside = [1, 2, 4, 5]
    run, *_ = write_run(tmp_path / "a", np.random.default_rng(seed))
    other, frames, grains = write_run(
        tmp_path / "b",
        np.random.default_rng(seed),
        position=put(inside, np.nan),
        grain_stress=put(inside, np.nan),
        grain_energy=put(inside, np.nan),
        cell_volume=put(2, 3.0),
    )
    measure(run)
    measure(other)
    for name in ("d2min", "shear_strain", "delta_sigma1", "delta_energy", "displacement", "n_neighbours"):
        np.testing.assert_array_equal(run.fields[name], other.fields[name])
    fraction = np.pi / 6 * grains["diameter"] ** 3 / frames["cell_volume"]
    bulk = KIND == 0
    np.testing.assert_allclose(other.fields["packing_fraction"][0, bulk], fraction[:4].mean(axis=0)[bulk], rtol=1e-5)
    np.testing.assert_array_equal(run.fields["packing_fraction"][1], other.fields["packing_fraction"][1])


def test_stages_may_overlap_and_be_of_one_step(tmp_path, rng):
    run, frames, grains = write_run(tmp_path, rng)
    restage(tmp_path, start_frame=[5, 2], end_frame=[6, 6])
    measure(run)
    bulk = KIND == 0
    fraction = np.pi / 6 * grains["diameter"] ** 3 / frames["cell_volume"]
    for stage, start in enumerate((5, 2)):
        expected = fraction[start:].mean(axis=0)
        np.testing.assert_allclose(run.fields["packing_fraction"][stage, bulk], expected[bulk], rtol=1e-5)
        moved = d2min(frames["position"][start], frames["position"][6], run.box, 2.0, bulk)
        np.testing.assert_array_equal(run.fields["d2min"][stage], moved.d2min)


def test_workers_measure_the_same_fields(tmp_path, rng, monkeypatch):
    """One stage a batch, so that there is something to share out."""
    monkeypatch.setattr("microslip.steps.fields.CHUNK_BYTES", 1)
    run, *_ = write_run(tmp_path, rng)
    measure(run)
    here = contents(tmp_path / "fields.zarr")
    assert sum("d2min/c" in name for name in here) == 2
    shutil.rmtree(tmp_path / "fields.zarr")
    measure(run, batches={"workers": 2})
    assert contents(tmp_path / "fields.zarr") == here


def follow(command, words, folder):
    """A started process, and the rest of its first line that holds these words."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
    for line in process.stderr:
        if words in line:
            return process, line.split(words)[1].strip()
    raise AssertionError(f"{command[1]} ended")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_workers_started_in_another_folder_find_a_run_given_by_a_relative_path(tmp_path, rng, monkeypatch):
    """As in `microslip fields runs/NAME --scheduler …`."""
    run, *_ = write_run(tmp_path, rng)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler, address = follow([DASK, "scheduler", "--port", "0", *local], "Scheduler at:", elsewhere)
    processes = [scheduler]
    try:
        worker, _ = follow([DASK, "worker", address, "--nthreads", "1", *local], "Registered to:", elsewhere)
        processes.append(worker)
        monkeypatch.chdir(tmp_path.parent)
        measure(Run(Path(tmp_path.name)), batches={"scheduler": address})
    finally:
        for process in reversed(processes):
            process.terminate()
            process.communicate(timeout=PATIENCE)
    assert run.fields.sizes["stage"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position": put(0, np.nan)}, "frame 0"),
        ({"position": put((0, 5), np.inf)}, "frame 0: the position of grain 5 is"),
        ({"position": put((3, 5), np.nan)}, "stage 0, from frame 0 to 3: the position of grain 5 is"),
        ({"position": put((slice(4, None), 9, 1), 6.0 + 8)}, "stage 1, from frame 3 to 6: grain 9 moves"),
        ({"cell_volume": put((1, 7), 0.0)}, "frame 1: grain 7 or its Voronoi cell has no volume"),
        ({"cell_volume": put((6, 3), -1.0)}, "frame 6: grain 3 or its Voronoi cell has no volume"),
        ({"diameter": put(0, np.nan)}, "gives grain 0 the diameter nan"),
        ({"id": put(4, 3)}, "names grain 3 2 times"),
        ({"diameter": put(11, 0.0)}, "gives grain 11 the diameter 0"),
        ({"lost": FRAMES}, "holds 200 grains, its frames 199"),
        ({"lost": ["position"]}, "trajectory.zarr"),
    ],
)  # fmt: skip
def test_damaged_frames_are_named_and_nothing_is_put_in_place(tmp_path, rng, changes, message):
    run, *_ = write_run(tmp_path, rng, **changes)
    with pytest.raises(MicroslipError, match=message):
        measure(run)
    assert not (tmp_path / "fields.zarr").exists()


def test_a_stage_of_a_frame_that_is_not_there(tmp_path, rng):
    run, *_ = write_run(tmp_path, rng)
    restage(tmp_path, end_frame=[3, 9])
    with pytest.raises(MicroslipError, match=r"stages\.csv names frame 9"):
        measure(run)
    assert not (tmp_path / "fields.zarr").exists()


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ([0, 9], [3, 6], r"frame 9"),
        ([-1, 3], [3, 6], r"frame -1"),
        ([0, 6], [3, 3], r"stage 1"),
    ],
)
def test_a_stage_that_starts_at_no_frame_or_ends_before_it_starts(tmp_path, rng, start, end, message):
    run, *_ = write_run(tmp_path, rng)
    restage(tmp_path, start_frame=start, end_frame=end)
    with pytest.raises(MicroslipError, match=message):
        measure(run)
    assert not (tmp_path / "fields.zarr").exists()


def test_a_motion_of_half_a_period_is_refused(tmp_path, rng):
    def move(position):
        position[3:, 7, 0] = position[0, 7, 0] + 3.001
        return position

    run, *_ = write_run(tmp_path, rng, position=move)
    with pytest.raises(MicroslipError, match=r"stage 0, from frame 0 to 3: grain 7 moves 3 d̄ along x"):
        measure(run)
    assert not (tmp_path / "fields.zarr").exists()


def test_a_table_without_stages_is_refused(tmp_path, rng):
    run, *_ = write_run(tmp_path, rng)
    write_table(tmp_path / "stages.csv", read_table(tmp_path / "stages.csv", STAGE_COLUMNS).iloc[:0])
    with pytest.raises(MicroslipError, match=r"stage"):
        measure(run)
    assert not (tmp_path / "fields.zarr").exists()
