"""What a run folder holds, told in a few rows: for the prompt as text, for a notebook as a table."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd

from microslip.core.visible import quoted
from microslip.data.attributes import cell_edges
from microslip.data.files import read_table
from microslip.data.seals import check_whole
from microslip.data.store import check_store, open_dataset

# Each part: the files without which it is not whole, and the command that makes it.
PARTS: dict[str, tuple[tuple[str, ...], str]] = {
    "trajectory": (("trajectory.zarr",), "simulate"),
    "stages": (("stages.csv",), "stages"),
    "fields": (("fields.zarr",), "fields"),
    "voxels": (("voxels.zarr",), "voxels"),
    "model": (("model/checkpoint.pt", "model/predictions.csv", "model/metrics.json"), "train"),
    "attributions": (("attributions.zarr", "interpretation/claim.csv"), "explain"),
    "statistics": (("statistics/stages.csv",), "statistics"),
    "figures": (("figures",), "figures"),
    "report": (("report/index.html",), "report"),
}

LONGEST = 110


def overview(folder: Path) -> list[tuple[str, str]]:
    """Rows of a name and a text: cell, series, frames, stages, what is made, and what makes the rest; never raises."""
    if not os.path.isdir(folder):
        return [("damaged", "there is no such folder")]
    rows, made, missing = [], [], []
    no_stress = False
    for name, (files, verb) in PARTS.items():
        # os.path, since pathlib raises where a folder may not be looked into
        there = [os.path.exists(folder / file) for file in files]
        damage = _tell(_check, folder / files[0]) if there[0] else ""
        if name == "trajectory" and all(there) and not damage:
            rows += [
                ("cell", _tell(_cell, folder)),
                ("series", _tell(_series, folder)),
                ("frames", _tell(_frames, folder)),
            ]
        if name == "stages" and all(there):
            rows.append(("stages", _tell(_stages, folder)))
            no_stress = _has_no_stress(folder)
        if all(there):
            made.append(f"{name} ({damage})" if damage else name)
        # nothing can be learnt from stages whose fluctuation nobody knows
        elif not (no_stress and verb in ("train", "explain")):
            missing.append((f"{name}, in part" if any(there) else name, _command(folder, verb)))
    rows.append(("made", ", ".join(made) or "nothing yet"))
    if missing and not any(os.path.exists(folder / name) for name in ("config.toml", "trajectory.zarr")):
        names = ", ".join(name for name, _ in missing)
        return [*rows, ("missing", names), ("", "config.toml, without which no command works on the folder")]
    if len(missing) > 1:
        missing.append(("all of it", _command(folder, "run")))
    width = max((len(name) for name, _ in missing), default=0)
    rows += [("" if n else "missing", f"{name:<{width}}  {command}") for n, (name, command) in enumerate(missing)]
    return rows


def as_text(folder: Path) -> str:
    """The rows below the folder's name."""
    lines = [f"Run({str(folder)!r})"]
    lines += [f"  {name:<9} {text}".rstrip() for name, text in overview(folder)]
    return "\n".join(lines)


def as_html(folder: Path) -> str:
    """The rows as a small table, escaped."""
    cell = '<td style="text-align: left; white-space: pre-wrap; font-family: monospace">{}</td>'
    rows = "".join(
        f'<tr><th style="text-align: left">{html.escape(name)}</th>{cell.format(html.escape(text))}</tr>'
        for name, text in overview(folder)
    )
    caption = f'<caption style="text-align: left">Run <code>{html.escape(str(folder))}</code></caption>'
    return f"<table>{caption}<tbody>{rows}</tbody></table>"


def _tell(part: Callable[[Path], str], subject: Path) -> str:
    """What `part` says, or in a few words why it cannot."""
    try:
        return part(subject)
    # shown at a prompt, where any error would hide what is sound
    except Exception as problem:
        reason = " ".join(str(problem).split()) or type(problem).__name__
        return f"damaged: {reason if len(reason) <= LONGEST else reason[: LONGEST - 1] + '…'}"


def _cell(folder: Path) -> str:
    attributes = check_store(folder / "trajectory.zarr").attrs
    kind = open_dataset(folder / "trajectory.zarr", "grains")["kind"].to_numpy()
    lengths = " × ".join(f"{length:.3g}" for length in cell_edges(attributes))
    n_walls, imported = int((kind > 0).sum()), attributes.get("imported")
    of_walls = f"{n_walls:,} in the walls" if n_walls or imported else "no walls"
    text = f"{len(kind):,} grains ({of_walls}), {lengths} d̄"
    return f"{text}, imported ({attributes['engine']})" if imported else text


def _series(folder: Path) -> str:
    series = open_dataset(folder / "trajectory.zarr", "series")
    n_samples = series.sizes["sample"]
    return f"{n_samples:,} samples to a strain of {float(series['strain'][-1]):.4g}" if n_samples else "no sample yet"


def _frames(folder: Path) -> str:
    return f"{open_dataset(folder / 'trajectory.zarr', 'frames').sizes['frame']:,}"


def _kinds(folder: Path) -> pd.Series:
    """How many stages there are of each kind."""
    return read_table(folder / "stages.csv", ["kind"])["kind"].value_counts()


def _has_no_stress(folder: Path) -> bool:
    """Whether all stages are windows of strain, whose change of stress is not known."""
    with suppress(Exception):
        return set(_kinds(folder).index) == {"window"}
    return False


def _stages(folder: Path) -> str:
    kinds = _kinds(folder)
    return f"{kinds.sum():,}" + (": " if len(kinds) else "") + ", ".join(f"{n:,} {kind}" for kind, n in kinds.items())


def _check(path: Path) -> str:
    if path.suffix == ".zarr":
        check_store(path)
    check_whole(path)
    return ""


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
