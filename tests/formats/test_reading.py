"""Which files a pattern names, in which order, and what they are."""

import gzip
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest

from microslip import MicroslipError, Source
from microslip.formats.files import find_files
from microslip.formats.readers.lammps import read_lammps
from microslip.formats.reading import read_frames_of
from microslip.formats.registry import recognise


def frames_of(folder, *names, **settings):
    source = Source(files=tuple(str(folder / name) for name in names), **settings)
    files, notes = find_files(source.files), []
    kind = recognise(files[0]) if source.format == "auto" else source.format
    return list(read_frames_of(files, kind, source, notes.append)), notes


def make(folder, *names, content=b""):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_numbers_in_names_count_as_numbers(tmp_path):
    make(tmp_path, *(f"dump{step}.shear" for step in (0, 400, 1000, 80, 20000, 9)))
    found = [path.name for path in find_files([str(tmp_path / "dump*.shear")])]
    assert found == [f"dump{step}.shear" for step in (0, 9, 80, 400, 1000, 20000)]
    make(tmp_path, *(f"run2.{step:04d}.vtk" for step in (3, 11, 100)), "run10.0001.vtk", "run2.vtk")
    found = [path.name for path in find_files([str(tmp_path / "run*.vtk")])]
    assert found == ["run2.0003.vtk", "run2.0011.vtk", "run2.0100.vtk", "run2.vtk", "run10.0001.vtk"]


def test_files_come_in_the_order_in_which_they_are_named(tmp_path):
    make(tmp_path, "b/dump.0", "b/dump.5", "a/dump.5", "a/dump.10")
    named = [str(tmp_path / name) for name in ("b/dump*", "a/dump*")]
    assert [path.relative_to(tmp_path).as_posix() for path in find_files(named)] == [
        "b/dump.0",
        "b/dump.5",
        "a/dump.5",
        "a/dump.10",
    ]


def test_files_of_several_folders_stay_together(tmp_path):
    """Parts of a run in run1, run2, …: their frames must not be shuffled into each other."""
    for part in (10, 2, 1):
        make(tmp_path, *(f"run{part}/dump.{step}" for step in (0, 100, 50)))
    found = [path.relative_to(tmp_path).as_posix() for path in find_files([str(tmp_path / "run*/dump.*")])]
    assert found == [f"run{part}/dump.{step}" for part in (1, 2, 10) for step in (0, 50, 100)]


def test_a_name_with_signs_of_a_pattern_is_a_name_where_it_exists(tmp_path):
    make(tmp_path, "dump[1].txt", "dump1.txt")
    assert [path.name for path in find_files([str(tmp_path / "dump[1].txt")])] == ["dump[1].txt"]
    assert [path.name for path in find_files([str(tmp_path / "dump[12].txt")])] == ["dump1.txt"]


@pytest.mark.parametrize("name", ["none.dump", "none*.dump", "nowhere/dump*", "dump[9].txt"])
def test_a_pattern_that_names_nothing_is_said(tmp_path, name):
    make(tmp_path, "other.dump")
    with pytest.raises(MicroslipError, match="names no file: give a file, or a pattern in quotes") as raised:
        find_files([str(tmp_path / "other.dump"), str(tmp_path / name)])
    assert name in str(raised.value)


def test_raised_digits_in_names_are_no_numbers(tmp_path):
    make(tmp_path, "dump1²3.txt", "dump2.txt")
    assert len(find_files([str(tmp_path / "dump*")])) == 2


DUMP = b"ITEM: TIMESTEP\n3\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp ff\n0 1\n0 1\n0 1\nITEM: ATOMS x\n1\n"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("dump.shear", DUMP, "lammps"),
        ("dump.1200", DUMP, "lammps"),
        ("dump.1200.gz", gzip.compress(DUMP, mtime=0), "lammps"),
        ("nothing", b"\n  " + DUMP, "lammps"),
        ("with_units", b"ITEM: UNITS\nlj\n" + DUMP, "lammps"),
        ("a.lammpstrj", DUMP, "lammps"),
        ("a.gsd", b"", "gsd"),
        ("a.H5MD", b"", "h5md"),
        ("a.h5", b"", "h5md"),
        ("a.nc", b"", "netcdf"),
        ("a.vtu", b"", "vtk"),
        ("a.VTP", b"", "vtk"),
        ("a.extxyz", b"", "extxyz"),
        ("a.xyz.gz", b"", "extxyz"),
        ("a.csv", b"", "table"),
        ("a.csv.gz", b"", "table"),
        ("a.tsv", b"", "table"),
        ("a.parquet", b"", "table"),
        ("trajectory", b"\x89HDF\r\n\x1a\n", "h5md"),
        ("trajectory", b"CDF\x02", "netcdf"),
        ("trajectory", b"CDF\x05", "netcdf"),
        ("points", b"# vtk DataFile Version 4.2\n", "vtk"),
        ("rows", b"PAR1", "table"),
    ],
)
def test_a_file_is_known_by_its_name_or_its_first_bytes(tmp_path, name, content, kind):
    make(tmp_path, name, content=content)
    assert recognise(tmp_path / name) == kind


def test_what_nothing_tells_is_asked_for(tmp_path):
    for content in (b"", b"1 2 3\n4 5 6\n", bytes(600), b"\x1f\x8b"):
        make(tmp_path, "grains.txt", content=content)
        with pytest.raises(MicroslipError, match=r"grains\.txt") as raised:
            recognise(tmp_path / "grains.txt")
        assert "--format" in str(raised.value) or "gzip" in str(raised.value)
    with pytest.raises(MicroslipError, match="does not exist"):
        recognise(tmp_path / "none")
    with pytest.raises(MicroslipError, match="is a folder"):
        recognise(tmp_path)


def test_an_archive_is_refused_and_nothing_is_unpacked(tmp_path):
    outside = tmp_path / "outside.dump"
    (tmp_path / "dump.0").write_bytes(DUMP)
    with zipfile.ZipFile(tmp_path / "frames.zip", "w") as archive:
        archive.writestr("../outside.dump", DUMP)
    for name, mode in (("frames.tar", "w"), ("frames.tar.gz", "w:gz"), ("frames.tgz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(tmp_path / "dump.0", "../outside.dump")
    for name in ("frames.zip", "frames.tar", "frames.tar.gz", "frames.tgz"):
        with pytest.raises(MicroslipError, match="is an archive: unpack it"):
            recognise(tmp_path / name)
    assert not outside.exists()


def test_parquet_known_by_its_bytes_is_read(tmp_path):
    pd.DataFrame({"frame": [0, 0], "x": [1.0, 2], "y": [1.0, 2], "z": [3.0, 4]}).to_parquet(tmp_path / "grains")
    frames, _ = frames_of(tmp_path, "grains")
    assert frames[0].columns["z"].tolist() == [3, 4]


def test_frames_of_many_files_follow_each_other_with_their_share_of_the_bytes(sheared):
    frames, notes = frames_of(sheared, "single.*.dump")
    assert [frame.step for frame in frames] == list(range(0, 2001, 50))
    read = [frame.read for frame in frames]
    assert read == sorted(read)
    assert read[0] == pytest.approx(1 / len(frames), rel=0.1)
    assert read[-1] == pytest.approx(1)
    assert notes == []


def test_a_file_that_is_not_whole_gives_its_frames_and_the_next_file_goes_on(sheared, tmp_path):
    text = (sheared / "plain.dump").read_bytes()
    (tmp_path / "1.dump").write_bytes(text[: len(text) // 2])
    (tmp_path / "2.dump").write_bytes(text[text.index(b"ITEM: TIMESTEP\n500\n") :])
    frames, notes = frames_of(tmp_path, "1.dump", "2.dump")
    assert notes == [
        f"{tmp_path / '1.dump'}: the last frame is not whole, as when its program was stopped or still writes; kept up"
        " to the one before"
    ]
    assert [frame.step for frame in frames] == [*range(0, 1000, 50), *range(500, 2001, 50)]


def test_columns_go_by_the_names_that_the_settings_give(sheared, tmp_path):
    text = (sheared / "plain.dump").read_bytes().replace(b"id type x y z", b"label kind z y x")
    (tmp_path / "a.dump").write_bytes(text)
    names = {"id": "label", "type": "kind", "x": "z", "z": "x"}
    frames, _ = frames_of(tmp_path, "a.dump", columns=names)
    for frame, expected in zip(frames, read_lammps(sheared / "plain.dump"), strict=True):
        assert set(frame.columns) == set(expected.columns)
        for name in expected.columns:
            np.testing.assert_array_equal(frame.columns[name], expected.columns[name])


def test_a_name_that_no_column_has_is_said(sheared):
    with pytest.raises(
        MicroslipError, match=r"plain\.dump, frame 0 .* has no column label, which source\.columns names"
    ):
        frames_of(sheared, "plain.dump", columns={"id": "label"})


@pytest.mark.parametrize("label", ["1.5", "nan"])
def test_an_id_under_another_name_is_a_whole_number_too(sheared, tmp_path, label):
    text = (sheared / "plain.dump").read_bytes().replace(b"id type", b"label type")
    (tmp_path / "a.dump").write_bytes(text.replace(b"\n7 ", f"\n{label} ".encode()))
    with pytest.raises(MicroslipError, match="whole number"):
        frames_of(tmp_path, "a.dump", columns={"id": "label"})


def test_tables_of_one_frame_take_their_number_from_their_name(tmp_path):
    for number in (3, 20, 100):
        (tmp_path / f"scan_7_{number}.csv").write_text(f"id,x,y,z\n1,{number},0,0\n")
    frames, _ = frames_of(tmp_path, "scan*.csv")
    assert [frame.step for frame in frames] == [3, 20, 100]
    assert [frame.columns["x"][0] for frame in frames] == [3, 20, 100]
    for name in ("first.csv", "second.csv"):
        (tmp_path / name).write_text("id,x,y,z\n1,0,0,0\n")
    frames, _ = frames_of(tmp_path, "first.csv", "second.csv")
    assert [frame.step for frame in frames] == [0, 1]
