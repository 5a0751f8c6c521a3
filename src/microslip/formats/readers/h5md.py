"""H5MD files: trajectories in HDF5."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.core.extras import package
from microslip.formats.frame import Frame, close_open_sides, renamed
from microslip.formats.registry import Reader
from microslip.formats.text.lines import open_bytes

# Our columns, by the names of elements; radius and diameter are common, though not in the specification.
VECTORS = {"position": ("x", "y", "z"), "image": ("ix", "iy", "iz")}
SCALARS = {"id": "id", "species": "type", "radius": "radius", "diameter": "diameter"}
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, MemoryError)


# Values, and their steps; None where they are the same in all frames.
Element = tuple[Any, np.ndarray | None]


def read_h5md(path: Path, names: Collection[str] = ()) -> Iterator[Frame]:
    """The frames of an H5MD file's particles: of the group `all`, or of the only one with positions.

    position → x y z in the file's precision, image → ix iy iz, species → type, id, radius, diameter and `names` under
    their names; species that are text count from 1 in order of first appearance. Grains whose id is the fill value are
    left out. H5MD keeps no corner of the cell: it is taken as 0. Along an axis whose boundary is `none` and whose edge
    is 0, the cell reaches as far as the centres of the grains. Files of two dimensions have no z.

    Raises
    ------
    MicroslipError
        h5py is missing, or the file, or it is damaged or of another kind, or an element lacks a step of the positions.

    Source: "H5MD", version 1.1; de Buyl, Colberg & Höfling, Comput. Phys. Commun. 185, 1546 (2014).
    """
    package("h5py", "reading H5MD")
    import h5py

    with open_bytes(path):
        pass
    where = str(path)
    try:
        with h5py.File(path, "r") as file:
            particles = _particles(file, where)
            wanted = [name for name in (*VECTORS, *SCALARS, *names) if name in particles]
            elements = {name: _element(particles, name) for name in wanted}
            ids, _ = elements.get("id", (None, None))
            filled = ids and ids.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
            edges = _element(particles["box"], "edges") if "box/edges" in particles else None
            boundary = _boundary(particles, where)
            _same_units(particles, where)
            steps = elements["position"][1] if elements["position"][1] is not None else np.zeros(1, dtype=int)
            species: dict[Any, int] = {}
            for number, step in enumerate(steps.tolist()):
                where = f"{path}, frame {number}"
                columns = _columns({name: _at(one, number, step) for name, one in elements.items()}, species)
                there = columns["id"] != ids.fillvalue if filled else slice(None)
                columns = {name: values[there] for name, values in columns.items()}
                cell = _cell(None if edges is None else _at(edges, number, step), boundary, columns)
                step_told = elements["position"][1] is not None
                yield Frame(step, columns, where, *cell, read=(number + 1) / len(steps), step_told=step_told)
    except DAMAGE as problem:
        what = problem.args[0] if problem.args else problem
        raise MicroslipError(f"{where} cannot be read as H5MD ({what}): it is damaged, or of another kind") from None


def _boundary(particles: Any, where: str) -> list[str]:
    """`periodic` or `none` along each axis; nothing where the file does not say."""
    if "box" not in particles or "boundary" not in particles["box"].attrs:
        return []
    written = np.atleast_1d(particles["box"].attrs["boundary"]).tolist()
    words = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in written]
    # one for all, or those of a run in two dimensions
    words = words * 3 if len(words) == 1 else [*words, "none"] if len(words) == 2 else words
    if len(words) != 3 or not set(words) <= {"periodic", "none"}:
        raise MicroslipError(f"{where}: box/boundary is {words}: H5MD knows `periodic` and `none`, one for each axis")
    return words


def _same_units(particles: Any, where: str) -> None:
    """Lengths of the cell and of the positions are compared as numbers."""
    unit_of = {}
    for name in ("position", "box/edges"):
        node = particles.get(name)
        node = node if node is None or hasattr(node, "shape") else node["value"]
        if node is not None and "unit" in node.attrs:
            unit = node.attrs["unit"]
            unit_of[name] = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    if len(set(unit_of.values())) > 1:
        raise MicroslipError(
            f"{where}: position is in {unit_of['position']}, box/edges in {unit_of['box/edges']}: use one"
        )


def _particles(file: Any, where: str) -> Any:
    groups = [name for name, one in file.get("particles", {}).items() if "position" in one]
    if len(groups) != 1 and "all" not in groups:
        raise MicroslipError(f"{where} has positions in {len(groups)} groups of /particles: keep one, or name it `all`")
    return file["particles"][groups[0] if len(groups) == 1 else "all"]


def _element(parent: Any, name: str) -> Element:
    if hasattr(parent[name], "shape"):
        return parent[name], None
    values, step = _with_room(parent[name]), parent[name]["step"]
    if not step.shape:
        return values, int(step[()]) * np.arange(len(values)) + int(step.attrs.get("offset", 0))
    return values, np.asarray(step[: len(values)])


def _at(element: Element, number: int, step: int) -> np.ndarray:
    values, steps = element
    if steps is None:
        return np.asarray(values[()])
    if number >= len(steps) or steps[number] != step:
        raise KeyError(f"{values.name} was not written at the same steps as position")
    return np.asarray(values[number])


def _with_room(node: Any) -> Any:
    """The values of an element; of chunks over many frames, all those of one frame are kept, up to a GiB."""
    import h5py

    chunks, shape, size = node["value"].chunks, node["value"].shape, node["value"].dtype.itemsize
    if chunks is None or chunks[0] == 1:
        return node["value"]
    n_bytes = size * chunks[0] * prod(ceil(n / one) * one for n, one in zip(shape[1:], chunks[1:], strict=True))
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(12421, min(n_bytes + n_bytes // 8, 2**30), 0.75)
    return h5py.Dataset(h5py.h5d.open(node.id, b"value", access))


def _columns(arrays: dict[str, np.ndarray], species: dict[Any, int]) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    n = len(arrays["position"])
    for name, values in arrays.items():
        if name in VECTORS:
            parts = values.reshape(n, -1).T
            if n and len(parts) not in (2, 3):
                raise ValueError(f"{name} has {len(parts)} components")
            columns.update(zip(VECTORS[name], parts, strict=False))
        else:
            columns[SCALARS.get(name, name)] = values.reshape(n)
    if "type" in columns and columns["type"].dtype.kind in "SUO":
        numbers = [species.setdefault(one, len(species) + 1) for one in columns["type"].tolist()]
        columns["type"] = np.array(numbers, dtype=np.int64)
    return columns


def _cell(
    edges: np.ndarray | None, boundary: Sequence[str], columns: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray | None, tuple[bool, bool, bool] | None]:
    origin, periodic = np.zeros(3), None
    if boundary:
        x, y, z = (one == "periodic" for one in boundary)
        periodic = (x, y, z)
        # where the cell does not repeat, images are placeholders
        for name, repeats in zip(VECTORS["image"], periodic, strict=True):
            if name in columns and not repeats:
                columns[name] = np.zeros_like(columns[name])
    if edges is None:
        return origin, None, periodic
    own = np.array(np.diag(edges) if edges.ndim == 1 else edges, dtype=float)
    edges = np.zeros((3, 3))
    edges[: len(own), : len(own)] = own
    if periodic is not None:
        position = np.stack([columns.get(name, np.zeros(len(columns["x"]))) for name in "xyz"], axis=1)
        close_open_sides(origin, edges, ~np.array(periodic) & ~(np.diag(edges) > 0), position)
    return origin, edges, periodic


READER = Reader(
    title="H5MD",
    read_by="h5py",
    suffixes=(".h5md", ".h5"),
    first_bytes=(b"\x89HDF\r\n",),
    open=lambda path, wanted: renamed(read_h5md(path, list(wanted.theirs)), wanted.theirs),
    tells=("step", "ids", "types", "diameters", "images", "cell", "periodicity"),
    digits="those of single or double precision",
    more_digits="write particles/…/position/value in double precision",
    notes="one group of particles, or the one named `all`; repeats as `boundary` says",
)
