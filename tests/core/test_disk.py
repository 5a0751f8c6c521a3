"""Errors of the disk as sentences, told apart from all others."""

import errno
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from microslip import MicroslipError
from microslip.core.disk import disk_trouble, naming

PLACE = Path("runs/mine/fields.zarr")


def full(**names):
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *names.values())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_names_what_was_written_and_what_to_do(number):
    with pytest.raises(MicroslipError) as told, naming(PLACE):
        raise OSError(number, os.strerror(number), "the file that was copied")
    assert str(told.value) == (
        f"{PLACE} could not be written: the disk or a quota is full ({os.strerror(number)}): free some space, then"
        " repeat the command"
    )


def raised(*chain):
    """The last error of a chain, each raised from the one before it."""
    before = None
    for one in chain:
        one.__cause__, before = before, one
    return before


@pytest.mark.parametrize(
    "problem",
    [
        raised(full(), RuntimeError("storage"), ValueError("two deep")),
        raised(sqlite3.OperationalError("database or disk is full"), RuntimeError("of an ORM")),
        OSError("262144 requested and 131072 written"),
        Exception("ERROR: I/O error while writing restart (src/src/write_restart.cpp:375)"),
    ],
)
def test_a_full_disk_is_found_under_what_others_made_of_it(problem):
    assert "fields.zarr could not be written: the disk or a quota is full" in disk_trouble(problem, PLACE)


def test_an_error_that_contains_itself_ends():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert disk_trouble(one, PLACE) is None


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "give the right to it"),
        (errno.EROFS, "choose a place that can be written"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOENT, "removed under way"),
        (errno.EIO, "mend that, then repeat the command"),
    ],
)
def test_other_errors_of_the_system_name_the_file_that_could_not_be_opened(number, remedy):
    told = disk_trouble(OSError(number, os.strerror(number), "a/b.csv"), PLACE)
    assert told.startswith(f"a/b.csv: {os.strerror(number)}: ")
    assert remedy in told
    assert disk_trouble(OSError(number, os.strerror(number)), PLACE).startswith(f"{PLACE}: ")
    beside = OSError(number, os.strerror(number), "runs/mine/.fields.zarr.x1y2.partial/fields.zarr/zarr.json")
    assert disk_trouble(beside, PLACE).startswith(f"{PLACE}: ")


@pytest.mark.parametrize(
    "problem", [ValueError("no"), MicroslipError("said already"), BrokenPipeError(errno.EPIPE, "gone"), OSError("odd")]
)
def test_what_is_no_trouble_with_the_disk_passes(problem):
    with pytest.raises(type(problem)) as told, naming(PLACE):
        raise problem
    assert told.value is problem


def test_numpys_own_error_of_a_full_disk(tmp_path):
    """NumPy writes around Python's files, and its error has no number."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with (
        pytest.raises(MicroslipError, match="could not be written: the disk or a quota is full"),
        naming(PLACE),
        open("/dev/full", "wb") as file,
    ):
        np.zeros(10**6).tofile(file)
