"""Every field of grains, once.

What measures fields, averages them on nodes, scales them for a network or draws them reads their records here. A field
that is not here is refused, not guessed. A new one takes a file with its record and its line in `FIELDS`.
"""

from __future__ import annotations

from microslip.core.errors import MicroslipError
from microslip.fields.of_contacts import CONTACTS_GAINED, CONTACTS_LOST, FORCE_CHAIN, SLIDING
from microslip.fields.of_forces import DELTA_ENERGY, DELTA_SIGMA1, PACKING_FRACTION
from microslip.fields.of_motion import (
    D2MIN,
    DISPLACEMENT,
    N_NEIGHBOURS,
    SHEAR_STRAIN,
    SHEAR_STRAIN_XZ,
    VOLUMETRIC_STRAIN,
)
from microslip.fields.record import GrainField


def by_name(*fields: GrainField) -> dict[str, GrainField]:
    """The records by their names; two of one name are refused."""
    records = {field.name: field for field in fields}
    if len(records) < len(fields):
        names = [field.name for field in fields]
        raise ValueError(f"two fields have one name: {', '.join(sorted(n for n in records if names.count(n) > 1))}")
    return records


FIELDS = by_name(
    D2MIN,
    N_NEIGHBOURS,
    SHEAR_STRAIN,
    VOLUMETRIC_STRAIN,
    SHEAR_STRAIN_XZ,
    DELTA_SIGMA1,
    DELTA_ENERGY,
    PACKING_FRACTION,
    CONTACTS_LOST,
    CONTACTS_GAINED,
    FORCE_CHAIN,
    SLIDING,
    *DISPLACEMENT,
)


def on_nodes() -> dict[str, GrainField]:
    """The fields that may be averaged on the nodes of the voxels."""
    return {name: field for name, field in FIELDS.items() if field.short}


def with_means() -> dict[str, GrainField]:
    """The fields whose means over grains are kept, by what the tables call those."""
    return {field.mean_name: field for field in FIELDS.values() if field.symbol}


def always_measured() -> tuple[str, ...]:
    """The fields without which a store is out of date; it may lack those that are `later`."""
    return tuple(name for name, field in FIELDS.items() if not field.later)


def grain_field(name: str) -> GrainField:
    """The record of a field.

    Raises
    ------
    MicroslipError
        There is no such field.
    """
    if name not in FIELDS:
        raise MicroslipError(f"{name} is no field of grains: known are {', '.join(FIELDS)}")
    return FIELDS[name]


def node_field_name(name: str) -> str:
    """The name itself where it is a field that may be averaged on nodes, else a ValueError that says which are."""
    if name not in on_nodes():
        raise ValueError(f"{name} is no field that is averaged on nodes: known are {', '.join(on_nodes())}")
    return name
