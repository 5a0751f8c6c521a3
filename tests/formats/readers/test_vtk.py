"""VTK files written by VTK itself, under the names that YADE, LIGGGHTS and MercuryDPM give to their arrays."""

import contextlib
import sys

import numpy as np
import pytest
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkPoints, vtkStringArray
from vtkmodules.vtkCommonDataModel import VTK_VERTEX, vtkCellArray, vtkPolyData, vtkRectilinearGrid, vtkUnstructuredGrid
from vtkmodules.vtkIOLegacy import vtkPolyDataWriter, vtkRectilinearGridWriter, vtkUnstructuredGridWriter
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter, vtkXMLRectilinearGridWriter, vtkXMLUnstructuredGridWriter

from microslip.core.errors import MicroslipError
from microslip.formats.frame import places
from microslip.formats.readers.vtk import read_vtk

N = 40
POLY = {"vtk": vtkPolyDataWriter, "vtp": vtkXMLPolyDataWriter}
GRID = {"vtk": vtkUnstructuredGridWriter, "vtu": vtkXMLUnstructuredGridWriter}
BOX = {"vtk": vtkRectilinearGridWriter, "vtr": vtkXMLRectilinearGridWriter}
MODES = {
    "ascii": lambda writer: writer.SetDataModeToAscii(),
    "binary": lambda writer: writer.SetDataModeToBinary(),
    "appended": lambda writer: (writer.SetDataModeToAppended(), writer.EncodeAppendedDataOff()),
    "base64": lambda writer: (writer.SetDataModeToAppended(), writer.SetCompressorTypeToNone()),
    "ascii 4.2": lambda writer: (writer.SetFileTypeToASCII(), writer.SetFileVersion(42)),
    "ascii 5.1": lambda writer: (writer.SetFileTypeToASCII(), writer.SetFileVersion(51)),
    "binary 4.2": lambda writer: (writer.SetFileTypeToBinary(), writer.SetFileVersion(42)),
    "binary 5.1": lambda writer: (writer.SetFileTypeToBinary(), writer.SetFileVersion(51)),
}
WAYS = [
    *((writers, "vtk", mode) for writers in (POLY, GRID) for mode in MODES if " " in mode),
    *((POLY, "vtp", mode) for mode in MODES if " " not in mode),
    *((GRID, "vtu", mode) for mode in MODES if " " not in mode),
]
NUMBERS = [(np.float32, np.int32), (np.float64, np.int64)]


def save(writer, data, path, mode):
    MODES[mode](writer)
    writer.SetFileName(str(path))
    writer.SetInputData(data)
    assert writer.Write() == 1
    return path


def write(path, position, arrays, writers=POLY, mode=None):
    data = vtkPolyData() if writers is POLY else vtkUnstructuredGrid()
    points, verts = vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(position, deep=True))
    data.SetPoints(points)
    for number in range(len(position)):
        verts.InsertNextCell(1, [number])
    if writers is POLY:
        data.SetVerts(verts)
    else:
        data.SetCells(VTK_VERTEX, verts)
    for name, values in arrays.items():
        if isinstance(values, list):
            array = vtkStringArray()
            for one in values:
                array.InsertNextValue(one)
        else:
            array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
        array.SetName(name)
        data.GetPointData().AddArray(array)
    ending = path.suffix[1:]
    return save(writers[ending](), data, path, mode or ("binary 5.1" if ending == "vtk" else "appended"))


def numbers(rng, real, whole):
    """Positions and arrays that eleven digits hold, which is what VTK's text has."""
    position = np.round(rng.uniform(-5, 5, (N, 3)), 3).astype(real)
    arrays = {"id": rng.permutation(N).astype(whole), "type": rng.integers(1, 4, N).astype(whole)}
    arrays |= {"radius": np.round(rng.random(N), 4).astype(real), "v": np.round(rng.random((N, 3)), 3).astype(real)}
    return position, arrays


@pytest.mark.parametrize(("real", "whole"), NUMBERS, ids=["single", "double"])
@pytest.mark.parametrize(("writers", "ending", "mode"), WAYS, ids=lambda one: one if isinstance(one, str) else None)
def test_everything_comes_back_to_the_bit(tmp_path, rng, writers, ending, mode, real, whole):
    position, arrays = numbers(rng, real, whole)
    path = write(tmp_path / f"run2_001200.{ending}", position, arrays, writers, mode)
    (found,) = read_vtk(path)
    assert (found.step, found.where, found.edges, found.periodic) == (1200, f"{path}, frame 0", None, None)
    assert found.columns["x"].dtype == real
    assert np.array_equal(np.stack([found.columns[axis] for axis in "xyz"], axis=1), position)
    assert set(found.columns) == {"x", "y", "z", "id", "type", "radius"}
    for name in ("id", "type", "radius"):
        assert found.columns[name].dtype == arrays[name].dtype
        assert np.array_equal(found.columns[name], arrays[name])


def test_yade_writes_ids_as_doubles_and_the_cell_beside(tmp_path, rng):
    position, arrays = numbers(rng, np.float32, np.float64)
    yade = {"radii": arrays["radius"], "id": arrays["id"], "linVelVec": arrays["v"]}
    path = write(tmp_path / "shear-spheres.24947.vtu", position, yade, GRID)
    a, b, c = np.array([[10, 0, 0], [0, 8, 0], [3, 0, 12.0]])
    corners = [c, b + c, a + b + c, a + c, 0 * a, b, a + b, a]
    cell = write(tmp_path / "shear-pericell.24947.vtu", np.array(corners, dtype=np.float32), {}, GRID)
    (found,) = read_vtk(path)
    assert found.step == 24947
    assert found.columns["id"].dtype == np.int64
    assert np.array_equal(found.columns["radius"], arrays["radius"])
    assert np.array_equal(found.edges, [a, b, c])
    assert np.array_equal(found.origin, [0, 0, 0])
    assert found.periodic == (True, True, True)
    assert list(read_vtk(cell)) == []


@pytest.mark.parametrize(
    ("name", "beside", "mode"),
    [
        ("post/dump100.vtk", "post/dumpboundingBox_100.vtk", "ascii 5.1"),
        ("dump100.vtk", "dump100_boundingBox.vtk", "binary 4.2"),
        ("dump100.vtp", "dump100_boundingBox.vtr", "binary"),
    ],
)
def test_liggghts_writes_images_as_vectors_and_the_box_beside(tmp_path, rng, name, beside, mode):
    position, arrays = numbers(rng, np.float32, np.int32)
    arrays |= {"i": rng.integers(-2, 3, (N, 3)).astype(np.int32), "element": ["sand"] * 30 + ["a" * 70] * 10}
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write(path, position, arrays, mode=mode)
    box = vtkRectilinearGrid()
    box.SetDimensions(2, 2, 2)
    for axis, sides in zip("XYZ", ([-1, 9], [0, 8.5], [-0.002, 0.04]), strict=True):
        getattr(box, f"Set{axis}Coordinates")(numpy_to_vtk(np.array(sides, dtype=float), deep=True))
    save(BOX[beside[-3:]](), box, tmp_path / beside, mode)
    (found,) = read_vtk(path)
    assert (found.step, found.periodic) == (100, None)
    assert np.array_equal(found.edges, np.diag([10, 8.5, 0.042]))
    assert np.array_equal(found.origin, [-1, 0, -0.002])
    assert np.array_equal(found.columns["radius"], arrays["radius"])
    turns = np.stack([found.columns[one] for one in ("ix", "iy", "iz")], axis=1)
    assert np.array_equal(turns, arrays["i"])
    assert np.allclose(places(found).position, position + turns * [10, 8.5, 0.042])
    assert list(read_vtk(tmp_path / beside)) == []


MERCURY = """<?xml version="1.0"?>
<VTKFile type="UnstructuredGrid" version="0.1" byte_order="LittleEndian"><UnstructuredGrid>
<Piece NumberOfPoints="2" NumberOfCells="0"><Points>
<DataArray type="Float32" Name="Position" NumberOfComponents="3" format="ascii">1.5 2.5 3.5 nan 5 6</DataArray></Points>
<PointData Vectors="vector"><DataArray type="Float32" Name="Radius" format="ascii">0.5 0.25</DataArray>
<DataArray type="Float32" Name="speciesType" format="ascii">0 1</DataArray></PointData>
<Cells><DataArray type="Int32" Name="connectivity" format="ascii"></DataArray>
<DataArray type="Int32" Name="offsets" format="ascii"></DataArray>
<DataArray type="UInt8" Name="types" format="ascii"></DataArray></Cells></Piece></UnstructuredGrid></VTKFile>
"""
YADE = """# vtk DataFile Version 3.0.
comment
ASCII

DATASET POLYDATA
POINTS 2 double
0.00371 0.0004 0.0095
1e-3 2e-3 nan

POINT_DATA 2
SCALARS radius double 1
LOOKUP_TABLE default
0.0005 0.0006

VECTORS velocity double
1 2 3
4 5 6

SCALARS bodyId double 1
LOOKUP_TABLE default
7 3
"""


def test_mercury_and_yade_s_exporter(tmp_path):
    (tmp_path / "ShearParticle_12.vtu").write_text(MERCURY)
    (found,) = read_vtk(tmp_path / "ShearParticle_12.vtu")
    assert found.step == 12
    assert (found.columns["type"].tolist(), found.columns["radius"].tolist()) == ([0, 1], [0.5, 0.25])
    assert np.isnan(found.columns["x"][1])
    (tmp_path / "spheres.vtk").write_text(YADE)
    (found,) = read_vtk(tmp_path / "spheres.vtk")
    assert (found.step, found.columns["id"].tolist(), found.columns["x"].tolist()) == (0, [7, 3], [0.00371, 1e-3])


def test_arrays_are_named_and_missing_ones_said(tmp_path, rng):
    position, arrays = numbers(rng, np.float64, np.int64)
    path = write(
        tmp_path / "a.vtp", position, {"label": arrays["id"] + 0.0, "half": arrays["radius"], "id": arrays["type"]}
    )
    (found,) = read_vtk(path, {"id": "label", "radius": "half"})
    assert np.array_equal(found.columns["id"], arrays["id"])
    assert np.array_equal(found.columns["radius"], arrays["radius"])
    with pytest.raises(MicroslipError, match=r"has no array size .*: it has label, half, id"):
        next(read_vtk(path, {"radius": "size"}))
    with pytest.raises(MicroslipError, match="not a whole number"):
        next(read_vtk(path, {"id": "half"}))


@pytest.mark.parametrize(("writers", "ending", "mode"), WAYS, ids=lambda one: one if isinstance(one, str) else None)
def test_what_is_cut_off_is_said_and_nothing_else_is(tmp_path, rng, capfd, writers, ending, mode):
    position, arrays = numbers(rng, np.float64, np.int32)
    whole = write(tmp_path / f"a.{ending}", position, arrays, writers, mode).read_bytes().rstrip()
    cut = tmp_path / f"cut.{ending}"
    for end in rng.integers(0, len(whole), 30):
        cut.write_bytes(whole[:end])
        found = []
        with contextlib.suppress(MicroslipError):
            found += read_vtk(cut)
        for one in found:
            # a legacy file may end before its next section begins
            assert ending == "vtk"
            assert np.array_equal(one.columns["x"], position[:, 0])
            assert all(np.array_equal(one.columns[name], arrays[name]) for name in set(one.columns) - {*"xyz"})
    assert capfd.readouterr() == ("", "")


def test_other_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.vtu"
    with pytest.raises(MicroslipError, match="does not exist"):
        next(read_vtk(path))
    for content, said in [
        ("ITEM: TIMESTEP\n", "begins with b'ITEM"),
        ('<VTKFile type="Collection"><Collection/></VTKFile>', "holds a Collection"),
        (YADE.replace("POLYDATA", "STRUCTURED_GRID"), "STRUCTURED_GRID"),
        (YADE.replace("1e-3 2e-3", "1e-3"), "POINT_DATA|words stand"),
        (YADE.replace("1e-3 2e-3", "1e-3 x"), "a value is 'x', not a number"),
        (YADE.replace("7 3", "7.5 3"), "id is 7.5, not a whole number"),
        (YADE.replace("VECTORS", "ARROWS"), "section 'ARROWS"),
    ]:
        path.write_text(content)
        with pytest.raises(MicroslipError, match=said):
            next(read_vtk(path))
    path.write_text(MERCURY)
    monkeypatch.setitem(sys.modules, "vtkmodules", None)
    with pytest.raises(
        MicroslipError, match=r"needs the package vtkmodules, which is not installed: pip install 'microslip\[import\]'"
    ):
        next(read_vtk(path))


def test_of_two_arrays_the_exact_name_wins(tmp_path, rng):
    position, arrays = numbers(rng, np.float64, np.int64)
    others = {"ID": arrays["type"], "particleId": arrays["type"], **arrays}
    (found,) = read_vtk(write(tmp_path / "a.vtp", position, others))
    assert np.array_equal(found.columns["id"], arrays["id"])
    del others["id"]
    with pytest.raises(MicroslipError, match="ID and particleId may both be id"):
        next(read_vtk(write(tmp_path / "b.vtp", position, others)))
    (found,) = read_vtk(tmp_path / "b.vtp", {"id": "particleId"})
    assert np.array_equal(found.columns["id"], arrays["type"])
