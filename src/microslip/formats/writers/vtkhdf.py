"""Fields and voxels as VTKHDF, one time step a stage: what ParaView 5.12 and later open.

The format: VTKHDF 2.0, "VTKHDF format specification" of the VTK documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microslip.data.files import replacing
from microslip.formats.registry import GrainsAtStep, Nodes, Writer
from microslip.formats.writers.hdf5 import hdf5, new_hdf5

if TYPE_CHECKING:
    import h5py

VERSION = (2, 0)
# VTK's number of a cell that is a single point.
VERTEX = 1


def write_points(path: Path, steps: Iterable[tuple[float, np.ndarray, Mapping[str, np.ndarray]]]) -> int:
    """Write grains: for each step its value (a stage, a strain), centres (grain, 3) and arrays of one row per grain.

    Returns how many steps. A step may hold other grains than the one before.
    """
    count = 0
    hdf5()
    with replacing(path) as beside, new_hdf5(beside) as (file, check):
        root = _root(file, "UnstructuredGrid")
        points = _growing(root, "Points", (0, 3), np.float64)
        connectivity = _growing(root, "Connectivity", (0,), np.int64)
        offsets = _growing(root, "Offsets", (0,), np.int64)
        types = _growing(root, "Types", (0,), np.uint8)
        numbers = {
            name: _growing(root, name, (0,), np.int64)
            for name in ("NumberOfPoints", "NumberOfCells", "NumberOfConnectivityIds")
        }
        data = root.create_group("PointData")
        steps_group = _Steps(
            root, ("PartOffsets", "NumberOfParts", "PointOffsets"), ("CellOffsets", "ConnectivityIdOffsets")
        )
        for value, centres, arrays in steps:
            n, first = len(centres), points.shape[0]
            steps_group.add(
                value,
                PartOffsets=count,
                NumberOfParts=1,
                PointOffsets=first,
                CellOffsets=first,
                ConnectivityIdOffsets=first,
            )
            _append(points, centres)
            _append(connectivity, np.arange(n))
            _append(offsets, np.arange(n + 1))
            _append(types, np.full(n, VERTEX))
            for one in numbers.values():
                _append(one, np.array([n]))
            for name, values in arrays.items():
                if name not in data:
                    _growing(data, name, (0, *values.shape[1:]), values.dtype)
                steps_group.add_offset(name, data[name].shape[0])
                _append(data[name], values)
            count += 1
            check()
        steps_group.write(count)
    return count


def write_grid(
    path: Path,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    origin: tuple[float, float, float],
    steps: Iterable[tuple[float, Mapping[str, np.ndarray]]],
) -> int:
    """Write nodes: for each step its value and arrays (x, y, z) on them. Returns how many steps."""
    count = 0
    hdf5()
    with replacing(path) as beside, new_hdf5(beside) as (file, check):
        root = _root(file, "ImageData")
        root.attrs["WholeExtent"] = np.array([0, shape[0] - 1, 0, shape[1] - 1, 0, shape[2] - 1], dtype=np.int64)
        root.attrs["Origin"] = np.array(origin, dtype=float)
        root.attrs["Spacing"] = np.array(spacing, dtype=float)
        root.attrs["Direction"] = np.eye(3).ravel()
        data = root.create_group("PointData")
        steps_group = _Steps(root, (), ())
        for value, arrays in steps:
            steps_group.add(value)
            for name, values in arrays.items():
                # VTK's x runs fastest
                turned = np.ascontiguousarray(values.transpose(2, 1, 0))
                if name not in data:
                    _growing(data, name, (0, *turned.shape), turned.dtype)
                steps_group.add_offset(name, data[name].shape[0])
                _append(data[name], turned[None])
            count += 1
            check()
        steps_group.write(count)
    return count


def _root(file: h5py.File, kind: str) -> h5py.Group:
    root = file.create_group("VTKHDF")
    root.attrs["Version"] = np.array(VERSION, dtype=np.int64)
    # a string of fixed length: VTK refuses those of any length
    root.attrs["Type"] = np.bytes_(kind)
    return root


def _growing(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.Dataset:
    rest = shape[1:]
    rows = max(1, min(2**16, 2**20 // max(1, int(np.prod(rest)))))
    return group.create_dataset(name, shape, dtype, maxshape=(None, *rest), chunks=(rows, *rest), compression="gzip")


def _append(dataset: h5py.Dataset, values: np.ndarray) -> None:
    start = dataset.shape[0]
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values


class _Steps:
    """The group that says where each time step's values begin."""

    def __init__(self, root: h5py.Group, plain: tuple[str, ...], by_topology: tuple[str, ...]) -> None:
        self._root, self._plain, self._by_topology = root, plain, by_topology
        self._values: list[float] = []
        self._rows: dict[str, list[int]] = {name: [] for name in (*plain, *by_topology)}
        self._offsets: dict[str, list[int]] = {}

    def add(self, value: float, **rows: int) -> None:
        self._values.append(value)
        for name, row in rows.items():
            self._rows[name].append(row)

    def add_offset(self, name: str, offset: int) -> None:
        self._offsets.setdefault(name, []).append(offset)

    def write(self, count: int) -> None:
        steps = self._root.create_group("Steps")
        steps.attrs["NSteps"] = np.int64(count)
        steps["Values"] = np.array(self._values, dtype=float)
        for name, rows in self._rows.items():
            column = np.array(rows, dtype=np.int64)
            steps[name] = column[:, None] if name in self._by_topology else column
        data = steps.create_group("PointDataOffsets")
        for name, offsets in self._offsets.items():
            data[name] = np.array(offsets, dtype=np.int64)


def _write_fields(path: Path, steps: Iterable[GrainsAtStep]) -> int:
    return write_points(path, ((float(one.number), one.box.wrap(one.position), one.columns) for one in steps))


def _write_voxels(path: Path, nodes: Nodes) -> int:
    steps = ((float(stage), arrays) for stage, arrays in nodes.steps)
    return write_grid(path, nodes.shape, nodes.spacing, nodes.origin, steps)


WRITER = Writer(
    title="VTKHDF for ParaView",
    suffixes=(".vtkhdf", ".hdf"),
    write={"fields": _write_fields, "voxels": _write_voxels},
)
