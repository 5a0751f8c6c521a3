"""What steers voxels and splits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from microslip.core.settings import LATER, Settings
from microslip.fields.registry import node_field_name

FieldName = Annotated[str, AfterValidator(node_field_name)]


# Nodes that a grid may have: sums, counts and means of one stage take 24 bytes each.
MOST_NODES = 10**8


def too_many_nodes(key: str, spacing: float, lengths: Sequence[float]) -> str | None:
    """Why no grid of this spacing can be made in a cell of these lengths [d̄]; None where it can."""
    n_nodes = math.prod(max(1.0, length / spacing) for length in lengths)
    if n_nodes <= MOST_NODES:
        return None
    least = math.cbrt(math.prod(lengths) / MOST_NODES)
    return (
        f"{key} = {spacing:g} d̄ makes {n_nodes:.2g} nodes, which take {24 * n_nodes / 1e9:.2g} GB of memory a stage,"
        f" and the most are {MOST_NODES:.0e}: in this cell use {least:.2g} d̄ or more"
    )


class Voxels(Settings):
    """Coarse graining; d₅₀, the median diameter by number, is d̄ for diameters uniform about d̄."""

    spacing: float = Field(
        1.0, ge=1e-3, le=10, description="L_grid [d₅₀], rounded so that nodes close on the periodic axes"
    )
    radius: float = Field(1.3, ge=1e-3, le=10, description="δ [d₅₀]: a node carries the mean of the grains this near")
    faces: bool = Field(
        False,
        description="layers of nodes on the lower and the upper face, too, one more than fill the cell; with"
        " network.closed the paper's cell has 51 × 16 × 21 nodes",
        json_schema_extra=LATER,
    )
    fields: tuple[FieldName, ...] = Field(
        ("d2min",), description="what is coarse-grained: d2min always, and what the network is to see beside it"
    )

    @field_validator("fields")
    @classmethod
    def _holds_d2min(cls, fields: tuple[FieldName, ...]) -> tuple[FieldName, ...]:
        if "d2min" not in fields or len(set(fields)) < len(fields):
            raise ValueError(f"voxels.fields = {list(fields)} must name d2min, and each field once")
        return fields


class Split(Settings):
    """Training, validation and test shares."""

    train: float = Field(0.6, ge=1e-3, lt=1)
    validation: float = Field(0.2, ge=1e-3, lt=1)
    guard: int = Field(10, ge=0, le=10**6, description="stages left out between the blocks of the blocked split")

    @model_validator(mode="after")
    def _leaves_a_test_set(self) -> Self:
        if self.train + self.validation >= 1:
            raise ValueError(f"train + validation = {self.train + self.validation:g} leaves no test set: lower one")
        return self
