"""The length over which a correlation decays: fits of the Ornstein–Zernike form."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.optimize import OptimizeWarning, curve_fit

from microslip.core import arguments
from microslip.core.errors import MicroslipError

# Larger exponents of the prefactor are no law of a correlation.
STEEPEST = 20.0


@dataclass(frozen=True)
class OrnsteinZernike:
    """A r^−m exp(−r/ξ): `xi` [d̄] with its interval `xi_low` to `xi_high`, amplitude A, exponent m, and the range."""

    xi: float
    xi_low: float
    xi_high: float
    amplitude: float
    exponent: float
    r_min: float
    r_max: float

    def __call__(self, r: Float[np.ndarray, "bin"]) -> Float[np.ndarray, "bin"]:
        """The fitted curve at distances r [d̄], of any shape; it has none at 0."""
        r = arguments.reals("r", r, (...,), positive=True)
        return self.amplitude * r**-self.exponent * np.exp(-r / self.xi)


def fit_ornstein_zernike(
    r: Float[np.ndarray, "bin"],
    correlation: Float[np.ndarray, "bin"],
    standard_error: Float[np.ndarray, "bin"] | None = None,
    exponent: float = 0.5,
    r_min: float = 1.0,
    r_max: float = np.inf,
) -> OrnsteinZernike:
    """Weighted least-squares fit of C(r) = A r^−m exp(−r/ξ).

    Parameters
    ----------
    r, correlation
        Bin centres [d̄], rising, and C(r), shape (bin,); bins at 0, without a C(r), below `r_min` or above `r_max` are
        left out.
    standard_error
        Of C(r) over stages, shape (bin,), used as weights; bins where it is NaN or 0 are left out. Equal weights where
        not given.
    exponent
        m; the paper's is 0.5. Ornstein and Zernike's own, far beyond ξ, is (d − 1)/2 in d dimensions: ½ in the plane.
    r_min, r_max
        Smallest and largest distance [d̄].

    Returns
    -------
    OrnsteinZernike
        ξ with the interval of ±1.96 standard errors of the fit on log ξ. Bins share pairs of grains, so the interval
        is of the fit, not of the sampling of stages.

    Raises
    ------
    MicroslipError
        Columns of other lengths, distances that do not rise or are negative, negative errors, infinite numbers; fewer
        than four bins, or no decaying correlation in them.
    """
    r = arguments.reals("r", r, ("bin",))
    bins = ("bin", len(r), "r")
    correlation = arguments.reals("correlation", correlation, (bins,), missing=True)
    if (r < 0).any() or (np.diff(r) <= 0).any():
        raise MicroslipError("r: the distances do not rise from 0 or more: sort the bins first")
    exponent = arguments.real("exponent", exponent, f"a number of at most {STEEPEST:g}", low=-STEEPEST, high=STEEPEST)
    r_min = arguments.real("r_min", r_min, "a distance, 0 or more", low=0)
    r_max = arguments.real("r_max", r_max, f"a distance beyond r_min = {r_min:g}", above=r_min, high=np.inf)
    used = np.isfinite(correlation) & (r >= r_min) & (r <= r_max) & (r > 0)
    sigma = None
    if standard_error is not None:
        standard_error = arguments.reals("standard_error", standard_error, (bins,), missing=True)
        if (standard_error < 0).any():
            bad = int(np.nanargmin(standard_error))
            raise MicroslipError(
                f"the standard_error is {standard_error[bad]:g} at bin {bad}: an error is not negative"
            )
        used &= standard_error > 0
        sigma = standard_error[used]
    if used.sum() < 4:
        raise MicroslipError(f"{int(used.sum())} distance bins are too few to fit ξ: use finer bins or a larger cell")
    x, y = r[used], correlation[used]

    def curve(x: np.ndarray, log_amplitude: float, log_xi: float) -> np.ndarray:
        return np.asarray(np.exp(log_amplitude - x / np.exp(log_xi)) * x**-exponent)

    def derivative(x: np.ndarray, log_amplitude: float, log_xi: float) -> np.ndarray:
        value = curve(x, log_amplitude, log_xi)
        return np.stack([value, value * x / np.exp(log_xi)], axis=1)

    try:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"), warnings.catch_warnings():
            # a covariance that cannot be had is infinite, and answered below
            warnings.simplefilter("ignore", OptimizeWarning)
            best, covariance = curve_fit(
                curve, x, y, p0=_start(x, y, exponent), sigma=sigma, jac=derivative, maxfev=5000
            )
    except (RuntimeError, ValueError):
        raise MicroslipError("C(r) does not decay like r^−m exp(−r/ξ): no ξ can be given") from None
    error = 1.96 * np.sqrt(covariance[1, 1])
    # a length far beyond the distances seen, or known to no better than an order of magnitude, is no result
    if not np.isfinite(error) or error > np.log(10) or np.exp(best[1]) > 10 * x[-1]:
        raise MicroslipError("C(r) does not fix ξ within these distances: use a larger cell or more stages")
    return OrnsteinZernike(
        xi=float(np.exp(best[1])),
        xi_low=float(np.exp(best[1] - error)),
        xi_high=float(np.exp(best[1] + error)),
        amplitude=float(np.exp(best[0])),
        exponent=exponent,
        r_min=float(x[0]),
        r_max=float(x[-1]),
    )


def _start(x: np.ndarray, y: np.ndarray, exponent: float) -> list[float]:
    """log A and log ξ near the straight line through ln(C rᵐ); a little off it, so that an exact curve leaves steps."""
    positive = y > 0
    amplitude, xi = max(float(y[0]), 1e-6), float(x[-1] - x[0])
    if positive.sum() >= 2:
        slope, offset = np.polyfit(x[positive], np.log(y[positive] * x[positive] ** exponent), 1)
        if slope < 0:
            amplitude, xi = float(np.exp(np.clip(offset, -50, 50))), -1 / float(slope)
    return [float(np.log(amplitude)), float(np.log(1.1 * xi))]


def correlation_length_sensitivity(
    r: Float[np.ndarray, "bin"],
    correlation: Float[np.ndarray, "bin"],
    standard_error: Float[np.ndarray, "bin"] | None = None,
    exponents: Sequence[float] = (0.0, 0.5, 1.0),
    r_mins: Sequence[float] = (1.0, 1.5, 2.0),
    r_maxs: Sequence[float] = (np.inf,),
) -> pd.DataFrame:
    """ξ for every prefactor exponent and fit range: how far it hangs on choices that the data do not make.

    Parameters are those of `fit_ornstein_zernike`, with lists of exponents and ranges [d̄].

    Returns
    -------
    DataFrame
        exponent, r_min, r_max, xi with the interval of the fit, fit_low to fit_high [d̄], reason (empty where there is a
        ξ); one row per combination.
    """
    rows = []
    for exponent in exponents:
        for r_min in r_mins:
            for r_max in r_maxs:
                row = {"exponent": exponent, "r_min": r_min, "r_max": min(r_max, float(r[-1])), "reason": ""}
                try:
                    fit = fit_ornstein_zernike(r, correlation, standard_error, exponent, r_min, r_max)
                except MicroslipError as reason:
                    rows.append({**row, "xi": np.nan, "fit_low": np.nan, "fit_high": np.nan, "reason": str(reason)})
                else:
                    rows.append({**row, "xi": fit.xi, "fit_low": fit.xi_low, "fit_high": fit.xi_high})
    columns = ["exponent", "r_min", "r_max", "xi", "fit_low", "fit_high", "reason"]
    return pd.DataFrame(rows, columns=columns)
