"""VTKHDF as VTK's own reader finds it: every step, every array, points, cells, and the way an image lies."""

import numpy as np
import pytest

from microslip.formats.writers.vtkhdf import write_grid, write_points

pytest.importorskip("h5py")
pytest.importorskip("vtkmodules.vtkIOHDF")
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
from vtkmodules.vtkIOHDF import vtkHDFReader

VERTEX = 1


def steps_of(path):
    """Time and data of every step; what VTK complains of is a failure."""
    reader, complaints = vtkHDFReader(), []
    reader.AddObserver("ErrorEvent", lambda caller, event: complaints.append(event))
    assert reader.CanReadFile(str(path))
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    key = vtkStreamingDemandDrivenPipeline.TIME_STEPS()
    information = reader.GetOutputInformation(0)
    times = [information.Get(key, k) for k in range(information.Length(key))]
    # of a single step VTK tells no time
    assert reader.GetNumberOfSteps() == max(1, len(times))
    for time in times or [None]:
        reader.Update() if time is None else reader.UpdateTimeStep(time)
        data = reader.GetOutputDataObject(0)
        while data.IsA("vtkPartitionedDataSet"):
            assert data.GetNumberOfPartitions() == 1
            data = data.GetPartition(0)
        assert not complaints
        yield time, data


def arrays_of(data):
    point_data = data.GetPointData()
    names = [point_data.GetArrayName(k) for k in range(point_data.GetNumberOfArrays())]
    return {name: vtk_to_numpy(point_data.GetArray(name)).copy() for name in names}


def check_points(path, put):
    found = 0
    for (time, data), (value, centres, arrays) in zip(steps_of(path), put, strict=True):
        n = len(centres)
        assert time == (value if len(put) > 1 else None)
        assert data.IsA("vtkUnstructuredGrid")
        assert data.GetNumberOfPoints() == data.GetNumberOfCells() == n
        if n:
            points = vtk_to_numpy(data.GetPoints().GetData())
            assert points.dtype == np.float64
            np.testing.assert_array_equal(points, centres)
            assert {data.GetCellType(k) for k in range(n)} == {VERTEX}
            np.testing.assert_array_equal(vtk_to_numpy(data.GetCells().GetConnectivityArray()), np.arange(n))
            np.testing.assert_array_equal(vtk_to_numpy(data.GetCells().GetOffsetsArray()), np.arange(n + 1))
        read = arrays_of(data)
        assert set(read) == set(arrays)
        for name, values in arrays.items():
            assert read[name].dtype == values.dtype
            np.testing.assert_array_equal(read[name], values)
        found += 1
    assert found == len(put)


def some_grains(rng, value, n):
    return (
        value,
        rng.normal(size=(n, 3)),
        {
            "id": rng.permutation(n).astype(np.int64),
            "kind": rng.integers(0, 3, n).astype(np.int8),
            "n_neighbours": rng.integers(0, 50, n).astype(np.int32),
            "d2min": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
            "shear_strain": rng.random(n).astype(np.float32),
            "displacement": rng.normal(size=(n, 3)).astype(np.float32),
            "stress": rng.normal(size=(n, 6)),
        },
    )


@pytest.mark.parametrize(
    "numbers", [[7], [20, 20, 20], [5, 9, 1, 30, 2], [4, 0, 6]], ids=["one", "alike", "coming and going", "none"]
)
def test_vtk_reads_every_grain_of_every_step(tmp_path, rng, numbers):
    put = [some_grains(rng, 3.0 + 2 * k, n) for k, n in enumerate(numbers)]
    assert write_points(tmp_path / "a.vtkhdf", put) == len(numbers)
    check_points(tmp_path / "a.vtkhdf", put)


def test_steps_that_fill_several_chunks(tmp_path, rng):
    put = [
        (float(k), rng.random((n, 3)), {"id": np.arange(n), "displacement": rng.random((n, 3)).astype(np.float32)})
        for k, n in enumerate((70_000, 100, 70_000))
    ]
    write_points(tmp_path / "a.vtkhdf", put)
    check_points(tmp_path / "a.vtkhdf", put)


def test_steps_may_be_taken_in_any_order(tmp_path, rng):
    put = [some_grains(rng, value, n) for value, n in ((0.25, 4), (0.5, 8), (2.0, 3))]
    write_points(tmp_path / "a.vtkhdf", put)
    reader = vtkHDFReader()
    reader.SetFileName(str(tmp_path / "a.vtkhdf"))
    for value, centres, arrays in (put[2], put[0], put[1], put[0]):
        reader.UpdateTimeStep(value)
        data = reader.GetOutputDataObject(0)
        np.testing.assert_array_equal(vtk_to_numpy(data.GetPoints().GetData()), centres)
        np.testing.assert_array_equal(arrays_of(data)["id"], arrays["id"])


SHAPE, SPACING, ORIGIN = (4, 3, 5), (1.0, 0.5, 2.0), (0.5, 0.25, -1.0)


def axes_of_grid():
    return [origin + step * np.arange(n) for origin, step, n in zip(ORIGIN, SPACING, SHAPE, strict=True)]


def test_a_field_of_x_y_z_lands_on_its_nodes(tmp_path):
    x, y, z = np.meshgrid(*axes_of_grid(), indexing="ij")
    put = [(float(k), {"f": (100 * x + 10 * y**2 + z**3 + k).astype(np.float32)}) for k in (4, 5, 7)]
    assert write_grid(tmp_path / "a.vtkhdf", SHAPE, SPACING, ORIGIN, put) == 3
    steps = 0
    for (time, data), (value, _) in zip(steps_of(tmp_path / "a.vtkhdf"), put, strict=True):
        assert time == value
        assert data.IsA("vtkImageData")
        assert data.GetDimensions() == SHAPE
        values = data.GetPointData().GetArray("f")
        assert values.GetNumberOfTuples() == data.GetNumberOfPoints() == np.prod(SHAPE)
        for node in range(data.GetNumberOfPoints()):
            px, py, pz = data.GetPoint(node)
            assert values.GetValue(node) == np.float32(100 * px + 10 * py**2 + pz**3 + value)
        steps += 1
    assert steps == len(put)


def test_every_array_of_a_grid_keeps_its_type_and_values(tmp_path, rng):
    put = [
        (float(k), {"d2min": rng.random(SHAPE).astype(np.float32), "n": rng.integers(0, 9, SHAPE)}) for k in range(6)
    ]
    write_grid(tmp_path / "a.vtkhdf", SHAPE, SPACING, ORIGIN, put)
    for (_, data), (_, arrays) in zip(steps_of(tmp_path / "a.vtkhdf"), put, strict=True):
        assert data.GetOrigin() == ORIGIN
        assert data.GetSpacing() == SPACING
        read = arrays_of(data)
        assert set(read) == set(arrays)
        for name, values in arrays.items():
            assert read[name].dtype == values.dtype
            np.testing.assert_array_equal(read[name].reshape(SHAPE[::-1]).transpose(2, 1, 0), values)


def test_what_fails_midway_leaves_what_was_there(tmp_path, rng):
    path = tmp_path / "a.vtkhdf"
    write_points(path, [some_grains(rng, 0.0, 3)])
    before = path.read_bytes()

    def broken(one):
        yield one
        raise RuntimeError("the store is damaged")

    nodes = (0.0, {"f": np.zeros(SHAPE)})
    for target in (path, tmp_path / "new.vtkhdf"):
        with pytest.raises(RuntimeError, match="damaged"):
            write_points(target, broken(some_grains(rng, 0.0, 5)))
        with pytest.raises(RuntimeError, match="damaged"):
            write_grid(target, SHAPE, SPACING, ORIGIN, broken(nodes))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
