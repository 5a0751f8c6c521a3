"""The parts that the page loads, by name: the same bytes from the server and in the exported files.

`run.json` is read first and names the rest: `stages.bin`, `curve.bin`, `curve/N.bin`, `grains.bin`, `frame/N.bin`,
`stage/N/FIELD.bin`.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd

from microslip.core.errors import MicroslipError
from microslip.core.visible import quoted
from microslip.data.run import Run
from microslip.views.explorer.packing import pack_columns, pack_places, pack_values, pack_vectors
from microslip.views.explorer.shown_fields import SHOWN, colour_limits, field_values
from microslip.views.explorer.stage_table import stage_table
from microslip.views.names import RULES
from microslip.views.panels import thin_series
from microslip.views.tables import read_predictions

# Samples in one piece of the whole curve, and points of the curve that is shown first.
CURVE_PIECE = 32_768
CURVE_POINTS = 8192

KINDS = ("stick", "slip", "window")
SPLITS = ("", "train", "validation", "test")

_NAME = re.compile(r"(?:(curve|frame)/([0-9]{1,9})|stage/([0-9]{1,9})/([a-z0-9_]+)|(stages|curve|grains))\.bin")


class NoSuchPart(MicroslipError):
    """A name that no part of the page's data has."""


def read_part(run: Run, name: str) -> bytes:
    """The bytes of one part, other than `run.json`.

    Raises
    ------
    NoSuchPart
        The page has no part of that name.
    MicroslipError
        What it is made of is missing or cannot be read.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise NoSuchPart(f"{name} is not a part of this page")
    numbered, number, stage, field, whole = match.groups()
    try:
        if whole is not None:
            return {"stages": _stages, "curve": _curve, "grains": _grains}[whole](run)
        if numbered == "curve":
            return _piece_of_curve(run, int(number))
        if numbered == "frame":
            return _frame(run, int(number))
        return _field(run, int(stage), field)
    except (ValueError, RuntimeError, KeyError, IndexError, OSError) as problem:
        # what a damaged chunk raises depends on where the damage lies
        raise MicroslipError(f"{name} cannot be read from {run.folder} ({problem})") from None


def stage_columns(run: Run) -> dict[str, np.ndarray]:
    """The columns of `stages.bin`: the table of stages, what the networks predict of each, and what is explained."""
    stages = stage_table(run)
    columns = {
        "start_strain": stages["start_strain"].to_numpy("float64"),
        "end_strain": stages["end_strain"].to_numpy("float64"),
        "start_frame": stages["start_frame"].to_numpy("int32"),
        "end_frame": stages["end_frame"].to_numpy("int32"),
        "cycle": stages["cycle"].to_numpy("int32"),
        "start_stress": stages["start_stress"].to_numpy("float32"),
        "end_stress": stages["end_stress"].to_numpy("float32"),
        "fluctuation": stages["fluctuation"].to_numpy("float32"),
        "kind": np.array([KINDS.index(kind) for kind in stages["kind"]], dtype="uint8"),
    }
    numbers = pd.Index(stages["stage"])
    try:
        predictions: pd.DataFrame | None = read_predictions(run)
    except MicroslipError:
        predictions = None
    for rule in RULES:
        of_rule = None if predictions is None else predictions[predictions["rule"] == rule]
        if of_rule is None or of_rule.empty:
            continue
        table = of_rule.drop_duplicates("stage").set_index("stage").reindex(numbers)
        columns[f"prediction_{rule}"] = table["prediction"].to_numpy("float32")
        for end in ("low", "high"):
            if end in table and table[end].notna().any():
                columns[f"prediction_{rule}_{end}"] = table[end].to_numpy("float32")
        columns[f"split_{rule}"] = np.array(
            [SPLITS.index(split) if split in SPLITS else 0 for split in table["split"]], dtype="uint8"
        )
    try:
        explained = np.isin(numbers, run.attributions["stage"].to_numpy())
    except MicroslipError:
        explained = np.zeros(len(numbers), dtype=bool)
    columns["explained"] = explained.astype("uint8")
    columns["below_floor"] = _below_floor(run, len(numbers))
    return columns


def _below_floor(run: Run, n_stages: int) -> np.ndarray:
    """1 for each stage whose D²min lies below the precision floor of the positions; 0 where the floor is not known."""
    none = np.zeros(n_stages, dtype="uint8")
    try:
        fields = run.fields
        if "below_floor" not in fields or fields.sizes["stage"] != n_stages:
            return none
        return fields["below_floor"].to_numpy().astype("uint8")
    except (MicroslipError, ValueError, RuntimeError, OSError):
        return none


def _stages(run: Run) -> bytes:
    return pack_columns(stage_columns(run))[0]


def _curve(run: Run) -> bytes:
    series = run.series
    return _points(*thin_series(series["strain"].to_numpy(), run.stress.to_numpy(), CURVE_POINTS))


def _piece_of_curve(run: Run, number: int) -> bytes:
    piece = slice(number * CURVE_PIECE, (number + 1) * CURVE_PIECE)
    series = run.series
    if piece.start >= series.sizes["sample"]:
        raise NoSuchPart(f"the curve has no piece {number}")
    return _points(series["strain"][piece].to_numpy(), run.stress[piece].to_numpy())


def _points(strain: np.ndarray, stress: np.ndarray) -> bytes:
    """All strains as float64, then all stresses as float32."""
    return strain.astype("<f8").tobytes() + stress.astype("<f4").tobytes()


def _grains(run: Run) -> bytes:
    """Numbers of the engine as int64, diameters [d̄] as float32, roles as uint8."""
    grains = run.grains
    parts = (("id", "<i8"), ("diameter", "<f4"), ("kind", "u1"))
    return b"".join(grains[name].to_numpy().astype(kind).tobytes() for name, kind in parts)


def _frame(run: Run, number: int) -> bytes:
    frames = run.frames
    if number >= frames.sizes["frame"]:
        raise NoSuchPart(f"the run has no frame {number}")
    return pack_places(run.box_at(number).wrap(frames["position"][number].to_numpy()))


def _field(run: Run, stage: int, name: str) -> bytes:
    n_stages = len(stage_table(run))
    if stage >= n_stages:
        raise NoSuchPart(f"the run has {n_stages} stages, the last is {n_stages - 1}")
    if name == "displacement":
        fields = run.fields
        if "displacement" not in fields or stage >= fields.sizes["stage"]:
            raise MicroslipError(f"displacements are missing: run `microslip fields {quoted(run.folder)}` again")
        return pack_vectors(fields["displacement"][stage].to_numpy())
    if name not in SHOWN:
        raise NoSuchPart(f"{name} is not a field of this page")
    values = field_values(run, name, stage)
    scale = SHOWN[name].scale
    return pack_values(values, scale, colour_limits(values, scale))


def as_json(content: object) -> bytes:
    """JSON in UTF-8; a number that is not finite is refused, as browsers refuse it."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
