"""The steps in order; what is done and current is skipped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microslip.config import Config, write_config
from microslip.core.errors import MicroslipError
from microslip.core.extras import missing, require
from microslip.core.messages import Caution
from microslip.core.settings import Settings
from microslip.core.visible import quoted
from microslip.data.artifacts import inputs_of, outputs_of
from microslip.data.provenance import (
    digest_output,
    fingerprint,
    read_provenance,
    record_step,
    seals_broken,
    versions,
)
from microslip.data.run import Run
from microslip.data.seals import describe_damage, find_damage, in_the_making, remove_stores
from microslip.data.step_state import StepState
from microslip.dem.seam import EngineSettings
from microslip.formats.reading import find_files
from microslip.formats.source import Source
from microslip.steps.ablate import ablate_step
from microslip.steps.common import Advance, Say
from microslip.steps.explain import explain_step
from microslip.steps.fields import fields_step
from microslip.steps.figures import figures_step, report_step
from microslip.steps.import_ import import_step
from microslip.steps.search import search_step
from microslip.steps.simulate import simulate_step
from microslip.steps.stages import stages_step
from microslip.steps.statistics import statistics_step
from microslip.steps.train import train_step
from microslip.steps.voxels import voxels_step


@dataclass(frozen=True)
class Step:
    """A verb of the command line: what it reads of the configuration, what it does, and what it needs."""

    verb: str
    title: str
    sections: tuple[str, ...]
    work: Callable[[Run, Config, str, Advance, Say], dict[str, Any] | None]
    # raised when a later version leaves more or other things there, so that older results are made again
    edition: int = 1
    # extras whose packages it needs
    needs: tuple[str, ...] = ()
    # part of `microslip run`; the others are asked for by name
    in_run: bool = True
    # goes on writing into what it left before, which is never made again over something finished
    grows: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it reads in the run folder."""
        return inputs_of(self.verb)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What it leaves there."""
        return outputs_of(self.verb)


def _report(run: Run, config: Config, mark: str, advance: Advance, say: Say) -> dict[str, Any]:
    report_step(run, step_states(run.folder, config), say)
    return {"name": run.folder.resolve().name}


_DEM = ("seed", "grains", "cell", "loading", "recording", "engine")
_TRAINING = ("split", "network", "training")

STEPS = {
    step.verb: step
    for step in (
        Step("simulate", "shearing the cell", _DEM, simulate_step, grows=True),
        Step("import", "reading another program's files", ("source",), import_step, in_run=False),
        Step("stages", "finding stages", ("stages", "loading", "recording"), stages_step),
        Step("fields", "measuring fields", ("nonaffine",), fields_step, edition=2),
        Step("voxels", "coarse graining", ("voxels",), voxels_step),
        Step("train", "training the network", _TRAINING, train_step, edition=2, needs=("learn",)),
        Step(
            "explain",
            "integrated gradients",
            ("attribution", "correlation", "clusters", "training", "split"),
            explain_step,
            edition=3,
            needs=("learn",),
        ),
        Step(
            "statistics",
            "correlations, clusters, distributions",
            ("correlation", "clusters", "distributions", "bootstrap"),
            statistics_step,
            edition=3,
        ),
        Step(
            "ablate",
            "training on less",
            ("ablation", *_TRAINING, "voxels"),
            ablate_step,
            needs=("learn",),
            in_run=False,
        ),
        Step(
            "search", "searching settings", ("search", *_TRAINING), search_step, needs=("learn", "search"), in_run=False
        ),
        Step("figures", "drawing figures", (), figures_step, edition=2),
        Step("report", "writing the report", (), _report, edition=2),
    )
}

# What `microslip run` does, in order.
RUN_STEPS = tuple(verb for verb, step in STEPS.items() if step.in_run)


def run_steps(config: Config) -> tuple[str, ...]:
    """The steps of `microslip run`: those of an imported run begin with its import."""
    return RUN_STEPS if config.source is None else ("import", *RUN_STEPS[1:])


# These show what there is; the others need every input.
_SHOWS_WHAT_EXISTS = ("figures", "report")


def left_out(verbs: Iterable[str]) -> dict[str, str]:
    """Why steps cannot run here, by verb: packages of an extra that are not installed."""
    why = {}
    for verb in verbs:
        lacking = {extra: modules for extra in STEPS[verb].needs if (modules := missing(extra))}
        for extra, modules in lacking.items():
            why[verb] = f"the package {modules[0]} is not installed: pip install 'microslip[{extra}]'"
    return why


def perform(verb: str, folder: Path, config: Config, advance: Advance, say: Say) -> bool:
    """Run one step on a run folder, unless it is done, current and whole; True when it ran.

    Raises
    ------
    MicroslipError
        An input is missing or damaged, or what the step itself finds wrong.
    """
    step = STEPS[verb]
    if verb in ("simulate", "import"):
        _refuse_other_origin(verb, folder, config)
    said: list[str] = []

    def remember(sentence: str) -> None:
        said.append(sentence)
        say(sentence)

    for sentence in _damaged_inputs(step, folder):
        remember(Caution(sentence))
    mark = _mark(step, folder, config)
    changes = _damaged_outputs(step, folder)
    if _made(step, folder, mark):
        if not changes:
            return False
        remember(f"{changes[0]}{' and more' if len(changes) > 1 else ''} since it was made: made again")
        if not step.grows:
            remove_stores(folder, step.outputs)
    for needed in step.needs:
        require(needed, f"microslip {verb}")
    started = time.time()
    grown = seals_broken(folder, verb, step.outputs) if step.grows else nullcontext()
    with in_the_making(folder, step.outputs), grown:
        extra = step.work(Run(folder), config, mark, advance, remember)
    entry = {
        "fingerprint": mark,
        "seconds": round(time.time() - started, 2),
        **(extra or {}),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "settings": {name: _section(config, name) for name in step.sections},
        "versions": versions(),
        "processors": os.cpu_count(),
        "said": said,
        "warnings": [sentence.sentence for sentence in said if isinstance(sentence, Caution)],
    }
    record_step(folder, verb, entry, step.outputs)
    write_config(config, folder / "config.toml")
    return True


def _damaged_inputs(step: Step, folder: Path) -> list[str]:
    """Refuse what is no longer as its step left it; what shows what there is names it, and leaves it out.

    An input without a record is taken as it is, which is said.
    """
    warnings, without = [], []
    entries = read_provenance(folder)["steps"]
    for name in step.inputs:
        if name == "config.toml" or not (folder / name).exists():
            # what is missing is named by the mark, or not shown
            continue
        top = name.split("/")[0]
        maker = next((other.verb for other in STEPS.values() if top in other.outputs and other.verb in entries), None)
        if maker is None:
            without.append(name)
            continue
        changes = find_damage(folder, entries[maker].get("outputs", {}), [name])
        if changes:
            sentence = describe_damage(folder, maker, changes)
            if step.verb not in _SHOWS_WHAT_EXISTS:
                raise MicroslipError(sentence)
            warnings.append(sentence)
    if without:
        warnings.append(f"no step has recorded that it finished {', '.join(without)}: taken as it is")
    return warnings


def _damaged_outputs(step: Step, folder: Path) -> list[str]:
    """What of a step's result is no longer as it left it.

    Raises
    ------
    MicroslipError
        It is damaged, and the step would have to write into it.
    """
    sealed = read_provenance(folder)["steps"].get(step.verb, {}).get("outputs", {})
    changes = find_damage(folder, sealed, step.outputs)
    if changes and step.grows and any((folder / name).exists() for name in step.outputs):
        raise MicroslipError(describe_damage(folder, step.verb, changes))
    return changes


def _refuse_other_origin(verb: str, folder: Path, config: Config) -> None:
    """Neither puts a simulation in the place of an import nor the reverse."""
    if verb == "simulate" and config.source is not None:
        raise MicroslipError(
            f"{folder} was imported from {', '.join(config.source.files)}: there is nothing to simulate"
        )
    if not (folder / "trajectory.zarr").is_dir():
        return
    # the record tells it of a damaged store as well
    recorded = read_provenance(folder)["steps"]
    if "import" in recorded or "simulate" in recorded:
        imported, before = "import" in recorded, recorded.get("import", {}).get("settings", {}).get("source")
    else:
        attributes = Run(folder).attributes
        imported, before = attributes.get("imported", False), attributes.get("source")
    if imported and verb == "simulate":
        raise MicroslipError(f"{folder} holds a run that was imported: choose another folder with --into")
    if imported and config.source is not None and before is not None:
        files = before["files"]
        if set(files) != set(config.source.files):
            raise MicroslipError(
                f"{folder} holds a run that was imported from {', '.join(files)}: choose another folder with --into,"
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
        changes = find_damage(folder, entries[verb].get("outputs", {}), step.outputs)
        if changes:
            states[verb] = StepState(verb, step.title, "damaged", changes[0])
            continue
        needed = {other for other in states if {name.split("/")[0] for name in step.inputs} & {*STEPS[other].outputs}}
        late = [other for other in needed if states[other].state == "out of date"]
        try:
            current = _made(step, folder, _mark(step, folder, config, digests))
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
    """Whether the step was made with this mark, and its result is whole."""
    if not _made(step, folder, mark):
        return False
    sealed = read_provenance(folder)["steps"][step.verb].get("outputs", {})
    return not find_damage(folder, sealed, step.outputs)


def _made(step: Step, folder: Path, mark: str) -> bool:
    before = read_provenance(folder)["steps"].get(step.verb, {})
    # a page shows the run's name: of a folder that was renamed or copied it is another one's
    name = folder.resolve().name
    if before.get("fingerprint") != mark or before.get("name", name) != name:
        return False
    return all((folder / name).exists() for name in step.outputs)


def _section(config: Config, name: str) -> Any:
    """A section as it tells results apart."""
    section = config.section(name)
    if isinstance(section, EngineSettings):
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
            raise MicroslipError(f"{folder / name} is missing: run `microslip {maker} {quoted(folder)}` first")
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
