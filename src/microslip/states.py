"""Which steps of a run folder are current, and why the others are not.

A step's mark is a fingerprint of its sections of the settings and of its inputs: a result with another mark is made
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microslip.config import Config
from microslip.core.errors import MicroslipError
from microslip.core.settings import Settings
from microslip.core.visible import quoted
from microslip.data.artifacts import PACK_NOTE, PACKED, RUN_STEPS
from microslip.data.provenance import digest_output, fingerprint, read_provenance
from microslip.data.seals import find_damage
from microslip.data.step_state import Cause, State, StepState
from microslip.dem.seam import EngineSettings
from microslip.formats.files import find_files
from microslip.formats.source import Source
from microslip.steps.registry import STEPS, Step, run_steps

Digests = dict[Path, str]


def is_current(verb: str, folder: Path, config: Config) -> bool:
    """Whether a step of a run folder is done with these settings and inputs, so that `perform` would skip it."""
    step = STEPS[verb]
    try:
        return is_done(step, folder, mark(step, config, input_digests(step, folder, config)))
    except MicroslipError:
        # an input is missing: what was made from it before is not current
        return False


def step_states(folder: Path, config: Config, digests: Digests | None = None) -> dict[str, StepState]:
    """State of every step before the report, by verb; a result is out of date as well where one that it needs is.

    Steps that `microslip run` leaves out are told only where they have run. `digests` of inputs are read, and added to.
    """
    entries = read_provenance(folder)["steps"]
    digests = {} if digests is None else digests
    states: dict[str, StepState] = {}
    for verb, step in STEPS.items():
        if verb != "report" and (verb in run_steps(config) or (verb not in RUN_STEPS and verb in entries)):
            late = [other for other, state in states.items() if state.state == "out of date"]
            states[verb] = _state(step, folder, config, entries.get(verb), late, digests)
    return states


def refuse_stale(folder: Path, config: Config) -> None:
    """Refuse a run whose results that go into an archive are missing, damaged or out of date: which, and why."""
    for verb, state in step_states(folder, config).items():
        # frames may be made elsewhere, without a record of it
        made = ("current", "not checked", *(["not done"] if verb in ("simulate", "import") else []))
        if verb in PACKED and state.state not in made:
            why = f": {state.why}" if state.why else ""
            raise MicroslipError(
                f"{folder} cannot be packed, {verb} is {state.state}{why}: run `microslip run {quoted(folder)}`"
            )


def report_state(folder: Path, config: Config) -> StepState:
    """State of the report, which shows the states of the others."""
    step, entry = STEPS["report"], read_provenance(folder)["steps"].get("report")
    state = _state(step, folder, config, entry, [], {})
    return state if state.state != "out of date" else StepState(step.verb, step.title, state.state, Cause("shown"))


def _state(
    step: Step, folder: Path, config: Config, entry: dict[str, Any] | None, late: list[str], digests: Digests
) -> StepState:
    """State of a step with this record; `late` are the steps before it that are out of date."""

    def state(name: State, cause: Cause | None = None) -> StepState:
        return StepState(step.verb, step.title, name, cause)

    if entry is None or not all((folder / name).exists() for name in step.outputs):
        return state("not done")
    if damage := find_damage(folder, entry.get("outputs", {}), step.outputs):
        return state("damaged", Cause("damaged", tuple(part.name for part in damage), damage[0].what))
    try:
        inputs = input_digests(step, folder, config, digests)
    except MicroslipError as problem:
        return state("not checked" if step.verb == "import" else "out of date", Cause("missing", detail=str(problem)))
    if not is_made(step, folder, mark(step, config, inputs)):
        return state("out of date", _why_not(step, config, entry, inputs))
    tops = {name.split("/")[0] for name in step.inputs}
    if upstream := [verb for verb in late if tops & {*STEPS[verb].outputs}]:
        return state("out of date", Cause("upstream", tuple(upstream)))
    return state("current")


def _why_not(step: Step, config: Config, entry: Mapping[str, Any], inputs: Mapping[str, str]) -> Cause:
    """What differs from the record: settings, else inputs, else the step itself."""
    if unfinished := entry.get("unfinished"):
        return Cause("unfinished", tuple(unfinished))
    settings = entry.get("settings", {})
    differing: list[str] = []
    for name in step.sections:
        now, then = section(config, name), settings.get(name)
        if isinstance(now, dict) and isinstance(then, dict):
            differing += [f"{name}.{key}" for key in {**now, **then} if now.get(key) != then.get(key)]
        elif now != then:
            differing.append(name)
    if differing:
        return Cause("settings", tuple(differing))
    if "inputs" not in entry:
        # older records do not tell inputs apart
        return Cause("inputs")
    before = entry["inputs"]
    changed = tuple(name for name in {**before, **inputs} if before.get(name) != inputs.get(name))
    if changed:
        return Cause("inputs", changed)
    names = other_measures(step, entry)
    return Cause("measures", names) if names else Cause("edition")


def other_measures(step: Step, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Names that were added to what the step measures, or removed, since this record of it; older records tell none."""
    return tuple(sorted({*step.measures} ^ {*entry.get("measures", step.measures)}))


def is_done(step: Step, folder: Path, made_with: str) -> bool:
    """Whether the step was made with this mark, and its result is whole."""
    if not is_made(step, folder, made_with):
        return False
    sealed = read_provenance(folder)["steps"][step.verb].get("outputs", {})
    return not find_damage(folder, sealed, step.outputs)


def is_made(step: Step, folder: Path, made_with: str) -> bool:
    """Whether the step was made with this mark, and its result is there, whole or not."""
    before = read_provenance(folder)["steps"].get(step.verb, {})
    if before.get("unfinished"):
        return False
    # a page shows the run's name: of a folder that was renamed or copied it is another one's
    name = folder.resolve().name
    if before.get("fingerprint") != made_with or before.get("name", name) != name or other_measures(step, before):
        return False
    return all((folder / output).exists() for output in step.outputs)


def section(config: Config, name: str) -> Any:
    """A section as it tells results apart."""
    values = config.section(name)
    if isinstance(values, EngineSettings):
        return values.identity()
    return values.fingerprinted() if isinstance(values, Settings) else values


def input_digests(step: Step, folder: Path, config: Config, digests: Digests | None = None) -> dict[str, str]:
    """Digests of what the step reads, by name; `digests` keeps them from one step to the next.

    Raises
    ------
    MicroslipError
        An input is missing.
    """
    if step.verb in PACKED and (folder / PACK_NOTE).is_file():
        # what a packed result was made from stayed behind: its settings alone can still differ
        return dict(read_provenance(folder)["steps"].get(step.verb, {}).get("inputs", {}))
    inputs: dict[str, str] = {}
    digests = {} if digests is None else digests
    for name in step.inputs:
        path = folder / name
        if path.exists():
            if path not in digests:
                # a large store takes a second
                digests[path] = digest_output(path)
            inputs[name] = digests[path]
        elif not step.shows:
            makers = [STEPS[other] for other in run_steps(config)] + list(STEPS.values())
            maker = next(other.verb for other in makers if name.split("/")[0] in other.outputs)
            raise MicroslipError(f"{folder / name} is missing: run `microslip {maker} {quoted(folder)}` first")
    if step.verb == "import" and config.source is not None:
        inputs |= _digest_source(config.source)
    if step.verb == "report":
        # it says what is current, which settings and files of frames can change while all results stay
        states = step_states(folder, config, digests).values()
        inputs["states"] = fingerprint(
            [{"verb": of.verb, "title": of.title, "state": of.state, "why": of.why} for of in states]
        )
    return inputs


def mark(step: Step, config: Config, inputs: Mapping[str, str]) -> str:
    """What the step's result depends on: its sections of the settings, its inputs, and its edition."""
    edition = [step.edition] if step.edition > 1 else []
    sections = {name: section(config, name) for name in step.sections}
    if sections.get("engine", {}).get("kind") == "lammps":
        # as it was called before there was a choice
        sections["parallel"] = {key: value for key, value in sections.pop("engine").items() if key != "kind"}
    return fingerprint([sections, inputs, *edition])


def _digest_source(source: Source) -> dict[str, str]:
    """Size and age of another program's files: to read them whole would cost as much as the import."""
    patterns = [*source.files, *(name for name in (source.series, source.contacts) if name)]
    stats = {path: path.stat() for path in find_files(patterns)}
    return {str(path): f"{stat.st_size} {stat.st_mtime_ns}" for path, stat in stats.items()}
