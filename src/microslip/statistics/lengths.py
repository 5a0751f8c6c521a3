"""The correlation length of a group of stages: one estimator for every table, figure and claim.

C(r) is averaged over the stages of a group, each of which counts the same in every bin of r that it knows. Then
A r^−m exp(−r/ξ) is fitted to that mean by least squares, every bin with the same weight. Errors between stages are no
weights: a group of one stage has none, those of a few stages are noise themselves, and a weighted ξ of a large group
would be another quantity than that of a small one.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from microslip.core.errors import MicroslipError
from microslip.statistics.config import Correlation
from microslip.statistics.ornstein_zernike import OrnsteinZernike, fit_ornstein_zernike


def curve_sums(curves: Float[np.ndarray, "stage bin"]) -> Float64[np.ndarray, "stage two_bins"]:
    """What the mean curve of any group needs, additive over stages: which bins are known, then C(r) in them."""
    known = np.isfinite(curves)
    return np.concatenate([known, np.where(known, curves, 0.0)], axis=1).astype(float)


def mean_curve(sums: Float[np.ndarray, "*group two_bins"]) -> Float64[np.ndarray, "*group bin"]:
    """C(r) of a group from the sums of `curve_sums` over its stages; NaN in a bin that no stage knows."""
    n_bins = sums.shape[-1] // 2
    n, total = sums[..., :n_bins], sums[..., n_bins:]
    return np.asarray(np.where(n > 0, total / np.where(n > 0, n, 1.0), np.nan))


def fit_length(
    r: Float[np.ndarray, "bin"], curve: Float[np.ndarray, "bin"], settings: Correlation, fit_from: float | None = None
) -> OrnsteinZernike:
    """ξ of a mean C(r), every bin from `fit_from` [d̄] on with the same weight; that of the settings where left out.

    Raises
    ------
    MicroslipError
        As in `fit_ornstein_zernike`.
    """
    start = settings.fit_from if fit_from is None else fit_from
    return fit_ornstein_zernike(r, curve, None, settings.exponent, start)


def length_or_nan(
    r: Float[np.ndarray, "bin"], curve: Float[np.ndarray, "bin"], settings: Correlation, fit_from: float | None = None
) -> float:
    """ξ [d̄] as `fit_length` gives it, NaN where it gives none."""
    try:
        return fit_length(r, curve, settings, fit_from).xi
    except MicroslipError:
        return float("nan")
