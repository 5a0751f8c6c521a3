"""The pointer to the last checkpoint of a run, and whether the files that it points to are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, without_nan, write_json
from microslip.data.provenance import digest_output, fingerprint

POINTER = "checkpoint.json"


def write_pointer(folder: Path, pointer: dict[str, Any]) -> None:
    """Point to the checkpoint `pointer["name"]`, whose files carry their digests, and drop the files of older ones."""
    name = pointer["name"]
    files = {file.name: digest_output(file) for file in sorted(folder.glob(f"{name}.*"))}
    # as it will be read, such as an adaptive drive's extreme before there is a sample
    content = without_nan({**pointer, "files": files})
    write_json(folder / POINTER, {**content, "checksum": fingerprint(content)})
    for old in folder.glob("checkpoint-*"):
        if old.name.split(".")[0] != name:
            old.unlink()


def read_pointer(folder: Path) -> dict[str, Any]:
    """The pointer to the last checkpoint.

    Raises
    ------
    MicroslipError
        It is missing or damaged.
    """
    path = folder / POINTER
    pointer = read_json(path)
    remedy = f"restore it from a copy, or remove {folder} and trajectory.zarr beside it to simulate again"
    if not isinstance(pointer, dict) or not isinstance(pointer.get("last_sample"), int) or "name" not in pointer:
        raise MicroslipError(f"{path} points to no checkpoint: {remedy}")
    checksum = pointer.pop("checksum", None)
    if checksum is not None and checksum != fingerprint(pointer):
        raise MicroslipError(f"{path} fails its checksum: {remedy}")
    return pointer


def check_files(folder: Path, pointer: dict[str, Any]) -> None:
    """Refuse to go on from files that are no longer what was written; those of older runs have no digests.

    Raises
    ------
    MicroslipError
        A file is missing or changed.
    """
    for name, digest in pointer.get("files", {}).items():
        path = folder / name
        what = "is missing" if not path.is_file() else "was changed" if digest_output(path) != digest else ""
        if what:
            raise MicroslipError(
                f"{path} {what} since it was written, and the simulation cannot go on from it: restore it from a copy,"
                f" or remove {folder} and trajectory.zarr beside it to simulate again"
            )
