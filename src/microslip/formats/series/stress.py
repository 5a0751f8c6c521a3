"""Strain and stress of an imported run: from a table, from the motion of cell or walls, in the files' units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64

from microslip.core.errors import MicroslipError
from microslip.formats.series.reader import STEP_NAMES, read_series
from microslip.formats.source import Source


@dataclass(frozen=True)
class StressTable:
    """Samples in the order of their steps: `step`, `strain` (NaN where the table holds none), `shear` and `normal`
    stress in the file's units, compression positive, NaN where not named. `notes`: sentences on what was met;
    `turned`: whether the strain falls in the file."""

    step: Float64[np.ndarray, "sample"]
    strain: Float64[np.ndarray, "sample"]
    shear: Float64[np.ndarray, "sample"]
    normal: Float64[np.ndarray, "sample"]
    notes: tuple[str, ...]
    turned: bool = False


def read_stress(source: Source, area: float) -> StressTable:
    """The table that source.series names, forces divided by `area` [length²].

    Where steps are met again, as after a restart, what followed the first time is replaced.

    Raises
    ------
    MicroslipError
        The file cannot be read, or lacks a column; no stress is named; too few samples.
    """
    path = Path(source.series)
    notes: list[str] = []
    table = read_series(path, notes.append)
    step_name = _step_name(path, table, source)
    if not source.shear_stress and not source.shear_force and not source.strain_column:
        raise MicroslipError(
            f"{path} has the columns {', '.join(table.columns)}: name that of the shear stress, such as --set"
            " 'source.shear_stress=[\"-Pxz\"]', or of the forces on the walls, source.shear_force"
        )
    shear = _mean(path, table, source.shear_stress or source.shear_force, area if source.shear_force else 1.0)
    normal = _mean(path, table, source.normal_stress or source.normal_force, area if source.normal_force else 1.0)
    strain = _mean(path, table, (source.strain_column,) if source.strain_column else (), 1.0)
    step = _column(path, table, step_name)
    # a table of the strain alone is of use too
    asked_for = shear if source.shear_stress or source.shear_force else strain
    is_number = np.isfinite(asked_for) & np.isfinite(step) & (np.isfinite(strain) if source.strain_column else True)
    if not is_number.all():
        notes.append(f"{path}: {int((~is_number).sum())} of {len(is_number)} rows hold no number and are left out")
    columns = [one[is_number] for one in (step, strain, shear, normal)]
    order = _order_of_steps(columns[0])
    if order is not None:
        columns = [one[order] for one in columns]
        notes.append(f"{path}: the rows are not in the order of their steps, and are sorted")
    step = columns[0]
    # a sample counts when no later one has its step or an earlier one
    lowest_after = np.minimum.accumulate(step[::-1])[::-1]
    last = np.concatenate([step[:-1] < lowest_after[1:], np.ones(min(1, len(step)), dtype=bool)])
    if not last.all():
        notes.append(
            f"{path}: {int((~last).sum())} of {len(last)} samples are repeated by a later run; the later ones count"
        )
    kept, turned = [one[last] for one in columns], False
    if source.first_step is not None or source.last_step is not None:
        first, end = source.first_step, source.last_step
        within = (kept[0] >= (-np.inf if first is None else first)) & (kept[0] <= (np.inf if end is None else end))
        kept = [one[within] for one in kept]
    if source.strain_column and len(kept[0]):
        if kept[1][-1] < kept[1][0]:
            notes.append(f"{path}: {source.strain_column} falls; its sign is turned, so that it grows")
            kept[1], turned = -kept[1], True
        # a strain of few digits stays where it is for some samples
        before = np.concatenate([[-np.inf], np.maximum.accumulate(kept[1])[:-1]])
        grows = kept[1] > before
        if not grows.all():
            notes.append(f"{path}: {int((~grows).sum())} samples in which the strain does not grow are left out")
        kept = [one[grows] for one in kept]
    if len(kept[0]) < 2:
        raise MicroslipError(f"{path} holds {len(kept[0])} samples of the stress: two or more are needed")
    step, strain, shear, normal = kept
    n_known = int(np.isfinite(normal).sum())
    if (source.normal_stress or source.normal_force) and n_known < len(normal):
        notes.append(f"{path}: the normal stress is known in {n_known} of {len(normal)} samples")
    return StressTable(step, strain, shear, normal, tuple(notes), turned)


def _step_name(path: Path, table: pd.DataFrame, source: Source) -> str:
    if source.step_column:
        return source.step_column
    step_names = [name for name in STEP_NAMES if name in table.columns]
    if not step_names:
        raise MicroslipError(
            f"{path} has no column Step among {', '.join(table.columns)}: name that of the time steps, --set"
            " source.step_column=…"
        )
    if len(step_names) > 1 and (table[step_names].notna().sum(axis=1) > 1).any():
        raise MicroslipError(
            f"{path} has the columns {', '.join(step_names)}: name the one that counts, source.step_column"
        )
    # runs that name their steps differently follow one another
    if len(step_names) > 1:
        table[step_names[0]] = table[step_names].bfill(axis=1).iloc[:, 0]
    return step_names[0]


def _order_of_steps(step: np.ndarray) -> np.ndarray | None:
    """How to sort rows that were written in another order; None where they rise, or a later run repeats steps.

    A table that was sorted by the steps' text, or falls, has many places at which steps fall and none twice.
    """
    falls = int((np.diff(step) < 0).sum())
    if falls < 2 or len(np.unique(step)) < len(step):
        return None
    as_text = [f"{one:.17g}" for one in step]
    return np.argsort(step) if 4 * falls > len(step) or as_text == sorted(as_text) else None


def _column(path: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    if name not in table.columns:
        raise MicroslipError(f"{path} has no column {name}: it has {', '.join(table.columns)}")
    if table[name].dtype == object:
        word = next(value for value in table[name] if isinstance(value, str))
        row = list(table[name]).index(word) + 1
        raise MicroslipError(f"{path}, row {row}: {name} is {word[:40]!r}, not a number: mend it, or leave it empty")
    return np.asarray(table[name], dtype=float)


def _mean(path: Path, table: pd.DataFrame, names: Sequence[str], over: float) -> np.ndarray:
    """Mean of the columns, those with a leading minus turned; NaN without names."""
    if not names:
        return np.full(len(table), np.nan)
    parts = []
    for name in names:
        # a column whose own name begins with a minus does not exist in any log
        sign = -1.0 if name.startswith("-") else 1.0
        parts.append(sign * _column(path, table, name.removeprefix("-")))
    return np.asarray(np.mean(parts, axis=0) / over)
