"""Where the steady state begins: what stages, means, checks and figures all leave out before it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from microslip.dem.config import ShearCell
from microslip.events.config import Stages


def steady_sample(strain: Float[np.ndarray, "sample"], stages: Stages, shear: ShearCell | None) -> int:
    """The first sample after the warm-up: the later one of loading.warm_up and stages.warm_up.

    Parameters
    ----------
    strain
        Of every sample, shape (sample,), rising.
    stages, shear
        Their settings; `shear` is None for an imported run, which has a warm-up of the stages alone.
    """
    own = stages.warm_up
    if shear is None:
        return int(np.searchsorted(strain, strain[0] + own)) if own is not None and len(strain) else 0
    first = shear.first_stage_sample
    if own is None:
        return first
    # by strain, for samples are not equally spaced while the rate changes; half a step against its rounding
    return max(first, int(np.searchsorted(strain, own - shear.recording.strain_step / 2)))
