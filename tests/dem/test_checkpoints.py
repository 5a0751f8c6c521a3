"""The pointer to the last checkpoint."""

import math

import pytest

from microslip import MicroslipError
from microslip.dem.checkpoints import POINTER, check_files, read_pointer, write_pointer


def test_a_pointer_is_read_as_it_was_written(tmp_path):
    """Before the first sample an adaptive drive has no extreme, and JSON no number that is not finite."""
    (tmp_path / "checkpoint-0.npz").write_bytes(b"state")
    write_pointer(tmp_path, {"name": "checkpoint-0", "last_sample": -1, "drive": {"extreme": math.nan, "rate": 0.1}})
    pointer = read_pointer(tmp_path)
    assert pointer["drive"] == {"extreme": None, "rate": 0.1}
    check_files(tmp_path, pointer)


def test_a_pointer_that_was_changed_is_refused(tmp_path):
    write_pointer(tmp_path, {"name": "checkpoint-0", "last_sample": 3})
    path = tmp_path / POINTER
    path.write_text(path.read_text().replace("3", "4", 1))
    with pytest.raises(MicroslipError, match="fails its checksum"):
        read_pointer(tmp_path)
