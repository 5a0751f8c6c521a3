"""Whether the flow of a run is homogeneous and steady: its frames and stages → profiles over the height."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from microslip.core.errors import MicroslipError
from microslip.data.files import read_json, read_table
from microslip.data.frames import reader_of, turning_frames
from microslip.data.run import Run
from microslip.dem.steady import steady_sample_of
from microslip.fields.nonaffine import d2min
from microslip.statistics.profiles import (
    DRIFT_STRAIN,
    LARGEST_DEPARTURE,
    LARGEST_DRIFT,
    LARGEST_SHARE,
    LEAST_SHARE,
    WINDOW,
    Flow,
    Moment,
    Motion,
    flow_profile,
    judge,
    motion_profile,
    solid_fraction_drift,
    strain_windows,
    window_rows,
)

# Where a measured flow is kept.
LAYERS, WINDOWS, NUMBERS = (f"statistics/{name}" for name in ("profiles.csv", "profile_windows.csv", "profiles.json"))

# Of a window: steps of the mean motion, short against the strain in which grains change their layer; and stages, enough
# that those of a window scatter less than the limits lie apart.
STEPS, STAGES, FEWEST_STAGES = 30, 200, 40
# Where D²min has to be measured first, grains in all stages of a window: about a second of work.
GRAINS_MEASURED = 400_000
# Stages read at a time.
STAGES_AT_A_TIME = 25


def measure_flow(
    run: Run, first_sample: int, fraction: float = 0.1, cutoff: float = 2.0, window: float = WINDOW
) -> Flow | None:
    """Profiles over windows of strain of the steady state, and the verdicts; None where they cannot be known.

    Velocities come from some thirty frames a window. Non-affine motion is that of up to 200 stages a window where
    `fields.zarr` is there, else that between neighbouring frames. Frames are read one after another, and none is kept.

    Parameters
    ----------
    run
        The run; without two frames in the steady state, and without walls or a cell that leans, there is no profile.
    first_sample
        Where the steady state begins.
    fraction
        Share of the grains with the largest D²min that are active.
    cutoff
        L_c of a D²min that has to be measured here [d̄].
    window
        Strain of a window; the whole steady state where that is shorter.
    """
    series, frames, grains = run.series, run.frames, run.grains
    strain = series["strain"].to_numpy()
    if "position" not in frames or first_sample >= len(strain) - 1:
        return None
    sample = np.minimum(frames["sample"].to_numpy(), len(strain) - 1)
    at = frames["strain"].to_numpy() if "strain" in frames else strain[sample]
    kind, diameter = grains["kind"].to_numpy().astype(np.int64), grains["diameter"].to_numpy()
    moment, turning = moments_of(run), turning_frames(frames)
    tables, rows = [], []
    for number, (start, end) in enumerate(strain_windows(float(strain[first_sample]), float(strain[-1]), window)):
        inside = np.flatnonzero((at >= start - 1e-9) & (at <= end + 1e-9))
        if len(inside) < 2:
            continue
        profile = flow_profile(map(moment, _spread(inside, STEPS + 1)), diameter, kind)
        if not np.isfinite(profile.velocity).any():
            return None
        motions = _of_stages(run, start, end, moment) if _has_fields(run) else None
        if motions is None:
            n = max(FEWEST_STAGES, min(STAGES, GRAINS_MEASURED // len(kind)))
            # frames inside a stage would make pieces of its motion
            kept = np.intersect1d(turning, inside)
            pairs = np.column_stack([kept[:-1], kept[1:]])
            motions = _of_frames(pairs[_spread(np.arange(len(pairs)), n)], moment, kind, cutoff)
        table, row = window_rows(number, (start, end), profile, motion_profile(motions, fraction))
        tables.append(table)
        rows.append(row)
    if not rows:
        return None
    windows = pd.DataFrame(rows)
    fractions = series["solid_fraction"].to_numpy()[first_sample:]
    numbers = judge(windows, solid_fraction_drift(strain[first_sample:], fractions))
    ends = {"first_strain": float(strain[first_sample]), "last_strain": float(strain[-1])}
    return Flow(pd.concat(tables, ignore_index=True), windows, ends | numbers)


def moments_of(run: Run) -> Callable[[int], Moment]:
    """The grains of any frame, with the height of the cell at that moment; neighbouring frames are read together."""
    frames, height = run.frames, run.series["height"].to_numpy()
    sample = np.minimum(frames["sample"].to_numpy(), len(height) - 1)
    box, read = run.boxes(), reader_of(frames["position"])

    def moment(frame: int) -> Moment:
        cell, own = box(frame), float(height[sample[frame]])
        whole = cell.periodic[2] or not np.isfinite(own) or own <= 0
        return Moment(read(frame), cell, cell.lengths[2] if whole else own)

    return moment


def _spread(numbers: Int64[np.ndarray, "*n"], n: int) -> list[int]:
    """At most `n` of these, evenly spread, both ends among them."""
    chosen = np.unique(np.linspace(0, len(numbers) - 1, min(n, len(numbers))).round().astype(np.int64))
    return [int(number) for number in numbers[chosen]]


def _has_fields(run: Run) -> bool:
    return (run.folder / "fields.zarr").exists() and (run.folder / "stages.csv").exists()


def _of_stages(run: Run, start: float, end: float, moment: Any) -> Iterator[Motion] | None:
    """The stages that begin in a window, from the run's fields; None where none does, or fields are of other stages."""
    stages, values = run.stages, run.fields["d2min"]
    begins = stages["start_strain"].to_numpy()
    inside = np.flatnonzero((begins >= start - 1e-9) & (begins < end))
    frames = stages["start_frame"].to_numpy()
    if not len(inside) or len(stages) != len(values) or frames.max() >= run.frames.sizes["frame"]:
        return None
    chosen = _spread(inside, STAGES)

    def motions() -> Iterator[Motion]:
        for first in range(0, len(chosen), STAGES_AT_A_TIME):
            some = chosen[first : first + STAGES_AT_A_TIME]
            for stage, row in zip(some, values[some].to_numpy(), strict=True):
                yield Motion(moment(int(frames[stage])).level, row.astype(float))

    return motions()


def _of_frames(
    pairs: Int64[np.ndarray, "pair 2"], moment: Any, kind: Int64[np.ndarray, "grain"], cutoff: float
) -> Iterator[Motion]:
    """The motion from one frame of each pair to the other, measured here; what cannot be measured is left out."""
    for first, second in pairs.tolist():
        before, after = moment(first), moment(second)
        there = np.isfinite(before.position + after.position).all(axis=1)
        values = np.full(len(kind), np.nan)
        try:
            values[there] = d2min(
                before.position[there], after.position[there], before.box, cutoff, kind[there] == 0, after.box
            ).d2min
        except MicroslipError:
            # such as grains that move by half the cell between two imported frames
            continue
        yield Motion(before.level, values)


def read_flow(run: Run, first_sample: int, fraction: float = 0.1, cutoff: float = 2.0) -> Flow | None:
    """The flow as `microslip statistics` left it where that is still of the whole run, else measured anew."""
    strain = run.series["strain"].to_numpy()
    if (run.folder / NUMBERS).exists() and first_sample < len(strain):
        numbers = read_json(run.folder / NUMBERS, numbers=True)
        ends = (float(strain[first_sample]), float(strain[-1]))
        measured = (numbers.get("first_strain", np.nan), numbers.get("last_strain", np.nan))
        # a record from before the mean over all windows was judged lacks it
        if "least_mean_quarter" in numbers and np.allclose(measured, ends, rtol=1e-9):
            layers = read_table(run.folder / LAYERS, ["window", "low", "high", "velocity"])
            return Flow(layers, read_table(run.folder / WINDOWS, ["window", "departure"]), numbers)
    return measure_flow(run, first_sample, fraction, cutoff)


def flow_of(run: Run, config: Mapping[str, Any]) -> Flow | None:
    """`read_flow` by the settings that a run folder holds; None where the run has no samples."""
    strain: Float[np.ndarray, "sample"] = run.series["strain"].to_numpy()
    if not len(strain):
        return None
    first = steady_sample_of(config, strain, bool(run.attributes.get("imported")))

    def setting(section: str, name: str, otherwise: float) -> float:
        return float(config.get(section, {}).get(name, otherwise))

    return read_flow(run, first, setting("clusters", "fraction", 0.1), setting("nonaffine", "cutoff", 2.0))


# --- in words ---------------------------------------------------------------------------------------------------------


def flow_in_words(numbers: Mapping[str, Any]) -> str:
    """The numbers of a homogeneous flow with their limits, in a sentence without an end."""
    departure = f"u/U departs from 1 − z/H by up to {numbers['departure']:.2f} (limit {LARGEST_DEPARTURE:g})"
    least, most = (100 * numbers[f"{name}_mean_quarter"] for name in ("least", "most"))
    shares = "no activity is known"
    if np.isfinite(least):
        limits = f"(limits {100 * LEAST_SHARE:.0f} to {100 * LARGEST_SHARE:.0f} %)"
        shares = f"the quarters of the height hold {least:.0f} to {most:.0f} % of the active grains {limits}"
    length = f"{numbers['window']:.2g} of strain"
    if numbers["window"] < WINDOW - 1e-6:
        length += f", the whole steady state, where {WINDOW:g} are asked for"
    n = numbers["n_windows"]
    if n <= 1:
        return f"{departure} and {shares} over {length}"
    single = ""
    if np.isfinite(least):
        single = f", {100 * numbers['least_quarter']:.0f} to {100 * numbers['most_quarter']:.0f} % in a single window"
    return f"{departure} in windows of {length} and {shares}{single}"


def drift_in_words(numbers: Mapping[str, Any]) -> str:
    """The drift of the solid fraction with its error and its limit."""
    if not np.isfinite(numbers["drift"]):
        return "no drift of the solid fraction is known"
    drift, error = (f"{numbers[name]:.1e}" for name in ("drift", "drift_error"))
    value = f"{drift} ± {error}".replace("-", "−")
    return f"the solid fraction drifts by {value} in {DRIFT_STRAIN:g} of strain (limit {LARGEST_DRIFT:g})"


def flow_warning(numbers: Mapping[str, Any]) -> str:
    """What stands at the top of a run that bands or is not steady; empty of one that is neither."""
    if numbers["homogeneous"] == "no":
        return f"This run bands and carries no claim: {flow_in_words(numbers)}."
    if numbers["steady"] == "no":
        return f"This run is not steady and carries no claim: {drift_in_words(numbers)}."
    return ""
