"""The source archive, the wheel, and what is committed."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Written into every archive by setuptools.
OF_SETUPTOOLS = {"PKG-INFO", "setup.cfg"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# The chain compiles every kernel anew, on whatever machine.
CHAIN_SECONDS = 1800


def committed():
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Source archive and wheel of what is committed, as `make dist` builds them, without the network."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed")
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    for name in committed():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for kind in ("sdist", "wheel"):
        code = f"import setuptools.build_meta as build; build.build_{kind}('..')"
        subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def test_the_source_archive_holds_what_is_committed(archives):
    with tarfile.open(archives[0]) as opened:
        held = {one.name.partition("/")[2] for one in opened.getmembers() if one.isfile()}
    held = {name for name in held if ".egg-info/" not in name} - OF_SETUPTOOLS
    assert held == committed()


def test_the_wheel_holds_the_package_its_data_and_its_licence_alone(archives):
    with zipfile.ZipFile(archives[1]) as opened:
        held = set(opened.namelist())
        about = next(name for name in held if name.endswith(".dist-info/METADATA")).removesuffix("METADATA")
        metadata = message_from_bytes(opened.read(f"{about}METADATA"))
        licence, scripts = opened.read(f"{about}licenses/LICENSE"), opened.read(f"{about}entry_points.txt").decode()
    package = {name.removeprefix("src/") for name in committed() if name.startswith("src/microslip/")}
    # the page's source of three.js is for who makes it again
    assert {name for name in held if not name.startswith(about)} == package - {
        "microslip/views/explorer/three.entry.js"
    }
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert "microslip = microslip.__main__:main" in scripts
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])


def test_version_and_date_are_those_of_the_changelog_and_the_citation():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, date = re.search(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", changelog, re.MULTILINE).groups()
    assert version == PROJECT["version"]
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == version
    assert re.search(r'^date-released: "(.*)"$', citation, re.MULTILINE)[1] == date
    for key in ("cff-version", "message", "title", "authors"):
        assert re.search(rf"^{key}:", citation, re.MULTILINE), f"CITATION.cff needs {key}"


@pytest.mark.slow
def test_the_chain_runs_from_the_wheel_alone(archives, tmp_path):
    """In an environment of its own, which sees the dependencies of this one and no microslip but the wheel's."""
    place = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    into = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*into, archives[1]], check=True)
    (packages,) = place.glob("lib/python3*/site-packages")
    # a path alone: what editable installs hang into this folder is not looked at
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # the MPI of LAMMPS, which lies in the other environment's lib
    environment["LD_LIBRARY_PATH"] = f"{sys.prefix}/lib"

    def do(*command):
        result = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=CHAIN_SECONDS
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    code = "import microslip; print(microslip.__file__); print(microslip.__version__)"
    file, version = do(python, "-c", code).split()
    assert Path(file).is_relative_to(packages)
    assert version == PROJECT["version"]
    shutil.copy(ROOT / "tests" / "tiny.toml", tmp_path)
    microslip = place / "bin" / "microslip"
    do(microslip, "run", "tiny.toml")
    run = tmp_path / "runs" / "tiny"
    for result in ("model/metrics.json", "attributions.zarr", "statistics/claims.csv", "report/index.html"):
        assert (run / result).exists()
    do(microslip, "pack", "runs/tiny")
    assert "checksum" in do(microslip, "info", "runs/tiny.zip")
    do(microslip, "view", "runs/tiny", "--export", "page", "--stages", "3")
    assert (tmp_path / "page" / "index.html").exists()


def test_no_log_of_a_simulation_is_committed():
    assert not [name for name in committed() if Path(name).name in ("log.liggghts", "log.lammps", "log.cite")]
