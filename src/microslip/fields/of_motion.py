"""Fields of how the grains about a grain, and itself, move over a stage."""

from __future__ import annotations

from functools import partial

import numpy as np

from microslip.fields.record import GrainField
from microslip.fields.stage import StageFrames
from microslip.fields.strain import shear_strain_xz

D2MIN = GrainField(
    name="d2min",
    unit="d**2",
    description="D²min, NaN for walls",
    measure=lambda stage: stage.motion.d2min,
    signed=False,
    dtype="float64",
    short="D²min",
    symbol="D²min",
    title="Non-affine motion D²min",
    logarithmic=True,
)

N_NEIGHBOURS = GrainField(
    name="n_neighbours",
    unit="",
    description="grains within cutoff",
    measure=lambda stage: stage.motion.n_neighbours,
    signed=False,
    dtype="int32",
)

SHEAR_STRAIN = GrainField(
    name="shear_strain",
    unit="",
    description="von Mises strain of the neighbourhood over the stage",
    measure=lambda stage: stage.strain[0],
    signed=False,
    short="von Mises strain",
    symbol="local shear strain",
    title="Local shear strain",
    logarithmic=True,
)

VOLUMETRIC_STRAIN = GrainField(
    name="volumetric_strain",
    unit="",
    description="a third of the trace of that strain, positive for dilation",
    measure=lambda stage: stage.strain[1],
    signed=True,
    short="volumetric strain",
    symbol="local volumetric strain",
    title="Local volumetric strain",
)

SHEAR_STRAIN_XZ = GrainField(
    name="shear_strain_xz",
    unit="",
    description="component xz of that strain, half of the local γ with its sign",
    measure=lambda stage: shear_strain_xz(stage.motion.gradient),
    signed=True,
    short="shear strain η_xz",
    later=True,
)


def _component(axis: int, stage: StageFrames) -> np.ndarray:
    return stage.displacement[:, axis]


DISPLACEMENT = tuple(
    GrainField(
        name=f"displacement_{letter}",
        unit="d",
        description="displacement over the stage less the mean shear",
        measure=partial(_component, axis),
        signed=True,
        odd_in_y=letter == "y",
        odd_in_turn=letter != "y",
        walls=True,
        array="displacement",
        axis=axis,
        short=f"displacement in {letter} less the mean shear",
    )
    for axis, letter in enumerate("xyz")
)
