"""Whether a series is steady: a trend over the means of equal blocks, a first block apart from the rest, two halves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# Equal blocks of the steady state, and beyond how many standard errors a change over them is more than chance: t of 5
# degrees of freedom, 2.5 % for each of the two changes.
BLOCKS = 7
SIGNIFICANT_T = 3.16

# Rounding of a series that does not fluctuate is no drift, and a mean of zero no scale.
_ROUNDING = 1e-9
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Drift:
    """How the means of equal blocks change, as shares of the mean over all of them, each with its t value.

    `trend` is the change from the first block to the last along a straight line; `first` the first block less the mean
    of the others.
    """

    trend: float
    trend_t: float
    first: float
    first_t: float

    @property
    def largest(self) -> float:
        """The larger of those changes that are more than chance; 0 where none is."""
        changes = ((self.trend, self.trend_t), (self.first, self.first_t))
        return max((abs(change) for change, t in changes if abs(t) > SIGNIFICANT_T), default=0.0)


def drift(values: Float[np.ndarray, "sample"]) -> Drift | None:
    """A straight line through the means of seven equal blocks, and the first block against the others.

    .. math:: t = b / \\sqrt{\\frac{1}{n - 2} \\sum_i \\epsilon_i^2 / \\sum_i (i - \\bar i)^2}

    for the slope b with residuals ε; for the first block, its distance from the mean of the others over their standard
    deviation times √(1 + 1/(n − 1)). Means of blocks that outlive the memory of the series are independent.

    Parameters
    ----------
    values
        Samples of the steady state, equally spaced, all finite, shape (sample,), in any unit.

    Returns
    -------
    Drift or None
        None of fewer than two samples a block.

    Source: Draper & Smith, Applied Regression Analysis (Wiley, 1998), chapter 1.
    """
    if len(values) < 2 * BLOCKS:
        return None
    means = np.array([block.mean() for block in np.array_split(values, BLOCKS)])
    mean, place = float(means.mean()), np.arange(BLOCKS) - (BLOCKS - 1) / 2
    squares = float(place @ place)
    slope = float(place @ means) / squares
    residual = means - mean - slope * place
    rest = means[1:]
    first = float(means[0] - rest.mean())
    scale = max(abs(mean), _SMALLEST)
    slope_error = max(float(np.sqrt(residual @ residual / (BLOCKS - 2) / squares)), _ROUNDING * scale)
    first_error = max(float(rest.std(ddof=1) * np.sqrt(1 + 1 / len(rest))), _ROUNDING * scale)
    return Drift(slope * (BLOCKS - 1) / scale, slope / slope_error, first / scale, first / first_error)


def half_means(values: Float[np.ndarray, "sample"]) -> tuple[float, float] | None:
    """Means of the first and of the second half of the finite samples; None of fewer than two."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return None
    middle = len(finite) // 2
    return float(finite[:middle].mean()), float(finite[middle:].mean())


def relative_difference(first: float, second: float) -> float:
    """|a − b| over the size of their mean [1]."""
    return abs(first - second) / max(abs(first + second) / 2, _SMALLEST)
