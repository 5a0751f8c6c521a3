"""`microslip study` on two tiny systems with real LAMMPS under real MPI."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from microslip.views.figures.registry import STUDY_FIGURES

from ..command_line import COMMAND, PATIENCE, microslip

TINY = Path(__file__).parent.parent / "tiny.toml"

STUDY = """
base = "tiny.toml"
steps = ["simulate", "stages"]

[settings.loading]
strain = 0.03
warm_up = 0.01

[settings.recording]
checkpoint_steps = 400

[vary]
"grains.friction" = [0.3, 0.5]
"""


def study(*arguments, code=0, **options):
    done = microslip("study", *arguments, check=False, **options)
    assert done.code == code, done.stdout + done.stderr
    return done


def interrupt_when(pointer, sample, *arguments):
    """The command, interrupted as by Ctrl-C when its simulation has a checkpoint at that sample."""
    command = [*COMMAND, "study", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            deadline = time.monotonic() + PATIENCE
            while not (pointer.exists() and json.loads(pointer.read_text())["last_sample"] >= sample):
                assert time.monotonic() < deadline
                assert running.poll() is None, running.communicate()
                time.sleep(0.05)
        finally:
            running.send_signal(signal.SIGINT)
        output, error = running.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(command, running.returncode, output, error)


def states(*arguments):
    """System → the line that --list prints of it."""
    lines = study(*arguments, "--list").stdout.splitlines()[1:]
    return {line.split()[1]: line for line in lines if re.match(r"\d+  ", line)}


@pytest.fixture
def file(tmp_path):
    shutil.copy(TINY, tmp_path)
    path = tmp_path / "pair.toml"
    path.write_text(STUDY)
    return path


def test_a_study_is_listed_interrupted_resumed_skipped_and_summed_up(file, tmp_path):
    folder = tmp_path / "pair"
    said = states(file, "--into", folder)
    assert list(said) == ["base", "friction-0.3"]
    assert "grains.friction = 0.3" in said["friction-0.3"]
    assert all("not begun" in line for line in said.values())
    assert not folder.exists(), "a list writes nothing"

    interrupted = interrupt_when(
        folder / "base" / "dem" / "checkpoint.json", 200, file, "--into", folder, "--jobs", "1"
    )
    assert interrupted.returncode == 130
    assert "stopped; the same command goes on from here" in interrupted.stderr
    said = states(file, "--into", folder)
    assert "simulate " in said["base"]
    assert "not begun" in said["friction-0.3"]
    assert not (folder / "summary.csv").exists()

    # one job of an array alone
    done = study(file, "--into", folder, "--job", "2").stdout
    assert "system 2/2: friction-0.3" in done
    assert "system 1/2" not in done
    assert "left out: base, simulate" in done
    assert pd.read_csv(folder / "summary.csv")["system"].tolist() == ["friction-0.3"]

    done = study(file, "--into", folder).stdout
    assert "system 2/2: friction-0.3, skipped" in done
    assert "system 1/2: base, done in" in done
    summary = pd.read_csv(folder / "summary.csv")
    assert summary["system"].tolist() == ["base", "friction-0.3"]
    assert summary["grains.friction"].tolist() == [0.5, 0.3]
    assert summary["stress"].between(0.05, 0.8).all()
    assert (summary["stages_per_strain_1e-4"] > summary["stages_per_strain_3e-3"]).all()
    assert (summary["simulation_seconds"] > 0).all()
    assert summary["xi_slip"].isna().all()
    drops = pd.read_csv(folder / "drops.csv")
    assert set(drops["system"]) == set(summary["system"])
    assert (pd.read_csv(folder / "convergence.csv")["system"] == "friction-0.3").all()
    assert (folder / "figures" / "study.png").stat().st_size > 10_000
    assert (folder / "figures" / "study.pdf").exists()
    page = (folder / "report" / "index.html").read_text()
    assert "friction-0.3" in page
    assert page.count("data:image/png") == len(STUDY_FIGURES)
    # figures alone, from the study's folder
    (folder / "figures" / "families.pdf").unlink()
    microslip("figures", folder)
    assert (folder / "figures" / "families.pdf").stat().st_size > 5000
    assert set(pd.read_csv(folder / "figures" / "families-curves.csv")["system"]) == set(summary["system"])

    runs = [folder / name for name in summary["system"]]
    before = {path: path.stat().st_mtime_ns for run in runs for path in run.rglob("*") if path.is_file()}
    # the folder alone is enough to go on with
    assert study(folder).stdout.count("skipped") == 2
    assert before == {path: path.stat().st_mtime_ns for run in runs for path in run.rglob("*") if path.is_file()}

    # a system that fails is named, and does not keep the others from the summary
    file.write_text(STUDY.replace("[0.3, 0.5]", "[0.9, 0.3, 0.5]"))
    (folder / "friction-0.9").mkdir()
    (folder / "friction-0.9" / "thesis.txt").write_text("precious")
    done = study(file, "--into", folder, code=2)
    assert "1 of 3 systems failed: friction-0.9: " in done.stderr
    assert done.stdout.count("skipped") == 2
    assert len(pd.read_csv(folder / "summary.csv")) == 2
    said = states(file, "--into", folder)
    assert [re.search(r"  (done|other content, failed)  ", line)[1] for line in said.values()] == [
        "done",
        "other content, failed",
        "done",
    ]
    done = study(file, "--into", folder, "--list").stdout
    assert "friction-0.9 failed: " in done
    assert "2 finished, 0 running, 1 failed, 0 missing" in done
    table = pd.read_csv(folder / "systems.csv").set_index("system")
    assert "not empty" in table.loc["friction-0.9", "why"]
    assert table.loc["base", ["seconds", "speed", "disk"]].gt(0).all()


def test_networks_of_a_study_are_tested_on_each_other(file, tmp_path):
    folder = tmp_path / "pair"
    content = STUDY.replace('["simulate", "stages"]', '["simulate", "stages", "fields", "voxels", "train"]')
    transfer = '\n[transfer]\nfamilies = ["grains.friction"]\nset = { training.epochs = 1 }\n'
    file.write_text(content + transfer)
    said = study(file, "--into", folder, "--only", "base").stdout
    assert "left out: 1 of 2 systems are finished" in said
    study(file, "--into", folder)
    table = pd.read_csv(folder / "transfer" / "transfer.csv")
    assert set(table["trained_on"]) == {"base", "friction-0.3", "all but base", "all but friction-0.3"}
    assert len(table) == 6
    summary = pd.read_csv(folder / "summary.csv")
    assert (summary["r2_test_random_seeds"] == 1).all()
    page = (folder / "report" / "index.html").read_text()
    assert "R² of the network of each system" in page
    assert page.count("data:image/png") == len(STUDY_FIGURES) + 1
    before = (folder / "transfer" / "transfer.csv").stat().st_mtime_ns
    assert "skipped: done before with these networks" in study(folder).stdout
    assert (folder / "transfer" / "transfer.csv").stat().st_mtime_ns == before
    # scores of networks that would be trained otherwise, and where they lead, are not shown
    said = study(file, "--into", folder, "--set", "training.epochs=2", "--only", "base", "--list").stdout
    assert "train next" in said
    study(file, "--into", folder, "--set", "training.epochs=2", "--only", "base")
    page = (folder / "report" / "index.html").read_text()
    assert page.count("data:image/png") == len(STUDY_FIGURES)


def test_a_step_that_fails_takes_along_those_alone_that_need_it(file, tmp_path):
    folder = tmp_path / "pair"
    steps = '["simulate", "stages", "fields", "voxels", "train", "explain", "statistics"]'
    content = STUDY.replace('["simulate", "stages"]', steps).replace("[0.3, 0.5]", "[0.5]")
    # so few stages are too few for a network
    file.write_text(f"{content}\n[settings.stages]\nthreshold = 0.001\n")
    done = study(file, "--into", folder, "--job", "1", code=2)
    assert "failed: train: " in done.stdout
    assert re.search(r"6/7 explain.*: left out, for want of train", done.stdout)
    assert (folder / "base" / "statistics" / "stages.csv").exists()
    assert not (folder / "base" / "attributions").exists()
    assert "train: " in pd.read_csv(folder / "systems.csv").loc[0, "why"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{file}", "--into", "{folder}", "--list"], "is not a study's folder and is not empty"),
        (["{file}", "--into", "{file}"], "is a file"),
        (["{file}", "--job", "3"], "--job 3 is not possible: the study has systems 1 to 2"),
        (["{file}", "--set", "grains.friction=1"], "the study varies grains.friction"),
        (["{wrong}"], "unknown step stags in steps: did you mean stages?"),
        (["{folder}"], "study.toml does not exist"),
        (["{tiny}"], "unknown key"),
    ],
)
def test_a_mistake_ends_in_a_sentence_and_writes_nothing(file, tmp_path, arguments, message):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    (tmp_path / "wrong.toml").write_text(STUDY.replace("stages", "stags"))
    places = {"{file}": file, "{folder}": folder, "{wrong}": tmp_path / "wrong.toml", "{tiny}": tmp_path / "tiny.toml"}
    before = sorted(tmp_path.rglob("*"))
    done = study(*(places.get(argument, argument) for argument in arguments), code=2, cwd=tmp_path)
    assert message in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert sorted(tmp_path.rglob("*")) == before
