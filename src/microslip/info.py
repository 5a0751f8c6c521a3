"""`microslip info` and `microslip steps`: what a run folder holds, and the state of its steps, in lines of text."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from microslip.core.errors import MicroslipError
from microslip.core.sparkline import BARS, DIGITS
from microslip.core.visible import quoted
from microslip.data.artifacts import RUN_STEPS
from microslip.data.overview import contents
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.dem.flow import drift_in_words, flow_in_words, flow_of, flow_warning
from microslip.grids.splits import FEWEST_TO_SPLIT
from microslip.states import report_state, step_states
from microslip.steps.registry import STEPS, run_steps
from microslip.steps.run_settings import run_config
from microslip.views.settings import read_config

# What a damaged record or table raises when it is read.
DAMAGE = (LookupError, AttributeError, TypeError, ValueError, OSError)

PLAIN = {"d̄": "d", "×": "x", "κ": "kappa", "Δ": "d", "²": "2", "—": "-", "…": "..."}


def describe_run(run: Run, encoding: str | None = None) -> list[str]:
    """Cell, progress, stress, stages, scores and timings; a part that is missing or damaged says so.

    Parameters
    ----------
    run
        The run.
    encoding
        What the text must be written in, that of stdout where left out: letters and bars that it lacks are replaced.
    """
    encoding = encoding or _encoding()
    lines = [f"run {run.folder}"]
    for row in contents(run.folder, BARS if _can_write(BARS, encoding) else DIGITS):
        lines += [f"{row.name}: {row.text}" if row.text else row.name, *(f"  {detail}" for detail in row.details)]
    if not (run.folder / "trajectory.zarr").exists():
        lines.insert(1, "nothing sheared or imported yet, or no longer there")
    # right below the name: of a run that bands no other line carries a claim
    lines[1:1] = _flow(run)
    return [_writable(line, encoding) for line in [*lines, *_steps(run)]]


def _flow(run: Run) -> list[str]:
    """Whether the flow is homogeneous and steady, in a sentence; nothing where that is not known yet, or damaged."""
    try:
        flow = flow_of(run, read_config(run))
    except (MicroslipError, *DAMAGE):
        return []
    if flow is None:
        return []
    if warning := flow_warning(flow.numbers):
        return [f"warning: {warning}"]
    homogeneous, steady = flow.numbers["homogeneous"], flow.numbers["steady"]
    words = flow_in_words(flow.numbers), drift_in_words(flow.numbers)
    return [f"flow: homogeneous: {homogeneous}, {words[0]}", f"  steady: {steady}, {words[1]}"]


def describe_steps(run: Run) -> list[str]:
    """Which steps are done, out of date, damaged or missing, why, and what to do."""
    return [_writable(line, _encoding()) for line in _steps(run, current="; current")]


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _steps(run: Run, current: str = "") -> list[str]:
    try:
        return list(_step_lines(run, current))
    except (MicroslipError, *DAMAGE) as problem:
        return [f"  damaged: {' '.join(str(problem).split())}"]


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _writable(line: str, encoding: str) -> str:
    if _can_write(line, encoding):
        return line
    for letter, plain in PLAIN.items():
        line = line.replace(letter, plain)
    return line if _can_write(line, encoding) else line.encode("ascii", "replace").decode()


def _step_lines(run: Run, current: str) -> Iterator[str]:
    """A line for each step that this run has or had: time, when, and whether its result still belongs to the run."""
    entries = run.provenance["steps"]
    states: dict[str, StepState] = {}
    try:
        config = run_config(run.folder)
        verbs, states = run_steps(config), step_states(run.folder, config)
        states["report"] = report_state(run.folder, config)
    except MicroslipError as problem:
        yield f"  {problem}"
        verbs = ("import", *RUN_STEPS[1:]) if "import" in entries else RUN_STEPS
    yield "steps"
    again = []
    too_few = _too_few_stages(run)
    for verb, step in STEPS.items():
        entry = entries.get(verb)
        if verb not in verbs and entry is None:
            continue
        gone = [name for name in step.outputs if not (run.folder / name).exists()]
        note = ""
        if entry is None:
            done = f"{'—' if gone else 'begun':>10}{'':<32}"
            note = f"; {too_few}" if verb == "train" and too_few else ""
        else:
            done = f"{entry.get('seconds', math.nan):8.1f} s  finished {entry.get('finished', '?')}"
            state = states.get(verb)
            if gone:
                note = f"; {gone[0]} is gone"
            elif state is not None and state.state != "current":
                note = f"; {state.state}: {state.why}"
            outdated = bool(note)
            if state is not None and state.state == "current":
                note = current
            asked = not (too_few and verb in ("train", "explain"))
            # a simulation is not made again over what is left of it
            lost = verb == "simulate" and not gone and state is not None and state.state == "damaged"
            if outdated and asked and not lost and (state is None or state.state != "not checked"):
                # a run whose stages do not suffice for a network ends there
                again.append("run" if verb in verbs and not too_few else verb)
        yield f"  {verb:<11}{done}  {step.title}{note}"
    if again:
        commands = " and ".join(f"`microslip {verb} {quoted(run.folder)}`" for verb in dict.fromkeys(again))
        yield f"  {commands} would make again what is gone or out of date"


def _too_few_stages(run: Run) -> str:
    """Why no network can be trained; empty where one can, or where that is not known."""
    try:
        n = len(run.stages)
    except MicroslipError:
        return ""
    return f"a network takes at least {FEWEST_TO_SPLIT} stages, and this run has {n}" if n < FEWEST_TO_SPLIT else ""
