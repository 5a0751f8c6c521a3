"""The source archive, and what is committed."""

import importlib.util
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Written into every archive by setuptools.
OF_SETUPTOOLS = {"PKG-INFO", "setup.cfg"}


def committed():
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.mark.skipif(importlib.util.find_spec("setuptools") is None, reason="setuptools is not installed")
def test_the_source_archive_holds_what_is_committed(tmp_path):
    names, source = committed(), tmp_path / "source"
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    code = "import setuptools.build_meta as build; build.build_sdist('..')"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True, timeout=120)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        held = {one.name.partition("/")[2] for one in opened.getmembers() if one.isfile()}
    held = {name for name in held if ".egg-info/" not in name} - OF_SETUPTOOLS
    assert held == names


def test_no_log_of_a_simulation_is_committed():
    assert not [name for name in committed() if Path(name).name in ("log.liggghts", "log.lammps", "log.cite")]
