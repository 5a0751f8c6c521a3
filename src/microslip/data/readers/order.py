"""The order in which files of one run are read: that of the steps in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from microslip.core.errors import MicroslipError
from microslip.data.frame import Frame
from microslip.data.readers.lines import Unfinished

# What a file begins with: its first frame, None where it holds no whole one.
Peek = Callable[[Path], Frame | None]


def natural(path: Path) -> list[tuple[int, int | str]]:
    """Numbers in a name count as numbers: dump9 comes before dump10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", str(path)) if part]


def natural_within_families(paths: Sequence[Path]) -> list[Path]:
    """Paths in the order given, but those that differ in numbers alone in the order of these numbers.

    A shell sorts dump.0 dump.1000 dump.200 so, where the numbers want another order.
    """
    families: dict[str, list[Path]] = {}
    for path in paths:
        families.setdefault(re.sub(r"\d+", "#", str(path)), []).append(path)
    return [path for family in families.values() for path in sorted(family, key=natural)]


def name_numbers(paths: Sequence[Path]) -> list[int | None]:
    """The number in each file's name that tells its frame: the last one, or the last that differs between files."""
    digits = [re.findall(r"\d+", path.name.partition(".gz")[0].rpartition(".")[0]) for path in paths]
    place = -1
    if len({len(one) for one in digits}) == 1 and digits[0]:
        differing = [k for k in range(len(digits[0])) if len({one[k] for one in digits}) > 1]
        place = differing[-1] if differing else -1
    return [int(one[place][-18:]) if one else None for one in digits]


def by_step(files: Sequence[Path], peek: Peek, note: Callable[[str], None]) -> list[Path]:
    """Files in the order of the steps of their first frames; where none tells a step, as they are given.

    Parts of a run lie in folders, or go by names, of their own. Where a part begins at a step that another holds as
    well, it is that run begun again: files of the other from this step on are left out, and `note` is told.

    Raises
    ------
    MicroslipError
        Some of the files tell steps, and others do not.
    """
    if len(files) < 2:
        return list(files)
    first = {path: peek(path) for path in dict.fromkeys(files)}
    begun = [path for path in files if first[path] is not None]
    silent = [path for path in begun if not _tells(first[path])]
    if len(silent) == len(begun):
        return list(files)
    if silent:
        teller = next(path for path in begun if path not in silent)
        raise MicroslipError(f"{teller} tells its step, and {silent[0]} does not: import files of one kind together")
    parts: dict[tuple[Path, str], list[tuple[int, Path]]] = {}
    for path in begun:
        step = first[path]
        assert step is not None
        name = re.sub(r"\d+(?=\D*$)", "#", path.name.removesuffix(".gz"))
        parts.setdefault((path.parent, name), []).append((step.step, path))
    for part in parts.values():
        part.sort(key=lambda one: one[0])
    ordered: list[tuple[int, Path]] = []
    for part in sorted(parts.values(), key=lambda one: one[0][0]):
        again = part[0][0]
        if {step for step, _ in part} & {step for step, _ in ordered}:
            replaced = [path for step, path in ordered if step >= again]
            note(
                f"{part[0][1]} begins again at step {again}, as after a restart: {len(replaced)} files from it on are"
                f" left out, {replaced[0]} to {replaced[-1]}"
            )
            ordered = [one for one in ordered if one[0] < again]
        ordered = sorted([*ordered, *part], key=lambda one: one[0])
    # a file without a whole frame stays in its place only to be told of
    return [path for _, path in ordered] + [path for path in files if first[path] is None]


def _tells(frame: Frame | None) -> bool:
    return frame is not None and frame.step_told


def first_of(frames: Callable[[Path], Iterator[Frame]]) -> Peek:
    """A look at the first frame that a reader finds."""

    def peek(path: Path) -> Frame | None:
        try:
            return next(frames(path), None)
        except Unfinished:
            return None

    return peek
