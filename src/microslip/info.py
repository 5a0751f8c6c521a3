"""What a run folder holds, in a few lines of text."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float

from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.attributes import cell_edges, stress_unit
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.grids.splits import FEWEST_TO_SPLIT
from microslip.states import report_state, step_states
from microslip.steps.common import describe, metric_lines
from microslip.steps.registry import RUN_STEPS, STEPS, run_steps
from microslip.steps.run_settings import run_config

BARS = "▁▂▃▄▅▆▇█"

# Where stdout cannot show bars, tenths of the way from the smallest to the largest value.
DIGITS = "0123456789"

WIDTH = 60

PLAIN = {"d̄": "d", "×": "x", "κ": "kappa", "Δ": "d", "²": "2", "—": "-", "…": "..."}

# What a damaged store or table raises when it is read.
DAMAGE = (LookupError, AttributeError, TypeError, ValueError, OSError)

Part = Callable[[Run, str], Iterable[str]]


def sparkline(values: Float[np.ndarray, "sample"], width: int = WIDTH, marks: str = BARS) -> str:
    """Means of at most `width` equal pieces of a series as marks; a space where none is known."""
    pieces = pieces_of(values, width)
    known = pieces[np.isfinite(pieces)]
    if not known.size:
        return ""
    low, high = known.min(), known.max()
    scale = (len(marks) - 1) / (high - low) if high > low else 0.0
    return "".join(marks[round((piece - low) * scale)] if np.isfinite(piece) else " " for piece in pieces)


def pieces_of(values: Float[np.ndarray, "sample"], width: int = WIDTH) -> Float[np.ndarray, "piece"]:
    """Means of the known values in at most `width` equal pieces, NaN where a piece has none."""
    parts = [part[np.isfinite(part)] for part in np.array_split(values, min(width, len(values)))] if len(values) else []
    return np.array([part.mean() if part.size else np.nan for part in parts])


def describe_run(run: Run, encoding: str | None = None) -> list[str]:
    """Cell, progress, stress, stages, scores and timings; a part that is missing or damaged says so.

    Parameters
    ----------
    run
        The run.
    encoding
        What the text must be written in, that of stdout where left out: letters and bars that it lacks are replaced.
    """
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    marks = BARS if _can_write(BARS, encoding) else DIGITS
    lines = [f"run {run.folder}"]
    for name, parts in PARTS.items():
        if (run.folder / name).exists():
            for part in parts:
                lines += _or_damage(part, run, marks)
        elif name == "trajectory.zarr":
            lines.append("nothing sheared or imported yet, or no longer there")
    lines += _or_damage(_steps, run, marks)
    return [_writable(line, encoding) for line in lines]


def describe_steps(run: Run) -> list[str]:
    """Which steps are done, out of date, damaged or missing, why, and what to do."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return [_writable(line, encoding) for line in _or_damage(_every_step, run, "")]


def _or_damage(part: Part, run: Run, marks: str) -> list[str]:
    try:
        return list(part(run, marks))
    except MicroslipError as problem:
        return [f"  {problem}"]
    except DAMAGE as problem:
        return [f"  damaged ({type(problem).__name__}: {' '.join(str(problem).split())})"]


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


def _cell(run: Run, _marks: str) -> list[str]:
    attributes = run.attributes
    lengths = " × ".join(f"{length:.3g}" for length in cell_edges(attributes))
    n_walls = int((run.grains["kind"] > 0).sum())
    n = run.grains.sizes["grain"]
    of_walls = f"{n_walls} in the walls" if n_walls or attributes.get("imported") else "no walls"
    if attributes.get("imported"):
        known = f", I = {attributes['inertial_number']:.2g}" if "inertial_number" in attributes else ", I not known"
        files = ", ".join(attributes["source"]["files"])
        return [
            f"cell: {n} grains ({of_walls}), {lengths} d̄{known}",
            f"  imported from {files} ({attributes['engine']}), positions known to"
            f" {attributes['position_resolution']:.2g} d̄, strain by {attributes['strain_from']}",
        ]
    lines = [f"cell: {n} grains ({of_walls}), {lengths} d̄, seed {attributes['seed']}"]
    return [*lines, f"  {describe(attributes)}"] if "inertial_number" in attributes else lines


def _series(run: Run, marks: str) -> list[str]:
    series, n_frames = run.series, run.frames.sizes["frame"]
    stress, strain = series["stress"].to_numpy(), series["strain"].to_numpy()
    if not len(stress):
        return ["series: no sample yet"]
    if not np.isfinite(stress).any():
        return [f"series: a strain to {strain[-1]:.4g}, no stress; {n_frames} frames kept"]
    half, unit = len(stress) // 2, stress_unit(run.attributes)
    values = [f"mean {np.nanmean(stress[half:]):.4f} {unit}"] if np.isfinite(stress[half:]).any() else ["not known"]
    for name, words in (("stress_volume", "of the volume"), ("normal_stress", "normal")):
        other = series[name].to_numpy() if name in series else np.empty(0)
        # without walls the stress is that of the volume itself
        if np.isfinite(other[half:]).any() and not np.array_equal(other, stress):
            values.append(f"{words} {np.nanmean(other[half:]):.4f} {unit}")
    return [
        f"series: {len(stress)} samples to a strain of {strain[-1]:.4g}, {n_frames} frames kept",
        f"  stress in the second half: {', '.join(values)}",
        *_spark(stress, marks, "whole run", unit),
    ]


def _spark(stress: Float[np.ndarray, "sample"], marks: str, title: str, unit: str) -> Iterator[str]:
    """The title and the smallest and largest mean of a piece in its unit, and below them the marks."""
    pieces = pieces_of(stress)
    if np.isfinite(pieces).any():
        scale = " as 0 to 9" if marks == DIGITS else ""
        yield f"  {title}, {np.nanmin(pieces):.4f} to {np.nanmax(pieces):.4f} {unit}{scale}"
        yield f"    {sparkline(stress, marks=marks)}"


def _stages(run: Run, marks: str) -> Iterator[str]:
    stages = run.stages
    counts = stages["kind"].value_counts()
    if set(counts.index) == {"window"}:
        yield f"stages: {len(stages)} windows of strain without a stress"
        return
    slips = stages[stages["kind"] == "slip"]
    largest = f", largest slip {slips['fluctuation'].max():.4f} {stress_unit(run.attributes)}" if len(slips) else ""
    yield f"stages: {len(stages)}, {len(slips)} of them slips{largest}"
    if len(slips):
        yield from _largest_slip(run, stages, int(slips["fluctuation"].idxmax()), marks)


def _largest_slip(run: Run, stages: pd.DataFrame, row: int, marks: str) -> Iterator[str]:
    """The stress from about one length of the slip before it to one after, and below it which samples stick or slip."""
    slip, n_samples = stages.iloc[row], run.series.sizes["sample"]
    start, end = int(slip["start_sample"]), int(slip["end_sample"])
    # at least as many samples as there is room for marks, where the series has them
    margin = max(end - start, (WIDTH - (end - start)) // 2)
    first, last = max(start - margin, 0), min(end + margin + 1, n_samples)
    series = run.series.isel(sample=slice(first, last))
    strain, stress = series["strain"].to_numpy(), series["stress"].to_numpy()
    title = f"about the largest slip, strain {strain[0]:.6g} to {strain[-1]:.6g}"
    yield from _spark(stress, marks, title, stress_unit(run.attributes))
    signs = np.full(last - first, " ")
    for kind, sign in (("stick", "/"), ("slip", "\\")):
        for stage in stages[stages["kind"] == kind].itertuples():
            signs[max(stage.start_sample - first, 0) : max(stage.end_sample - first, 0)] = sign
    # a piece shows the stage at its middle
    shown = [part[len(part) // 2] for part in np.array_split(signs, min(WIDTH, len(signs)))]
    yield f"    {''.join(shown)}  / stick, \\ slip".rstrip()


def _scores(run: Run, _marks: str) -> list[str]:
    return ["network", *(f"  {line}" for line in metric_lines(run.metrics))]


def _every_step(run: Run, _marks: str) -> Iterator[str]:
    """As `_steps`, where those that are current say so too."""
    return _steps(run, _marks, current="; current")


def _steps(run: Run, _marks: str, current: str = "") -> Iterator[str]:
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


# What is told of each store that is there.
PARTS: dict[str, tuple[Part, ...]] = {
    "trajectory.zarr": (_cell, _series),
    "stages.csv": (_stages,),
    "model": (_scores,),
}
