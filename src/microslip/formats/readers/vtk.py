"""VTK files of points, one frame a file: legacy, XML polydata and XML unstructured grids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.core.extras import package
from microslip.formats.columns import WHOLE, named, whole_numbers
from microslip.formats.frame import Frame
from microslip.formats.readers.vtk_legacy import Read, read_legacy
from microslip.formats.registry import Reader
from microslip.formats.text.lines import open_bytes

# Our columns, by names of arrays in small letters: of LIGGGHTS, YADE, MercuryDPM and others.
OURS = {
    **dict.fromkeys(("id", "ids", "bodyid", "particleid"), "id"),
    **dict.fromkeys(("type", "types", "speciestype"), "type"),
    **dict.fromkeys(("radius", "radii"), "radius"),
    **dict.fromkeys(("diameter", "diameters"), "diameter"),
    **{name: name for name in ("ix", "iy", "iz", "xu", "yu", "zu")},
}
# LIGGGHTS puts ix iy iz together under `i`.
IMAGES = ("i", "image", "images")
XML = re.compile(rb"<VTKFile[^>]*\btype\s*=\s*[\"'](\w+)")
# Files that YADE and LIGGGHTS write beside those of the grains: cells, walls, contacts.
BESIDE = re.compile(r"-(pericell|facets|boxes|intrs)\.\d+$|boundingBox_\d+$|_boundingBox$", re.IGNORECASE)

Bounds = tuple[np.ndarray, np.ndarray | None, tuple[bool, bool, bool] | None]


def read_vtk(path: Path, columns: Mapping[str, str] = MappingProxyType({})) -> Iterator[Frame]:
    """The one frame of a VTK file: .vtk, .vtp or .vtu.

    points → x y z in the file's precision; arrays over the points named id, ids or bodyId, type or speciesType (which
    MercuryDPM counts from 0), radius or radii, diameter, ix iy iz or i, xu yu zu, in capitals or not, are our columns.
    The step is the last number in the file's name, else 0. The cell is that of the file that YADE (NAME-pericell.STEP)
    or LIGGGHTS (NAMEboundingBox_STEP, NAME_boundingBox) writes beside it, where there is one. Such a file gives no
    frame, nor do YADE's of facets, boxes and interactions.

    XML is read by VTK.

    Parameters
    ----------
    columns
        The file's names of our columns, where they differ.

    Raises
    ------
    MicroslipError
        The file is missing, damaged, of another kind or without points, an array is missing, or vtk is.

    Source: "VTK File Formats"; YADE's VTKRecorder, MercuryDPM's SphericalParticleVtkWriter, LIGGGHTS' dump custom/vtk.
    """
    if BESIDE.search(path.stem):
        return
    kind, points, arrays = _read(path)
    if kind == "RectilinearGrid":
        raise MicroslipError(f"{path} holds a rectilinear grid: give the files of the grains")
    digits = re.findall(r"\d+", path.stem)
    step = int(digits[-1][-18:]) if digits else 0
    yield Frame(
        step, _columns(points, arrays, columns, str(path)), f"{path}, frame 0", *_cell(path), step_told=bool(digits)
    )


def _read(path: Path) -> Read:
    with open_bytes(path) as stream:
        start = stream.read(4096)
        match = XML.search(start)
        kind = match[1].decode() if match else ""
        if start.startswith(b"# vtk"):
            try:
                return read_legacy(start + stream.read())
            except (ValueError, IndexError, KeyError) as problem:
                raise MicroslipError(
                    f"{path} cannot be read ({problem}): it is damaged, or no VTK file of points"
                ) from None
        if kind in ("PolyData", "UnstructuredGrid", "RectilinearGrid"):
            return kind, *_read_xml(path, kind)
        what = f"holds a {kind}" if match else f"begins with {start[:20]!r}"
        raise MicroslipError(f"{path} {what}: give VTK files of points, .vtk, .vtp or .vtu, one for each frame")


def _cell(path: Path) -> Bounds:
    """Lower corner, edge vectors and what is periodic, from the file that was written beside that of the grains."""
    pericell = path.with_name(path.name.replace("-spheres.", "-pericell."))
    if pericell != path and pericell.is_file():
        _, corners, _ = _read(pericell)
        if len(corners) != 8:
            raise MicroslipError(f"{pericell} has {len(corners)} corners of a cell, not 8: it is no pericell of YADE")
        corners = corners.astype(float)
        return corners[4], corners[[7, 5, 0]] - corners[4], (True, True, True)
    for name in (f"{path.stem}_boundingBox", re.sub(r"(\d+)$", r"boundingBox_\1", path.stem)):
        for suffix in (path.suffix, ".vtr"):
            box = path.with_name(name + suffix)
            if box != path and box.is_file():
                kind, corners, _ = _read(box)
                if kind == "RectilinearGrid":
                    return corners[0], np.diag(corners[1] - corners[0]), None
    return np.zeros(3), None, None


def _columns(
    points: np.ndarray, arrays: dict[str, np.ndarray], names: Mapping[str, str], where: str
) -> dict[str, np.ndarray]:
    columns = dict(zip("xyz", points.T, strict=True))
    single = [name for name, values in arrays.items() if values.ndim == 1 and name not in names.values()]
    triple = [name for name, values in arrays.items() if values.shape[1:] == (3,)]
    for name in named(triple, dict.fromkeys(IMAGES, "image"), where):
        columns.update(zip(("ix", "iy", "iz"), arrays[name].T, strict=True))
    columns |= {ours: arrays[name] for name, ours in named(single, OURS, where).items()}
    for ours, name in names.items():
        if name not in arrays or arrays[name].ndim > 1:
            single_names = ", ".join(one for one, values in arrays.items() if values.ndim == 1) or "none"
            raise MicroslipError(
                f"{where} has no array {name} of one value per point, as is asked for: it has {single_names}"
            )
        columns[ours] = arrays[name]
    for name, values in columns.items():
        if len(values) != len(points):
            raise MicroslipError(f"{where} has {len(points)} points and {len(values)} values of {name}: it is damaged")
        if name in WHOLE:
            columns[name] = whole_numbers(values, name, where)
    return columns


def _read_xml(path: Path, kind: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    package("vtkmodules", "reading VTK's XML")
    from vtkmodules import vtkIOXML
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow

    reader = getattr(vtkIOXML, f"vtkXML{kind}Reader")()
    reader.SetFileName(str(path))
    # what VTK has to say of the file is kept off the terminal
    window, before = vtkStringOutputWindow(), vtkOutputWindow.GetInstance()
    verbosity = vtkLogger.GetCurrentVerbosityCutoff()
    vtkOutputWindow.SetInstance(window)
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        reader.Update()
    finally:
        vtkOutputWindow.SetInstance(before)
        vtkLogger.SetStderrVerbosity(verbosity)
    complaint = re.search(r"ERROR: .*\n.*?: (.*)", window.GetOutput())
    if complaint or reader.GetErrorCode():
        what = complaint[1] if complaint else f"VTK's error {reader.GetErrorCode()}"
        raise MicroslipError(f"{path} cannot be read ({what}): it is cut off or damaged")
    data: Any = reader.GetOutput()
    to_numpy: Any = vtk_to_numpy
    if kind == "RectilinearGrid":
        return np.array(data.GetBounds()).reshape(3, 2).T, {}
    if data.GetPoints() is None:
        return np.empty((0, 3)), {}
    over = data.GetPointData()
    all_arrays = (over.GetArray(place) for place in range(over.GetNumberOfArrays()))
    # copies, for the arrays live no longer than the reader
    arrays = {one.GetName(): np.array(to_numpy(one)) for one in all_arrays if one is not None and one.GetName()}
    return np.array(to_numpy(data.GetPoints().GetData())), arrays


READER = Reader(
    title="VTK points",
    read_by="VTK, and our own reader of the legacy format",
    suffixes=(".vtk", ".vtp", ".vtu"),
    first_bytes=(b"# vtk",),
    open=lambda path, wanted: read_vtk(path, wanted.ours),
    tells=("step", "ids", "types", "diameters", "images", "cell", "periodicity"),
    digits="mostly those of single precision",
    more_digits="VTK files mostly keep single precision: write a text dump beside them",
    step_in_name=True,
    notes="one file a frame; the step is the last number in the file's name; YADE's `-pericell` and LIGGGHTS'"
    " `boundingBox` files are found beside; VTK's own reader of the legacy format crashes on files that were cut off",
)
