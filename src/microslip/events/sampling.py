"""How the number of stages hangs on the threshold and on the sampling of the stress."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from microslip.core import arguments
from microslip.core.errors import MicroslipError
from microslip.core.smoothing import Smoothing, smooth
from microslip.core.turning_points import turning_points

# Thresholds [p], and every how many samples of the series one is looked at.
THRESHOLDS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
STRIDES = (1, 2, 5, 10, 20, 50)

# Mei et al. 2023: 4,232 cycles of a stick and a slip, found from swings of 1e-5 p on. The strain is not given.
PAPER_STAGES = 8464
PAPER_THRESHOLD = 1e-5
# The paper gives no sampling; the authors' earlier decks log the stress every 1e-5 of strain.
DECKS_SAMPLING = 1e-5


def count_stages(
    strain: Float[np.ndarray, "sample"],
    stress: Float[np.ndarray, "sample"],
    thresholds: Sequence[float] = THRESHOLDS,
    strides: Sequence[int] = STRIDES,
    smoothing: tuple[Smoothing, int] | None = None,
    first_sample: int = 0,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Number of stages at each threshold, of the series and of every 2nd, 5th, … sample of it.

    The stages are those of `detect_stages`. A thinned series is smoothed by the filter of the same number of samples,
    as a recording with that sampling would be. Memory is a few copies of the series, whatever is counted.

    Parameters
    ----------
    strain, stress
        Shear strain γ and shear stress s [p] of every sample, shape (sample,).
    thresholds
        Smallest swings of s that end a stage [p].
    strides
        Every how many samples one is looked at.
    smoothing
        Causal filter before detection and its span in samples.
    first_sample
        Where the search begins, such as the end of the warm-up.
    advance
        Told how many counts are done, and of how many.

    Returns
    -------
    DataFrame
        stride, sampling (strain between two samples, in the median), threshold [p], n_stages, n_cycles (a stick and the
        slip after it), stages_per_strain. One row per stride and threshold; strides that leave fewer than three samples
        are left out.

    Raises
    ------
    MicroslipError
        Unequal lengths, a threshold that is not positive, a stride below 1, fewer than three samples to look at.
    """
    strain, stress = arguments.reals("strain", strain, ("sample",)), arguments.reals("stress", stress, ("sample",))
    if len(strain) != len(stress):
        raise MicroslipError(f"strain and stress have {len(strain)} and {len(stress)} samples: give two equal columns")
    thresholds = [arguments.real("threshold", each, "positive: give a swing of s", above=0) for each in thresholds]
    n_left = len(strain) - first_sample
    if n_left < 3:
        raise MicroslipError(f"{max(n_left, 0)} samples of the steady state are too few to count stages: it takes 3")
    strides = [each for each in strides if arguments.whole("stride", each, 1) <= n_left // 3]
    rows: list[dict[str, float]] = []
    for stride in strides:
        # the filter has seen what comes before the first sample, as in the recording
        phase = first_sample % stride
        thin_strain, thin = strain[phase::stride], stress[phase::stride]
        if smoothing is not None:
            thin = smooth(thin, *smoothing)
        thin_strain, thin = thin_strain[first_sample // stride :], thin[first_sample // stride :]
        looked_at = float(thin_strain[-1] - thin_strain[0])
        sampling = float(np.median(np.diff(thin_strain)))
        for threshold in thresholds:
            n_stages, n_cycles = _count(thin, threshold)
            rows.append(
                {
                    "stride": stride,
                    "sampling": sampling,
                    "threshold": threshold,
                    "n_stages": n_stages,
                    "n_cycles": n_cycles,
                    "stages_per_strain": n_stages / looked_at,
                }
            )
            advance(len(rows), len(strides) * len(thresholds))
    return pd.DataFrame(rows)


def _count(stress: Float[np.ndarray, "sample"], threshold: float) -> tuple[int, int]:
    """Stages, and cycles of a stick and the slip after it."""
    points = turning_points(stress, threshold)
    # a record that begins in the midst of a stage has an extreme, not a turning point, at its first sample
    points = points[points > 0]
    n_stages = max(len(points) - 1, 0)
    begins_with_slip = n_stages > 0 and stress[points[1]] < stress[points[0]]
    return n_stages, (n_stages - int(begins_with_slip)) // 2


def matching_threshold(
    threshold: Float[np.ndarray, "threshold"], count: Float[np.ndarray, "threshold"], wanted: float
) -> float:
    """The threshold [p] at which the count is the wanted one, log-log between its neighbours; NaN outside the table.

    Counts fall with the threshold, so the first pair of neighbours that holds the wanted count is the only one.
    """
    threshold, count = np.asarray(threshold, dtype=float), np.asarray(count, dtype=float)
    holds = np.flatnonzero((count[:-1] >= wanted) & (count[1:] <= wanted))
    if not len(holds):
        return float("nan")
    low, high = int(holds[0]), int(holds[0]) + 1
    if count[low] == wanted:
        return float(threshold[low])
    # a count of nothing has no logarithm: half a stage stands for it
    logs = np.log(np.maximum(count[[low, high]], 0.5))
    part = (logs[0] - np.log(wanted)) / (logs[0] - logs[1])
    return float(threshold[low] * (threshold[high] / threshold[low]) ** min(part, 1.0))
