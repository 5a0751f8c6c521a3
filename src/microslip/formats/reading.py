"""Frames one after another from several files, whatever program wrote them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.formats.columns import WHOLE, whole_numbers
from microslip.formats.files import by_step, first_of, name_numbers
from microslip.formats.frame import IMAGES, Frame
from microslip.formats.registry import Wanted, reader
from microslip.formats.source import Source
from microslip.formats.text.lines import Unfinished


def read_frames_of(files: Sequence[Path], kind: str, source: Source, note: Callable[[str], None]) -> Iterator[Frame]:
    """The frames of all files of a format, one after another; `read` is the share of all of them that has been read.

    A file whose last frame is not whole gives those before it, and `note` is called with a sentence on it.

    Raises
    ------
    MicroslipError
        As the reader of the format; what it needs is not installed.
    """
    form = reader(kind)
    sizes = [path.stat().st_size for path in files]
    total, n_read = max(1, sum(sizes)), 0
    # frames of earlier files, where the files number none themselves
    n_before, units, time = 0, "", -inf
    for path, size, number in zip(files, sizes, _numbers(files), strict=True):
        base = n_before
        if size == 0:
            note(f"{path} is empty")
        try:
            for place, frame in enumerate(form.open(path, wanted_of(source, number))):
                if not frame.step_told:
                    if place == 0 and frame.time is not None and frame.time < time:
                        raise MicroslipError(
                            f"{frame.where}: time {frame.time:g} follows time {time:g} of the file before, and no steps"
                            " tell which frames are the same: leave one of the two out"
                        )
                    time = time if frame.time is None else frame.time
                    n_before = base + frame.step + 1
                    frame = replace(frame, step=base + frame.step)
                elif form.step_in_name:
                    frame = replace(frame, step=number)
                units = units or frame.units
                if frame.units and frame.units != units:
                    raise MicroslipError(f"{frame.where} is in units {frame.units}, those before in {units}: use one")
                if not frame.ended:
                    note(f"{path} ends without a newline: its last row has all its values, and is taken for whole")
                if (source.first_step is not None and frame.step < source.first_step) or (
                    source.last_step is not None and frame.step > source.last_step
                ):
                    continue
                columns = {
                    name: whole_numbers(np.asarray(values), name, frame.where) if name in WHOLE else values
                    for name, values in frame.columns.items()
                }
                yield replace(frame, columns=columns, read=(n_read + frame.read * size) / total)
        except Unfinished:
            note(
                f"{path}: the last frame is not whole, as when its program was stopped or still writes; kept up to the"
                " one before"
            )
        n_read += size


def in_order(files: Sequence[Path], kind: str, source: Source, note: Callable[[str], None]) -> list[Path]:
    """Files in the order of the steps in them, as `by_step` has it."""
    once = list(dict.fromkeys(files))
    if len(once) < len(files):
        note(f"{len(files) - len(once)} files are named twice, and read once")
    if len(once) < 2:
        return once
    form = reader(kind)
    numbers = dict(zip(once, _numbers(once), strict=True))
    open_first = form.open_first or form.open
    first = {path: first_of(open_first(path, wanted_of(source, numbers[path]))) for path in once}
    any_told = any(frame is not None and frame.step_told for frame in first.values())
    for path, frame in first.items():
        if frame is None:
            continue
        if form.step_in_name and frame.step_told:
            # which number of the name it is, all names together tell
            first[path] = replace(frame, step=numbers[path])
        elif form.leaves_out_first_step and any_told:
            first[path] = replace(frame, step_told=True)
    return by_step(once, first, note)


def wanted_of(source: Source, number: int) -> Wanted:
    """What the settings ask of a file."""
    passed = set() if source.wall_types or source.diameters else {"type"}
    passed |= {"diameter", "radius"} if source.diameters else set()
    passed |= set(IMAGES) if source.follow else set()
    return Wanted({theirs: ours for ours, theirs in source.columns.items()}, passed, number)


def _numbers(files: Sequence[Path]) -> list[int]:
    """Of each file: that of its name, else its place."""
    return [place if number is None else number for place, number in enumerate(name_numbers(files))]
