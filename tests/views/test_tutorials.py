"""The tutorials of the documentation run on any whole run, and their pages were made by the scripts as they are."""

import importlib.util
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from microslip.data.files import write_table

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
SCRIPTS = ["paper", "own_data", "network"]


def load_make_pages():
    spec = importlib.util.spec_from_file_location("make_pages", TUTORIALS / "make_pages.py")
    module = importlib.util.module_from_spec(spec)
    # a dataclass looks its module up
    sys.modules["make_pages"] = module
    spec.loader.exec_module(module)
    return module


make_pages = load_make_pages()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_tutorial_runs_and_shows_figures(complete, tmp_path, monkeypatch, name):
    position = zarr.open_group(complete.folder / "trajectory.zarr", mode="r+")["frames/position"]
    # in an artificial run grains jump across the cell from frame to frame
    position[:] = position[0] + np.random.default_rng(1).normal(0, 0.01, position.shape)
    methods = pd.DataFrame({"method": ["smoothgrad", "input"], "spearman": 0.5, "spearman_of_sizes": 0.6})
    write_table(complete.folder / "interpretation" / "methods.csv", methods)
    root = tmp_path / "root"
    (root / "runs").mkdir(parents=True)
    os.symlink(complete.folder, root / "runs" / "quick")
    monkeypatch.chdir(root)
    page = make_pages.write_page(TUTORIALS / f"{name}.py", tmp_path / "pages").read_text()
    pictures = re.findall(r"^!\[.+\]\((.+)\)$", page, flags=re.MULTILINE)
    assert len(pictures) == len(set(pictures)) >= 2
    for picture in pictures:
        assert (tmp_path / "pages" / picture).stat().st_size > 5_000
    assert "```text\n" in page


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_page_was_made_by_the_script(name):
    page = (TUTORIALS / f"{name}.md").read_text()
    stamp = make_pages.stamp(TUTORIALS / f"{name}.py")
    assert page.startswith(stamp), "make tutorials: the script has changed since its page was made"
    for picture in re.findall(r"\]\((\w+/[\w-]+\.png)\)", page):
        assert (TUTORIALS / picture).is_file()


def test_cells_keep_their_lines():
    text, code = make_pages.split("# %% [markdown]\n# # Title\n#\n# More.\n\n# %%\nx = 1\nraise ValueError(x)\n")
    assert text.is_text
    assert text.source == "# Title\n\nMore."
    assert not code.is_text
    with pytest.raises(ValueError) as raised:
        list(make_pages.run_cells([text, code], "name.py"))
    assert raised.traceback[-1].lineno + 1 == 8
