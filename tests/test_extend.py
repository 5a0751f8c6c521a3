"""What docs/howto/extend.md tells a stranger to write is written, into a copy of the package, and run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import microslip
import microslip.artificial

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "extend.md"

# A section's blocks: the file's name in bold before a whole file, or before the lines to add to one that exists.
BLOCK = re.compile(
    r"^\*\*`(?P<file>[^`]+)`\*\*[^\n]*\n\n```(?P<kind>python|diff|toml)\n(?P<text>.*?)^```$", re.M | re.S
)


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
            lines = block["text"].splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
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


COMMANDS = """
import json, sys
from command_line import microslip
for arguments in json.loads(sys.argv[1]):
    print(microslip(*arguments).stdout)
"""


def run(root: Path, *commands: list[object]) -> None:
    """Commands of the extended package, one after another in one process."""
    path = os.pathsep.join([str(root / "src"), str(Path(__file__).parent)])
    asked = json.dumps([[str(argument) for argument in command] for command in commands])
    started = [sys.executable, "-c", COMMANDS, asked]
    ended = subprocess.run(
        started, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("section", sections().values(), ids=sections())
def test_a_new_thing_takes_a_file_and_lines_in_one_other(section, tmp_path):
    names = [block["file"] for block in BLOCK.finditer(section)]
    assert names
    assert len(set(names)) <= 2


@pytest.fixture(scope="session")
def artificial_run(extended: Path) -> Path:
    """The artificial run with the new field on its nodes and the new network, taken through the whole chain."""
    folder = extended / "run"
    new = {"voxels": {"fields": ["d2min", "wandering"]}, "network": {"kind": "profile", "inputs": ["wandering"]}}
    microslip.artificial.run(folder, seed=1, settings=new)
    verbs = ("fields", "voxels", "train", "explain", "statistics", "figures", "report")
    run(extended, *([verb, folder] for verb in verbs))
    return folder


def test_a_field_is_measured_averaged_and_shown(artificial_run):
    fields = microslip.open_run(artificial_run).fields
    displacement = fields["displacement"].to_numpy()
    bulk = microslip.open_run(artificial_run).grains["kind"].to_numpy() == 0
    length = np.where(bulk, np.linalg.norm(displacement, axis=2), np.nan)
    np.testing.assert_allclose(fields["wandering"], length, rtol=1e-6)
    assert fields["wandering"].attrs["units"] == "d"
    means = pd.read_csv(artificial_run / "statistics" / "stages.csv")["wandering_all"]
    np.testing.assert_allclose(means, np.nanmean(length, axis=1), rtol=1e-5)
    assert "wandering" in microslip.open_run(artificial_run).voxels


def test_a_statistic_is_followed_by_size_of_the_fluctuation(artificial_run):
    per_stage = pd.read_csv(artificial_run / "statistics" / "stages.csv")["active_spread"]
    assert (per_stage > 0).all()
    evolution = pd.read_csv(artificial_run / "statistics" / "evolution.csv")
    assert (evolution["quantity"] == "active_spread").any()


def test_a_network_is_trained_and_explained(artificial_run):
    metrics = json.loads((artificial_run / "model" / "metrics.json").read_text())
    assert np.isfinite(metrics["random"]["network"]["test"]["r2"])
    assert (artificial_run / "attributions.zarr").is_dir()


def test_a_figure_is_drawn_and_stands_on_the_page(artificial_run):
    assert (artificial_run / "figures" / "growth.png").is_file()
    table = pd.read_csv(artificial_run / "figures" / "growth-stages.csv")
    assert len(table) == len(microslip.open_run(artificial_run).stages)
    page = (artificial_run / "report" / "index.html").read_text()
    assert "Does motion grow with the stress change?" in page
    assert "Scatter of mean D²min against |Δs|, both logarithmic." in page


SAW = """
[cell]
length = 8
depth = 6
height = 8

[loading]
strain = 0.2
warm_up = 0.05
shear_rate = 20

[recording]
strain_step = 1e-3
contacts = false
cell_volumes = false

[engine]
kind = "saw"
teeth = 50
"""


def test_an_engine_shears_the_cell(extended):
    (extended / "saw.toml").write_text(SAW)
    run(extended, ["simulate", extended / "saw.toml", "--into", extended / "saw"], ["stages", extended / "saw"])
    sawn = microslip.open_run(extended / "saw")
    assert sawn.attributes["engine"] == "saw"
    # 50 slips per unit of strain, a fifth of each period long
    slips = sawn.stages[sawn.stages["kind"] == "slip"]
    assert len(slips) == pytest.approx(50 * 0.15, abs=1)
    np.testing.assert_allclose(slips["strain_increment"], 0.2 / 50, atol=1e-3)
    np.testing.assert_allclose(slips["fluctuation"].iloc[1:-1], 0.02, rtol=0.1)


def test_a_reader_is_found_by_its_suffix(extended):
    rng = np.random.default_rng(3)
    grains = rng.random((60, 3)) * [8, 6, 8]
    rows = [
        {
            "step": step,
            "box": [8, 6, 8],
            "id": list(range(60)),
            "radius": [0.5] * 60,
            **dict(zip("xyz", (grains + np.array([1e-3 * step * (number % 2), 0, 0])).T.tolist(), strict=True)),
        }
        for number, step in enumerate(range(0, 60, 10))
    ]
    (extended / "grains.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(
        extended,
        ["import", extended / "grains.jsonl", "--into", extended / "imported", "--strain-per-step", 1e-4],
    )
    frames = microslip.open_run(extended / "imported").frames
    assert frames.sizes["frame"] == len(rows)
