"""The command line on a small cell: the native engine, real LAMMPS under real MPI, and real kill signals."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w
import zarr

from microslip import open_run
from microslip.data.provenance import break_seals
from microslip.dem.lammps.installed import find_launcher, rank_environment
from microslip.dem.process import STOPPED
from microslip.steps.registry import RUN_STEPS

from .command_line import COMMAND, PATIENCE, microslip, microslip_process

CONFIG = Path(__file__).parent / "tiny.toml"


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A whole run, made once; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    microslip("run", CONFIG, "--into", folder)
    return folder


@pytest.fixture(scope="session")
def sheared_by_lammps(tmp_path_factory):
    """The same cell in LAMMPS, sheared and no more; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("runs") / "lammps"
    microslip("simulate", CONFIG, "--into", folder, "--engine", "lammps")
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "tiny"))


@pytest.fixture(params=["native", "lammps"])
def sheared(request, tmp_path):
    """A copy of a sheared run of either engine."""
    fixture = {"native": "finished", "lammps": "sheared_by_lammps"}[request.param]
    return Path(shutil.copytree(request.getfixturevalue(fixture), tmp_path / request.param))


def test_a_run_goes_from_loose_grains_to_a_report(finished):
    run = open_run(finished)
    series, stages = run.series, run.stages
    assert series.sizes["sample"] == 5001
    np.testing.assert_allclose(np.diff(series["strain"]), 1e-5)
    np.testing.assert_allclose(
        series["stress"], 0.5 * (series["stress_bottom"] + series["stress_top"]), rtol=0, atol=1e-12
    )
    late = series.isel(sample=slice(2000, None))
    # servo: the normal stress keeps to p, and both walls carry the same shear
    assert float(late["normal_stress"].mean()) == pytest.approx(1, abs=0.05)
    assert float(late["stress_top"].mean()) == pytest.approx(float(late["stress_bottom"].mean()), abs=0.01)
    assert 0.5 < float(late["solid_fraction"].mean()) < 0.65
    assert 0.1 < float(late["stress"].mean()) < 0.5
    assert len(stages) > 60
    assert (stages["fluctuation"].abs() > 1e-6).all()
    frames = run.frames["sample"].to_numpy()
    np.testing.assert_array_equal(frames[stages["start_frame"]], stages["start_sample"])
    bulk = run.grains["kind"].to_numpy() == 0
    values = run.fields["d2min"].to_numpy()
    assert np.isfinite(values[:, bulk]).all()
    assert np.isnan(values[:, ~bulk]).all()
    assert run.voxels["d2min"].shape == (len(stages), 10, 8, 8)
    assert sorted(run.predictions.query("rule == 'random'")["stage"]) == stages["stage"].tolist()
    assert set(run.metrics) == {"random", "blocked"}
    assert (run.attributions["completeness_error"] < 0.2).all()
    assert {"stick", "slip"} <= set(pd.read_csv(finished / "statistics" / "correlation.csv")["group"])
    assert (finished / "figures" / "overview.png").stat().st_size > 10_000
    assert "<html" in (finished / "report" / "index.html").read_text()
    assert list(run.provenance["steps"]) == list(RUN_STEPS)


def test_the_stress_of_the_grains_adds_up_to_that_of_the_walls(sheared):
    """Σ V σ over the bulk, over the volume between the walls: the shear and the normal stress on the walls.

    Exact in equilibrium and between the planes where the walls are touched, which lie within a few hundredths of a
    diameter of their inner faces.
    """
    run = open_run(sheared)
    frames, samples = run.frames, run.frames["sample"].to_numpy()
    bulk = run.grains["kind"].to_numpy() == 0
    volume = np.pi / 6 * run.grains["diameter"].to_numpy()[bulk] ** 3
    between = run.box.lengths[0] * run.box.lengths[1] * run.series["height"].to_numpy()[samples]
    total = np.einsum("fgc,g->fc", frames["grain_stress"].to_numpy()[:, bulk], volume) / between[:, None]
    np.testing.assert_allclose(total[:, 4], run.series["stress"].to_numpy()[samples], rtol=0.03)
    np.testing.assert_allclose(total[:, 2], run.series["normal_stress"].to_numpy()[samples], rtol=0.03)


def test_the_volumes_stress_is_that_of_the_grains(finished):
    """The series' own sum over contacts against the sum over the grains of each frame: frames are single precision."""
    run = open_run(finished)
    samples = run.frames["sample"].to_numpy()
    bulk = run.grains["kind"].to_numpy() == 0
    volume = np.pi / 6 * run.grains["diameter"].to_numpy()[bulk] ** 3
    between = run.box.lengths[0] * run.box.lengths[1] * run.series["height"].to_numpy()[samples]
    # the grains' tensors are symmetric parts: torques on the way to equilibrium are the difference
    total = (run.frames["grain_stress"].to_numpy()[:, bulk, 4] * volume).sum(axis=1) / between
    np.testing.assert_allclose(run.series["stress_volume"].to_numpy()[samples], total, rtol=0, atol=2e-3)


def test_contacts_and_energy_of_the_grains_are_those_of_a_dense_packing(sheared):
    run = open_run(sheared)
    bulk = run.grains["kind"].to_numpy() == 0
    contacts = run.frames["n_contacts"].to_numpy()[:, bulk]
    energy = run.frames["grain_energy"].to_numpy()
    assert 4 < contacts.mean() < 6
    assert contacts.max() <= 14
    # a grain stores energy when, and only when, it has a contact
    np.testing.assert_array_equal(energy > 0, run.frames["n_contacts"].to_numpy() > 0)
    # of the order of δ F with an overlap of d̄/κ
    assert 0.1 < energy[:, bulk].mean() * run.attributes["stiffness_number"] < 10


def test_voronoi_cells_fill_the_cell_and_hold_their_grains(finished):
    run = open_run(finished)
    volumes = run.frames["cell_volume"].to_numpy().astype(float)
    z = run.frames["position"].to_numpy()[:, :, 2]
    filled = run.box.lengths[0] * run.box.lengths[1] * (np.ptp(z, axis=1) + 2)
    np.testing.assert_allclose(volumes.sum(axis=1), filled, rtol=1e-5)  # volumes are stored in single precision
    grain = np.pi / 6 * run.grains["diameter"].to_numpy() ** 3
    bulk = run.grains["kind"].to_numpy() == 0
    assert (volumes[:, bulk] > 0.95 * grain[bulk]).all()


def test_the_preparation_is_recorded(sheared):
    prepared = open_run(sheared).attributes["preparation"]
    assert prepared["largest_net_force"] < 1e-3
    assert prepared["mean_kinetic_energy"] < 1e-9
    assert prepared["friction"] == 0.5
    assert 0.55 < prepared["solid_fraction"] < 0.6


def test_a_run_can_be_sheared_further(sheared):
    before = open_run(sheared).series.load()
    microslip("simulate", sheared, "--set", "loading.strain=0.052")
    after = open_run(sheared).series.load()
    assert after.sizes["sample"] == 5201
    assert after.isel(sample=slice(5001)).equals(before)
    said = microslip("simulate", sheared, "--set", "loading.strain=0.04", check=False)
    assert said.code == 2
    assert "was sheared to a strain of 0.052, beyond loading.strain = 0.04" in said.stderr


def test_a_launcher_of_another_mpi_is_said(tmp_path):
    """Started twice over without a common MPI, each process believes to be alone."""
    launcher = tmp_path / "launch-alone"
    launcher.write_text('#!/bin/sh\nshift 2\n"$@" & "$@"\ncode=$?\nwait\nexit $code\n')
    launcher.chmod(0o755)
    done = microslip(
        "simulate", CONFIG, "--into", tmp_path / "run", "--engine", "lammps", "--launcher", launcher, check=False
    )
    assert done.code == 2
    assert "2 processes were started, but MPI counts 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_grain_of_the_frames_lies_outside_the_walls(sheared):
    run = open_run(sheared)
    bulk = run.grains["kind"].to_numpy() == 0
    z = run.frames["position"].to_numpy()[:, bulk, 2]
    height = run.series["height"].to_numpy()[run.frames["sample"].to_numpy()]
    assert z.min() > 0
    assert (z.max(axis=1) < height).all()


def test_the_bottom_wall_moves_at_the_shear_rate_and_the_top_wall_only_up_and_down(sheared):
    run = open_run(sheared)
    kind, position = run.grains["kind"].to_numpy(), run.frames["position"].to_numpy()
    strain = run.series["strain"].to_numpy()[run.frames["sample"].to_numpy()]
    moved = position - position[0]
    expected = (strain - strain[0]) * run.box.lengths[2]
    np.testing.assert_allclose(moved[:, kind == 1, 0], expected[:, None] * np.ones((kind == 1).sum()), atol=1e-9)
    np.testing.assert_allclose(moved[:, kind == 1, 1:], 0, atol=1e-9)
    np.testing.assert_allclose(moved[:, kind == 2, :2], 0, atol=1e-9)
    np.testing.assert_allclose(np.ptp(moved[:, kind == 2, 2], axis=1), 0, atol=1e-9)


def test_a_checkpoint_leaves_no_mark_in_the_stress(sheared):
    """LAMMPS' plain write_restart loses tangential forces: the stress then falls by a tenth at each checkpoint."""
    stress = open_run(sheared).series["stress"].to_numpy()
    drop = stress[:-20] - stress[20:]
    at_checkpoints = drop[500:-20:500]
    assert at_checkpoints.mean() < drop.mean() + 4 * drop.std() / np.sqrt(len(at_checkpoints))
    assert (at_checkpoints > np.quantile(drop, 0.99)).sum() <= 1


def test_the_same_command_skips_what_is_done(copied):
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*") if path.is_file()}
    said = microslip("run", CONFIG, "--into", copied).stdout
    assert said.count("skipped") == len(RUN_STEPS)
    after = {path: path.stat().st_mtime_ns for path in copied.rglob("*") if path.is_file()}
    assert before == after


def test_a_step_alone_with_an_override_makes_later_steps_follow(copied):
    microslip("stages", copied, "--set", "stages.threshold=5e-4")
    stages = open_run(copied).stages
    assert (stages["fluctuation"].abs() > 5e-4).all()
    assert tomllib.loads((copied / "config.toml").read_text())["stages"]["threshold"] == 5e-4
    said = microslip("fields", copied).stdout
    assert "skipped" not in said
    assert open_run(copied).fields.sizes["stage"] == len(stages)


def test_info_says_what_a_run_holds(finished):
    said = microslip("info", finished).stdout
    run = open_run(finished)
    assert f"{len(run.stages)} of them slips" not in said
    assert f"stages: {len(run.stages)}" in said
    assert f"{run.grains.sizes['grain']} grains" in said
    assert "random split, test R²" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "{config}", "--into", "{new}", "--set", "loading.presure=1"], "did you mean pressure?"),
        (
            ["run", "{config}", "--into", "{new}", "--set", "loading.pressure=-1"],
            "loading.pressure = -1 is not possible",
        ),
        (["run", "{config}", "--into", "{new}", "--set", "nonaffine.cutoff=5"], "nonaffine.cutoff = 5 exceeds half"),
        (["run", "{config}", "--into", "{new}", "--engine", "lammps", "--ranks", "50"], "engine.ranks = 50"),
        (["run", "{config}", "--into", "{new}", "--ranks", "2"], "engine.ranks = 2 is a setting of the engine lammps"),
        (["run", "{config}", "--into", "{new}", "--engine", "yade"], "engine.kind = yade is unknown"),
        (["run", "{config}", "--into", "{new}", "--threads", "0"], "engine.threads = 0 is not possible"),
        (
            ["run", "{config}", "--into", "{new}", "--threads", "2", "--engine", "lammps", "--set", "cell.walls=false"],
            "cell.walls = false is sheared by sliding images, which engine.kind = lammps does not do",
        ),
        (
            ["run", "{config}", "--into", "{new}", "--set", "cell.wall=amorphous", "--set", "cell.wall_thickness=9"],
            "cell.wall_thickness = 9 d̄ at both walls",
        ),
        (["run", "{config}", "--into", "{new}", "--set", "loading.hold=volume"], "is for a cell without walls"),
        (["simulate", "{run}", "--into", "{new}"], "has no checkpoint to go on from"),
        (["run", "{new}"], "does not exist"),
        (["stages", "{folder}"], "is not a run folder"),
        (["run", "{config}", "--into", "{folder}"], "is not a run folder and is not empty"),
        (["run", "{config}", "--into", "{config}"], "is a file"),
        (["stages"], "requires an argument"),
        (["fly"], "microslip --help"),
        (["stages", "{run}", "--set", "loading.strain=3"], "`microslip simulate` does: set it there"),
        (["import", "{file}", "--into", "{folder}"], "is not a run folder and is not empty"),
        (["import", "{new}.dump", "--into", "{new}"], "names no file"),
    ],
)
def test_a_mistake_ends_in_a_sentence_and_writes_nothing(tmp_path, arguments, message):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    (tmp_path / "run").mkdir()
    shutil.copy(CONFIG, tmp_path / "run" / "config.toml")
    places = {
        "{config}": str(CONFIG),
        "{new}": str(tmp_path / "new"),
        "{folder}": str(folder),
        "{file}": str(folder / "thesis.txt"),
        "{new}.dump": str(tmp_path / "new.dump"),
        "{run}": str(tmp_path / "run"),
    }
    before = sorted(tmp_path.rglob("*"))
    done = microslip(*(places.get(argument, argument) for argument in arguments), check=False, cwd=tmp_path)
    assert done.code == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert sorted(tmp_path.rglob("*")) == before


def damage_version(folder):
    store = zarr.open_group(folder / "trajectory.zarr", mode="r+")
    store.attrs["format_version"] = 99
    break_seals(folder, "simulate")
    return ["stages", folder], "format_version = 99"


def damage_stress(folder):
    array = zarr.open_group(folder / "trajectory.zarr", mode="r+")["series/stress_volume"]
    array[3000] = np.nan
    array.attrs["mended"] = "no"  # chunks are told by size: the metadata shows the change
    break_seals(folder, "simulate")
    return ["stages", folder], "the stress is nan at sample 3000"


def ask_for_no_stage(folder):
    return ["stages", folder, "--set", "stages.threshold=0.9"], "no stage found"


def remove_an_input(folder):
    shutil.rmtree(folder / "fields.zarr")
    return ["voxels", folder], "run `microslip fields"


def ask_for_another_simulation(folder):
    return ["simulate", folder, "--set", "loading.shear_rate=40"], "loading.shear_rate = 40.0 where the run has 50.0"


def ask_for_another_engine(folder):
    return ["simulate", folder, "--engine", "lammps"], "engine.kind = lammps where the run has native"


def spoil_the_checkpoint(folder):
    (folder / "model" / "checkpoint.pt").write_bytes(b"nothing")
    return ["explain", folder], "checkpoint.pt was changed since `microslip train` made it"


@pytest.mark.parametrize(
    "damage",
    [
        damage_version,
        damage_stress,
        ask_for_no_stage,
        remove_an_input,
        ask_for_another_simulation,
        ask_for_another_engine,
        spoil_the_checkpoint,
    ],
)
def test_a_damaged_run_ends_in_a_sentence_and_stays_as_it_was(copied, damage):
    arguments, message = damage(copied)
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    done = microslip(*arguments, check=False)
    assert done.code == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    after = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    assert after == before


def test_a_run_of_another_version_of_its_engine_is_not_gone_on_with(sheared):
    pointer = sheared / "dem" / "checkpoint.json"
    content = json.loads(pointer.read_text()) | {"engine_version": 20200303}
    del content["checksum"]
    pointer.write_text(json.dumps(content))
    done = microslip("simulate", sheared, "--set", "loading.strain=0.06", check=False)
    assert done.code == 2
    assert "20200303, this one is" in done.stderr


def test_a_run_of_lammps_from_before_there_was_a_choice_goes_on_the_same(sheared_by_lammps, tmp_path):
    """Its settings are called otherwise, its checkpoint says less, and its series lack the volume's stress."""
    new, old = (Path(shutil.copytree(sheared_by_lammps, tmp_path / name)) for name in ("new", "old"))
    for path, read, write in (
        (old / "config.toml", tomllib.loads, tomli_w.dumps),
        (old / "dem" / "config.json", json.loads, json.dumps),
    ):
        content = read(path.read_text())
        engine = content.pop("engine")
        content["parallel"] = {key: engine[key] for key in ("ranks", "processors", "suffix", "threads")}
        content["launch"] = {"command": "", "hosts": ""}
        for section, keys in {
            "grains": ["tangential"],
            "cell": ["walls", "wall", "wall_thickness"],
            "loading": ["warm_up_rate", "slow_down", "hold"],
        }.items():
            for key in keys:
                content[section].pop(key, None)
        path.write_text(write(content))
    pointer = json.loads((old / "dem" / "checkpoint.json").read_text())
    for key in ("engine", "offset", "bulk_volume", "files", "checksum"):
        del pointer[key]
    (old / "dem" / "checkpoint.json").write_text(json.dumps(pointer))
    record = json.loads((old / "provenance.json").read_text())
    del record["checksum"], record["steps"]["simulate"]["outputs"]
    (old / "provenance.json").write_text(json.dumps(record))
    shutil.rmtree(old / "trajectory.zarr" / "series" / "stress_volume")
    assert "skipped" in microslip("simulate", old).stdout
    for folder in (new, old):
        microslip("simulate", folder, "--set", "loading.strain=0.052")
    one, other = open_run(new), open_run(old)
    assert one.series.load().drop_vars("stress_volume").equals(other.series.load())
    assert one.frames.load().equals(other.frames.load())


# What the wall's new speed changes in the damping of the contacts, and nothing else.
SAME_STATE = 1e-4


def test_a_run_goes_on_from_the_state_of_another_at_another_rate(sheared, tmp_path):
    slower = tmp_path / "slower"
    arguments = ["simulate", sheared, "--into", slower, "--set", "loading.shear_rate=25"]
    arguments += ["--set", "loading.strain=0.03", "--set", "recording.cell_volumes=false"]
    microslip(*arguments)
    before, after = open_run(sheared), open_run(slower)
    last, first = before.series.load().isel(sample=-1), after.series.load().isel(sample=0)
    for name in ("stress", "normal_stress", "height", "solid_fraction"):
        assert float(first[name]) == pytest.approx(float(last[name]), abs=SAME_STATE), name
    assert float(first["strain"]) == 0
    assert after.box.lengths == before.box.lengths
    assert after.attributes["preparation"]["continued_from"]["strain"] == pytest.approx(0.05)
    # it slows down over the first 0.02 of strain, and looks for stages from then on
    steps = np.diff(after.series["strain"].to_numpy())
    assert np.abs(steps[:1990] - 1e-5).max() < 2e-6
    np.testing.assert_allclose(steps[-900:], 1e-5)
    assert (after.frames["sample"].to_numpy() >= 1990).all()
    assert "skipped" in microslip(*arguments).stdout
    done = microslip(*arguments, "--set", "grains.friction=0.3", check=False)
    assert done.code == 2
    assert "grains.friction = 0.3 where" in done.stderr


def bare_environment(folder, without=()):
    """An environment like this one, but without mpiexec, and without the packages whose names begin so."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    for path in (Path(entry) for entry in sys.path if "site-packages" in entry):
        for entry in path.iterdir():
            if not entry.name.startswith(tuple(without)) and not (packages / entry.name).exists():
                (packages / entry.name).symlink_to(entry)
    return [folder / "bin" / "python", "-c", "from microslip.cli import main; main()"]


def test_the_native_engine_needs_no_lammps(tmp_path):
    command = bare_environment(tmp_path / "bare", without=("lammps", "mpi4py", "mpich"))
    environment = os.environ | {"PATH": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent.parent / "src")}
    arguments = ["simulate", str(CONFIG), "--into", str(tmp_path / "new"), "--set", "loading.strain=0.021"]
    options = {"capture_output": True, "text": True, "check": False, "env": environment, "timeout": PATIENCE}
    done = subprocess.run([*command, *arguments], **options)
    assert done.returncode == 2
    assert "the Python module lammps is not installed" in done.stderr
    assert "recording.cell_volumes" in done.stderr
    done = subprocess.run([*command, *arguments, "--set", "recording.cell_volumes=false"], **options)
    assert done.returncode == 0, done.stderr
    assert open_run(tmp_path / "new").series.sizes["sample"] == 2101


def test_no_launcher_is_said_before_anything_is_written(tmp_path):
    source = {"PYTHONPATH": str(Path(__file__).parent.parent / "src")}
    command = bare_environment(tmp_path / "bare")
    done = subprocess.run(
        [*command, "run", CONFIG, "--into", tmp_path / "new", "--engine", "lammps"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | source | {"PATH": str(tmp_path)},
    )
    assert done.returncode == 2, done.stderr
    assert "no mpiexec beside" in done.stderr
    assert not (tmp_path / "new" / "dem").exists()


def test_two_commands_do_not_share_a_run(copied):
    holder = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'a+'); fcntl.flock(f, fcntl.LOCK_EX);"
        " print(1, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holder, copied / ".lock"], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        done = microslip("run", copied, check=False)
        other.kill()
    assert done.code == 2
    assert "another microslip is working on" in done.stderr


def visible(folder):
    """Contents of a run's files, those of work under way left out."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if not any(p[0] == "." for p in path.relative_to(folder).parts)}


def on_a_full_disk(*arguments):
    """No file may grow beyond 4 kB: as on a full disk, writes fail with an error, at the first file that is larger."""
    limited = ["bash", "-c", 'ulimit -f 4; exec "$@"', "bash", *COMMAND, *map(str, arguments)]
    return subprocess.run(limited, capture_output=True, text=True, timeout=PATIENCE, check=False)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("arguments", "named", "lost"),
    [
        (["stages", "{run}", "--set", "stages.threshold=2e-4"], "{run}/stages.csv", None),
        (["fields", "{run}", "--set", "nonaffine.cutoff=1.9"], "{run}/fields.zarr", None),
        pytest.param(["voxels", "{run}", "--set", "voxels.radius=1.2"], "{run}/voxels.zarr", None, marks=slow),
        pytest.param(
            ["statistics", "{run}", "--set", "correlation.bin_width=0.3"],
            "{run}/statistics/correlation.zarr",
            None,
            marks=slow,
        ),
        (["train", "{run}", "--set", "training.epochs=2"], "{run}/.training/inputs.npy", None),
        pytest.param(
            ["explain", "{run}", "--set", "attribution.n_steps=8"], "{run}/attributions.zarr", None, marks=slow
        ),
        pytest.param(
            ["ablate", "{run}", "--set", "ablation.training_shares=[]"], "{run}/.ablating/inputs.npy", None, marks=slow
        ),
        pytest.param(["search", "{run}", "--trials", "1"], "{run}/.searching/inputs.npy", None, marks=slow),
        pytest.param(["figures", "{run}"], "{run}/figures/overview.png", "figures", marks=slow),
        pytest.param(["report", "{run}"], "{run}/report/figures", "report", marks=slow),
        pytest.param(["export", "{run}"], "{run}/export/frames.dump.gz", None, marks=slow),
        (["export", "{run}", "fields"], "{run}/export/fields.vtkhdf", None),
        pytest.param(["export", "{run}", "fields", "--into", "{new}/a.dump"], "{new}/a.dump", None, marks=slow),
        pytest.param(["export", "{run}", "voxels"], "{run}/export/voxels.vtkhdf", None, marks=slow),
        pytest.param(["view", "{run}", "--export", "{new}"], "{new}", None, marks=slow),
        pytest.param(
            ["predict", "{run}", "--model", "{run}", "--into", "{new}/p.csv"], "{new}/p.csv", None, marks=slow
        ),
    ],
)
def test_a_full_disk_ends_in_a_sentence_that_names_the_file(copied, tmp_path, arguments, named, lost):
    if lost:
        shutil.rmtree(copied / lost)
    places = {"run": copied, "new": tmp_path / "new"}
    before = visible(copied)
    done = on_a_full_disk(*(one.format(**places) for one in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        f"microslip: {named.format(**places)} could not be written: the disk or a quota is full"
        " (File too large): free some space, then repeat the command\n"
    )
    assert visible(copied) == before
    assert not [path for path in copied.parent.rglob(".*partial") if ".zarr." not in path.name]


def test_an_engine_on_a_full_disk_says_so_and_the_run_goes_on(finished, tmp_path):
    few = ["--set", "recording.cell_volumes=false"]  # MPI itself would not start
    done = on_a_full_disk("simulate", CONFIG, "--into", tmp_path / "run", *few)
    assert done.returncode == 2
    assert "could not be written: the disk or a quota is full (File too large): free some space" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    microslip("simulate", CONFIG, "--into", tmp_path / "run", *few)
    assert open_run(tmp_path / "run").series.load().equals(open_run(finished).series.load())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["native", "lammps"])
def test_a_disk_that_fills_up_under_an_engine_costs_no_sample(sheared_by_lammps, finished, tmp_path, engine):
    """A real file system that is full in the midst of the shear; with room again the run ends with the same bytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        command = [*COMMAND, "simulate", str(CONFIG), "--into", str(disk / "run"), "--engine", engine]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            until(lambda: (disk / "run" / "dem" / "checkpoint.json").exists())
            free = os.statvfs(disk)
            filling = b"0" * max(0, free.f_bavail * free.f_frsize - 30_000)
            # the engine may take the room first
            with contextlib.suppress(OSError):
                (disk / "filling").write_bytes(filling)
            _, error = running.communicate(timeout=PATIENCE)
        assert running.returncode == 2
        assert "could not be written: the disk or a quota is full (No space left on device)" in error
        assert len(error.splitlines()) == 1
        (disk / "filling").unlink()
        microslip(*command[1:])
        whole = finished if engine == "native" else sheared_by_lammps
        assert open_run(disk / "run").trajectory.equals(open_run(whole).trajectory)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def until(true):
    for _ in range(20 * PATIENCE):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it took too long")


def shell(line, **words):
    """What a shell makes of a command line: exit code of the first command, output, complaint."""
    line = line.format(microslip=COMMAND[0], **words)
    done = subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_output_that_nobody_reads_any_longer_is_no_error(finished):
    code, output, error = shell("{microslip} info {run} | (read line; echo $line)", run=finished)
    assert (output, error) == (f"run {finished}\n", "")
    assert code in (0, 128 + signal.SIGPIPE)
    # one that ended before anything was read
    code, _, error = shell("{microslip} info {run} | true", run=finished)
    assert error == ""
    assert code in (0, 128 + signal.SIGPIPE)


def test_output_that_does_not_fit_is_said(finished):
    code, _, error = shell("{microslip} info {run} > /dev/full", run=finished)
    assert code == 2
    assert error.startswith("microslip: what is printed could not be written (No space left on device)")
    assert len(error.splitlines()) == 1


def test_closed_output_lets_a_command_do_its_work(copied):
    shutil.rmtree(copied / "report")
    assert shell("{microslip} report {run} >&- 2>&- <&-", run=copied) == (0, "", "")
    assert (copied / "report" / "index.html").read_text().startswith("<!")


def contents(folder):
    """Everything that a run computes, times and paths left out."""
    run = open_run(folder)
    tables = {
        "stages": run.stages,
        "predictions": run.predictions,
        "history": pd.read_csv(folder / "model" / "history.csv").drop(columns="seconds"),
        "correlation": pd.read_csv(folder / "statistics" / "correlation.csv"),
    }
    stores = {
        "series": run.series,
        "frames": run.frames,
        "fields": run.fields,
        "voxels": run.voxels,
        "attributions": run.attributions,
    }
    return tables, {name: store.load() for name, store in stores.items()}


def assert_same(one, other):
    for name, table in contents(one)[0].items():
        pd.testing.assert_frame_equal(table, contents(other)[0][name], check_exact=True)
    for name, store in contents(one)[1].items():
        assert store.equals(contents(other)[1][name]), name


def test_killed_again_and_again_a_run_ends_with_the_same_bytes(finished, tmp_path):
    """SIGKILL of the command at random moments, its ranks left to notice; SIGINT now and then."""
    folder, rng = tmp_path / "tiny", random.Random(11)
    kills = 0
    while True:
        interrupted, moment = kills % 3 == 2, time.monotonic() + rng.uniform(3, 9)
        process = subprocess.Popen(
            [*COMMAND, "run", str(CONFIG), "--into", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if interrupted:
            # on a busy machine the modules may still be loading, and nobody answers a Ctrl-C yet
            process.stdout.readline()
        try:
            left = max(moment - time.monotonic(), 0.1)
            output, error = process.communicate(timeout=left if kills < 10 else PATIENCE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT if interrupted else signal.SIGKILL)
            output, error = process.communicate(timeout=PATIENCE)
            assert "Traceback" not in error
            kills += 1
            continue
        assert process.returncode == 0, error + output
        break
    assert kills >= 4
    assert_same(finished, folder)
    leftovers = [path.name for path in folder.iterdir() if "partial" in path.name or path.name.endswith(".old")]
    assert not leftovers


def test_a_killed_engine_is_said_and_the_run_goes_on(sheared, tmp_path):
    folder, engine = tmp_path / "tiny", sheared.name
    process = subprocess.Popen(
        [*COMMAND, "simulate", str(CONFIG), "--into", str(folder), "--engine", engine],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pointer = folder / "dem" / "checkpoint.json"
    deadline = time.monotonic() + PATIENCE
    while not (pointer.exists() and json.loads(pointer.read_text())["last_sample"] >= 500):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ranks = subprocess.run(
        ["pgrep", "-f", f"microslip.dem.worker {folder}"], capture_output=True, text=True, check=True
    )
    victim = max(int(number) for number in ranks.stdout.split())
    os.kill(victim, signal.SIGKILL)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "resumes from its last checkpoint" in error
    assert "Traceback" not in error
    microslip("simulate", CONFIG, "--into", folder, "--engine", engine)
    one, other = open_run(sheared), open_run(folder)
    assert one.series.load().equals(other.series.load())
    assert one.frames.load().equals(other.frames.load())


def test_ranks_that_fill_in_cells_stop_together(copied):
    """Their starter is gone: each sees it at its own moment, and none may wait for one that has left."""
    frames = zarr.open_group(copied / "trajectory.zarr", mode="r+")["frames/cell_volume"]
    frames[:] = np.nan
    break_seals(copied, "simulate")
    command = [find_launcher(), "-n", "2", sys.executable, "-m", "microslip.dem.lammps.cells", str(copied)]
    done = subprocess.run(command, env=rank_environment(), timeout=PATIENCE, capture_output=True, check=False)
    assert done.returncode == STOPPED


# Put on the path of a command: one package is missing there, as where its extra was not installed.
MISSING = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture
def without_torch(tmp_path):
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(MISSING)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path}


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "{run}", "--set", "training.epochs=2"],
        ["explain", "{run}", "--set", "attribution.n_stages=4"],
        ["ablate", "{run}"],
        ["search", "{run}"],
        ["predict", "{run}", "--model", "{run}"],
        ["transfer", "{run}", "{run}", "--into", "{new}"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_verb_without_torch_names_the_pip_command(copied, tmp_path, without_torch, arguments):
    places = {"{run}": copied, "{new}": tmp_path / "new"}
    done = microslip_process(*(places.get(one, one) for one in arguments), check=False, env=without_torch)
    assert done.code == 2
    said = f"microslip {arguments[0]} needs the package torch, which is not installed: pip install 'microslip[learn]'"
    assert done.stderr.strip() == f"microslip: {said}"


def test_a_run_without_torch_says_at_its_start_what_is_left_out(copied, without_torch):
    for name in ("model", "attributions.zarr", "interpretation"):
        shutil.rmtree(copied / name)
    said = microslip_process("run", copied, env=without_torch).stdout
    first, *_ = said.splitlines()
    assert first.startswith("warning: train and explain will be left out: the package torch is not installed: pip")
    assert "train: left out" in said
    assert "explain: left out" in said
    assert (copied / "report" / "index.html").is_file()


HOSTILE = ["a b'\n\x1b[31m[red]$x_{<b>&", "-dash", "~", b"\xff" + b"n" * 240]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_run_may_have_any_name(copied, name):
    """No name is taken for an option, for markup, for a formula or for a command to the terminal."""
    folder = copied.parent / (name if isinstance(name, str) else os.fsdecode(name))
    copied.rename(folder)
    argument = f"./{folder.name}" if folder.name.startswith("-") else folder.name
    for verb in ("info", "report"):
        done = microslip_process(verb, argument, cwd=copied.parent, text=False)
        assert b"\x1b" not in done.stdout + done.stderr
        (done.stdout + done.stderr).decode()
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "runs/tiny" not in page
    assert "microslip run tiny" not in page


def test_a_message_shows_what_a_terminal_would_obey(tmp_path):
    done = microslip("run", tmp_path / "\x1b[31m.toml", check=False)
    assert done.code == 2
    assert r"\x1b[31m.toml does not exist" in done.stderr
    assert "\x1b" not in done.stderr


def test_empty_settings_of_a_finished_run_are_refused_and_given_anew(copied):
    (copied / "config.toml").write_text("")
    for verb in ("stages", "train", "run", "simulate"):
        done = microslip(verb, copied, check=False)
        assert done.code == 2
        assert "config.toml is empty: put the file back, or remove it" in done.stderr
    assert "skipped" in microslip("run", CONFIG, "--into", copied).stdout
    assert "skipped" in microslip("stages", copied).stdout
