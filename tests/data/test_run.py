"""What a run says of itself at a prompt and in a notebook: whole, begun, damaged, gone; never an exception."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from microslip import MicroslipError, open_run
from microslip.data.artifacts import RUN_STEPS
from microslip.data.files import write_json, write_table
from microslip.data.overview import result_files
from microslip.data.run import STAGE_COLUMNS, Run
from microslip.data.store import add_array, create_store

N_GRAINS, N_SAMPLES, N_FRAMES = 1200, 5000, 7


def write_trajectory(folder, **attributes):
    root = create_store(folder / "trajectory.zarr", {"box": [12.0, 8.0, 9.87654], **attributes})
    grains, series, frames = (root.create_group(name) for name in ("grains", "series", "frames"))
    kind = np.repeat([0, 1, 2], [N_GRAINS - 200, 100, 100])
    add_array(grains, "kind", ("grain",), (N_GRAINS,), "i4", "1", "")[:] = kind
    add_array(series, "strain", ("sample",), (N_SAMPLES,), "f8", "1", "")[:] = 1e-4 * np.arange(N_SAMPLES)
    add_array(frames, "position", ("frame", "grain", "axis"), (N_FRAMES, N_GRAINS, 3), "f8", "d̄", "")


@pytest.fixture
def run(tmp_path):
    """A run with a trajectory and stages."""
    folder = tmp_path / "my run"
    folder.mkdir()
    (folder / "config.toml").touch()
    write_trajectory(folder)
    kinds = np.tile(["stick", "slip"], 3)
    write_table(folder / "stages.csv", pd.DataFrame({name: np.zeros(6) for name in STAGE_COLUMNS} | {"kind": kinds}))
    return Run(folder)


def test_a_run_says_what_it_holds_and_what_makes_the_rest(run):
    text = repr(run)
    lines = text.splitlines()
    assert lines[0] == f"Run('{run.folder}')"
    assert "  cell      1,200 grains (200 in the walls), 12 × 8 × 9.88 d̄" in lines
    assert "  series    5,000 samples to a strain of 0.4999" in lines
    assert "  frames    7" in lines
    assert "  made      trajectory, stages" in lines
    assert "3 stick" in text
    assert "3 slip" in text
    # a path with a blank can be pasted into a shell
    for verb in ("fields", "voxels", "train", "explain", "statistics", "figures", "report", "run"):
        assert f"microslip {verb} '{run.folder}'" in text
    assert len(lines) < 20


def test_a_cell_without_walls_says_so(run):
    zarr.open_group(run.folder / "trajectory.zarr", mode="r+")["grains/kind"][:] = 0
    assert "1,200 grains (no walls), 12 × 8 × 9.88 d̄" in repr(run)


def test_a_whole_run_misses_nothing(run):
    for verb in RUN_STEPS:
        for file in result_files(verb):
            path = run.folder / file
            if path.suffix == ".zarr":
                if not path.exists():
                    create_store(path, {})
            elif path.suffix:
                path.parent.mkdir(exist_ok=True)
                path.touch()
            else:
                path.mkdir(exist_ok=True)
    (run.folder / "stages.csv").write_text("kind\nslip\n")
    assert "missing" not in repr(run)
    assert f"made      {', '.join(Path(result_files(verb)[0]).stem for verb in RUN_STEPS)}" in repr(run)


def test_what_is_there_in_part_is_missing_in_part(run):
    (run.folder / "model").mkdir()
    write_json(run.folder / "model" / "metrics.json", {})
    assert "model, in part" in repr(run)


def test_an_imported_run_says_so_and_windows_are_not_for_training(run):
    write_trajectory(run.folder, imported=True, engine="lammps")
    (run.folder / "stages.csv").write_text("kind\n" + "window\n" * 4)
    text = repr(run)
    assert "imported (lammps)" in text
    assert "4 windows" in text
    assert "microslip train" not in text


def test_a_folder_that_shall_import_is_told_how(tmp_path):
    (tmp_path / "config.toml").write_text("[source]\nfiles = ['a.dump']\n")
    assert f"microslip import {tmp_path}/config.toml --into {tmp_path}" in repr(Run(tmp_path))
    assert "nothing yet" in repr(Run(tmp_path))


def test_without_settings_and_trajectory_no_command_is_named(run):
    (run.folder / "config.toml").unlink()
    assert f"microslip fields '{run.folder}'" in repr(run), "the trajectory says how it was made"
    shutil.rmtree(run.folder / "trajectory.zarr")
    text = repr(run)
    assert "microslip" not in text
    assert "missing   trajectory, fields, voxels, model" in text
    assert "config.toml, without which no command works" in text


def test_the_positions_are_not_read(run):
    # a chunk that cannot be decoded would be noticed
    for chunk in (run.folder / "trajectory.zarr" / "frames" / "position").rglob("c/*"):
        if chunk.is_file():
            chunk.write_bytes(b"broken")
    assert "  frames    7" in repr(run).splitlines()


def spoil_attributes(folder):
    create_store(folder / "trajectory.zarr", {})


def spoil_store(folder):
    (folder / "trajectory.zarr" / "zarr.json").write_text("{")


def remove_series(folder):
    shutil.rmtree(folder / "trajectory.zarr" / "series")


def spoil_chunk(folder):
    chunk = next(path for path in (folder / "trajectory.zarr/grains/kind/c").rglob("*") if path.is_file())
    chunk.write_bytes(b"broken")


def file_for_folder(folder):
    shutil.rmtree(folder / "trajectory.zarr")
    (folder / "trajectory.zarr").write_text("")


def no_table(folder):
    (folder / "stages.csv").write_bytes(b"\xff\xfe\x00")


def folder_for_table(folder):
    (folder / "stages.csv").unlink()
    (folder / "stages.csv").mkdir()


@pytest.mark.parametrize(
    "damage",
    [spoil_attributes, spoil_store, remove_series, spoil_chunk, file_for_folder, no_table, folder_for_table],
)
def test_damage_is_said_not_raised(run, damage):
    damage(run.folder)
    text = repr(run)
    assert "damaged: " in text
    assert all(len(line) < 250 for line in text.splitlines())
    assert "damaged: " in run._repr_html_()


def test_a_folder_that_is_gone_is_said(tmp_path):
    for folder in (tmp_path / "gone", tmp_path / "nul\0"):
        assert "there is no such folder" in repr(Run(folder))


def test_the_table_of_a_notebook_is_escaped(tmp_path):
    folder = tmp_path / "<b>&run"
    folder.mkdir()
    write_trajectory(folder, imported=True, engine="<script>alert(1)</script>")
    table = Run(folder)._repr_html_()
    assert "<b>" not in table
    assert "<script>" not in table
    assert "&lt;b&gt;&amp;run" in table
    assert table.count("<tr>") == table.count("</tr>") > 3


@pytest.mark.parametrize("path", [None, 5, b"runs", "a\0b", ["runs"]])
def test_what_is_no_path_is_no_run(path):
    with pytest.raises(MicroslipError, match=r"^path = .* is no path"):
        open_run(path)
