"""zarr stores: creation with names, units and a format version; checked opening; growth along the first dimension."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.abc.store import ByteRequest
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.errors import ZarrUserWarning
from zarr.storage import LocalStore

from microslip.core.errors import MicroslipError
from microslip.data.artifact import Column
from microslip.data.files import read_json, write_json
from microslip.data.seals import METADATA, check_whole, chunk_is_whole, has_checksums

# Raised when a reader of the old stores would misread the new ones.
FORMAT_VERSION = 1

# A chunk of several megabytes keeps both the number of files and the memory of a reader small.
CHUNK_BYTES = 4 * 2**20


def create_store(path: Path, attributes: Mapping[str, Any]) -> zarr.Group:
    """A new, empty store, marked with this format's version."""
    group = zarr.open_group(path, mode="w")
    group.attrs.update({"format": "microslip", "format_version": FORMAT_VERSION, **attributes})
    return group


def add_array(
    group: zarr.Group,
    name: str,
    dimensions: Sequence[str],
    shape: tuple[int, ...],
    dtype: str,
    unit: str,
    description: str,
    *,
    per_chunk: int | None = None,
    packed: bool = True,
) -> zarr.Array:
    """A named array whose chunks hold `per_chunk` entries along the first dimension, filled with NaN or 0.

    Without `per_chunk` the chunks are of a few megabytes. Not `packed`, they are stored as they are: numbers whose last
    digits are noise gain a twentieth by compression, at twice the time. Every chunk ends in its checksum.
    """
    entry = max(1, math.prod(shape[1:])) * np.dtype(dtype).itemsize
    first = per_chunk or max(1, CHUNK_BYTES // entry)
    return group.create_array(
        name,
        shape=shape,
        chunks=(first, *(max(1, n) for n in shape[1:])),
        dtype=dtype,
        compressors=[*([ZstdCodec()] if packed else []), Crc32cCodec()],
        fill_value=float("nan") if np.dtype(dtype).kind == "f" else 0,
        dimension_names=list(dimensions),
        attributes={"units": unit, "description": description},
    )


def add_column(
    group: zarr.Group, column: Column, lengths: Mapping[str, int], *, per_chunk: int | None = None, packed: bool = True
) -> zarr.Array:
    """An array as its record tells it, with the `lengths` of its dimensions; the rest as in `add_array`."""
    shape, name = tuple(lengths[dimension] for dimension in column.dimensions), column.name.rpartition("/")[2]
    about = (column.dtype, column.unit, column.meaning)
    return add_array(group, name, column.dimensions, shape, *about, per_chunk=per_chunk, packed=packed)


def append(array: zarr.Array, values: np.ndarray) -> None:
    """Grow along the first dimension."""
    start = array.shape[0]
    array.resize((start + len(values), *array.shape[1:]))
    array[start:] = values


class WholeChunks(LocalStore):
    """A store for reading that refuses a damaged chunk by its name, where the array keeps checksums."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, read_only=True)
        self._with_checksums: dict[str, bool] = {}

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The content of a file of the store; None where there is none."""
        content = await super().get(key, prototype, byte_range)
        array, chunk, _ = key.partition("/c/")
        if not chunk or content is None or byte_range is not None or not self._has_checksums(array):
            return content
        if not chunk_is_whole(content.as_numpy_array()):
            raise MicroslipError(f"{self.root / key} fails its checksum: {_remedy(Path(self.root))}")
        return content

    def _has_checksums(self, array: str) -> bool:
        if array not in self._with_checksums:
            self._with_checksums[array] = has_checksums((Path(self.root) / array / METADATA).read_bytes())
        return self._with_checksums[array]


def finish_store(path: Path) -> None:
    """Note the metadata of all groups and arrays in each group, so that other programs open the store at once.

    Such a note is no part of zarr's format 3 yet, but for this that a reader may pass it over; xarray asks for it. Our
    own readers do not use it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata", ZarrUserWarning)
        for group in _groups(path):
            zarr.consolidate_metadata(path, path=group)


def reopen_store(path: Path) -> zarr.Group:
    """Open a store that is to grow, without the note of `finish_store`, which would soon be wrong."""
    for group in _groups(path):
        file = path / group / "zarr.json"
        content = read_json(file)
        if content.pop("consolidated_metadata", None) is not None:
            write_json(file, content)
    return zarr.open_group(path, mode="r+", use_consolidated=False)


def _groups(path: Path) -> list[str]:
    """Names of the groups, the root's among them, outermost last."""
    root = zarr.open_group(path, mode="r", use_consolidated=False)
    return [*(name for name, _ in root.groups()), ""]


def check_store(path: Path) -> zarr.Group:
    """Open a store for reading; its attributes are those that its step left, its arrays are checked as they are opened.

    Raises
    ------
    MicroslipError
        There is none, it is not ours, it was written by a version with another format, or it is no longer what its
        step left there.
    """
    check_whole(path, below=False)
    try:
        group = zarr.open_group(WholeChunks(path), mode="r", use_consolidated=False)
    except (FileNotFoundError, KeyError, ValueError, TypeError) as problem:
        if path.exists():
            raise MicroslipError(f"{path} is not a readable zarr store ({problem}): {_remedy(path)}") from None
        raise MicroslipError(f"{path} does not exist: run the step that writes it") from None
    if group.attrs.get("format") != "microslip":
        raise MicroslipError(f"{path} is a zarr store of another program: choose another run folder")
    version = group.attrs.get("format_version")
    if version != FORMAT_VERSION:
        raise MicroslipError(
            f"{path} has format_version = {version}, this microslip reads {FORMAT_VERSION}:"
            " remove the store and run its step again, or use the microslip that wrote it"
        )
    return group


def open_dataset(path: Path, group: str | None = None) -> xr.Dataset:
    """A store, or one group of it, as a lazily read dataset; errors as in `check_store`."""
    check_store(path)
    check_whole(path if group is None else path / group)
    store = WholeChunks(path)
    try:
        dataset: xr.Dataset = xr.open_zarr(store, group=group, consolidated=False, chunks=None, decode_cf=False)
    except (ValueError, TypeError) as problem:
        raise MicroslipError(f"{path} is damaged ({problem}): {_remedy(path)}") from None
    except (FileNotFoundError, KeyError) as problem:
        raise MicroslipError(f"{path} lacks the group {group} ({problem}): {_remedy(path)}") from None
    return dataset


def _remedy(store: Path) -> str:
    if store.name == "trajectory.zarr":
        return "restore it from a copy, or remove it and simulate or import again"
    return "remove the store and run its step again"


def array(group: zarr.Group, name: str) -> zarr.Array:
    """An array of a store, by name."""
    array = group[name]
    assert isinstance(array, zarr.Array)
    return array
