"""What a run holds, as the page reads it first: `run.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from matplotlib import colormaps

from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.attributes import stress_unit
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.data.store import open_dataset
from microslip.grids.splits import FEWEST_TO_SPLIT
from microslip.views.explorer.packing import pack_columns
from microslip.views.explorer.parts import CURVE_PIECE, KINDS, SPLITS, stage_columns
from microslip.views.explorer.shown_fields import SHOWN
from microslip.views.names import RULES
from microslip.views.style import BLUE, BULK, GREEN, KIND_COLOUR, ORANGE, PURPLE, SKY, VERMILLION, WALL
from microslip.views.tables import score

# Colours of clusters, the largest first; all from the last on are grey, so that none can be taken for a larger one.
CLUSTER_COLOURS = (VERMILLION, BLUE, GREEN, ORANGE, PURPLE, SKY, "#F0E442", "#8C564B", "#9AA5B1")

T = TypeVar("T")


def describe_contents(run: Run, exported: Iterable[int] | None = None) -> dict[str, Any]:
    """Cell, curve, columns of `stages.bin`, fields, colours, and a sentence for whatever is missing or unreadable.

    Parameters
    ----------
    run
        The run shown.
    exported
        Stages whose grains lie in the exported files; None where a server makes them when they are asked for.
    """
    notes: list[str] = []

    def attempt(read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except (MicroslipError, ValueError, RuntimeError, KeyError, OSError) as problem:
            note = str(problem) if isinstance(problem, MicroslipError) else f"{run.folder} cannot be read ({problem})"
            if note not in notes:
                notes.append(note)
            return otherwise

    none: dict[str, Any] = {}
    attributes = attempt(lambda: run.attributes, none)
    stages = attempt(lambda: _stages(run), None)
    n_stages = stages["n"] if stages else 0
    if stages is not None and not n_stages:
        notes.append(
            f"no stage was found: lower stages.threshold or shear further, then `microslip stages {quoted(run.folder)}`"
        )
    contents = {
        "name": run.folder.resolve().name,
        "folder": str(run.folder),
        "box": [float(length) for length in attributes.get("box", (1, 1, 1))],
        "periodic": [bool(flag) for flag in attributes.get("periodic", (True, True, False))],
        "planar": bool(attributes.get("planar", False)),
        "imported": bool(attributes.get("imported", False)),
        "stress_unit": stress_unit(attributes),
        "inertial_number": attributes.get("inertial_number"),
        "seed": attributes.get("seed"),
        "grains": attempt(lambda: _grains(run), {"n": 0, "n_walls": 0, "n_frames": 0}),
        "curve": attempt(lambda: _curve(run), {"n": 0}),
        "stages": stages or {"n": 0, "columns": []},
        "kinds": list(KINDS),
        "splits": list(SPLITS),
        "rules": list(RULES),
        "r2": _scores(run) if n_stages else {},
        "fields": _fields(run, n_stages, stress_unit(attributes)),
        "attribution_rule": _attribution_rule(run),
        "displacements": attempt(lambda: "displacement" in run.fields, False) if n_stages else False,
        "active_fraction": _active_fraction(run),
        "exported": None if exported is None else sorted(int(stage) for stage in exported),
        "colours": colours(),
        "notes": notes,
    }
    if stages and not any(column["name"].startswith("prediction") for column in stages["columns"]):
        enough = stages["n"] >= FEWEST_TO_SPLIT
        remedy = f"`microslip train {quoted(run.folder)}`" if enough else f"it takes {FEWEST_TO_SPLIT} stages"
        notes.append(f"no network has been trained: {remedy}")
    return contents


def describe_states(states: Iterable[StepState]) -> list[str]:
    """A sentence on the steps whose results were made of other settings or inputs than the run's present ones, or none.

    The page asks for it last, as `states.json`: to look through the stores of a large run takes a second.
    """
    # figures are not on the page
    sentences = []
    shown = [state for state in states if state.verb != "figures"]
    for kind in ("damaged", "out of date"):
        of_kind = [state for state in shown if state.state == kind]
        if of_kind:
            verbs, first = ", ".join(state.verb for state in of_kind), of_kind[0]
            remedy = "`microslip run` on this folder renews it"
            sentences.append(f"{kind}: what {verbs} left; {first.verb}: {first.why}. {remedy}")
    return sentences


def _active_fraction(run: Run) -> float:
    """The share of grains that the clusters were made of; the paper's where there are none."""
    try:
        return float(open_dataset(run.folder / "statistics" / "clusters.zarr").attrs["fraction"])
    except (MicroslipError, KeyError):
        return 0.1


def _attribution_rule(run: Run) -> str | None:
    """The split rule of the network that was explained, None where none is known."""
    try:
        return str(run.attributions.attrs["rule"])
    except (MicroslipError, KeyError):
        return None


def colours() -> dict[str, Any]:
    """The figures' colour scales as 256 colours each, and the colours of kinds, clusters and roles, as #rrggbb."""
    names = {field.colours for field in SHOWN.values()} - {"clusters"}
    scales = {name: _hexadecimal(colormaps[name](np.linspace(0, 1, 256))[:, :3]) for name in sorted(names)}
    return {
        "scales": scales,
        "clusters": list(CLUSTER_COLOURS),
        "kinds": {**KIND_COLOUR, "window": GREEN},
        "bulk": BULK,
        "wall": WALL,
    }


def _hexadecimal(rgb: np.ndarray) -> str:
    """All colours one after another, six digits each."""
    return bytes(np.rint(rgb * 255).astype(np.uint8).ravel()).hex()


def _stages(run: Run) -> dict[str, Any]:
    columns = stage_columns(run)
    return {"n": len(columns["kind"]), "columns": pack_columns(columns)[1]}


def _grains(run: Run) -> dict[str, int]:
    kind = run.grains["kind"].to_numpy()
    return {"n": len(kind), "n_walls": int((kind != 0).sum()), "n_frames": run.frames.sizes["frame"]}


def _curve(run: Run) -> dict[str, Any]:
    series = run.series
    stress, strain = run.stress.to_numpy(), series["strain"].to_numpy()
    stress_known = bool(np.isfinite(stress).any())
    return {
        "n": len(stress),
        "piece": CURVE_PIECE,
        "stress_known": stress_known,
        "title": run.stress_measure.title.capitalize(),
        "low": float(np.nanmin(stress)) if stress_known else 0.0,
        "high": float(np.nanmax(stress)) if stress_known else 1.0,
        "strain": [float(strain[0]), float(strain[-1])] if len(strain) else [0.0, 1.0],
        # where each piece begins, so that only those in sight are loaded
        "starts": [float(start) for start in strain[::CURVE_PIECE]],
    }


def _scores(run: Run) -> dict[str, float]:
    """R² on the test set of each split rule, where a network was trained."""
    try:
        metrics = run.metrics
    except MicroslipError:
        return {}
    r2 = {rule: score(metrics, rule, "network", "test") for rule in RULES}
    return {rule: value for rule, value in r2.items() if np.isfinite(value)}


def _fields(run: Run, n_stages: int, stress: str) -> list[dict[str, Any]]:
    """Every field with its title, unit and scale, and why it is missing where it is."""
    rows = []
    for name, field in SHOWN.items():
        unit = field.unit if stress == "p" else field.unit.replace("p", stress, 1)
        row = {"name": name, "title": field.title, "unit": unit, "scale": field.scale, "colours": field.colours}
        rows.append({**row, "missing": _why_missing(run, name, n_stages)})
    return rows


def _why_missing(run: Run, name: str, n_stages: int) -> str | None:
    field = SHOWN[name]
    command = f"`microslip {field.verb} {quoted(run.folder)}`"
    if not n_stages:
        return "this run has no stages"
    if not (run.folder / field.store).exists():
        return f"not made: {command}"
    try:
        store = open_dataset(run.folder / field.store)
        if name == "attribution":
            return None if store.sizes["stage"] else f"nothing has been explained: {command}"
        if field.array not in store:
            return f"not stored: {command}"
        if store.sizes["stage"] != n_stages:
            return f"made for {store.sizes['stage']} stages where there are {n_stages}: {command}"
        if field.may_be_unknown and _is_empty(store[field.array], n_stages // 2):
            return "the run's files do not hold it"
    except MicroslipError as problem:
        return str(problem)
    except (ValueError, RuntimeError, KeyError, OSError):
        return f"not readable: {command}"
    return None


def _is_empty(values: xr.DataArray, stage: int) -> bool:
    """Whether no grain has a value in a stage: an import without contacts has the array, and nothing in it."""
    try:
        return not np.isfinite(values[stage].to_numpy()).any()
    except (ValueError, RuntimeError, OSError):
        # one damaged chunk is no reason to take the field from every other stage
        return False
