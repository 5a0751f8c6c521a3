"""What a run folder holds, as rows: for the prompt as text, for a notebook as a table, for `microslip info` in full."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float

from microslip.core.sparkline import DIGITS, WIDTH, pieces_of, sparkline
from microslip.core.visible import quoted
from microslip.data.artifacts import RUN_STEPS, inputs_of, outputs_of
from microslip.data.attributes import cell_edges, stress_unit
from microslip.data.files import read_json, read_table
from microslip.data.openings import openings_in_words, read_openings
from microslip.data.provenance import read_provenance
from microslip.data.seals import check_whole
from microslip.data.stage_stress import measure_of_run
from microslip.data.store import check_store, open_dataset

# Letters of what is wrong with a part at a prompt.
LONGEST = 110


@dataclass(frozen=True)
class Row:
    """One thing that a run holds: its name, the short of it, and more lines for who asks for them."""

    name: str
    text: str
    details: tuple[str, ...] = ()


# Lines of a part: the short of it, and where marks for a series are given, its details.
Part = Callable[[Path, str], Iterator[str]]


def contents(folder: Path, marks: str = "") -> Iterator[Row]:
    """Cell, series, frames, stages and scores, as far as they are there; `marks` for a series ask for details.

    Never raises: of a part that is damaged the row says so.
    """
    for name, (file, part) in PARTS.items():
        # os.path, since pathlib raises where a folder may not be looked into
        if os.path.exists(folder / file):
            try:
                text, *details = part(folder, marks)
            # shown at a prompt, where any error would hide what is sound
            except Exception as problem:
                text, details = _reason(problem), []
            yield Row(name, text, tuple(details))


def overview(folder: Path) -> list[Row]:
    """What a run holds, the results that are made, and the commands that make the others; never raises."""
    if not os.path.isdir(folder):
        return [Row("damaged", "there is no such folder")]
    rows = [Row(row.name, _short(row.text)) for row in contents(folder) if row.text]
    made, missing = [], []
    for verb in RUN_STEPS:
        names = result_files(verb)
        name = Path(names[0]).stem
        there = [os.path.exists(folder / name) for name in names]
        if all(there):
            damage = _damage(folder / names[0])
            made.append(f"{name} ({damage})" if damage else name)
        # nothing can be learnt from stages whose fluctuation nobody knows
        elif verb not in ("train", "explain") or not _has_no_stress(folder):
            missing.append((f"{name}, in part" if any(there) else name, _command(folder, verb)))
    rows.append(Row("made", ", ".join(made) or "nothing yet"))
    if missing and not any(os.path.exists(folder / name) for name in ("config.toml", "trajectory.zarr")):
        rows.append(Row("missing", ", ".join(name for name, _ in missing)))
        return [*rows, Row("", "config.toml, without which no command works on the folder")]
    if len(missing) > 1:
        missing.append(("all of it", _command(folder, "run")))
    width = max((len(name) for name, _ in missing), default=0)
    rows += [Row("" if n else "missing", f"{name:<{width}}  {command}") for n, (name, command) in enumerate(missing)]
    return rows


def result_files(verb: str) -> tuple[str, ...]:
    """Without which the result of a step is not whole: what it leaves, and the files of it that later steps need."""
    outputs = outputs_of(verb)
    needed = (name for other in RUN_STEPS if other not in ("figures", "report") for name in inputs_of(other))
    return tuple(dict.fromkeys((*outputs, *(name for name in needed if name.split("/")[0] in outputs))))


def as_text(folder: Path) -> str:
    """The rows below the folder's name."""
    lines = [f"  {row.name:<9} {row.text}".rstrip() for row in overview(folder)]
    return "\n".join([f"Run({str(folder)!r})", *lines])


def as_html(folder: Path) -> str:
    """The rows as a small table, escaped."""
    cell = '<td style="text-align: left; white-space: pre-wrap; font-family: monospace">{}</td>'
    rows = "".join(
        f'<tr><th style="text-align: left">{html.escape(row.name)}</th>{cell.format(html.escape(row.text))}</tr>'
        for row in overview(folder)
    )
    caption = f'<caption style="text-align: left">Run <code>{html.escape(str(folder))}</code></caption>'
    return f"<table>{caption}<tbody>{rows}</tbody></table>"


def metric_lines(metrics: Mapping[str, Any]) -> list[str]:
    """R² on the test set of every split rule, network first."""
    return [
        f"{rule} split, test R²: "
        + ", ".join(f"{name.replace('_', ' ')} {parts['test']['r2']:.3f}" for name, parts in methods.items())
        for rule, methods in metrics.items()
    ]


def describe(numbers: Mapping[str, float]) -> str:
    """I, κ and Δt in a sentence, as far as they are known."""
    texts = {
        "inertial_number": ", I = {:.2g}",
        "stiffness_number": ", κ = {:.0f}",
        "timestep": ", Δt = {:.3g} s",
        "timestep_over_rayleigh_time": " = {:.2f} T_Rayleigh",
    }
    return "".join(text.format(numbers[name]) for name, text in texts.items() if name in numbers).removeprefix(", ")


def _reason(problem: Exception) -> str:
    return f"damaged: {' '.join(str(problem).split()) or type(problem).__name__}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _damage(path: Path) -> str:
    """In a few words why a result cannot be read; empty where it can."""
    try:
        if path.suffix == ".zarr":
            check_store(path)
        check_whole(path)
    except Exception as problem:
        return _short(_reason(problem))
    return ""


def _attributes(folder: Path) -> dict[str, Any]:
    return dict(check_store(folder / "trajectory.zarr").attrs)


def _group(folder: Path, name: str) -> xr.Dataset:
    return open_dataset(folder / "trajectory.zarr", name)


def _cell(folder: Path, marks: str) -> Iterator[str]:
    attributes, kind = _attributes(folder), _group(folder, "grains")["kind"].to_numpy()
    lengths = " × ".join(f"{length:.3g}" for length in cell_edges(attributes))
    n_walls, imported = int((kind > 0).sum()), attributes.get("imported")
    of_walls = f"{n_walls:,} in the walls" if n_walls or imported else "no walls"
    text = f"{len(kind):,} grains ({of_walls}), {lengths} d̄"
    yield f"{text}, imported ({attributes['engine']})" if imported and not marks else text
    if not marks:
        return
    if imported:
        inertial = f"I = {attributes['inertial_number']:.2g}" if "inertial_number" in attributes else "I not known"
        yield f"imported from {', '.join(attributes['source']['files'])} ({attributes['engine']}), {inertial}"
        resolution, origin = attributes["position_resolution"], attributes["strain_from"]
        yield f"positions known to {resolution:.2g} d̄, strain by {origin}"
    else:
        numbers = f", {describe(attributes)}" if "inertial_number" in attributes else ""
        yield f"seed {attributes['seed']}{numbers}"


def _series(folder: Path, marks: str) -> Iterator[str]:
    series = _group(folder, "series")
    n_samples = series.sizes["sample"]
    if not n_samples:
        yield "no sample yet"
        return
    text = f"{n_samples:,} samples to a strain of {float(series['strain'][-1]):.4g}"
    if not marks:
        yield text
        return
    measure, unit = measure_of_run(folder, series), stress_unit(_attributes(folder))
    stress = series[measure.column].to_numpy()
    if not np.isfinite(stress).any():
        yield f"{text}, no stress"
        return
    yield text
    half = n_samples // 2
    values = [f"mean {np.nanmean(stress[half:]):.4f} {unit}"] if np.isfinite(stress[half:]).any() else ["not known"]
    for name, words in (("stress_volume", "of the volume"), ("stress", "of the walls"), ("normal_stress", "normal")):
        other = series[name].to_numpy() if name in series else np.empty(0)
        # without walls the stress is that of the volume itself
        if name != measure.column and np.isfinite(other[half:]).any() and not np.array_equal(other, stress):
            values.append(f"{words} {np.nanmean(other[half:]):.4f} {unit}")
    yield f"{measure.title} in the second half: {', '.join(values)}"
    yield from _spark(stress, marks, "whole run", unit)


def _frames(folder: Path, _marks: str) -> Iterator[str]:
    yield f"{_group(folder, 'frames').sizes['frame']:,}"


def _spark(stress: Float[np.ndarray, "sample"], marks: str, title: str, unit: str) -> Iterator[str]:
    """The title and the smallest and largest mean of a piece in its unit, and below them the marks."""
    pieces = pieces_of(stress)
    if np.isfinite(pieces).any():
        scale = " as 0 to 9" if marks == DIGITS else ""
        yield f"{title}, {np.nanmin(pieces):.4f} to {np.nanmax(pieces):.4f} {unit}{scale}"
        yield f"  {sparkline(stress, marks=marks)}"


def _kinds(folder: Path) -> pd.Series:
    """How many stages there are of each kind."""
    return read_table(folder / "stages.csv", ["kind"])["kind"].value_counts()


def _has_no_stress(folder: Path) -> bool:
    """Whether all stages are windows of strain, whose change of stress is not known."""
    with suppress(Exception):
        return set(_kinds(folder).index) == {"window"}
    return False


def _stages(folder: Path, marks: str) -> Iterator[str]:
    kinds = _kinds(folder)
    if set(kinds.index) == {"window"}:
        yield f"{kinds.sum():,} windows of strain without a stress"
        return
    yield f"{kinds.sum():,}" + (f" ({', '.join(f'{n:,} {kind}' for kind, n in kinds.items())})" if len(kinds) else "")
    if marks:
        yield from _noise(folder)
    if marks and "slip" in kinds:
        stages = read_table(folder / "stages.csv", ["kind", "fluctuation", "start_sample", "end_sample"])
        row = int(stages.loc[stages["kind"] == "slip", "fluctuation"].idxmax())
        yield from _largest_slip(folder, stages, row, marks)


def _noise(folder: Path) -> Iterator[str]:
    """What in the stress is no stage, as the step that found them has recorded it."""
    entry, unit = read_provenance(folder)["steps"].get("stages", {}), stress_unit(_attributes(folder))
    names = {"imbalance": "the walls' imbalance", "volume_noise": "the volume's noise"}
    noise = [f"{words} {entry[name]:.2g} {unit}" for name, words in names.items() if name in entry]
    if "threshold" in entry and noise:
        yield f"threshold {entry['threshold']:.3g} {unit}, {', '.join(noise)}"


def _largest_slip(folder: Path, stages: pd.DataFrame, row: int, marks: str) -> Iterator[str]:
    """The stress from about one length of the slip before it to one after, and below it which samples stick or slip."""
    slip, series = stages.iloc[row], _group(folder, "series")
    n_samples, unit = series.sizes["sample"], stress_unit(_attributes(folder))
    start, end = int(slip["start_sample"]), int(slip["end_sample"])
    # at least as many samples as there is room for marks, where the series has them
    margin = max(end - start, (WIDTH - (end - start)) // 2)
    first, last = max(start - margin, 0), min(end + margin + 1, n_samples)
    series = series.isel(sample=slice(first, last))
    strain, stress = series["strain"].to_numpy(), series[measure_of_run(folder).column].to_numpy()
    size = f"{slip['fluctuation']:.4f} {unit}"
    title = f"about the largest slip, {size}, strain {strain[0]:.6g} to {strain[-1]:.6g}"
    yield from _spark(stress, marks, title, unit)
    signs = np.full(last - first, " ")
    for kind, sign in (("stick", "/"), ("slip", "\\")):
        for stage in stages[stages["kind"] == kind].itertuples():
            signs[max(stage.start_sample - first, 0) : max(stage.end_sample - first, 0)] = sign
    # a piece shows the stage at its middle
    shown = [part[len(part) // 2] for part in np.array_split(signs, min(WIDTH, len(signs)))]
    yield f"  {''.join(shown)}  / stick, \\ slip".rstrip()


def _scores(folder: Path, marks: str) -> Iterator[str]:
    # the scores of two rules and many baselines are too much for a prompt
    yield ""
    if marks:
        yield from metric_lines(read_json(folder / "model" / "metrics.json", numbers=True))
        if opened := openings_in_words(read_openings(folder)):
            yield opened


# The file that each part is read from.
PARTS: dict[str, tuple[str, Part]] = {
    "cell": ("trajectory.zarr", _cell),
    "series": ("trajectory.zarr", _series),
    "frames": ("trajectory.zarr", _frames),
    "stages": ("stages.csv", _stages),
    "network": ("model", _scores),
}


def _command(folder: Path, verb: str) -> str:
    path = quoted(folder)
    if verb == "simulate" and "[source]" in _config_text(folder):
        return f"microslip import {path}/config.toml --into {path}"
    return f"microslip {verb} {path}"


def _config_text(folder: Path) -> str:
    try:
        return (folder / "config.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
