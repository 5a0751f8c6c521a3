"""HDF5 on a disk that fills up: an error, where the library would end in a segmentation fault."""

import errno
import subprocess
import sys

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")
from microslip.formats.writers.hdf5 import new_hdf5  # noqa: E402

# Small enough that the first chunks fit, and the metadata; then the chunks of the first, the second … array do not.
LIMITS = [0, 500, 3_000, 20_000, 200_000, 1_000_000]

WRITE = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from microslip import MicroslipError
from microslip.formats.writers.vtkhdf import write_grid, write_points
path, limit, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(1)
points = ((float(k), rng.random((3000, 3)), {"d2min": rng.random(3000)}) for k in range(20))
nodes = ((float(k), {"d2min": rng.random((20, 20, 20))}) for k in range(20))
try:
    write_points(path, points) if kind == "points" else write_grid(path, (20, 20, 20), (1, 1, 1), (0, 0, 0), nodes)
except MicroslipError as problem:
    print(problem)
"""


def test_a_disk_that_fills_up_is_one_sentence_and_no_crash(tmp_path):
    path = tmp_path / "a.vtkhdf"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path), str(limit), kind],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for limit, kind in ((3_000, "points"), (200_000, "grid"))
    ]
    for one in running:
        out, err = one.communicate(timeout=120)
        assert one.returncode == 0, err
        assert err == ""
        assert out.startswith(f"{path} could not be written: the disk or a quota is full")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", LIMITS)
def test_the_first_error_is_raised_whatever_is_written_after_it(tmp_path, monkeypatch, limit):
    """The same within one process: every write beyond the limit fails, as on a full disk."""
    from microslip.formats.writers import hdf5

    write = hdf5.os.pwrite

    def refuse(number, data, place):
        if place + len(data) > limit:
            raise OSError(errno.ENOSPC, "full")
        return write(number, data, place)

    monkeypatch.setattr(hdf5.os, "pwrite", refuse)
    values = np.random.default_rng(1).random((40, 10_000))

    def fill():
        with new_hdf5(tmp_path / "a.h5") as (file, _):
            data = file.create_dataset("values", (0, 10_000), "f8", maxshape=(None, 10_000), chunks=(1, 10_000))
            for row in values:
                data.resize(data.shape[0] + 1, axis=0)
                data[-1] = row
            file.create_group("more").attrs["n"] = 3
            np.testing.assert_array_equal(data.shape, values.shape)

    with pytest.raises(OSError, match="full") as told:
        fill()
    assert told.value.errno == errno.ENOSPC


def test_what_is_written_is_what_hdf5_itself_writes(tmp_path):
    values = np.random.default_rng(1).random((300, 100))
    with new_hdf5(tmp_path / "ours.h5") as (ours, check), h5py.File(tmp_path / "its.h5", "w") as its:
        for file in (ours, its):
            data = file.create_dataset(
                "values", (0, 100), "f8", maxshape=(None, 100), chunks=(7, 100), compression="gzip"
            )
            for row in values:
                data.resize(data.shape[0] + 1, axis=0)
                data[-1] = row
            check()
    with h5py.File(tmp_path / "ours.h5") as ours, h5py.File(tmp_path / "its.h5") as its:
        np.testing.assert_array_equal(ours["values"], its["values"])
        np.testing.assert_array_equal(ours["values"], values)
