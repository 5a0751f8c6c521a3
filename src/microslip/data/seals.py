"""Seals: what the files of a finished step looked like, so that a later loss, cut or change is noticed and named.

A file is sealed by a digest of its bytes, a node of a store (an array or a group) by the names and sizes of its files
and the bytes of its metadata. The chunks of arrays carry checksums of their own (`store`); they are read again only
where they are younger than what was looked at last, for to read a whole run would cost more than most steps do.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
import numpy as np

from microslip.core.errors import MicroslipError

PROVENANCE = "provenance.json"

# Beside it: up to which time of change the chunks of each node are known to be whole [ns].
CHECKED = ".checked.json"

# A run's files lie at most so many folders deep: statistics/clusters.zarr/label.
DEEPEST = 4

METADATA = "zarr.json"

# What makes a step's result again where that is not its verb: a simulation is too dear to be made over a damaged one.
_REMEDIES = {
    "simulate": "restore it from a copy, or remove trajectory.zarr and dem/ to simulate again",
    "import": "`microslip run {folder}` imports it again",
}

# What was found whole in this process, by folder, name and seal; and what a step of this process is making.
_WHOLE: set[tuple[str, str, str]] = set()
_IN_THE_MAKING: set[tuple[str, str]] = set()


class Damage(NamedTuple):
    """A file, or a node or chunk of a store, that is no longer as it was sealed, and what is wrong with it."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name} {self.what}"


@dataclass
class _Node:
    """Files of one array or group of a store: relative name and size, metadata, the youngest time of change [ns]."""

    files: list[tuple[str, int]] = field(default_factory=list)
    metadata: bytes = b""
    youngest: int = 0


def seal(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Seals of a step's outputs, by name relative to the run folder: files, nodes of stores, and files of folders."""
    seals: dict[str, str] = {}
    for name in names:
        path = folder / name
        if _is_store(path):
            seals |= {node: _node_seal(content) for node, content in _nodes(path, name).items()}
        elif path.is_dir():
            inside = (entry.name for entry in sorted(path.iterdir()) if not entry.name.startswith("."))
            seals |= seal(folder, [f"{name}/{entry}" for entry in inside])
        elif path.exists():
            seals[name] = _file_seal(path)
    return seals


def note_checked(folder: Path, names: Iterable[str]) -> None:
    """Remember that the chunks of these stores are whole as they are now: a step has just written them."""
    ages: dict[str, int] = {}
    for name in names:
        for store in _stores(folder / name):
            ages |= {
                node: content.youngest
                for node, content in _nodes(store, store.relative_to(folder).as_posix()).items()
                if content.files
            }
    _remember(folder, ages)


def find_damage(folder: Path, seals: Mapping[str, str], names: Iterable[str]) -> list[Damage]:
    """What is no longer as it was sealed, among all that lies at or below `names`."""
    return [damage for name in names for damage in _damage_among(folder, _below(seals, name))]


def check_whole(path: Path, *, below: bool = True) -> None:
    """Refuse a file, node or store of a run that is no longer what its step left there, with all `below` it or alone.

    Nothing is known of what no step has recorded, such as a store that is still being written.

    Raises
    ------
    MicroslipError
        It is damaged: what, and how to make it again.
    """
    whole = Path(os.path.abspath(path))
    for folder in list(whole.parents)[:DEEPEST]:
        if (folder / PROVENANCE).is_file():
            break
    else:
        return
    name = whole.relative_to(folder).as_posix()
    if any(_below({name: ""}, made) for where, made in _IN_THE_MAKING if where == str(folder)):
        return
    for verb, entry in _steps(folder).items():
        sealed = entry.get("outputs")
        if not isinstance(sealed, dict):
            continue
        asked = _below(sealed, name) if below else {key: value for key, value in sealed.items() if key == name}
        checked = (str(folder), name, hashlib.sha256(json.dumps(asked).encode()).hexdigest())
        if not asked or checked in _WHOLE:
            continue
        damage = _damage_among(folder, asked)
        if damage:
            raise MicroslipError(describe_damage(folder, verb, damage))
        _WHOLE.add(checked)


def describe_damage(folder: Path, verb: str, damage: Sequence[Damage]) -> str:
    """One sentence: what of a step's result is damaged, and what to do."""
    more = f" and {len(damage) - 1} others" if len(damage) > 1 else ""
    remedy = _REMEDIES.get(verb, "`microslip {verb} {folder}` makes it again").format(verb=verb, folder=folder)
    return f"{folder / damage[0].name} {damage[0].what}{more} since `microslip {verb}` made it: {remedy}"


@contextmanager
def in_the_making(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """A step writes these outputs and may read what it has written before the record knows of it.

    A process that works for the step says so, too: it would hold an older record against what has just been made.
    """
    where = os.path.abspath(folder)
    made = {(where, name) for name in names} - _IN_THE_MAKING
    _IN_THE_MAKING.update(made)
    try:
        yield
    finally:
        _IN_THE_MAKING.difference_update(made)


def remove_stores(folder: Path, names: Iterable[str]) -> None:
    """A store in its place counts as complete for the step that makes it: a damaged one has to go first."""
    for name in names:
        for store in _stores(folder / name):
            shutil.rmtree(store, ignore_errors=True)


def chunk_is_whole(content: Any) -> bool:
    """Whether the bytes of a chunk that was written with a checksum, its last four bytes, still agree with it."""
    # a view of numpy's is taken as it is, where a memoryview would have to be copied
    chunk = np.frombuffer(content, dtype=np.uint8)
    return len(chunk) >= 4 and google_crc32c.value(chunk[:-4]).to_bytes(4, "little") == chunk[-4:].tobytes()


def has_checksums(metadata: bytes) -> bool:
    """Whether the chunks of an array end in a checksum, as its metadata say."""
    try:
        codecs = json.loads(metadata)["codecs"]
        return bool(codecs[-1]["name"] == "crc32c")
    except (ValueError, LookupError, TypeError):
        return False


def _steps(folder: Path) -> dict[str, dict[str, Any]]:
    """What the record says of each step; nothing where it cannot be read, which who needs it says."""
    record = folder / PROVENANCE
    try:
        stat = record.stat()
        return _read_steps(record, stat.st_mtime_ns, stat.st_size, stat.st_ino)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


@functools.lru_cache(maxsize=8)
def _read_steps(record: Path, *_version: int) -> dict[str, dict[str, Any]]:
    """Read once for every version of the file: each part of a run that is opened asks for it."""
    steps = json.loads(record.read_bytes())["steps"]
    return {verb: entry for verb, entry in steps.items() if isinstance(entry, dict)}


def _below(seals: Mapping[str, str], name: str) -> dict[str, str]:
    """The seals of what lies at or below a name."""
    return {key: value for key, value in seals.items() if key == name or key.startswith(f"{name}/")}


def _damage_among(folder: Path, seals: Mapping[str, str]) -> list[Damage]:
    damage: list[Damage] = []
    nodes: dict[str, _Node] = {}
    of_stores = {name: store for name in seals if (store := _store_of(name)) is not None}
    for store in dict.fromkeys(of_stores.values()):
        nodes |= _nodes(folder / store, store) if (folder / store).is_dir() else {}
    ages: dict[str, int] = {}
    before = _checked(folder) if of_stores else {}
    for name, sealed in seals.items():
        path = folder / name
        if name not in of_stores:
            if not path.is_file():
                damage.append(Damage(name, "is missing"))
            elif _file_seal(path) != sealed:
                damage.append(Damage(name, "was changed"))
            continue
        content = nodes.get(name)
        if content is None:
            # a store that is gone is missing once, and not once for each of its arrays
            gone = name if (folder / of_stores[name]).is_dir() else of_stores[name]
            damage.append(Damage(gone, "is missing"))
        elif _node_seal(content) != sealed:
            damage.append(Damage(name, _what_changed(content, sealed)))
        elif content.files and has_checksums(content.metadata) and content.youngest > before.get(name, -1):
            torn = _torn_chunk(path, content, before.get(name, -1))
            if torn is None:
                ages[name] = content.youngest
            else:
                damage.append(Damage(f"{name}/{torn}", "fails its checksum"))
    if ages:
        _remember(folder, ages)
    return list(dict.fromkeys(damage))


def _what_changed(content: _Node, sealed: str) -> str:
    n_then, n_now = int(sealed.split()[0]), len(content.files)
    if n_now < n_then:
        return f"has {n_now} of its {n_then} chunks"
    return "has chunks of other sizes, or other metadata"


def _torn_chunk(node: Path, content: _Node, since: int) -> str | None:
    for name, _ in content.files:
        file = node / name
        if file.stat().st_mtime_ns > since and not chunk_is_whole(file.read_bytes()):
            return name
    return None


def _file_seal(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _node_seal(content: _Node) -> str:
    """Number of chunks, and a digest of their names and sizes and of the metadata."""
    listed = json.dumps([content.metadata.decode(errors="replace"), sorted(content.files)])
    return f"{len(content.files)} {hashlib.sha256(listed.encode()).hexdigest()[:32]}"


def _is_store(path: Path) -> bool:
    return path.suffix == ".zarr" and path.is_dir()


def _stores(path: Path) -> list[Path]:
    if _is_store(path):
        return [path]
    return sorted(path.rglob("*.zarr")) if path.is_dir() else []


def _store_of(name: str) -> str | None:
    """The store that a sealed name belongs to, None for a plain file."""
    parts = name.split("/")
    end = next((i for i, part in enumerate(parts) if part.endswith(".zarr")), None)
    return None if end is None else "/".join(parts[: end + 1])


def _nodes(store: Path, name: str) -> dict[str, _Node]:
    """The arrays and groups of a store by their names in the run folder."""
    nodes: dict[str, _Node] = {}
    folders = [(store, name)]
    while folders:
        folder, node = folders.pop()
        content = _Node()
        for entry in os.scandir(folder):
            if entry.name == METADATA:
                content.metadata = Path(entry.path).read_bytes()
                nodes[node] = content
            elif entry.is_dir(follow_symlinks=True) and entry.name != "c":
                folders.append((Path(entry.path), f"{node}/{entry.name}"))
        if (folder / "c").exists():
            _add_chunks(content, folder / "c", "c")
    return nodes


def _add_chunks(content: _Node, folder: Path, name: str) -> None:
    for entry in os.scandir(folder):
        inside = f"{name}/{entry.name}"
        if entry.is_dir():
            _add_chunks(content, Path(entry.path), inside)
        elif not entry.name.startswith("."):
            stat = entry.stat()
            content.files.append((inside, stat.st_size))
            content.youngest = max(content.youngest, stat.st_mtime_ns)


def _checked(folder: Path) -> dict[str, int]:
    try:
        ages = json.loads((folder / CHECKED).read_bytes())
        return {name: int(age) for name, age in ages.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(folder: Path, ages: Mapping[str, int]) -> None:
    """Best effort: where nothing can be written, the chunks are read again next time."""
    beside = folder / f"{CHECKED}.{os.getpid()}.partial"
    with suppress(OSError):
        beside.write_text(json.dumps({**_checked(folder), **ages}))
        beside.replace(folder / CHECKED)
