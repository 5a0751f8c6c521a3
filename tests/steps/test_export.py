"""What is exported comes back by import, and is what other programs' own readers find."""

import gzip
import shutil
import tomllib

import numpy as np
import pandas as pd
import pytest
import zarr

from microslip import Box, detect_stages, open_run
from microslip.artificial import Packing, write_trajectory
from microslip.config import load_config, parse_config, write_config
from microslip.core.errors import MicroslipError
from microslip.data.files import read_table, write_table
from microslip.data.run import STAGE_COLUMNS
from microslip.data.trajectory import SERIES
from microslip.formats.readers.lammps import read_lammps
from microslip.formats.source import Source
from microslip.formats.trajectory import read_trajectory
from microslip.formats.writers.dump import write_dump
from microslip.pipeline import perform
from microslip.steps import export
from microslip.steps.export import export_run

from ..command_line import microslip, refused

BOX = (6.0, 5.0, 7.0)
N_BULK, N_WALL, N_SAMPLES = 160, 40, 1500
THRESHOLD, WARM_UP, STRAIN_STEP = 2e-3, 1e-3, 1e-5
# Stages that other programs are asked for, one by one.
N_READ = 5
SETTINGS = {
    "cell": dict(zip(("length", "depth", "height"), (20.0, 8.0, 12.0), strict=True)),
    "loading": {"warm_up": WARM_UP},
    "recording": {"threshold": THRESHOLD, "strain_step": STRAIN_STEP, "smoothing": "none", "stress": "walls"},
    "voxels": {"fields": ["d2min", "displacement_z"]},
}


def quiet(*anything):
    pass


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def stress_of(rng, n):
    """A sawtooth of uneven teeth."""
    n_teeth = n // 20 + 1
    teeth = np.repeat(rng.choice([-1.0, 1.0], n_teeth) * rng.uniform(0.2, 1.0, n_teeth), 20)[:n]
    return 0.3 + 2e-4 * np.cumsum(teeth) - 2e-4 * np.arange(n) * teeth.mean() + 1e-9 * rng.normal(size=n)


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    """A run as our own engine leaves it, with frames at the turning points, stages, fields and voxels."""
    folder = tmp_path_factory.mktemp("runs") / "own"
    rng = np.random.default_rng(5)
    kind = rng.permutation(np.repeat([0, 1, 2], [N_BULK, N_WALL // 2, N_WALL // 2]))
    n = len(kind)
    ids = rng.permutation(3 * n)[:n] + 1
    folder.mkdir()
    grains = Packing(np.zeros((n, 3)), rng.uniform(0.8, 1.2, n), kind, Box(BOX))
    strain, stress = STRAIN_STEP * np.arange(N_SAMPLES), stress_of(rng, N_SAMPLES)
    table = detect_stages(strain, stress, THRESHOLD / 2)
    sample = np.union1d(table["start_sample"], table["end_sample"])
    position = rng.random((n, 3)) * BOX
    position[kind == 1, 2], position[kind == 2, 2] = -0.4, BOX[2] + 0.4
    moved = np.cumsum(rng.normal(0, 1e-3, (len(sample), n, 3)), axis=0)
    moved[:, kind > 0] = 0
    # some have gone around the cell more than once
    moved += rng.integers(-2, 3, (n, 3)) * np.array([BOX[0], BOX[1], 0]) * (kind == 0)[:, None]
    series = {name: rng.random(N_SAMPLES) for name in SERIES}
    series |= dict.fromkeys(("stress", "stress_bottom", "stress_top"), stress)
    series |= {"strain": strain, "normal_stress": 1 + 0.01 * rng.random(len(strain))}
    write_trajectory(folder, grains, series, sample, position + moved, ids=ids)
    config = parse_config(SETTINGS)
    write_config(config, folder / "config.toml")
    for verb in ("stages", "fields", "voxels"):
        perform(verb, folder, config, quiet, quiet)
    assert len(open_run(folder).stages) > 20
    return folder


@pytest.fixture
def copied(own, tmp_path):
    return shutil.copytree(own, tmp_path / "copied")


def same_frames(one, other):
    """Grains, their positions in every frame, to the last bit, whatever their order."""
    order, others = (np.argsort(run.grains["id"].to_numpy()) for run in (one, other))
    for name in ("id", "diameter", "kind"):
        np.testing.assert_array_equal(one.grains[name][order], other.grains[name][others])
    here, there = (run.frames["position"].to_numpy() for run in (one, other))
    np.testing.assert_array_equal(here[:, order], there[:, others])


def same_series(one, other):
    np.testing.assert_array_equal(one.frames["sample"], other.frames["sample"])
    for name in ("strain", "stress", "normal_stress"):
        np.testing.assert_array_equal(one.series[name], other.series[name])


# --- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".dump", ".dump.gz", ".lammpstrj"])
def test_our_own_run_comes_back_with_its_stages(own, tmp_path, ending):
    """Unwrapped positions, diameters, kinds, ids, the stress of every sample, and the stages found in it."""
    target = tmp_path / f"shared.1{ending}"
    said = microslip("export", own, "--into", target).stdout
    assert str(target) in said.replace("\n", "")
    assert files_in(tmp_path) == {target.name, "shared.1.series.csv", "shared.1.toml"}
    microslip("import", tmp_path / "shared.1.toml", "--into", tmp_path / "back")
    run, back = open_run(own), open_run(tmp_path / "back")
    same_frames(run, back)
    same_series(run, back)
    assert back.box == run.box
    assert "cell" not in back.frames
    assert back.attributes["pressure"] == back.attributes["length"] == 1
    microslip(
        *("stages", tmp_path / "back", "--set", f"stages.threshold={THRESHOLD}", "--set", f"stages.warm_up={WARM_UP}")
    )
    stages = back.stages
    assert (stages[["start_mismatch", "end_mismatch"]] == 0).all(axis=None)
    pd.testing.assert_frame_equal(stages[STAGE_COLUMNS], run.stages[STAGE_COLUMNS], check_exact=True)
    perform("fields", back.folder, load_config(back.folder / "config.toml"), quiet, quiet)
    np.testing.assert_array_equal(back.fields["d2min"], run.fields["d2min"])


def test_frames_go_into_the_run_folder_where_nothing_else_is_said(copied):
    before = files_in(copied)
    microslip("export", copied)
    assert files_in(copied) - before == {f"export/frames.{end}" for end in ("dump.gz", "series.csv", "toml")}
    series = pd.read_csv(copied / "export" / "frames.series.csv")
    for name in ("strain", "stress", "stress_volume", "normal_stress"):
        np.testing.assert_array_equal(series[name], open_run(copied).series[name])


def test_a_dump_holds_the_grains_of_a_frame_with_our_types(own, tmp_path):
    export_run(open_run(own), "frames", tmp_path / "a.dump", "3:4", quiet, quiet)
    (frame,) = read_lammps(tmp_path / "a.dump")
    run = open_run(own)
    assert frame.step == run.frames["sample"][3]
    assert frame.periodic == (True, True, False)
    np.testing.assert_array_equal(frame.edges, np.diag(BOX))
    np.testing.assert_array_equal(frame.columns["type"], run.grains["kind"].to_numpy() + 1)
    np.testing.assert_array_equal(frame.columns["radius"], run.grains["diameter"].to_numpy() / 2)


@pytest.mark.parametrize(
    ("asked", "rows"),
    [("0:2", slice(0, 2)), (":3", slice(0, 3)), ("4:", slice(4, None)), ("-2:", slice(-2, None)), (":", slice(None))],
)
def test_a_range_of_frames_is_written(own, tmp_path, asked, rows):
    microslip("export", own, "--into", tmp_path / "a.dump", "--stages", asked)
    expected = open_run(own).frames["sample"].to_numpy()[rows]
    np.testing.assert_array_equal([frame.step for frame in read_lammps(tmp_path / "a.dump")], expected)


def test_part_of_a_run_comes_back_with_the_whole_series(own, tmp_path):
    microslip("export", own, "--into", tmp_path / "a.dump.gz", "--stages", "7:31")
    microslip("import", tmp_path / "a.toml", "--into", tmp_path / "back")
    run, back = open_run(own), open_run(tmp_path / "back")
    np.testing.assert_array_equal(back.frames["position"], run.frames["position"][7:31])
    np.testing.assert_array_equal(back.frames["sample"], run.frames["sample"][7:31])
    np.testing.assert_array_equal(back.series["stress"], run.series["stress"])


def deforming(folder, rng, strains, **more):
    """A glass that another program sheared: its box flips where it leans too far; imported."""
    n, box = 120, (6.0, 5.0, 7.0)
    at_rest = rng.random((n, 3))
    dump, series = folder / "glass.dump", folder / "glass.txt"

    def frames():
        for step, strain in enumerate(strains.tolist()):
            cell = Box(box, (True, True, True), strain * box[2])
            edges = np.diag(box)
            edges[2, 0] = cell.tilt
            moved = at_rest @ edges + 1e-3 * rng.normal(size=(n, 3))
            columns = dict(zip("xyz", cell.wrap(moved).T, strict=True))
            yield 10 * step, cell, {"id": np.arange(n, 0, -1), "type": np.ones(n, dtype=int), **columns}

    write_dump(dump, frames())
    stress = stress_of(rng, 2 * len(strains))
    rows = [f"{5 * k} {one!r} {1 + 0.01 * one!r}" for k, one in enumerate(stress.tolist())]
    series.write_text("\n".join(["Step s p", *rows]) + "\n")
    normal = ("p",) if more.pop("normal", True) else ()
    read_trajectory(
        Source(files=(str(dump),), series=str(series), shear_stress=("s",), normal_stress=normal, **more),
        folder / "trajectory.zarr",
    )
    return open_run(folder)


def back_again(run, folder, stages=None):
    """Exported and imported."""
    folder.mkdir()
    export_run(run, "frames", folder / "a.dump.gz", stages, quiet, quiet)
    microslip("import", folder / "a.toml", "--into", folder / "back")
    return open_run(folder / "back")


def test_a_cell_that_leans_and_flips_comes_back(tmp_path, rng):
    (tmp_path / "run").mkdir()
    run = deforming(tmp_path / "run", rng, np.linspace(0, 1.7, 41))
    assert run.frames["cell"][-1, 3] > 1.9 * BOX[0]
    back = back_again(run, tmp_path / "once")
    same_frames(run, back)
    same_series(run, back)
    np.testing.assert_allclose(back.frames["cell"], run.frames["cell"], rtol=1e-14)
    np.testing.assert_allclose(back.frames["strain"], run.frames["strain"], rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(back.frames["step"], run.frames["step"])
    same_frames(run, back_again(back, tmp_path / "twice"))


def test_a_part_that_begins_with_a_cell_flipped_has_the_same_copies(tmp_path, rng):
    (tmp_path / "run").mkdir()
    run = deforming(tmp_path / "run", rng, np.linspace(0, 1.7, 41))
    back = back_again(run, tmp_path / "part", "20:")
    np.testing.assert_array_equal(back.frames["position"], run.frames["position"][20:])
    turns = (run.frames["cell"][20:, 3] - back.frames["cell"][:, 3]) / BOX[0]
    np.testing.assert_allclose(turns, np.round(turns[0]), atol=1e-12)


def tracked(folder, rng):
    """Grains that come and go, walls among them; imported from a table."""
    n, frames = 60, 8
    start = rng.random((n, 3)) * 5
    seen = rng.random((frames, n)) < 0.8
    seen[0, :10], seen[:, -1] = False, True
    diameter, kind = rng.uniform(0.8, 1.2, n), np.where(np.arange(n) % 10 == 3, 1, 0)
    rows = [
        (frame, 100 + grain, *(start[grain] + rng.normal(0, 1e-2, 3)), diameter[grain], kind[grain] + 1, 0.1 * frame)
        for frame in range(frames)
        for grain in rng.permutation(n)
        if seen[frame, grain]
    ]
    names = ["scan", "label", "x", "y", "z", "diameter", "type", "strain"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "grains.csv", index=False)
    pd.DataFrame({"step": range(frames), "s": stress_of(rng, 400)[:frames], "p": np.ones(frames)}).to_csv(
        folder / "load.csv", index=False
    )
    source = {
        "files": (str(folder / "grains.csv"),),
        "columns": {"frame": "scan", "id": "label", "strain": "strain"},
        "series": str(folder / "load.csv"),
        "shear_stress": ("s",),
        "normal_stress": ("p",),
        "wall_types": (2,),
    }
    read_trajectory(Source(**source), folder / "trajectory.zarr")
    return open_run(folder), seen


def test_a_grain_that_is_missing_is_left_out(tmp_path, rng):
    (tmp_path / "run").mkdir()
    run, seen = tracked(tmp_path / "run", rng)
    export_run(run, "frames", tmp_path / "a.dump", None, quiet, quiet)
    ids, position = run.grains["id"].to_numpy(), run.frames["position"].to_numpy()
    for number, frame in enumerate(read_lammps(tmp_path / "a.dump")):
        assert set(frame.columns["id"]) == {100 + grain for grain in np.flatnonzero(seen[number])}
        row = {one: k for k, one in enumerate(ids.tolist())}
        here = [row[one] for one in frame.columns["id"].tolist()]
        np.testing.assert_array_equal(np.stack([frame.columns[f"{a}u"] for a in "xyz"], 1), position[number, here])
    same_frames(run, back_again(run, tmp_path / "once"))


def test_a_run_without_normal_stress_comes_back(tmp_path, rng):
    (tmp_path / "run").mkdir()
    run = deforming(tmp_path / "run", rng, np.linspace(0, 0.3, 12), normal=False)
    back = back_again(run, tmp_path / "once")
    same_frames(run, back)
    same_series(run, back)


def test_a_run_without_any_stress_comes_back(tmp_path, rng):
    (tmp_path / "run").mkdir()
    deforming(tmp_path / "run", rng, np.linspace(0, 0.3, 12))
    dump = str(tmp_path / "run" / "glass.dump")
    read_trajectory(Source(files=(dump,)), tmp_path / "run" / "trajectory.zarr")
    run = open_run(tmp_path / "run")
    back = back_again(run, tmp_path / "once")
    same_frames(run, back)
    np.testing.assert_allclose(back.frames["strain"], run.frames["strain"], atol=1e-14)


def test_samples_before_and_after_the_frames_keep_their_steps(own, tmp_path):
    """A part of a run, imported, exported again: the series is still whole."""
    first = back_again(open_run(own), tmp_path / "part", "7:31")
    second = back_again(first, tmp_path / "again")
    same_series(first, second)
    np.testing.assert_allclose(second.frames["strain"], first.frames["strain"], atol=1e-14)


@pytest.mark.parametrize("every", [5, 7, 20])
def test_frames_between_samples_keep_their_strain(tmp_path, rng, every):
    """Samples every few steps, frames at others."""
    (tmp_path / "run").mkdir()
    run = deforming(tmp_path / "run", rng, np.linspace(0, 0.3, 20))
    steps = every * np.arange(190 // every + 1)
    pd.DataFrame({"Step": steps, "s": stress_of(rng, 400)[: len(steps)], "p": 1.0}).to_csv(
        tmp_path / "run" / "other.csv", index=False
    )
    source = {"files": (str(tmp_path / "run" / "glass.dump"),), "series": str(tmp_path / "run" / "other.csv")}
    read_trajectory(Source(**source, shear_stress=("s",), normal_stress=("p",)), tmp_path / "run" / "trajectory.zarr")
    back = back_again(run, tmp_path / "once")
    np.testing.assert_allclose(back.frames["strain"], run.frames["strain"], atol=1e-12)
    np.testing.assert_allclose(back.series["strain"], run.series["strain"], atol=1e-12)


def test_how_well_positions_are_known_is_handed_on(tmp_path, rng):
    (tmp_path / "run").mkdir()
    run = deforming(tmp_path / "run", rng, np.linspace(0, 0.3, 12), length=0.7, position_error=0.01)
    back = back_again(run, tmp_path / "once")
    assert back.attributes["position_resolution"] == pytest.approx(run.attributes["position_resolution"], rel=0.01)


# --- fields and voxels -----------------------------------------------------------------------------------------------


def starts_of(run):
    """Of the first stages: grains that are there at its start and their places in the cell."""
    for frame in run.stages["start_frame"][:N_READ]:
        position = run.frames["position"][int(frame)].to_numpy()
        yield np.isfinite(position).all(axis=1), run.box_at(int(frame)).wrap(position)


def measured(run):
    """With stages of one frame each, and fields."""
    n = run.frames.sizes["frame"] - 1
    table = {name: [0] * n for name in STAGE_COLUMNS}
    table |= {"stage": [*range(n)], "kind": ["slip"] * n, "start_frame": [*range(n)], "end_frame": [*range(1, n + 1)]}
    write_table(run.folder / "stages.csv", pd.DataFrame(table))
    perform("fields", run.folder, parse_config({"source": {"files": ["a"]}}), quiet, quiet)
    return run


@pytest.fixture(params=["own", "leaning", "tracked"])
def with_fields(request, own, tmp_path, rng):
    if request.param == "own":
        return open_run(own)
    (tmp_path / "run").mkdir()
    if request.param == "leaning":
        return measured(deforming(tmp_path / "run", rng, np.linspace(0, 1.2, 30)))
    return measured(tracked(tmp_path / "run", rng)[0])


def of_grains(fields):
    return [name for name, values in fields.data_vars.items() if values.dims[:2] == ("stage", "grain")]


def test_vtk_reads_the_fields_of_every_stage(with_fields, tmp_path):
    pytest.importorskip("vtkmodules.vtkIOHDF")
    from vtkmodules.util.numpy_support import vtk_to_numpy

    run, fields = with_fields, with_fields.fields
    (path,) = export_run(run, "fields", tmp_path / "a.vtkhdf", f":{N_READ}", quiet, quiet)
    seen = 0
    for stage, (data, (here, place)) in enumerate(zip(vtk_steps(path), starts_of(run), strict=True)):
        np.testing.assert_array_equal(vtk_to_numpy(data.GetPoints().GetData()), place[here])
        point_data = data.GetPointData()
        expected = {name: fields[name][stage].to_numpy() for name in of_grains(fields)}
        expected |= {name: run.grains[name].to_numpy() for name in ("id", "kind", "diameter")}
        assert {point_data.GetArrayName(k) for k in range(point_data.GetNumberOfArrays())} == set(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(vtk_to_numpy(point_data.GetArray(name)), values[here])
        seen += 1
    assert seen == N_READ


def vtk_steps(path, times=None):
    """The data of every step; the times are those of the stages."""
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
    from vtkmodules.vtkIOHDF import vtkHDFReader

    reader = vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    key, information = vtkStreamingDemandDrivenPipeline.TIME_STEPS(), reader.GetOutputInformation(0)
    found = [information.Get(key, k) for k in range(information.Length(key))]
    assert found == (list(range(len(found))) if times is None else times)
    for time in found:
        reader.UpdateTimeStep(time)
        data = reader.GetOutputDataObject(0)
        yield data.GetPartition(0) if data.IsA("vtkPartitionedDataSet") else data


def test_a_dump_of_fields_holds_the_same(with_fields, tmp_path):
    run, fields = with_fields, with_fields.fields
    (path,) = export_run(run, "fields", tmp_path / "a.dump.gz", f":{N_READ}", quiet, quiet)
    header = gzip.decompress(path.read_bytes()).split(b"ITEM: ATOMS ")[1].split(b"\n")[0].decode().split()
    assert header[:6] == ["id", "type", "x", "y", "z", "radius"]
    plain = [name for name in of_grains(fields) if fields[name].ndim == 2]
    assert set(header[6:]) == {*plain, *(f"displacement_{axis}" for axis in "xyz")}
    frames = list(read_lammps(path, header))
    assert [frame.step for frame in frames] == [*range(N_READ)]
    for stage, (frame, (here, place)) in enumerate(zip(frames, starts_of(run), strict=True)):
        np.testing.assert_array_equal(frame.columns["id"], run.grains["id"].to_numpy()[here])
        np.testing.assert_array_equal(np.stack([frame.columns[axis] for axis in "xyz"], axis=1), place[here])
        np.testing.assert_array_equal(frame.columns["type"], run.grains["kind"].to_numpy()[here] + 1)
        for name in plain:
            values = fields[name][stage].to_numpy()[here]
            np.testing.assert_array_equal(frame.columns[name].astype(values.dtype), values)
        moved = np.stack([frame.columns[f"displacement_{axis}"] for axis in "xyz"], axis=1)
        np.testing.assert_array_equal(moved.astype(np.float32), fields["displacement"][stage].to_numpy()[here])


def test_a_range_of_stages_keeps_its_numbers(own, tmp_path):
    pytest.importorskip("vtkmodules.vtkIOHDF")
    microslip("export", own, "fields", "--into", tmp_path / "a.vtkhdf", "--stages", "5:9")
    assert len(list(vtk_steps(tmp_path / "a.vtkhdf", [5.0, 6.0, 7.0, 8.0]))) == 4
    microslip("export", own, "fields", "--into", tmp_path / "a.dump", "--stages", "5:9")
    assert [frame.step for frame in read_lammps(tmp_path / "a.dump")] == [5, 6, 7, 8]
    microslip("export", own, "voxels", "--into", tmp_path / "b.vtkhdf", "--stages", "-2:")
    n = len(open_run(own).stages)
    assert len(list(vtk_steps(tmp_path / "b.vtkhdf", [n - 2.0, n - 1.0]))) == 2


def test_vtk_finds_voxels_at_their_nodes(copied, tmp_path):
    """A field that tells x from y from z, and one stage from another."""
    pytest.importorskip("vtkmodules.vtkIOHDF")
    store = zarr.open_group(copied / "voxels.zarr", mode="r+")
    voxels = open_run(copied).voxels
    axes = [voxels[axis].to_numpy() for axis in "xyz"]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    n = voxels.sizes["stage"]
    planted = (100 * x + 10 * y**2 + z**3 + np.arange(n)[:, None, None, None]).astype(np.float32)
    store["d2min"][:] = planted
    (path,) = export_run(open_run(copied), "voxels", tmp_path / "a.vtkhdf", f":{N_READ}", quiet, quiet)
    other = voxels["displacement_z"].to_numpy()
    assert len(set(planted.shape[1:])) == 3
    for stage, data in enumerate(vtk_steps(path)):
        assert data.GetDimensions() == planted.shape[1:]
        arrays = [data.GetPointData().GetArray(name) for name in ("d2min", "displacement_z")]
        for node in range(data.GetNumberOfPoints()):
            place = [int(np.argmin(np.abs(axis - at))) for axis, at in zip(axes, data.GetPoint(node), strict=True)]
            np.testing.assert_allclose([axis[k] for axis, k in zip(axes, place, strict=True)], data.GetPoint(node))
            for array, values in zip(arrays, (planted, other), strict=True):
                assert array.GetValue(node) == values[stage, *place]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["5", "a:b", "9:9", "3:1", "100000:", "1:2:3", ""])
@pytest.mark.parametrize("what", ["frames", "fields", "voxels"])
def test_a_range_that_names_nothing_is_refused(own, tmp_path, what, asked):
    target = tmp_path / ("a.dump" if what == "frames" else "a.vtkhdf")
    run = open_run(own)
    n = run.frames.sizes["frame"] if what == "frames" else len(run.stages)
    named = "frames" if what == "frames" else "stages"
    assert f"names none of the {n} {named}: give first:last" in refused(
        "export", own, what, "--into", target, "--stages", asked
    )
    assert not files_in(tmp_path)


@pytest.mark.parametrize(
    ("what", "name", "sentence"),
    [
        ("frames", "a.vtkhdf", "is no name for frames: name a file that ends in .dump.gz, .dump"),
        ("voxels", "a.dump.gz", "is no name for voxels: name a file that ends in .vtkhdf"),
        ("frames", "a.csv", "name a file that ends in"),
        ("fields", "a", "name a file that ends in"),
        ("voxels", "a.vtk", "name a file that ends in"),
    ],
)
def test_a_format_that_does_not_fit_is_refused(own, tmp_path, what, name, sentence):
    assert sentence in refused("export", own, what, "--into", tmp_path / name)
    assert not files_in(tmp_path)


@pytest.mark.parametrize(
    ("what", "lost"), [("fields", "fields.zarr"), ("voxels", "voxels.zarr"), ("fields", "stages.csv")]
)
def test_what_was_not_measured_is_refused_with_its_step(copied, what, lost):
    path = copied / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = files_in(copied)
    assert f"{lost} is missing since `microslip {lost.partition('.')[0]}` made it" in refused("export", copied, what)
    assert files_in(copied) == before


def test_fields_of_other_stages_are_refused(copied, tmp_path):
    stages = read_table(copied / "stages.csv", STAGE_COLUMNS)
    write_table(copied / "stages.csv", stages.iloc[4:].assign(stage=range(len(stages) - 4)))
    assert "made of other stages" in refused("export", copied, "fields", "--into", tmp_path / "a.dump")


@pytest.mark.parametrize(("what", "name"), [("frames", "a.dump.gz"), ("fields", "a.dump"), ("fields", "a.vtkhdf")])
def test_an_export_that_fails_leaves_what_was_there(own, tmp_path, monkeypatch, what, name):
    target, run = tmp_path / name, open_run(own)
    target.write_text("of before")
    monkeypatch.setattr(export, "AT_A_TIME", 2)
    calls = []

    def fails(function):
        def work(*arguments):
            calls.append(1)
            if len(calls) == 3:
                raise MicroslipError("a chunk is damaged")
            return function(*arguments)

        return work

    for reader in ("read_frames", "read_starts"):
        monkeypatch.setattr(export, reader, fails(getattr(export, reader)))
    with pytest.raises(MicroslipError, match="chunk is damaged"):
        export_run(run, what, target, None, quiet, quiet)
    assert files_in(tmp_path) == {name}
    assert target.read_text() == "of before"


def test_the_toml_beside_the_frames_is_read_as_it_stands(own, tmp_path):
    export_run(open_run(own), "frames", tmp_path / "a.dump", "0:2", quiet, quiet)
    source = Source(**tomllib.loads((tmp_path / "a.toml").read_text())["source"])
    assert source.files == ("a.dump",)
    assert source.box == BOX
    assert source.wall_types == (2, 3)
