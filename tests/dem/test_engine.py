"""Launchers, packages and disks, with the real LAMMPS of this environment."""

import shutil
import sys

import pytest
from microslip.dem.engine import check_engine, find_launcher, launch_command

from microslip import MicroslipError
from microslip.dem import launch
from microslip.dem.config import Launch, ShearCell


def test_the_number_of_ranks_is_added_unless_the_launcher_places_it():
    python = sys.executable
    assert launch_command(Launch(command=python), 3) == [python, "-n", "3"]
    assert launch_command(Launch(command=f"{python} -x {{ranks}} --bind"), 3) == [python, "-x", "3", "--bind"]
    assert launch_command(Launch(), 2) == [find_launcher(), "-n", "2"]


def test_a_host_file_reaches_the_launcher(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("localhost\n")
    assert launch_command(Launch(hosts=str(hosts)), 2)[1:] == ["-hostfile", str(hosts), "-n", "2"]
    with pytest.raises(MicroslipError, match="one host name a line"):
        launch_command(Launch(hosts=str(tmp_path / "none")), 2)


def test_an_unknown_launcher_is_said():
    with pytest.raises(MicroslipError, match="launcher no-such-launcher is not found"):
        launch_command(Launch(command="no-such-launcher -q"), 2)


def test_this_lammps_has_what_the_cell_needs():
    engine = check_engine(ShearCell.model_validate({"recording": {"cell_volumes": True}}))
    assert {"GRANULAR", "VORONOI"} <= set(engine["packages"])
    assert engine["mpi"]


def test_a_package_that_is_missing_is_named():
    with pytest.raises(MicroslipError, match=r"without the package KOKKOS, which parallel\.suffix = kk needs"):
        check_engine(ShearCell.model_validate({"parallel": {"suffix": "kk"}}))


def test_a_disk_without_room_is_refused_before_the_start(tmp_path, monkeypatch):
    cell = ShearCell()
    usage = shutil.disk_usage(tmp_path)
    small = usage._replace(free=cell.bytes_on_disk() // 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: small)
    with pytest.raises(MicroslipError, match=r"free some, raise recording\.threshold"):
        launch.check_disk(cell, tmp_path / "new" / "run")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * cell.bytes_on_disk()))
    launch.check_disk(cell, tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()
