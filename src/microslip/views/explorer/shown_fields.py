"""What the grains of the page can be coloured by, and where each value comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from microslip.core.errors import MicroslipError
from microslip.core.units import printed_unit
from microslip.core.visible import quoted
from microslip.data.run import Run
from microslip.data.store import open_dataset
from microslip.fields.registry import FIELDS
from microslip.views.explorer.packing import Scale
from microslip.views.render.snapshot import log_limits
from microslip.views.style import ORDER_MAP, SIGNED_MAP, SIZE_MAP, symmetric_limit


@dataclass(frozen=True)
class ShownField:
    """A field of grains on the page: its title, unit, scale and colours, and the command that makes it."""

    title: str
    unit: str
    scale: Scale
    colours: str
    verb: str


_COLOURS = {"log": SIZE_MAP, "signed": SIGNED_MAP, "linear": ORDER_MAP}

SHOWN = {
    field.name: ShownField(field.title, printed_unit(field.unit), field.scale, _COLOURS[field.scale], "fields")
    for field in FIELDS.values()
    if field.title
} | {
    "attribution": ShownField("Attribution, nearest node", "p", "signed", SIGNED_MAP, "explain"),
    "cluster": ShownField("Cluster of active grains, 1 the largest", "", "number", "clusters", "statistics"),
}


def field_values(run: Run, name: str, stage: int) -> Float[np.ndarray, "grain"]:
    """The values of one field in one stage, shape (grain,), NaN for none.

    Raises
    ------
    MicroslipError
        The field, or this stage of it, has not been made.
    """
    if name == "attribution":
        return _attribution(run, stage)
    if name == "cluster":
        store, array = open_dataset(run.folder / "statistics" / "clusters.zarr"), "label"
    else:
        store, array = run.fields, name
    if array not in store:
        raise MicroslipError(f"this run has no {SHOWN[name].title}")
    if stage >= store.sizes["stage"]:
        raise MicroslipError(f"stage {stage} is missing: run `microslip {SHOWN[name].verb} {quoted(run.folder)}` again")
    values = store[array][stage].to_numpy().astype(float)
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
    frame = int(run.stages["start_frame"].iloc[stage])
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
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(known.min()), float(known.max())) if scale == "number" else np.quantile(known, [0.01, 0.99])
    return float(low), float(high) if high > low else float(low) + 1.0
