"""`microslip info`: the sparklines, what is not known, and results that no longer belong to the run."""

import shutil

import numpy as np
import pandas as pd
import pytest
import zarr

from microslip import Box
from microslip.artificial import Packing, write_trajectory
from microslip.config import Config, load_config
from microslip.core.sparkline import BARS, DIGITS, WIDTH, sparkline
from microslip.data.files import write_table
from microslip.data.provenance import break_seals
from microslip.data.run import Run
from microslip.data.trajectory import SERIES
from microslip.formats.source import Source
from microslip.info import describe_run, describe_steps
from microslip.pipeline import perform
from microslip.steps.run_settings import run_folder

SAMPLES = 400


def stress_of(strain):
    """A rise from 0.2, then teeth of 0.02, the one at sample 200 of 0.06."""
    sample = np.arange(len(strain))
    stress = 0.2 + 0.1 * np.minimum(sample / 100, 1) + 0.02 * (sample % 20) / 20
    return stress + np.where((sample > 180) & (sample < 200), 0.04 * (sample - 180) / 20, 0.0)


def imported(folder, normal):
    """An imported run of a few grains with its stages found, through the steps themselves."""
    rng = np.random.default_rng(5)
    start = rng.uniform(0, 6, (80, 3))
    strain = 1e-3 * np.arange(SAMPLES)
    frames = [
        pd.DataFrame(start, columns=["x", "y", "z"]).assign(frame=k, id=np.arange(80), diameter=1.0)
        for k in range(SAMPLES)
    ]
    pd.concat(frames).to_csv(folder / "grains.csv", index=False)
    series = pd.DataFrame({"Step": np.arange(SAMPLES), "tau": stress_of(strain), "sigma": 1.25})
    series.to_csv(folder / "series.csv", index=False)
    source = Source(
        files=(str(folder / "grains.csv"),),
        box=(6.0, 6.0, 6.0),
        series=str(folder / "series.csv"),
        shear_stress=("tau",),
        normal_stress=("sigma",) if normal else (),
        strain_per_step=1e-3,
        pressure="none",
    )
    config = load_config_of(source)
    run_folder(folder / "run", config)
    for verb in ("import", "stages"):
        perform(verb, folder / "run", config, lambda done, total: None, lambda sentence: None)
    return Run(folder / "run")


def load_config_of(source, threshold=0.01):
    return Config.model_validate({"source": source, "stages": {"threshold": threshold, "warm_up": 0.12}})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return imported(tmp_path_factory.mktemp("info"), normal=False)


@pytest.fixture
def run(made, tmp_path):
    return Run(shutil.copytree(made.folder, tmp_path / "run"))


def steps_of(lines):
    return {line.split()[0]: line for line in lines[lines.index("steps") + 1 :] if line.startswith("  ")}


def test_bars_follow_the_means_and_leave_gaps():
    assert sparkline(np.arange(8.0)) == BARS
    assert sparkline(np.arange(80.0), width=8) == BARS
    assert sparkline(np.array([0.0, np.nan, 1.0])) == "▁ █"
    assert sparkline(np.array([0.0, np.nan, 1.0, 1.0]), width=2) == "▁█"
    assert sparkline(np.full(3, 0.7)) == "▁▁▁"
    assert sparkline(np.full(3, np.nan)) == sparkline(np.empty(0)) == ""
    assert sparkline(np.arange(10.0), marks=DIGITS) == DIGITS


def test_the_whole_run_and_its_largest_slip_are_drawn(run):
    lines = describe_run(run, "utf-8")
    whole = lines.index(next(line for line in lines if line.startswith("  whole run, 0.2")))
    assert len(lines[whole + 1].strip()) == WIDTH
    slip = next(n for n, line in enumerate(lines) if "about the largest slip, " in line and "strain 0.1" in line)
    assert " to 0.2" in lines[slip]
    assert lines[slip].endswith(" source units")
    bars, signs = lines[slip + 1][4:], lines[slip + 2][4:].removesuffix("  / stick, \\ slip")
    assert len(bars) == len(signs) == WIDTH
    # the highest bar ends a stick, and the slip falls from it
    top = bars.index("█")
    assert signs[top - 1] == "/"
    assert "\\" in signs[top : top + 2]


def test_a_normal_stress_that_nobody_knows_is_not_printed(run):
    assert ", normal" not in "\n".join(describe_run(run))


def test_a_normal_stress_that_is_known_is_printed(tmp_path):
    assert ", normal 1.2500 source units" in "\n".join(describe_run(imported(tmp_path, normal=True)))


def test_the_stress_of_the_volume_stands_beside_that_of_the_walls(tmp_path):
    """Without walls the two are one."""
    for kind, said in ((1, "mean 0.2500 p, of the walls 0.3000 p, normal 1.0000 p"), (0, "mean 0.3000 p, normal")):
        folder = tmp_path / str(kind)
        folder.mkdir()
        grains = Packing(np.zeros((4, 3)), np.ones(4), np.full(4, kind), Box((4.0, 4.0, 4.0)))
        series = dict.fromkeys(SERIES, np.ones(10)) | {"stress": np.full(10, 0.3), "strain": 1e-3 * np.arange(10)}
        series["stress_volume"] = np.full(10, 0.25) if kind else series["stress"]
        write_trajectory(folder, grains, series, np.arange(0), np.zeros((0, 4, 3)), attributes={"seed": 1})
        text = "\n".join(describe_run(Run(folder)))
        assert said in text
        assert ("(4 in the walls)" if kind else "(no walls)") in text


def test_only_the_steps_of_the_run_are_listed(run):
    steps = steps_of(describe_run(run))
    after = ["fields", "voxels", "train", "explain", "statistics", "figures", "report"]
    assert list(steps) == ["import", "stages", *after]
    assert "—" in steps["fields"]
    assert "finished" in steps["stages"]


def test_a_simulated_run_has_no_import(tmp_path):
    run_folder(tmp_path / "run", Config())
    lines = describe_run(Run(tmp_path / "run"))
    assert lines[1].startswith("nothing sheared or imported yet")
    assert "simulate" in steps_of(lines)
    assert "import" not in steps_of(lines)


def test_what_was_made_of_other_settings_is_out_of_date(run):
    assert "out of date" not in "\n".join(describe_run(run))
    text = (run.folder / "config.toml").read_text()
    assert "threshold = 0.01" in text
    (run.folder / "config.toml").write_text(text.replace("threshold = 0.01", "threshold = 0.03"))
    lines = describe_run(run)
    assert "out of date: stages.threshold changed since" in steps_of(lines)["stages"]
    assert lines[-1] == f"  `microslip run {run.folder}` would make again what is gone or out of date"


def test_what_was_made_before_another_import_is_out_of_date(run):
    config = load_config(run.folder / "config.toml")
    again = config.model_copy(update={"source": config.source.model_copy(update={"pressure": 2.0})})
    perform("import", run.folder, again, lambda done, total: None, lambda sentence: None)
    steps = steps_of(describe_run(run))
    assert "out of date" in steps["stages"]
    assert "out of date" not in steps["import"]


def test_an_import_outlives_the_files_that_it_read(run):
    text = (run.folder / "config.toml").read_text()
    (run.folder / "config.toml").write_text(text.replace("grains.csv", "moved.csv"))
    steps = steps_of(describe_run(run))
    assert "not checked" in steps["import"]
    assert "out of date" not in steps["stages"]


def test_results_that_were_removed_are_missed(run):
    (run.folder / "stages.csv").unlink()
    assert "stages.csv is gone" in steps_of(describe_run(run))["stages"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_bars_gets_digits(run, encoding):
    text = "\n".join(describe_run(run, encoding))
    text.encode(encoding)
    assert " source units as 0 to 9" in text
    assert not set(BARS) & set(text)


@pytest.mark.parametrize("file", ["provenance.json", "config.toml", "stages.csv", "trajectory.zarr/series/zarr.json"])
def test_damage_is_said_and_the_rest_still_told(run, file):
    (run.folder / file).write_text("[broken")
    lines = describe_run(run)
    assert any(file.split("/")[0] in line or "damaged" in line for line in lines[1:])
    assert any(line.startswith("cell: 80 grains") for line in lines)


def test_a_pressure_that_is_known_is_the_unit(run):
    store = zarr.open_group(run.folder / "trajectory.zarr", mode="r+")
    store.attrs["pressure_known"] = True
    break_seals(run.folder, "import")
    text = "\n".join(describe_run(run, "utf-8"))
    assert "source units" not in text
    assert "0.3360 p" in text


def test_too_few_stages_for_a_network_are_no_reason_to_train(run):
    write_table(run.folder / "stages.csv", run.stages.iloc[:14])
    lines = describe_run(run, "utf-8")
    assert "a network takes at least 20 stages, and this run has 14" in steps_of(lines)["train"]
    assert not any("microslip run" in line or "microslip train" in line for line in lines[1:])


def test_steps_say_what_is_current_and_why_the_rest_is_not(run):
    steps = steps_of(describe_steps(run))
    assert steps["import"].endswith("; current")
    (run.folder / "stages.csv").unlink()
    steps = steps_of(describe_steps(run))
    assert steps["stages"].endswith("stages.csv is gone")
