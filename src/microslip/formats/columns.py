"""Columns of every format: which of a file's names is which of ours, and which hold whole numbers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from microslip.core.errors import MicroslipError

# Columns of whole numbers.
WHOLE = frozenset({"id", "type", "mol", "ix", "iy", "iz"})

Ours = TypeVar("Ours", bound=Hashable)


def whole_numbers(values: np.ndarray, name: str, where: str) -> np.ndarray:
    """Values that count or name something, as integers with a sign.

    Raises
    ------
    MicroslipError
        One is no whole number, or so large that its type does not tell it from the next.
    """
    if values.dtype.kind == "i":
        return values
    if values.dtype.kind == "u":
        bad = values > np.uint64(2**63 - 1)
    elif values.dtype.kind == "f":
        bad = ~(np.isfinite(values) & (values == np.round(values)))
        if not bad.any():
            most = 2.0 ** (np.finfo(values.dtype).nmant + 1)
            if (large := np.abs(values) > most).any():
                raise MicroslipError(
                    f"{where}: {name} {values[large][0]:.0f} is kept as a {values.dtype} number, which does not tell it"
                    f" from the next: keep {name} as whole numbers"
                )
    else:
        raise MicroslipError(f"{where}: {name} holds {values.flat[0]!r}, not whole numbers")
    if bad.any():
        raise MicroslipError(f"{where}: {name} is {values[bad][0]}, not a whole number")
    return values.astype(np.int64)


def named(own_names: Sequence[str], ours_of: Mapping[str, Ours], where: str) -> dict[str, Ours]:
    """The file's names → ours, by names in small letters; of several for one of ours the exact name counts.

    Raises
    ------
    MicroslipError
        Several names mean the same, and none is exact.
    """
    first = {ours: name for name, ours in reversed(list(ours_of.items()))}
    meant: dict[Ours, list[str]] = {}
    for name in own_names:
        if (ours := ours_of.get(name.lower())) is not None:
            meant.setdefault(ours, []).append(name)
    chosen = {}
    for ours, names in meant.items():
        exact = (
            [name for name in names if (name,) == (ours,)] or [name for name in names if name == first[ours]] or names
        )
        if len(set(exact)) > 1:
            raise MicroslipError(
                f"{where}: {' and '.join(names)} may both be {first[ours]}: name the one that is meant with"
                " source.columns, or rename the other"
            )
        chosen[exact[0]] = ours
    return chosen
