"""The fields by which the page colours grains, and where their values are stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from microslip.core.errors import MicroslipError
from microslip.core.units import printed_unit
from microslip.core.visible import quoted
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.fields.record import GrainField
from microslip.fields.registry import FIELDS
from microslip.views.explorer.packing import Scale
from microslip.views.explorer.stage_table import stage_table
from microslip.views.render.snapshot import log_limits
from microslip.views.style import ORDER_MAP, SIGNED_MAP, SIZE_MAP, symmetric_limit

# Colours of values that follow their logarithm, lie about zero, or are spread evenly.
_COLOURS = {"log": SIZE_MAP, "signed": SIGNED_MAP, "linear": ORDER_MAP}


@dataclass(frozen=True)
class ShownField:
    """A field by which grains can be coloured.

    `unit` as a reader wants it, with p for stresses; `colours` the name of a map, or "clusters". `verb`, `store` and
    `array`: the command that makes it, and where. `may_be_unknown`: whether all values may be NaN, for lack of forces.
    """

    title: str
    unit: str
    scale: Scale
    colours: str
    verb: str
    store: str
    array: str
    may_be_unknown: bool = False


def _of_grains(field: GrainField) -> ShownField:
    unit, colours = printed_unit(field.unit), _COLOURS[field.scale]
    return ShownField(field.title, unit, field.scale, colours, "fields", "fields.zarr", field.name, bool(field.needs))


_MEASURED = {name: _of_grains(field) for name, field in FIELDS.items() if field.title}

# First the motion and its attribution.
SHOWN = {
    "d2min": _MEASURED["d2min"],
    "attribution": ShownField(
        "Attribution, nearest node", "p", "signed", SIGNED_MAP, "explain", "attributions.zarr", "attribution"
    ),
    **_MEASURED,
    "cluster": ShownField(
        "Cluster of active grains, 1 the largest", "", "number", "clusters", "statistics", "statistics/clusters.zarr",
        "label",
    ),
}  # fmt: skip


def field_values(run: Run, name: str, stage: int) -> Float[np.ndarray, "grain"]:
    """The values of one field in one stage, shape (grain,), NaN for none.

    Raises
    ------
    MicroslipError
        The field, or this stage of it, has not been made.
    """
    if name == "attribution":
        return _attribution(run, stage)
    field = SHOWN[name]
    store = open_dataset(run.folder / field.store)
    if field.array not in store:
        raise MicroslipError(f"this run has no {field.title}")
    if stage >= store.sizes["stage"]:
        raise MicroslipError(f"stage {stage} is missing: run `microslip {field.verb} {quoted(run.folder)}` again")
    values = store[field.array][stage].to_numpy().astype(float)
    return np.where(values > 0, values, np.nan) if name == "cluster" else values


def _attribution(run: Run, stage: int) -> Float[np.ndarray, "grain"]:
    """The attribution of the node nearest to every bulk grain at the start of the stage."""
    explained = run.attributions
    rows = np.flatnonzero(explained["stage"].to_numpy() == stage)
    if not len(rows):
        raise MicroslipError(
            f"stage {stage} has not been explained: raise attribution.n_stages and run"
            f" `microslip explain {quoted(run.folder)}`"
        )
    frame = int(stage_table(run)["start_frame"].iloc[stage])
    positions = run.box_at(frame).wrapped_onto(run.box, run.frames["position"][frame].to_numpy())
    there = np.isfinite(positions).all(axis=1)
    nodes = explained["attribution"][int(rows[0])].to_numpy()
    at = []
    for axis, name in enumerate("xyz"):
        coordinates = explained[name].to_numpy()
        spacing = coordinates[1] - coordinates[0] if len(coordinates) > 1 else 1.0
        nearest = np.rint((np.where(there, positions[:, axis], 0) - coordinates[0]) / spacing).astype(int)
        at.append(np.clip(nearest, 0, len(coordinates) - 1))
    values: np.ndarray = nodes[at[0], at[1], at[2]].astype(float)
    values[~there | (run.grains["kind"].to_numpy() != 0)] = np.nan
    return values


def colour_limits(values: Float[np.ndarray, "grain"], scale: Scale) -> tuple[float, float]:
    """Ends of the colour scale, as the figures choose them, in the values' own unit."""
    if scale == "log":
        return log_limits(values)
    if scale == "signed":
        largest = symmetric_limit(values)
        return -largest, largest
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(finite.min()), float(finite.max())) if scale == "number" else np.quantile(finite, [0.01, 0.99])
    return float(low), float(high) if high > low else float(low) + 1.0
