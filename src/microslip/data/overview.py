"""What a run folder holds, told in a few rows: for the prompt as text, for a notebook as a table."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from microslip.core.visible import quoted
from microslip.data.edges import cell_edges
from microslip.data.files import read_table
from microslip.data.seals import check_whole
from microslip.data.store import check_store

if TYPE_CHECKING:
    from microslip.data.run import Run

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


def overview(run: Run) -> list[tuple[str, str]]:
    """Rows of a name and a text: cell, series, frames, stages, what is made, and what makes the rest; never raises."""
    if not os.path.isdir(run.folder):
        return [("damaged", "there is no such folder")]
    rows, made, missing = [], [], []
    no_stress = False
    for name, (files, verb) in PARTS.items():
        # os.path, since pathlib raises where a folder may not be looked into
        there = [os.path.exists(run.folder / file) for file in files]
        damage = _tell(_check, run.folder / files[0]) if there[0] else ""
        if name == "trajectory" and all(there) and not damage:
            rows += [("cell", _tell(_cell, run)), ("series", _tell(_series, run)), ("frames", _tell(_frames, run))]
        if name == "stages" and all(there):
            rows.append(("stages", _tell(_stages, run)))
            no_stress = rows[-1][1].endswith(" window")
        if all(there):
            made.append(f"{name} ({damage})" if damage else name)
        # nothing can be learnt from stages whose fluctuation nobody knows
        elif not (no_stress and verb in ("train", "explain")):
            missing.append((f"{name}, in part" if any(there) else name, _command(run.folder, verb)))
    rows.append(("made", ", ".join(made) or "nothing yet"))
    if missing and not any(os.path.exists(run.folder / name) for name in ("config.toml", "trajectory.zarr")):
        names = ", ".join(name for name, _ in missing)
        return [*rows, ("missing", names), ("", "config.toml, without which no command works on the folder")]
    if len(missing) > 1:
        missing.append(("all of it", _command(run.folder, "run")))
    width = max((len(name) for name, _ in missing), default=0)
    rows += [("" if n else "missing", f"{name:<{width}}  {command}") for n, (name, command) in enumerate(missing)]
    return rows


def as_text(run: Run) -> str:
    """The rows below the folder's name."""
    lines = [f"Run({str(run.folder)!r})"]
    lines += [f"  {name:<9} {text}".rstrip() for name, text in overview(run)]
    return "\n".join(lines)


def as_html(run: Run) -> str:
    """The rows as a small table, escaped."""
    cell = '<td style="text-align: left; white-space: pre-wrap; font-family: monospace">{}</td>'
    rows = "".join(
        f'<tr><th style="text-align: left">{html.escape(name)}</th>{cell.format(html.escape(text))}</tr>'
        for name, text in overview(run)
    )
    caption = f'<caption style="text-align: left">Run <code>{html.escape(str(run.folder))}</code></caption>'
    return f"<table>{caption}<tbody>{rows}</tbody></table>"


def _tell(part: Callable[..., str], subject: Run | Path) -> str:
    """What `part` says, or in a few words why it cannot."""
    try:
        return part(subject)
    # shown at a prompt, where any error would hide what is sound
    except Exception as problem:
        reason = " ".join(str(problem).split()) or type(problem).__name__
        return f"damaged: {reason if len(reason) <= LONGEST else reason[: LONGEST - 1] + '…'}"


def _cell(run: Run) -> str:
    attributes, kind = run.attributes, run.grains["kind"].to_numpy()
    lengths = " × ".join(f"{length:.3g}" for length in cell_edges(attributes))
    n_walls, imported = int((kind > 0).sum()), attributes.get("imported")
    of_walls = f"{n_walls:,} in the walls" if n_walls or imported else "no walls"
    text = f"{len(kind):,} grains ({of_walls}), {lengths} d̄"
    return f"{text}, imported ({attributes['engine']})" if imported else text


def _series(run: Run) -> str:
    series = run.series
    n_samples = series.sizes["sample"]
    return f"{n_samples:,} samples to a strain of {float(series['strain'][-1]):.4g}" if n_samples else "no sample yet"


def _frames(run: Run) -> str:
    return f"{run.frames.sizes['frame']:,}"


def _stages(run: Run) -> str:
    kinds = read_table(run.folder / "stages.csv", ["kind"])["kind"].value_counts()
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
