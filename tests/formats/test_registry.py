"""Each format is one record: it is found by ending and first bytes, and named where a user chooses."""

import sys
from types import ModuleType

import numpy as np
import pytest

from microslip.core.errors import MicroslipError
from microslip.formats import registry
from microslip.formats.frame import Frame
from microslip.formats.reading import read_frames_of
from microslip.formats.registry import FORMATS, Reader, reader, recognise, usual_suffix, writer_of, writers
from microslip.formats.source import Source


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_found_by_ending_and_by_first_bytes(tmp_path, name):
    record = reader(name)
    for suffix in record.suffixes:
        assert recognise(tmp_path / f"a{suffix.upper()}") == recognise(tmp_path / f"a{suffix}.gz") == name
    for number, start in enumerate(record.first_bytes):
        path = tmp_path / f"{number}"
        path.write_bytes(start + b"...")
        assert recognise(path) == name
    assert record.more_digits


def test_no_ending_and_no_first_bytes_belong_to_two_formats():
    for names in (
        [suffix for name in FORMATS for suffix in reader(name).suffixes],
        [start for name in FORMATS for start in reader(name).first_bytes],
        [suffix for one in writers().values() for suffix in one.suffixes],
    ):
        assert len(set(names)) == len(names)


def test_a_new_format_is_one_module_and_its_name(tmp_path, monkeypatch):
    def read(path, wanted):
        x, y, z = np.loadtxt(path, skiprows=1).T
        yield Frame(wanted.number, {"x": x, "y": y, "z": z}, str(path))

    module = ModuleType("microslip.formats.readers.stranger")
    module.READER = Reader(
        "stranger's", "NumPy", (".str",), read, "all", "none are lost", (b"STRANGER",), step_in_name=True
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(registry, "FORMATS", (*FORMATS, "stranger"))
    files = [tmp_path / "a_3.str", tmp_path / "a_7.dat"]
    for path in files:
        path.write_text("STRANGER\n1 2 3\n4 5 6\n")
        assert recognise(path) == "stranger"
    frames = list(read_frames_of(files, "stranger", Source(files=tuple(map(str, files))), pytest.fail))
    assert [(frame.step, frame.columns["y"].tolist()) for frame in frames] == [(3, [2, 5]), (7, [2, 5])]
    (tmp_path / "unknown").write_text("?")
    with pytest.raises(MicroslipError, match=r"give --format, one of lammps, .*, vtk, stranger$"):
        recognise(tmp_path / "unknown")


def test_what_is_exported_is_written_by_the_ending(tmp_path):
    for record in writers().values():
        for what, write in record.write.items():
            assert all(writer_of(tmp_path / f"a{suffix}", what) is write for suffix in record.suffixes)
    assert [usual_suffix(what) for what in ("frames", "fields", "voxels")] == [".dump.gz", ".vtkhdf", ".vtkhdf"]
