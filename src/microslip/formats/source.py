"""What another program's files are, and what their numbers mean: the `[source]` of an imported run."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from microslip.core.arguments import shown
from microslip.core.settings import Settings
from microslip.formats.registry import Format

Axis = Literal["x", "y", "z"]
# Any unit of length, stress or time; squares and cubes of it are numbers still.
SMALLEST, LARGEST = 1e-60, 1e60
Positive = Annotated[float, Field(ge=SMALLEST, le=LARGEST)]
Step = Annotated[int, Field(ge=-(2**63), lt=2**63)]

# Names that `columns` and `contact_columns` may give to a file's own.
GRAIN_COLUMNS = ("frame", "strain", "id", "type", "x", "y", "z", "ix", "iy", "iz", "diameter", "radius")
CONTACT_COLUMNS = ("id1", "id2", "fx", "fy", "fz")


class Source(Settings):
    """Another program's run. Lengths, time steps and stresses are in the files' own units."""

    files: tuple[str, ...] = Field(min_length=1, description="frames: files, or patterns such as post/dump*.gz")
    format: Format = Field("auto", description="of those files; auto goes by their names and first bytes")
    columns: dict[str, str] = Field(
        {}, description=f"the files' names of our columns, such as {{id = 'label'}}; ours: {', '.join(GRAIN_COLUMNS)}"
    )
    first_step: Step | None = Field(None, description="frames and samples before this time step are left out")
    last_step: Step | None = Field(None, description="those after this one, too")

    flow: Axis = Field("x", description="axis along which the cell is sheared; ours is x")
    gradient: Axis = Field("z", description="axis along which the flow changes; ours is z")
    planar: bool | None = Field(
        None,
        description="whether the packing is two-dimensional, ours in the plane of x and z; left out: it is where one"
        " coordinate is the same for all grains, or missing. True drops a coordinate that scatters",
    )
    periodic: tuple[bool, bool, bool] | None = Field(
        None, description="whether the cell repeats along flow, vorticity, gradient; left out: as the files say"
    )
    box: tuple[Positive, Positive, Positive] | None = Field(
        None, description="lengths of the cell along flow, vorticity, gradient; left out: as the files or grains say"
    )
    origin: float | None = Field(
        None,
        ge=-LARGEST,
        le=LARGEST,
        description="gradient coordinate that becomes z = 0; left out: inner face of the bottom wall, else lower face"
        " of the cell",
    )

    length: Positive | None = Field(None, description="d̄; left out: the mean diameter of the bulk grains")
    position_error: float | None = Field(
        None,
        ge=0,
        le=LARGEST,
        description="standard deviation of a measured coordinate; the digits of the files count besides",
    )
    diameters: dict[str, Positive] = Field({}, description="diameter of each type, where the files hold none")
    wall_types: tuple[Step, ...] = Field(
        (), description="types of wall grains, those above the middle are the top wall"
    )

    strain_per_step: Positive | None = Field(
        None, description="shear strain a time step, shear rate × Δt; left out: from the cell's tilt or the walls"
    )
    follow: bool = Field(
        False,
        description="follow wrapped grains to their nearest copies in place of the files' image flags, which a deck"
        " that flips a tilted box may have left wrong",
    )
    sheared: bool = Field(
        False,
        description="the cell leans as it is sheared, and the files do not say how far: by the strain of"
        " strain_per_step or strain_column, in a cell of source.box",
    )
    series: str = Field("", description="table of the stress: a log, or what fix print or fix ave/time wrote")
    step_column: str = Field("", description="its column of time steps; left out: Step, step or TimeStep")
    strain_column: str = Field("", description="its column of the shear strain, in place of strain_per_step")
    shear_stress: tuple[str, ...] = Field(
        (), description="its columns of the shear stress, whose mean is taken; a leading minus turns a sign"
    )
    shear_force: tuple[str, ...] = Field((), description="columns of forces instead, divided by the area of the walls")
    normal_stress: tuple[str, ...] = Field((), description="as shear_stress, for the normal stress")
    normal_force: tuple[str, ...] = Field((), description="as shear_force, for the normal stress")
    pressure: Positive | Literal["none"] | None = Field(
        None,
        description="p, the unit of stress; none: stresses stay in the files' unit; left out: the mean normal stress of"
        " the series, else none",
    )

    contacts: str = Field("", description="dump local files of the contacts at the frames: a file or a pattern")
    contact_columns: dict[str, str] = Field(
        {}, description=f"their names of our columns: {', '.join(CONTACT_COLUMNS)}; the force is that on id1"
    )
    youngs_modulus: Positive | None = Field(None, description="E, for the energy of Hertz–Mindlin contacts")
    poisson_ratio: float | None = Field(None, ge=0, lt=0.5, description="ν, likewise")

    cell_volumes: bool = Field(
        False, description="radical Voronoi cell of every grain in every frame, for φ_local; made by LAMMPS"
    )
    density: Positive | None = Field(None, description="of the grains, for the inertial number")
    shear_rate: Positive | None = Field(None, description="γ̇, likewise")

    @field_validator("pressure", mode="plain")
    @classmethod
    def _is_pressure(cls, value: object) -> object:
        # a union would report two errors for one value
        if value is None or value == "none":
            return value
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not SMALLEST <= number <= LARGEST or isinstance(value, bool):
            raise ValueError(f"source.pressure = {shown(value)} is no pressure: give a positive number, or none")
        return number

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.flow == self.gradient:
            raise ValueError(f"source.flow and source.gradient are both {self.flow}: give two axes")
        for key, ours in (("columns", GRAIN_COLUMNS), ("contact_columns", CONTACT_COLUMNS)):
            for name in getattr(self, key):
                if name not in ours:
                    raise ValueError(f"source.{key} names {name}: known there are {', '.join(ours)}")
        twice = [name for name in self.columns.values() if list(self.columns.values()).count(name) > 1]
        if twice:
            raise ValueError(f"source.columns names {twice[0]} for two of our columns: a column is one of them")
        for kind in ("shear", "normal"):
            if getattr(self, f"{kind}_stress") and getattr(self, f"{kind}_force"):
                raise ValueError(f"source.{kind}_stress and source.{kind}_force are both given: give one of them")
        if self.sheared and (self.box is None or (self.strain_per_step is None and not self.strain_column)):
            raise ValueError(
                "source.sheared needs the cell, source.box, and its strain, source.strain_per_step or"
                " source.strain_column of the series"
            )
        if self.first_step is not None and self.last_step is not None and self.first_step >= self.last_step:
            raise ValueError(f"source.first_step = {self.first_step} is not below last_step = {self.last_step}")
        return self

    @property
    def axes(self) -> tuple[int, int, int]:
        """The files' axes, 0 to 2, that are ours: flow, vorticity, gradient."""
        flow, gradient = "xyz".index(self.flow), "xyz".index(self.gradient)
        return flow, 3 - flow - gradient, gradient
