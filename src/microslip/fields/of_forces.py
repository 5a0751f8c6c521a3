"""Fields of what the contacts and the free volume of a grain do over a stage."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from microslip.core.errors import MicroslipError
from microslip.fields.mechanics import local_packing_fraction, major_principal_stress
from microslip.fields.record import GrainField
from microslip.fields.stage import StageFrames


def _delta_sigma1(stage: StageFrames) -> Float64[np.ndarray, "grain"]:
    stress, planar = stage.values["grain_stress"], stage.box.planar
    return np.asarray(major_principal_stress(stress[-1], planar) - major_principal_stress(stress[0], planar))


def _delta_energy(stage: StageFrames) -> Float64[np.ndarray, "grain"]:
    energy = stage.values["grain_energy"]
    return np.asarray(energy[-1].astype(float) - energy[0])


def _mean_packing_fraction(stage: StageFrames) -> Float[np.ndarray, "grain"]:
    """φ_local averaged over the frames from the start to the end of the stage, both counted."""
    total, volumes = np.zeros(len(stage.diameter)), stage.values["cell_volume"]
    for frame, volume in zip(volumes.frames, volumes, strict=True):
        try:
            total += local_packing_fraction(stage.diameter, volume, stage.box.planar)
        except MicroslipError as problem:
            raise MicroslipError(f"frame {frame}: {problem}") from None
    return total / len(volumes)


DELTA_SIGMA1 = GrainField(
    name="delta_sigma1",
    unit="p",
    description="change of the major principal stress over the stage, compression positive",
    measure=_delta_sigma1,
    needs="grain_stress",
    signed=True,
    symbol="Δσ₁",
    mean="size",
    title="Change of major stress Δσ₁",
)

DELTA_ENERGY = GrainField(
    name="delta_energy",
    unit="p d**3",
    description="change of the elastic energy over the stage",
    measure=_delta_energy,
    needs="grain_energy",
    signed=True,
    symbol="ΔE",
    mean="size",
    title="Change of contact energy ΔE",
)

PACKING_FRACTION = GrainField(
    name="packing_fraction",
    unit="",
    description="grain over radical Voronoi cell, mean over all kept frames of the stage",
    measure=_mean_packing_fraction,
    needs="cell_volume",
    signed=False,
    symbol="φ_local",
    title="Local packing fraction φ",
)
