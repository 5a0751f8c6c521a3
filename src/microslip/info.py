"""What a run folder holds, in a few lines of text."""

from __future__ import annotations

import numpy as np

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.pipeline import STEPS
from microslip.steps.common import describe, metric_lines

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: np.ndarray, width: int = 60) -> str:
    """Means of `width` equal pieces of a series, as bars."""
    pieces = [piece.mean() for piece in np.array_split(values, min(width, len(values))) if np.isfinite(piece).all()]
    if not pieces:
        return ""
    low, high = min(pieces), max(pieces)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[int((piece - low) * scale)] for piece in pieces)


def describe_run(run: Run) -> list[str]:
    """Cell, progress, stress, stages, scores and timings; a part that is missing or damaged says so."""
    lines = [f"run {run.folder}"]
    for part in (_cell, _series, _stages, _scores):
        try:
            lines += part(run)
        except MicroslipError as problem:
            lines.append(f"  {problem}")
    steps = run.provenance["steps"]
    lines.append("steps")
    for verb, step in STEPS.items():
        entry = steps.get(verb)
        state = f"{entry['seconds']:8.1f} s  finished {entry['finished']}" if entry else "       — "
        lines.append(f"  {verb:<11}{state}  {step.title}")
    return lines


def _cell(run: Run) -> list[str]:
    attributes = run.attributes
    lengths = " × ".join(f"{length:.3g}" for length in attributes["box"])
    n_walls = int((run.grains["kind"] > 0).sum())
    n = run.grains.sizes["grain"]
    if attributes.get("imported"):
        known = f", I = {attributes['inertial_number']:.2g}" if "inertial_number" in attributes else ", I not known"
        files = ", ".join(attributes["source"]["files"])
        return [
            f"cell: {n} grains ({n_walls} in the walls), {lengths} d̄{known}",
            f"  imported from {files} ({attributes['engine']}), positions known to"
            f" {attributes['position_resolution']:.2g} d̄, strain by {attributes['strain_from']}",
        ]
    lines = [f"cell: {n} grains ({n_walls} in the walls), {lengths} d̄, seed {attributes['seed']}"]
    return [*lines, f"  {describe(attributes)}"] if "inertial_number" in attributes else lines


def _series(run: Run) -> list[str]:
    series = run.series
    stress = series["stress"].to_numpy()
    if not len(stress):
        return ["series: no sample yet"]
    strain = series["strain"].to_numpy()
    if not np.isfinite(stress).any():
        return [
            f"series: a strain to {strain[-1]:.4g}, no stress; {run.frames.sizes['frame']} frames kept",
        ]
    late = stress[len(stress) // 2 :]
    return [
        f"series: {len(stress)} samples to a strain of {strain[-1]:.4g}, {run.frames.sizes['frame']} frames kept",
        f"  stress in the second half: mean {np.nanmean(late):.4f} p, normal"
        f" {series['normal_stress'].to_numpy()[len(stress) // 2 :].mean():.4f} p",
        f"  {sparkline(stress)}",
    ]


def _stages(run: Run) -> list[str]:
    stages = run.stages
    slips = stages[stages["kind"] == "slip"]
    largest = f", largest slip {slips['fluctuation'].max():.4f} p" if len(slips) else ""
    return [f"stages: {len(stages)}, {len(slips)} of them slips{largest}"]


def _scores(run: Run) -> list[str]:
    return ["network", *(f"  {line}" for line in metric_lines(run.metrics))]
