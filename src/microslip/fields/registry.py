"""Every field of grains once: its type, unit, sign, symmetry and meaning.

What stores fields, averages them on nodes, scales them for a network or draws them reads it here. A field that is not
here is refused, not guessed. Who adds one writes its line here, and what measures it in `steps/fields.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from microslip.core.errors import MicroslipError


@dataclass(frozen=True)
class GrainField:
    """One value per grain and stage.

    `dtype` it is stored in; `unit` as in the attributes of the stores; `description`. `signed`: whether it takes both
    signs, so that its logarithm would lose one. `odd_in_y`: whether the mirror that turns y into −y turns its sign.
    `short`: what it is called on nodes, empty for what no network sees. `stored`, `axis`: the array that holds it and
    its column there, where it is a part of one. `symbol`: what its means over grains are called, empty where it has
    none; `mean`: whether that is the mean of its value, or of its size, as of a change, whose mean says nothing.
    """

    dtype: str
    unit: str
    description: str
    signed: bool
    odd_in_y: bool = False
    short: str = ""
    stored: str = ""
    axis: int | None = None
    symbol: str = ""
    mean: Literal["value", "size"] = "value"


_DISPLACEMENT = GrainField(
    "float32", "d", "displacement over the stage less the mean shear", True, stored="displacement"
)

# Single precision has more digits than these mean.
FIELDS: dict[str, GrainField] = {
    "d2min": GrainField("float64", "d**2", "D²min, NaN for walls", False, short="D²min", symbol="D²min"),
    "n_neighbours": GrainField("int32", "", "grains within cutoff", False),
    "shear_strain": GrainField(
        "float32",
        "",
        "von Mises strain of the neighbourhood over the stage",
        False,
        short="von Mises strain",
        symbol="local shear strain",
    ),
    "volumetric_strain": GrainField(
        "float32",
        "",
        "a third of the trace of that strain, positive for dilation",
        True,
        short="volumetric strain",
        symbol="local volumetric strain",
    ),
    "delta_sigma1": GrainField(
        "float32",
        "p",
        "change of the major principal stress over the stage, compression positive",
        True,
        symbol="Δσ₁",
        mean="size",
    ),
    "delta_energy": GrainField(
        "float32", "p d**3", "change of the elastic energy over the stage", True, symbol="ΔE", mean="size"
    ),
    "packing_fraction": GrainField(
        "float32",
        "",
        "grain over radical Voronoi cell, mean over all kept frames of the stage",
        False,
        symbol="φ_local",
    ),
    **{
        f"displacement_{name}": replace(
            _DISPLACEMENT, short=f"displacement in {name} less the mean shear", odd_in_y=name == "y", axis=axis
        )
        for axis, name in enumerate("xyz")
    },
}

# Those with an array of their own in fields.zarr, and those that may be averaged on nodes.
STORED = {name: field for name, field in FIELDS.items() if not field.stored}
ON_NODES = {name: field for name, field in FIELDS.items() if field.short}


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
    if name not in ON_NODES:
        raise ValueError(f"{name} is no field that is averaged on nodes: known are {', '.join(ON_NODES)}")
    return name
