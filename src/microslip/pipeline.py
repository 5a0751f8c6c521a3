"""The steps in order; what is done and current is skipped."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microslip.config import Config, write_config
from microslip.core.errors import MicroslipError
from microslip.core.settings import Settings
from microslip.data.provenance import digest_output, fingerprint, read_provenance, record_step, versions
from microslip.data.readers.sources import find_files
from microslip.data.run import Run
from microslip.data.source import Source
from microslip.data.step_state import StepState
from microslip.dem.config import Engine
from microslip.steps.ablating import ablate_step
from microslip.steps.common import Advance, Say
from microslip.steps.explaining import explain_step
from microslip.steps.importing import import_step
from microslip.steps.learning import train_step
from microslip.steps.measuring import fields_step, voxels_step
from microslip.steps.searching import search_step
from microslip.steps.shearing import simulate_step
from microslip.steps.showing import figures_step, report_step
from microslip.steps.staging import stages_step
from microslip.steps.statistics import statistics_step


@dataclass(frozen=True)
class Step:
    """A verb of the command line: what it reads of the configuration and the run folder, and what it leaves there."""

    verb: str
    title: str
    sections: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    work: Callable[[Run, Config, str, Advance, Say], dict[str, Any] | None]
    # raised when a later version leaves more or other things there, so that older results are made again
    edition: int = 1
    # part of `microslip run`; the others are asked for by name
    in_run: bool = True


def _report(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> None:
    report_step(run, step_states(run.folder, config), say)


_DEM = ("seed", "grains", "cell", "loading", "recording", "engine")
_MOTION = ("trajectory.zarr", "stages.csv")
_RESULTS = (
    *_MOTION,
    "fields.zarr",
    "voxels.zarr",
    "model",
    "attributions.zarr",
    "interpretation",
    "ablations",
    "statistics",
)

STEPS = {
    step.verb: step
    for step in (
        Step("simulate", "shearing the cell", _DEM, (), ("trajectory.zarr",), simulate_step),
        Step(
            "import",
            "reading another program's files",
            ("source",),
            (),
            ("trajectory.zarr",),
            import_step,
            in_run=False,
        ),
        Step(
            "stages",
            "finding stages",
            ("stages", "loading", "recording"),
            ("trajectory.zarr",),
            ("stages.csv",),
            stages_step,
        ),
        Step("fields", "measuring fields", ("nonaffine",), _MOTION, ("fields.zarr",), fields_step, edition=2),
        Step("voxels", "coarse graining", ("voxels",), (*_MOTION, "fields.zarr"), ("voxels.zarr",), voxels_step),
        Step(
            "train",
            "training the network",
            ("split", "network", "training"),
            ("stages.csv", "fields.zarr", "voxels.zarr"),
            ("model",),
            train_step,
            edition=2,
        ),
        Step(
            "explain",
            "integrated gradients",
            ("attribution", "correlation", "clusters", "training", "split"),
            ("stages.csv", "voxels.zarr", "model/checkpoint.pt", "model/predictions.csv"),
            ("attributions.zarr", "interpretation"),
            explain_step,
            edition=2,
        ),
        Step(
            "statistics",
            "correlations, clusters, distributions",
            ("correlation", "clusters", "distributions", "bootstrap"),
            (*_MOTION, "fields.zarr"),
            ("statistics",),
            statistics_step,
            edition=2,
        ),
        Step(
            "ablate",
            "training on less",
            ("ablation", "split", "network", "training", "voxels"),
            (*_MOTION, "fields.zarr", "voxels.zarr", "statistics/stages.csv"),
            ("ablations",),
            ablate_step,
            in_run=False,
        ),
        Step(
            "search",
            "searching settings",
            ("search", "split", "network", "training"),
            ("stages.csv", "voxels.zarr"),
            ("search",),
            search_step,
            in_run=False,
        ),
        Step("figures", "drawing figures", (), _RESULTS, ("figures",), figures_step, edition=2),
        Step(
            "report",
            "writing the report",
            (),
            ("config.toml", *_RESULTS, "figures"),
            ("report",),
            _report,
            edition=2,
        ),
    )
}

# What `microslip run` does, in order.
RUN_STEPS = tuple(verb for verb, step in STEPS.items() if step.in_run)


def run_steps(config: Config) -> tuple[str, ...]:
    """The steps of `microslip run`: those of an imported run begin with its import."""
    return RUN_STEPS if config.source is None else ("import", *RUN_STEPS[1:])


# These show what there is; the others need every input.
_SHOWS_WHAT_EXISTS = ("figures", "report")


@contextmanager
def only_one(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold the folder against a second command, which is refused, or waits for its turn where asked to.

    Raises
    ------
    MicroslipError
        Another command holds it; or it was removed, or another put in its place, while this one held it.
    """
    with (folder / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise MicroslipError(f"another microslip is working on {folder}: wait for it or stop it first") from None
        yield
        # figures and report show what there is, and would show a folder that is gone as an empty one
        try:
            still = os.path.samestat(os.stat(folder / ".lock"), os.fstat(lock.fileno()))
        except FileNotFoundError:
            still = False
        if not still:
            raise MicroslipError(
                f"{folder} was removed or replaced while the command ran: put it back, or remove what is there now, and"
                " repeat the command"
            )


def perform(verb: str, folder: Path, config: Config, advance: Advance, say: Say) -> bool:
    """Run one step on a run folder, unless it is done and current; True when it ran.

    Raises
    ------
    MicroslipError
        An input is missing, or what the step itself finds wrong.
    """
    step = STEPS[verb]
    if verb in ("simulate", "import"):
        _refuse_other_origin(verb, folder, config)
    mark = _mark(step, folder, config)
    if _done(step, folder, mark):
        return False
    started = time.time()
    said: list[str] = []

    def remember(sentence: str) -> None:
        said.append(sentence)
        say(sentence)

    extra = step.work(Run(folder), config, mark, advance, remember)
    record_step(
        folder,
        verb,
        {
            "fingerprint": mark,
            "seconds": round(time.time() - started, 2),
            **(extra or {}),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "settings": {name: _section(config, name) for name in step.sections},
            "versions": versions(),
            "processors": os.cpu_count(),
            "said": said,
        },
    )
    write_config(config, folder / "config.toml")
    return True


def _refuse_other_origin(verb: str, folder: Path, config: Config) -> None:
    """Neither puts a simulation in the place of an import nor the reverse."""
    if verb == "simulate" and config.source is not None:
        raise MicroslipError(
            f"{folder} was imported from {', '.join(config.source.files)}: there is nothing to simulate"
        )
    if not (folder / "trajectory.zarr").is_dir():
        return
    imported = Run(folder).attributes.get("imported", False)
    if imported and verb == "simulate":
        raise MicroslipError(f"{folder} holds a run that was imported: choose another folder with --into")
    if imported and config.source is not None:
        before = Run(folder).attributes["source"]["files"]
        if set(before) != set(config.source.files):
            raise MicroslipError(
                f"{folder} holds a run that was imported from {', '.join(before)}: choose another folder with --into,"
                " or remove this one"
            )
    if not imported and verb == "import":
        raise MicroslipError(f"{folder} holds a run that was simulated: choose another folder with --into")


def is_current(verb: str, folder: Path, config: Config) -> bool:
    """Whether a step of a run folder is done with these settings and inputs, so that `perform` would skip it."""
    step = STEPS[verb]
    try:
        return _done(step, folder, _mark(step, folder, config))
    except MicroslipError:
        # an input is missing: what was made from it before is not current
        return False


def step_states(folder: Path, config: Config, digests: dict[Path, str] | None = None) -> dict[str, StepState]:
    """State of every step before the report, by verb; a result is out of date as well where one that it needs is.

    Steps that `microslip run` leaves out are told only where they have run.
    """
    entries = read_provenance(folder)["steps"]
    told = [verb for verb in STEPS if verb in run_steps(config) or (STEPS[verb].in_run is False and verb in entries)]
    digests = {} if digests is None else digests
    states: dict[str, StepState] = {}
    for verb in told:
        if verb == "report":
            continue
        step = STEPS[verb]
        if verb not in entries or not all((folder / name).exists() for name in step.outputs):
            states[verb] = StepState(verb, step.title, "not done")
            continue
        needed = {other for other in states if {name.split("/")[0] for name in step.inputs} & {*STEPS[other].outputs}}
        late = [other for other in needed if states[other].state == "out of date"]
        try:
            current = _done(step, folder, _mark(step, folder, config, digests))
        except MicroslipError as problem:
            gone = verb == "import"
            states[verb] = StepState(verb, step.title, "not checked" if gone else "out of date", str(problem))
            continue
        if current and not late:
            states[verb] = StepState(verb, step.title, "current")
        elif current:
            first = next(other for other in states if other in late)
            states[verb] = StepState(
                verb, step.title, "out of date", f"made from what {first} left, which is out of date"
            )
        else:
            states[verb] = StepState(verb, step.title, "out of date", _why_not(step, config, entries[verb]))
    return states


def _why_not(step: Step, config: Config, entry: dict[str, Any]) -> str:
    """Which settings differ from those of the record; else its inputs, or the step itself, must have changed."""
    before = entry.get("settings", {})
    differing: list[str] = []
    for name in step.sections:
        now, then = _section(config, name), before.get(name)
        if isinstance(now, dict) and isinstance(then, dict):
            differing += [f"{name}.{key}" for key in {**now, **then} if now.get(key) != then.get(key)]
        elif now != then:
            differing.append(name)
    if differing:
        return f"{', '.join(differing[:3])}{' and others' if len(differing) > 3 else ''} changed since"
    return "its inputs changed since, or another version made it"


def _done(step: Step, folder: Path, mark: str) -> bool:
    before = read_provenance(folder)["steps"].get(step.verb, {})
    return before.get("fingerprint") == mark and all((folder / name).exists() for name in step.outputs)


def _section(config: Config, name: str) -> Any:
    """A section as it tells results apart."""
    section = getattr(config, name)
    if isinstance(section, Engine):
        return section.identity()
    return section.told() if isinstance(section, Settings) else section


def _mark(step: Step, folder: Path, config: Config, digests: dict[Path, str] | None = None) -> str:
    """What the step's result depends on: its sections of the configuration and the digests of its inputs.

    `digests` keeps those of the inputs from one step to the next: a large store takes a second.
    """
    inputs = {}
    known = {} if digests is None else digests
    for name in step.inputs:
        path = folder / name
        if path.exists():
            if path not in known:
                known[path] = digest_output(path)
            inputs[name] = known[path]
        elif step.verb not in _SHOWS_WHAT_EXISTS:
            makers = [STEPS[other] for other in run_steps(config)] + list(STEPS.values())
            maker = next(other.verb for other in makers if name.split("/")[0] in other.outputs)
            raise MicroslipError(f"{folder / name} is missing: run `microslip {maker} {folder}` first")
    if step.verb == "import" and config.source is not None:
        inputs |= _digest_source(config.source)
    if step.verb == "report":
        # it says what is current, which settings and files of frames can change while all results stay
        inputs["states"] = fingerprint([vars(state) for state in step_states(folder, config, known).values()])
    edition = [step.edition] if step.edition > 1 else []
    sections = {name: _section(config, name) for name in step.sections}
    if sections.get("engine", {}).get("kind") == "lammps":
        # as it was called before there was a choice
        sections["parallel"] = {key: value for key, value in sections.pop("engine").items() if key != "kind"}
    return fingerprint([sections, inputs, *edition])


def _digest_source(source: Source) -> dict[str, str]:
    """Size and age of another program's files: to read them whole would cost as much as the import."""
    patterns = [*source.files, *(name for name in (source.series, source.contacts) if name)]
    stats = {path: path.stat() for path in find_files(patterns)}
    return {str(path): f"{stat.st_size} {stat.st_mtime_ns}" for path, stat in stats.items()}


def check_overrides(verb: str, overrides: Iterable[str]) -> None:
    """Refuse to override what a step does not read: the run folder's configuration would no longer be what was run.

    Raises
    ------
    MicroslipError
        An override names a section of another step.
    """
    step = STEPS[verb]
    own = [name for name in step.sections if name not in _DEM or verb == "simulate"]
    for override in overrides:
        section = override.partition("=")[0].partition(".")[0].strip()
        known = {name for other in STEPS.values() for name in other.sections}
        if section in known and section not in own:
            reader = next(other.verb for other in STEPS.values() if section in other.sections)
            raise MicroslipError(
                f"--set {override}: `microslip {verb}` does not read {section}, `microslip {reader}` does: set it there"
            )


def run_folder(folder: Path, config: Config) -> Path:
    """Make a run folder, or accept an existing one.

    Raises
    ------
    MicroslipError
        The path is a file, or a folder with other content.
    """
    if folder.exists() and not folder.is_dir():
        raise MicroslipError(f"{folder} is a file: choose a folder with --into")
    known = ("config.toml", "provenance.json", "trajectory.zarr")
    seen = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    if seen and not any((folder / name).exists() for name in known):
        raise MicroslipError(f"{folder} is not a run folder and is not empty: choose another one with --into")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.toml").exists():
        write_config(config, folder / "config.toml")
    return folder
