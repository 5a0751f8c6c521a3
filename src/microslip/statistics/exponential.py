"""Two-sided exponential tails: how fast a distribution decays on either side of zero, and whether it does so evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from microslip.core.errors import MicroslipError

# Fewer values than this beyond the core give no decay.
FEWEST = 10

# The tail is cut at these many units into the parts whose decays are compared.
CORE = 1.0
FAR = 3.0


@dataclass(frozen=True)
class ExponentialTail:
    """p(x) ∝ exp(−|x|/decay) beyond the core, on one side.

    `decay` with its standard error, `share` of all values that lie beyond the core on this side, `far_decay`, the same
    beyond `FAR`, and `evenness` = far_decay/decay: 1 for an exponential, more for a heavier tail.
    """

    decay: float
    standard_error: float
    share: float
    far_decay: float
    evenness: float


def tail_moments(values: Float[np.ndarray, "value"]) -> Float64[np.ndarray, "9"]:
    """Sums for the fit, additive over stages: n, and per side n and Σ|x| beyond the core and far out."""
    moments = [float(len(values))]
    for side in (values, -values):
        for beyond in (CORE, FAR):
            chosen = side[side > beyond]
            moments += [float(len(chosen)), float(chosen.sum())]
    return np.array(moments)


def fit_tails(moments: Float[np.ndarray, "9"]) -> tuple[ExponentialTail, ExponentialTail]:
    """Decay of both sides, positive first, by maximum likelihood from the sums of `tail_moments`.

    Raises
    ------
    MicroslipError
        Fewer than ten values beyond the core on a side.
    """
    tails = []
    for name, (n, total, n_far, total_far) in (("positive", moments[1:5]), ("negative", moments[5:9])):
        if n < FEWEST:
            raise MicroslipError(f"{n:.0f} {name} values beyond {CORE:g} are too few for a decay: it takes {FEWEST}")
        decay = total / n - CORE
        far = total_far / n_far - FAR if n_far >= FEWEST else np.nan
        share = float(n / moments[0])
        tails.append(ExponentialTail(decay, decay / np.sqrt(n), share, float(far), float(far / decay)))
    return tails[0], tails[1]


def tail_density(sizes: Float[np.ndarray, "*n"], decay: float, share: float) -> Float64[np.ndarray, "*n"]:
    """Density of a tail at sizes |x| beyond the core, of any shape: share/decay · exp(−(|x| − core)/decay)."""
    density: np.ndarray = share / decay * np.exp(-(sizes - CORE) / decay)
    return density


def fit_exponential_tails(values: Float[np.ndarray, "value"]) -> tuple[ExponentialTail, ExponentialTail]:
    """Exponential decay of a distribution on the positive and on the negative side.

    Beyond the core, |x| > 1, the maximum-likelihood decay is the mean of |x| − 1.

    Parameters
    ----------
    values
        In units of their mean size, such as ΔE/⟨|ΔE|⟩, shape (value,).

    Raises
    ------
    MicroslipError
        Fewer than ten values beyond the core on a side.

    Source: Mei et al. 2023, section 4.3.
    """
    return fit_tails(tail_moments(np.asarray(values, dtype=float)))
