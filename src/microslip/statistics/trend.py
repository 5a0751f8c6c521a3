"""How a quantity changes with the stress fluctuation, and what that says of a claim about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from microslip.statistics.resampling import interval, p_value

Expected = Literal["unchanged", "grows", "falls"]

# A slope needs this many bins.
FEWEST_BINS = 3


@dataclass(frozen=True)
class Trend:
    """A straight line through the bins of one kind of stage, against log₁₀ of the fluctuation's size.

    `verdict` on what was expected; `n_bins` used; `slope` [per decade] with its interval and the two-sided p-value of
    no slope; `change`, the relative difference of the last bin from the first, with its interval.
    """

    verdict: str
    n_bins: int
    slope: float = float("nan")
    slope_low: float = float("nan")
    slope_high: float = float("nan")
    p_value: float = float("nan")
    change: float = float("nan")
    change_low: float = float("nan")
    change_high: float = float("nan")


def trend(
    size: Float[np.ndarray, "bin"],
    value: Float[np.ndarray, "bin"],
    samples: Float[np.ndarray, "sample bin"],
    expected: Expected,
    confidence: float = 0.95,
) -> Trend:
    """Weighted least squares of value against log₁₀ size, its spread over bootstrap samples, and a verdict.

    Parameters
    ----------
    size
        Mean size of the fluctuation in each bin, shape (bin,) [p].
    value
        The quantity in each bin, shape (bin,).
    samples
        The same in every bootstrap sample, shape (sample, bin). Bins count with the inverse of their variance.
    expected
        The claim.
    confidence
        Of the intervals.

    Returns
    -------
    Trend
        The verdict of “grows” or “falls” is “yes” where the whole interval of the slope agrees, “no” where it
        disagrees, and “not decided” where it holds zero. “unchanged” is “no” where the interval does not hold zero, and
        else “not contradicted”: the interval of `change` says how large a change the data allow.
    """
    used = np.isfinite(value) & (np.isfinite(samples).mean(axis=0) >= 0.9)
    nothing = Trend("not measured", int(used.sum()))
    if used.sum() < FEWEST_BINS:
        return nothing
    x, y = np.log10(size[used]), value[used]
    complete = samples[:, used][np.isfinite(samples[:, used]).all(axis=1)]
    spread = complete.std(axis=0)
    if not len(complete) or not (spread > 0).all():
        return nothing
    weight = 1 / spread**2
    centred = weight * (x - (weight @ x) / weight.sum())
    scale = float(centred @ x)
    slopes = complete @ centred / scale
    low, high = (float(bound) for bound in interval(slopes, confidence))
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = complete[:, -1] / complete[:, 0] - 1
    change_low, change_high = (float(bound) for bound in interval(changes, confidence))
    return Trend(
        slope=float(y @ centred) / scale,
        slope_low=low,
        slope_high=high,
        p_value=p_value(slopes),
        change=float(y[-1] / y[0] - 1) if y[0] else float("nan"),
        change_low=change_low,
        change_high=change_high,
        n_bins=int(used.sum()),
        verdict=_verdict(expected, low, high),
    )


def _verdict(expected: Expected, low: float, high: float) -> str:
    if expected == "unchanged":
        return "not contradicted" if low <= 0 <= high else "no"
    if low <= 0 <= high:
        return "not decided"
    return "yes" if (low > 0) == (expected == "grows") else "no"
