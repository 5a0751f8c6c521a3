"""Which results belong to a run's settings and inputs; the steps here leave a word, and do no work."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import import_module

import pytest

from microslip import MicroslipError
from microslip.config import Config, parse_config
from microslip.core.messages import Caution
from microslip.data.holding import only_one
from microslip.data.provenance import read_provenance, record_step
from microslip.data.step_state import Cause
from microslip.formats.source import Source
from microslip.pipeline import perform
from microslip.states import is_current, step_states
from microslip.steps.registry import STEPS, Step

QUIET = (lambda done, total: None, lambda text: None)
VERBS = ("simulate", "stages", "fields", "voxels", "train", "explain", "statistics", "figures", "report")


def leave(text):
    def work(step, run, config, mark, advance, say, states=None, force=False):
        for name in (
            *step.outputs,
            *(("model/checkpoint.pt", "model/predictions.csv") if step.verb == "train" else ()),
        ):
            path = run.folder / name
            # a store is a folder that holds a file of metadata
            path = path / "zarr.json" if path.suffix == ".zarr" or "." not in name else path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        say(Caution(text))
        return {"left": text}

    return work


@pytest.fixture
def steps(monkeypatch):
    """The steps by verb, which leave a word."""
    monkeypatch.setattr(Step, "work", leave("first"))
    return STEPS


@pytest.fixture
def folder(steps, tmp_path):
    for verb in VERBS:
        assert perform(verb, tmp_path, Config(), *QUIET)
    return tmp_path


def told(folder, config):
    return {verb: (state.state, state.why) for verb, state in step_states(folder, config).items()}


def test_a_finished_run_is_current_and_the_report_is_not_told(folder):
    assert set(told(folder, Config()).values()) == {("current", "")}
    assert list(told(folder, Config())) == list(VERBS[:-1])


def test_what_the_steps_said_is_kept(folder):
    entry = read_provenance(folder)["steps"]["stages"]
    assert (entry["said"], entry["warnings"]) == (["warning: first"], ["first"])
    assert entry["left"] == "first"


@pytest.mark.parametrize("verb", STEPS)
def test_what_any_step_returns_is_kept(monkeypatch, verb):
    """Its module is a file named as the verb, and its function VERB_step."""
    module = import_module(f"microslip.steps.{verb}_" if verb == "import" else f"microslip.steps.{verb}")
    monkeypatch.setattr(module, f"{verb}_step", lambda *arguments, **more: {"arguments": len(arguments), **more})
    assert STEPS[verb].work(*"abcde", states=None) == {"arguments": 5, "states": None}


def test_a_changed_setting_makes_its_step_late_and_what_was_made_from_it(folder):
    found = told(folder, parse_config({"stages": {"threshold": 1e-3}}))
    assert found["simulate"] == ("current", "")
    assert found["stages"] == ("out of date", "stages.threshold changed since")
    assert found["train"] == ("out of date", "made from what stages left, which is out of date")
    assert found["explain"][0] == found["statistics"][0] == found["figures"][0] == "out of date"


def test_a_changed_result_makes_what_was_made_from_it_late(folder):
    (folder / "stages.csv").write_text("others")
    found = told(folder, Config())
    assert found["stages"] == ("damaged", "stages.csv was changed")
    assert found["fields"] == ("out of date", "stages.csv changed since")


def test_a_step_that_a_later_version_makes_otherwise_is_late(folder, steps, monkeypatch):
    monkeypatch.setitem(steps, "fields", replace(steps["fields"], edition=99))
    state = step_states(folder, Config())["fields"]
    assert state.cause == Cause("edition")
    assert state.state == "out of date"


def test_no_step_waits_for_the_libraries_of_another():
    loaded = "{'matplotlib', 'torch', 'sklearn', 'jinja2'} & {*sys.modules}"
    code = f"import sys, microslip.cli.running, microslip.steps.stages; print({loaded})"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize("verb", ["fields", "statistics", "figures"])
def test_what_is_measured_since_makes_its_step_late(folder, monkeypatch, verb):
    begun = []
    monkeypatch.setitem(STEPS, verb, replace(STEPS[verb], measures=[*STEPS[verb].measures, "vorticity"]))
    assert step_states(folder, Config())[verb].cause == Cause("measures", ("vorticity",))
    assert told(folder, Config())[verb] == ("out of date", "vorticity added or removed since")

    def work(step, run, config, mark, advance, say):
        begun.append(mark)
        return leave("again")(step, run, config, mark, advance, say)

    monkeypatch.setattr(Step, "work", work)
    assert perform(verb, folder, Config(), *QUIET)
    assert step_states(folder, Config())[verb].state == "current"
    entry = read_provenance(folder)["steps"][verb]
    assert begun != [entry["fingerprint"]], "a store that is whole but for the new name would be taken for done"
    # older records do not tell what was measured
    record_step(folder, verb, {name: value for name, value in entry.items() if name != "measures"})
    assert step_states(folder, Config())[verb].state == "current"


def test_missing_results_and_steps_by_name(folder):
    (folder / "model" / "zarr.json").unlink()
    (folder / "model" / "checkpoint.pt").unlink()
    found = told(folder, Config())
    assert "ablate" not in found
    assert found["explain"][0] == "out of date"
    (folder / "fields.zarr" / "zarr.json").unlink()
    (folder / "fields.zarr").rmdir()
    assert told(folder, Config())["fields"] == ("not done", "")


def test_files_of_an_import_that_are_gone_are_not_checked(steps, tmp_path):
    dump = tmp_path / "some.dump"
    dump.write_text("ITEM: TIMESTEP")
    config = Config(source=Source(files=(str(dump),)))
    run = tmp_path / "run"
    run.mkdir()
    perform("import", run, config, lambda done, total: None, lambda text: None)
    assert told(run, config)["import"] == ("current", "")
    dump.unlink()
    state, why = told(run, config)["import"]
    assert state == "not checked"
    assert "some.dump" in why
    assert "simulate" not in told(run, config)


def test_the_report_is_written_again_when_a_state_changes(folder):
    late = parse_config({"training": {"epochs": 7}})
    assert is_current("report", folder, Config())
    assert not is_current("report", folder, late)


def test_a_step_made_again_and_stopped_is_not_done_by_its_older_record(folder, steps, monkeypatch):
    """Its first file is there, and the folder that holds its others."""
    shutil.rmtree(folder / "statistics")

    def stopped(*arguments):
        leave("half")(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Step, "work", stopped)
    with pytest.raises(KeyboardInterrupt):
        perform("statistics", folder, Config(), *QUIET)
    assert told(folder, Config())["statistics"][0] == "damaged"
    assert not is_current("statistics", folder, Config())


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_is_removed_under_a_command_is_said(tmp_path, again):
    folder = tmp_path / "run"
    folder.mkdir()

    def lose():
        with only_one(folder):
            shutil.rmtree(folder)
            if again:
                folder.mkdir()
                (folder / ".lock").touch()

    with pytest.raises(MicroslipError, match="was removed or replaced while the command ran"):
        lose()
