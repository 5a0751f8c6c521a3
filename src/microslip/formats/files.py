"""The files of a run, and the order in which they are read: that of the steps in them."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from microslip.core.errors import MicroslipError
from microslip.formats.frame import Frame
from microslip.formats.text.lines import Unfinished


def find_files(patterns: Sequence[str]) -> list[Path]:
    """The files that patterns name, each pattern's in the order of the numbers in their names.

    Files that are given singly stay in the order given, but those whose names differ in numbers alone.

    Raises
    ------
    MicroslipError
        A pattern names no file.
    """
    files: list[Path] = []
    for single, some in groupby(patterns, key=lambda pattern: Path(pattern).exists()):
        if single:
            files += natural_within_families([Path(name) for name in some])
        else:
            files += [path for pattern in some for path in sorted(_matches(pattern), key=natural)]
    return files


def _matches(pattern: str) -> list[Path]:
    files = [Path(name) for name in glob.glob(pattern)]
    if not files:
        raise MicroslipError(f"{pattern} names no file: give a file, or a pattern in quotes such as 'post/dump*'")
    return files


def fits(patterns: Sequence[str]) -> str:
    """How many files each pattern names, in words."""
    counts = [1 if Path(pattern).exists() else len(glob.glob(pattern)) for pattern in patterns]
    counted = [f"{name} fits {n} file{'s' * (n != 1)}" for name, n in zip(patterns, counts, strict=True)]
    return ", ".join(counted[:8]) + (f" and {len(counted) - 8} more" if len(counted) > 8 else "")


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


def by_step(files: Sequence[Path], first: Mapping[Path, Frame | None], note: Callable[[str], None]) -> list[Path]:
    """Files in the order of the steps of their first frames, or of their times; where none tells either, as given.

    Parts of a run lie in folders, or go by names, of their own. Where a part begins at a step that another holds as
    well, it is that run begun again: files of the other from this step on are left out, and `note` is told.

    Raises
    ------
    MicroslipError
        Some of the files tell steps, and others do not.
    """
    begun = {path: frame for path in files if (frame := first[path]) is not None}
    empty = [path for path in files if path not in begun]
    silent = [path for path, frame in begun.items() if not frame.step_told]
    if len(silent) == len(begun):
        times = {path: frame.time for path, frame in begun.items() if frame.time is not None}
        return sorted(begun, key=lambda path: times[path]) + empty if len(times) == len(begun) else list(files)
    if silent:
        teller = next(path for path in begun if path not in silent)
        raise MicroslipError(f"{teller} tells its step, and {silent[0]} does not: import files of one kind together")
    parts: dict[tuple[Path, str], list[tuple[int, Path]]] = {}
    for path, frame in begun.items():
        name = re.sub(r"\d+(?=\D*$)", "#", path.name.removesuffix(".gz"))
        parts.setdefault((path.parent, name), []).append((frame.step, path))
    for key, part in parts.items():
        of_step = dict(part)
        if len(of_step) < len(part):
            left = next(path for step, path in part if of_step[step] != path)
            note(f"{len(part) - len(of_step)} files, such as {left}, begin at the step of another, which counts")
        parts[key] = sorted(of_step.items())
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
    return [path for _, path in ordered] + empty


def first_of(frames: Iterator[Frame]) -> Frame | None:
    """The first frame that a reader finds, None where no frame is whole."""
    try:
        return next(frames, None)
    except Unfinished:
        return None
