"""What in a series of the shear stress is no stage of the packing: the walls' imbalance, and the volume's noise."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from microslip.core.smoothing import Smoothing, smooth

# A threshold below this many times the rms finds turning points of the noise.
LEAST_OVER_NOISE = 3.0
# Of a normal distribution: standard deviation over the median of the sizes.
_SIGMA_OF_MEDIAN = 1.4826


def walls_imbalance(
    bottom: Float[np.ndarray, "sample"],
    top: Float[np.ndarray, "sample"],
    smoothing: tuple[Smoothing, int] | None = None,
    first_sample: int = 0,
) -> float:
    """Rms of half the difference of the two walls' shear stress [p]: √⟨((s_bottom − s_top)/2)²⟩.

    In slow shear both walls carry the same; what differs are shear waves between them, which the mean of both carries
    in equal measure. The mean difference is part of it: momentum that does not arrive.

    Parameters
    ----------
    bottom, top
        Shear stress of each wall [p].
    smoothing
        Filter before the stages are looked for, which takes as much of the waves away.
    first_sample
        Where the steady state begins.

    Returns
    -------
    float
        NaN where the two are not known.
    """
    half = (bottom - top) / 2
    if not np.isfinite(half).any():
        return float("nan")
    if smoothing is not None and np.isfinite(half).all():
        half = smooth(half, *smoothing)
    half = half[first_sample:]
    half = half[np.isfinite(half)]
    return float(np.sqrt(np.mean(half**2))) if len(half) else float("nan")


def series_noise(
    stress: Float[np.ndarray, "sample"], smoothing: tuple[Smoothing, int] | None = None, first_sample: int = 0
) -> float:
    """Standard deviation of what alternates from sample to sample in one series [p], such as the volume's stress.

    The walls' imbalance does not enter the volume's stress: a shear wave between two walls strains the cell by nothing
    on the whole. What enters are vibrations of single grains, which samples do not resolve: they change from one sample
    to the next, where loading and slips go on for several. From second differences, σ² = ⟨(s₋ − 2 s + s₊)²⟩/6 of values
    that know nothing of each other; by the median, so that slips and turning points do not count. Vibrations that the
    samples resolve are smooth, and not part of it.

    Returns
    -------
    float
        NaN where fewer than three samples are known.
    """
    # a filter does not get over a missing sample
    filtered = smoothing is not None and bool(np.isfinite(stress).all())
    values = (smooth(stress, *smoothing) if smoothing is not None and filtered else stress)[first_sample:]
    curvature = np.diff(values[np.isfinite(values)], 2)
    return float(_SIGMA_OF_MEDIAN * np.median(np.abs(curvature)) / np.sqrt(6)) if len(curvature) else float("nan")
