"""What docs/howto/extend.md tells a stranger to write is written, into a copy of the package, and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import microslip

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "extend.md"

# A section's blocks: the file's name in bold before a whole file, or before the lines to add to one that exists.
BLOCK = re.compile(r"^\*\*`(?P<file>[^`]+)`\*\*[^\n]*\n\n```(?P<kind>python|diff|toml)\n(?P<text>.*?)^```$", re.M | re.S)


def sections() -> dict[str, str]:
    """The page's sections by their headings."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def write_blocks(section: str, root: Path) -> list[str]:
    """Write a section's files below `root`, and add its lines to files there; the names of the files."""
    names = []
    for block in BLOCK.finditer(section):
        target = root / block["file"]
        names.append(block["file"])
        if block["kind"] == "diff":
            before = "".join(line[1:] for line in block["text"].splitlines(True) if line[0] == " ")
            after = "".join(line[1:] for line in block["text"].splitlines(True))
            text = target.read_text(encoding="utf-8")
            assert text.count(before) == 1, f"{block['file']} does not hold these lines once:\n{before}"
            target.write_text(text.replace(before, after), encoding="utf-8")
        else:
            assert not target.exists(), f"{block['file']} exists already"
            target.write_text(block["text"], encoding="utf-8")
    return names


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and everything that the page adds to it; numba's cache comes along."""
    root = tmp_path_factory.mktemp("extended")
    shutil.copytree(Path(microslip.__file__).parent, root / "src" / "microslip")
    for section in sections().values():
        write_blocks(section, root)
    return root


def run(root: Path, *arguments: object) -> str:
    """What `microslip` of the extended package prints."""
    command = [sys.executable, "-m", "microslip", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.parametrize("section", sections().values(), ids=sections())
def test_a_new_thing_takes_a_file_and_lines_in_one_other(section, tmp_path):
    names = [block["file"] for block in BLOCK.finditer(section)]
    assert names
    assert len(set(names)) <= 2
