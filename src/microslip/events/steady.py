"""Where the steady state begins: what stages, means, checks and figures all leave out before it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def steady_sample(
    strain: Float[np.ndarray, "sample"],
    warm_up: float | None,
    first_stage_sample: int | None = None,
    strain_step: float = 0.0,
) -> int:
    """The first sample after the warm-up: the later one of loading.warm_up and stages.warm_up.

    Parameters
    ----------
    strain
        Of every sample, shape (sample,), rising.
    warm_up
        That of the stages, a strain; None where it is not set.
    first_stage_sample
        The sample at which the loading's warm-up ends; None for an imported run, which has a warm-up of the stages
        alone.
    strain_step
        Strain between samples of a simulated run.
    """
    if first_stage_sample is None:
        return int(np.searchsorted(strain, strain[0] + warm_up)) if warm_up is not None and len(strain) else 0
    if warm_up is None:
        return first_stage_sample
    # by strain, for samples are not equally spaced while the rate changes; half a step against its rounding
    return max(first_stage_sample, int(np.searchsorted(strain, warm_up - strain_step / 2)))
