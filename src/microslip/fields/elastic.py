"""What the local strains of a stage imply for its stress: a few signed numbers of the whole packing and its layers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from microslip.fields.stage import StageFrames

# Layers of equal height, and the share of the grains that is taken for where the packing yields.
N_LAYERS, YIELDING = 4, 0.1


def elastic_numbers(stage: StageFrames) -> dict[str, float]:
    """Means of the local strain over the bulk, over its layers, and over the grains that yield.

    An elastic packing answers by Δs = −G (Δγ − Δγ_p), with what yields taken off: the strain of the most non-affine
    tenth beyond the mean, signed, is what Δγ_p is to be told from.

    Returns
    -------
    `shear`, `volume`, `normal`: ⟨ε_xz⟩, ⟨tr ε/3⟩, ⟨ε_xx − ε_zz⟩ over bulk grains; `shear_1`, … and `volume_1`, …: the
    first two over layers from the bottom up; `yielding_shear`, `yielding_volume`, `yielding_normal`: over the most
    non-affine tenth less the mean; `distortion`: the mean von Mises strain; `motion`: the root of the mean D²min [d̄].
    NaN where a layer has no grain.
    """
    bulk = (stage.kind == 0) & np.isfinite(stage.motion.d2min)
    d2min, gradient = stage.motion.d2min[bulk], stage.motion.gradient[bulk]
    distortion, volume = (values[bulk] for values in stage.strain)
    shear = (gradient[:, 0, 2] + gradient[:, 2, 0]) / 2
    normal = gradient[:, 0, 0] - gradient[:, 2, 2]
    # as many grains in each: heights are not known beforehand, and the same for all stages
    rank = np.argsort(np.argsort(stage.reference[bulk, 2], kind="stable"), kind="stable")
    layer = rank * N_LAYERS // max(len(rank), 1)
    yields = d2min >= np.quantile(d2min, 1 - YIELDING) if len(d2min) else np.zeros(0, dtype=bool)

    def mean(values: Float64[np.ndarray, "n"]) -> float:
        return float(values.mean()) if len(values) else float("nan")

    numbers = {"shear": mean(shear), "volume": mean(volume), "normal": mean(normal)}
    for number in range(N_LAYERS):
        inside = layer == number
        numbers |= {f"shear_{number + 1}": mean(shear[inside]), f"volume_{number + 1}": mean(volume[inside])}
    for name, values in (("shear", shear), ("volume", volume), ("normal", normal)):
        numbers[f"yielding_{name}"] = mean(values[yields]) - mean(values)
    return numbers | {"distortion": mean(distortion), "motion": float(np.sqrt(mean(d2min)))}
