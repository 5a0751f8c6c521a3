"""`microslip import` of what LAMMPS wrote: on to every later step; damaged, killed, touched, repeated."""

import contextlib
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import zarr

from microslip import open_run
from microslip.data.trajectory import create_trajectory

from ..command_line import microslip

PATIENCE = 120
SKIPPED = "skipped: done before with these settings and inputs"

CONTACTS = (
    'source.contact_columns={id1="c_near[1]", id2="c_near[2]", fx="c_force[2]", fy="c_force[3]", fz="c_force[4]"}'
)


def with_stress(sheared):
    """The arguments of an import with stress and contacts."""
    return [
        *(sheared / "whole.dump", "--series", sheared / "log.lammps", "--shear-stress", "-Pxz"),
        *("--set", 'source.normal_stress=["Press"]', "--contacts", sheared / "contacts.dump", "--set", CONTACTS),
    ]


def test_a_run_with_too_few_stages_for_a_network_is_measured_and_reported(sheared, tmp_path):
    run = tmp_path / "run"
    microslip("import", *with_stress(sheared), "--into", run)
    said = microslip("run", run, "--set", "stages.threshold=0.1", check=False)
    assert "stages are too few for a network, 20 are the least" in said[1], said
    assert said[0] == 0
    assert not (run / "model").exists()
    assert (run / "report" / "index.html").stat().st_size > 10_000


def contents(folder):
    """Everything in a run's trajectory."""
    store = zarr.open_group(folder / "trajectory.zarr", mode="r")
    return {name: array[:] for name, array in store.members(max_depth=None) if isinstance(array, zarr.Array)}


def assert_same(one, other):
    first, second = contents(one), contents(other)
    assert set(first) == set(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def chain(sheared, tmp_path_factory):
    """A run imported and measured step by step, as a user would."""
    folder = tmp_path_factory.mktemp("runs") / "sheared"
    said = {"import": microslip("import", *with_stress(sheared), "--into", folder)[1]}
    for verb in ("stages", "fields", "voxels", "statistics", "info"):
        _, said[verb], complaint = microslip(verb, folder)
        assert complaint == ""
    return folder, said


def test_every_step_works_on_an_imported_run(chain):
    folder, said = chain
    run = open_run(folder)
    assert run.frames.sizes == {"frame": 41, "grain": 320, "axis": 3, "component": 6, "edge": 4}
    assert run.series.sizes["sample"] == 201
    stages = run.stages
    assert {"stick", "slip"} == set(stages["kind"])
    assert {"start_mismatch", "end_mismatch"} <= set(stages.columns)
    fields = run.fields
    assert np.isfinite(fields["d2min"]).all()
    assert np.isfinite(fields["delta_sigma1"]).all()
    assert run.voxels["d2min"].shape == (len(stages), 8, 7, 7)
    assert (folder / "statistics" / "correlation.csv").exists()
    # what was guessed is said
    for sentence in (
        "1 file read as lammps",
        "p = 5.77562 in the file's stresses, the mean normal stress; else give --pressure",
        "d̄ = 1 in the file's lengths, for want of diameters: give --length",
        "our x is the file's x (flow), y its y, z its z (gradient)",
        "41 frames to a strain of 1, by the tilt of the cell",
        "6 of 207 samples are repeated by a later run",
        "contacts in 41 of 41 frames",
        f"go on with: microslip run {folder}",
    ):
        assert sentence in said["import"]
    assert "the smallest that the frames support" in said["stages"]
    assert "the nearest frames miss the turning points by a strain of" in said["stages"]
    assert f"imported from {run.attributes['source']['files'][0]} (lammps)" in said["info"]
    assert f"stages: {len(stages)}" in said["info"]


@pytest.mark.slow
def test_figures_and_report_of_an_imported_run(chain, tmp_path):
    folder = Path(shutil.copytree(chain[0], tmp_path / "sheared"))
    microslip("figures", folder)
    microslip("report", folder)
    assert (folder / "figures" / "overview.png").stat().st_size > 10_000
    page = (folder / "report" / "index.html").read_text()
    assert "nan" not in re.sub(r"<[^>]*>", "", page).split()


def test_d2min_of_the_store_is_that_of_the_raw_dump(chain, sheared):
    """Parsed by hand, lattice by lattice, affine map by numpy."""
    run = open_run(chain[0])
    text = (sheared / "whole.dump").read_text()
    blocks = re.split(r"ITEM: TIMESTEP\n", text)[1:]

    def raw(number):
        lines = blocks[number].splitlines()
        tilt, edge = float(lines[5].split()[2]), [float(word) for word in lines[6].split()]
        low = [float(line.split()[0]) for line in lines[4:7]]
        high = [float(line.split()[1]) for line in lines[4:7]]
        tilt = float(lines[5].split()[2])
        edges = np.diag([high[0] - low[0] - abs(tilt), high[1] - low[1], high[2] - low[2]])
        edges[2, 0] = tilt
        assert edge[0] == 0
        rows = np.array([[float(word) for word in line.split()] for line in lines[8:]])
        rows = rows[np.argsort(rows[:, 0])]
        return edges, rows[:, 11:14]

    stages, fields = run.stages, run.fields
    order = np.argsort(run.grains["id"].to_numpy())
    turns = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for stage in (0, len(stages) - 1):
        start, end = stages["start_frame"][stage], stages["end_frame"][stage]
        (before, first), (after, last) = raw(start), raw(end)
        # flips of the cell in between
        after[2, 0] -= after[0, 0] * round(
            (after[2, 0] - before[2, 0] - (end - start) * 0.025 * after[2, 2]) / after[0, 0]
        )
        shares = first @ np.linalg.inv(before)
        inside = np.floor(shares)
        first, last = first - inside @ before, last - inside @ after
        found = fields["d2min"].to_numpy()[stage][order]
        for grain in range(0, 320, 13):
            start_vectors = first - first[grain] + (turns @ before)[:, None]
            near = np.linalg.norm(start_vectors, axis=2) <= 2
            near[:, grain] = False
            r = start_vectors[near]
            u = (last - last[grain] + (turns @ after)[:, None])[near] - r
            affine, *_ = np.linalg.lstsq(r, u, rcond=None)
            expected = np.mean(((u - r @ affine) ** 2).sum(axis=1))
            assert found[grain] == pytest.approx(expected, rel=1e-8)
            assert fields["n_neighbours"].to_numpy()[stage][order][grain] == len(r)


def test_what_is_done_is_skipped_and_a_touched_file_is_read_again(sheared, tmp_path):
    for name in ("plain.dump", "print.txt"):
        shutil.copy(sheared / name, tmp_path)
    command = ["import", tmp_path / "plain.dump", "--into", tmp_path / "run"]
    command += ["--series", tmp_path / "print.txt", "--shear-stress", "-pxz"]
    assert SKIPPED not in microslip(*command)[1]
    before = tree(tmp_path / "run")
    assert SKIPPED in microslip(*command)[1]
    assert tree(tmp_path / "run") == before
    for name in ("plain.dump", "print.txt"):
        os.utime(tmp_path / name, ns=(1, 10**18))
        assert SKIPPED not in microslip(*command)[1]
        assert SKIPPED in microslip(*command)[1]
    assert SKIPPED not in microslip(*command, "--length", "0.9")[1]
    assert open_run(tmp_path / "run").attributes["length"] == 0.9
    # the folder knows by itself what it was made of
    assert SKIPPED in microslip("import", tmp_path / "run" / "config.toml", "--into", tmp_path / "run")[1]


def test_later_steps_follow_another_import(sheared, tmp_path):
    folder = tmp_path / "run"
    microslip("import", sheared / "plain.dump", "--into", folder)
    microslip("stages", folder, "--set", "stages.window=0.1")
    microslip("fields", folder)
    assert SKIPPED in microslip("fields", folder)[1]
    microslip("import", sheared / "plain.dump", "--into", folder, "--length", "0.9")
    assert SKIPPED not in microslip("stages", folder, "--set", "stages.window=0.1")[1]
    assert SKIPPED not in microslip("fields", folder)[1]


def test_another_import_keeps_the_settings_of_later_steps(sheared, tmp_path):
    folder = tmp_path / "run"
    microslip("import", sheared / "plain.dump", "--into", folder)
    microslip("stages", folder, "--set", "stages.window=0.1")
    microslip("import", sheared / "plain.dump", "--into", folder, "--length", "0.9")
    assert tomllib.loads((folder / "config.toml").read_text())["stages"]["window"] == 0.1


def test_a_toml_file_names_its_files_from_its_own_folder(sheared, tmp_path, monkeypatch):
    (tmp_path / "data" / "post").mkdir(parents=True)
    for path in sheared.glob("single.1*.dump"):
        shutil.copy(path, tmp_path / "data" / "post")
    shutil.copy(sheared / "print.txt", tmp_path)
    (tmp_path / "data" / "mine.toml").write_text(
        """
        [source]
        files = ["post/single.*.dump"]
        series = "../print.txt"
        shear_stress = ["-pxz"]
        first_step = 1000

        [stages]
        threshold = 0.05
        """
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    microslip("import", "../data/mine.toml", "--pressure", "3")
    # without --into the run goes by the name of the file
    run = open_run(tmp_path / "elsewhere" / "runs" / "mine")
    assert run.frames["step"].to_numpy().tolist() == list(range(1000, 2000, 50))
    assert run.attributes["pressure"] == 3
    written = tomllib.loads((run.folder / "config.toml").read_text())
    assert written["source"]["files"] == [str(tmp_path / "data" / "post" / "single.*.dump")]
    assert written["source"]["series"] == str(tmp_path / "print.txt")
    assert written["stages"]["threshold"] == 0.05
    # sections of the simulation would say nothing of this cell
    assert not {"cell", "grains", "loading", "recording"} & set(written)
    monkeypatch.chdir("/")
    assert SKIPPED in microslip("import", run.folder / "config.toml", "--into", run.folder)[1]


def test_run_reads_a_toml_file_as_import_does(sheared, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    shutil.copy(sheared / "plain.dump", tmp_path / "data")
    (tmp_path / "data" / "mine.toml").write_text('[source]\nfiles = ["plain.dump"]\n')
    monkeypatch.chdir(tmp_path)
    _, _, err = microslip("run", "data/mine.toml", "--into", tmp_path / "run", check=False)
    assert "plain.dump names no file" not in err
    assert "knows no stress" in err


@pytest.mark.parametrize("content", ["[source]\nlength = 1.0\n", "[source]\nfiles = []\n"])
def test_a_toml_file_without_files_is_said(tmp_path, content):
    (tmp_path / "mine.toml").write_text(content)
    code, _, err = microslip("import", tmp_path / "mine.toml", "--into", tmp_path / "run", check=False)
    assert code == 2
    assert "source.files" in err or "names no files" in err


@pytest.fixture(scope="module")
def stressless(sheared, tmp_path_factory):
    """A run of frames alone, and windows of strain in it."""
    folder = tmp_path_factory.mktemp("runs") / "frames"
    microslip("import", sheared / "plain.dump", "--into", folder)
    microslip("stages", folder, "--set", "stages.window=0.1")
    microslip("fields", folder)
    microslip("voxels", folder)
    return folder


def test_without_a_stress_stages_are_windows(sheared, stressless, tmp_path):
    code, _, err = microslip(
        "stages", Path(shutil.copytree(stressless, tmp_path / "a")), "--set", "stages.window=9", check=False
    )
    assert code == 2
    assert "does not fit into the frames" in err
    microslip("import", sheared / "plain.dump", "--into", tmp_path / "b")
    code, _, err = microslip("stages", tmp_path / "b", check=False)
    assert code == 2
    assert "knows no stress, so it has no stages: ask for windows of strain, such as --set stages.window=0.25" in err
    run = open_run(stressless)
    assert set(run.stages["kind"]) == {"window"}
    assert len(run.stages) == 10
    assert np.isfinite(run.fields["d2min"]).all()


@pytest.mark.slow
def test_without_a_stress_there_is_nothing_to_learn(stressless, tmp_path):
    code, _, err = microslip("train", Path(shutil.copytree(stressless, tmp_path / "run")), check=False)
    assert code == 2
    assert "knows no stress, so there is no fluctuation to learn" in err


@pytest.mark.parametrize(
    "verb",
    [
        "info",
        "statistics",
        "report",
        "export",
    ],
)
def test_a_run_without_a_stress_is_shown_as_far_as_it_goes(stressless, tmp_path, verb):
    microslip(verb, Path(shutil.copytree(stressless, tmp_path / "run")))


@pytest.mark.slow
def test_figures_of_a_run_without_a_stress(stressless, tmp_path):
    folder = Path(shutil.copytree(stressless, tmp_path / "run"))
    microslip("figures", folder)
    assert (folder / "figures" / "overview.png").stat().st_size > 10_000


def test_there_is_nothing_to_simulate_in_an_imported_run(stressless, tmp_path):
    folder = Path(shutil.copytree(stressless, tmp_path / "run"))
    before = tree(folder)
    code, _, err = microslip("simulate", folder, check=False)
    assert code == 2
    assert "was imported from" in err
    assert "there is nothing to simulate" in err
    assert tree(folder) == before


def test_a_simulation_does_not_go_over_an_import(stressless, tmp_path):
    folder = Path(shutil.copytree(stressless, tmp_path / "run"))
    before = contents(folder)
    # were it not refused, it would stop here: no launcher of that name
    code, _, err = microslip(
        "simulate",
        Path(__file__).parents[1] / "tiny.toml",
        "--into",
        folder,
        "--engine",
        "lammps",
        "--launcher",
        "no-such-launcher",
        check=False,
    )
    assert code == 2
    assert "no-such-launcher" not in err
    assert "imported" in err
    assert contents(folder).keys() == before.keys()


def test_an_import_does_not_go_over_a_simulation(sheared, tmp_path):
    folder = tmp_path / "simulated"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[1] / "tiny.toml", folder / "config.toml")
    create_trajectory(
        folder / "trajectory.zarr", np.ones(5), np.zeros(5, dtype=np.int64), {"box": [10, 8, 8], "seed": 3}
    )
    (folder / "dem").mkdir()
    (folder / "provenance.json").write_text('{"steps": {"simulate": {"fingerprint": "0", "finished": "now"}}}')
    code, _, err = microslip("import", sheared / "plain.dump", "--into", folder, check=False)
    assert len(contents(folder)["grains/id"]) == 5
    assert "cell" in tomllib.loads((folder / "config.toml").read_text())
    assert code == 2
    assert "simulat" in err


def bad_text(text):
    return [
        ("a binary file", bytes(range(256)) * 20, "a binary file"),
        ("an empty file", b"", "no whole frame"),
        ("gzip cut short", gzip.compress(text)[:900], "no whole frame"),
        ("no gzip", b"\x1f\x8bnothing of the kind", "cannot be read beyond line 1"),
        ("a word", text.replace(b"\n7 1 ", b"\nseven 1 ", 1), "line 16: id is 'seven', not a whole number"),
        ("rows missing", text.replace(b"\n320\n", b"\n321\n", 1), "a new frame begins before the 321 rows"),
        ("rows too many", text.replace(b"\n320\n", b"\n319\n", 1), "frame 1, line 329: `ITEM:` is due"),
        ("a negative number", text.replace(b"\n320\n", b"\n-320\n", 1), "frame 0, line 4: -320 rows"),
        ("a huge number", text.replace(b"\n320\n", b"\n3200000000000\n", 1), "frame 0, line 4: 3200000000000 rows"),
        ("ids doubled", re.sub(rb"\n8 (\d) ", rb"\n7 \1 ", text), "frame 0 (step 0) holds grain 7 2 times"),
        ("no numbers", re.sub(rb"\n7 (\d) \S+", rb"\n7 \1 -nan", text), "line 16: the position of grain 7 is [nan"),
        ("a flat box", text.replace(b" 6.5765655315479199e+00 ", b" 0 "), "it has shrunk to nothing"),
        (
            "other columns",
            text.replace(b"x y z\n", b"x y zu\n", 3).replace(b"zu\n", b"z\n", 2),
            "the columns are id type",
        ),
        ("edges that lean", text.replace(b"+00\nITEM: ATOMS", b"+00 1\nITEM: ATOMS"), "bounds of a box"),
    ]


def names_of_bad(text=b"\n320\n"):
    return [name for name, *_ in bad_text(text)]


@pytest.mark.parametrize("what", names_of_bad())
def test_bad_frames_end_in_a_sentence_and_leave_no_trajectory(sheared, tmp_path, what):
    text = (sheared / "plain.dump").read_bytes()
    content, sentence = next((content, sentence) for name, content, sentence in bad_text(text) if name == what)
    (tmp_path / "bad.dump").write_bytes(content)
    code, _, err = microslip(
        "import", tmp_path / "bad.dump", "--format", "lammps", "--into", tmp_path / "run", check=False
    )
    assert code == 2
    assert sentence in err
    assert "bad.dump" in err
    assert err.strip().count("\n") == 0
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert not {name for name in left if "trajectory" in name or "partial" in name}
    # mended, the same command works
    shutil.copy(sheared / "plain.dump", tmp_path / "bad.dump")
    microslip("import", tmp_path / "bad.dump", "--format", "lammps", "--into", tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "no SOURCE"),
        (["{sheared}/none.dump"], "names no file"),
        (["{sheared}/none*"], "names no file"),
        (["{sheared}"], "is a folder: give its files"),
        (["{sheared}/plain.dump", "--flow", "z"], "source.flow and source.gradient are both z"),
        (["{sheared}/plain.dump", "--flow", "y"], "leans by"),
        (["{sheared}/plain.dump", "--length", "-1"], "source.length = -1"),
        (["{sheared}/plain.dump", "--walls", "7"], "holds no grain of source.wall_types = [7]"),
        (["{sheared}/plain.dump", "--walls", "1", "2"], "there is no bulk to measure"),
        (["{sheared}/plain.dump", "--series", "{sheared}/none.txt", "--shear-stress", "a"], "names no file"),
        (["{sheared}/plain.dump", "--series", "{sheared}/log.lammps"], "name that of the shear stress"),
        (["{sheared}/plain.dump", "--series", "{sheared}/log.lammps", "--shear-stress", "-Pyz"], "has no column Pyz"),
        (["{sheared}/plain.dump", "--contacts", "{sheared}/contacts.dump"], "does not name id1"),
        (["{sheared}/plain.dump", "--contacts", "{sheared}/none*"], "names no file"),
        (["{sheared}/plain.dump", "--set", "source.colums={}"], "did you mean columns?"),
        (["{sheared}/plain.dump", "--set", "source.periodic=[true,true,false]"], "but it does not repeat"),
        (["{sheared}/plain.dump", "--set", 'source.columns={id="label"}'], "has no column label"),
        (["{sheared}/plain.dump", "--set", "source.first_step=5000"], "no whole frame"),
        (["{sheared}/plain.dump", "--format", "gsd"], "plain.dump"),
        (["{sheared}/plain.dump", "--format", "h5md"], "plain.dump"),
        (["{sheared}/plain.dump", "--format", "netcdf"], "plain.dump"),
        (["{sheared}/plain.dump", "--format", "vtk"], "plain.dump"),
        (["{sheared}/plain.dump", "--format", "extxyz"], "plain.dump"),
        (["{sheared}/plain.dump", "--format", "table"], "plain.dump"),
        (["{sheared}/plain.dump", "--format", "yade"], "--format"),
        (["{sheared}/contacts.dump"], "there are no x y z"),
        (["{sheared}/log.lammps"], "is told neither by its name nor by its first bytes"),
    ],
)
def test_a_mistake_ends_in_a_sentence_and_leaves_no_trajectory(sheared, tmp_path, arguments, sentence):
    filled = [argument.format(sheared=sheared) if argument.startswith("{") else argument for argument in arguments]
    code, _, err = microslip("import", *filled, "--into", tmp_path / "run", check=False)
    assert code == 2
    assert sentence in err
    assert err.strip().count("\n") == 0
    left = {path.name for path in (tmp_path / "run").iterdir()} if (tmp_path / "run").exists() else set()
    assert not {name for name in left if "trajectory" in name or "partial" in name}


def test_without_a_folder_the_import_asks_for_one(sheared):
    code, _, err = microslip("import", sheared / "plain.dump", check=False)
    assert code == 2
    assert "say where the run shall be: --into RUN" in err


def test_a_toml_file_without_a_source_is_said(tmp_path):
    code, _, err = microslip("import", Path(__file__).parents[1] / "tiny.toml", "--into", tmp_path / "run", check=False)
    assert code == 2
    assert "has no [source] section" in err
    assert list(tmp_path.iterdir()) == []


def test_a_failed_import_keeps_the_run_that_was_there(sheared, tmp_path):
    shutil.copy(sheared / "plain.dump", tmp_path / "a.dump")
    microslip("import", tmp_path / "a.dump", "--into", tmp_path / "run")
    before, kept = tree(tmp_path / "run"), contents(tmp_path / "run")
    (tmp_path / "a.dump").write_bytes(re.sub(rb"\n8 (\d) ", rb"\n7 \1 ", (sheared / "plain.dump").read_bytes()))
    code, *_ = microslip("import", tmp_path / "a.dump", "--into", tmp_path / "run", check=False)
    assert code == 2
    assert tree(tmp_path / "run") == before
    assert_equal(contents(tmp_path / "run"), kept)


def assert_equal(one, other):
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


KILLED = """
import os, signal, sys
from microslip import cli
import {module} as module
owner, _, name = {what!r}.rpartition(".")
owner = getattr(module, owner) if owner else module
original, calls = getattr(owner, name), []
def dying(*arguments, **named):
    calls.append(0)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **named)
setattr(owner, name, dying)
cli.main()
"""


@pytest.mark.parametrize(
    ("module", "what", "call"),
    [
        ("microslip.formats.assembly.buffer", "FrameBuffer.add_frame", 17),
        ("microslip.data.files", "put_in_place", 1),
        ("microslip.data.files", "put_in_place", 2),
        ("microslip.pipeline", "record_step", 1),
    ],
)
def test_killed_at_any_moment_the_same_command_imports_the_run(sheared, tmp_path, module, what, call):
    command = ["import", sheared / "plain.dump", "--into", tmp_path / "run"]
    program = KILLED.format(module=module, what=what, call=call)
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, command)], capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert SKIPPED not in microslip(*command)[1]
    microslip(*command[:-1], tmp_path / "whole")
    assert_same(tmp_path / "run", tmp_path / "whole")
    left = [path.name for path in (tmp_path / "run").iterdir() if "partial" in path.name or path.name.endswith(".old")]
    assert left == []


def test_progress_goes_from_nothing_to_all(sheared, tmp_path):
    from microslip import Source, read_trajectory

    seen = []
    read_trajectory(Source(files=(str(sheared / "whole.dump"),)), tmp_path / "out.zarr", progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)


def test_a_dump_of_few_digits_is_said_with_its_remedy(sheared, tmp_path):
    text = re.sub(r"(?<=\d) (\d\.\d{3})\d*(?= |\n)", r" \1", (sheared / "plain.dump").read_text())
    (tmp_path / "coarse.dump").write_text(text)
    _, out, _ = microslip("import", tmp_path / "coarse.dump", "--into", tmp_path / "run")
    assert "warning: the files know positions to 0.001 d̄ only" in out
    assert "dump_modify ID format float %.17g" in out
    microslip("stages", tmp_path / "run", "--set", "stages.window=0.1")
    _, out, _ = microslip("fields", tmp_path / "run")
    assert "so that D²min has a floor of" in out
    # two roundings of a step of 0.001 in each of three coordinates, of a grain and of its neighbours
    assert 1e-7 < open_run(tmp_path / "run").fields.attrs["precision_floor"] < 2e-6
    _, out, _ = microslip("import", sheared / "plain.dump", "--into", tmp_path / "exact")
    assert "warning" not in out


def test_the_six_digits_of_lammps_own_format_are_warned_of(sheared, tmp_path):
    _, out, _ = microslip("import", sheared / "coarse.dump", "--into", tmp_path / "run")
    assert "dump_modify ID format float %.17g" in out


def test_an_export_of_an_import_imports_as_itself(chain, tmp_path):
    folder, _ = chain
    microslip("export", folder, "frames", "--into", tmp_path / "frames.dump.gz")
    microslip("import", tmp_path / "frames.toml", "--into", tmp_path / "again")
    one, other = contents(folder), contents(tmp_path / "again")
    for name in ("frames/position", "frames/step", "grains/id", "grains/kind", "grains/diameter", "series/stress"):
        np.testing.assert_array_equal(other[name], one[name])
    # a tilt is written less whole lengths, and counted on again
    np.testing.assert_allclose(other["frames/cell"], one["frames/cell"], atol=1e-13)
    np.testing.assert_allclose(other["frames/strain"], one["frames/strain"], atol=1e-13)


@contextlib.contextmanager
def without_rights(path):
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(0o644)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_said(sheared, tmp_path):
    shutil.copy(sheared / "plain.dump", tmp_path / "a.dump")
    with without_rights(tmp_path / "a.dump"):
        code, _, err = microslip("import", tmp_path / "a.dump", "--into", tmp_path / "run", check=False)
    assert code == 2
    assert "a.dump cannot be read (Permission denied)" in err
